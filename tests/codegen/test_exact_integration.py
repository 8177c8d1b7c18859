"""Exact integration: what is solved faster is solved to the same text."""

from importlib import import_module

import pytest
from brian2 import NeuronGroup, ms, mV

import hebbsim  # noqa: F401  which lets diagonal systems be solved element by element

APART = "dv/dt = (E - v)/(20*ms) : volt\ndg/dt = -g*rate : 1\nE : volt\nrate : Hz (constant)"
ONE = "dx/dt = -x/(7*ms) : 1"
COUPLED = "dv/dt = (g - v)/(20*ms) : 1\ndg/dt = -g/(3*ms) : 1"


@pytest.mark.parametrize("equations", [APART, ONE, COUPLED])
def test_equals_the_jordan_form(equations: str, monkeypatch: pytest.MonkeyPatch) -> None:
    group = NeuronGroup(1, equations, method="exact", namespace={"ms": ms, "mV": mV})
    module = import_module("brian2.stateupdaters.exact")
    solve = type(module.exact).__call__.__wrapped__
    ours = solve(module.exact, group.equations, group.variables)
    plain = module.get_linear_system

    def without_shortcut(*args):  # as Brian2 hands its matrix on
        names, coefficients, constants = plain(*args)
        return names, import_module("sympy").Matrix(coefficients.tolist()), constants

    monkeypatch.setattr(module, "get_linear_system", without_shortcut)
    assert ours == solve(module.exact, group.equations, group.variables)
    assert "exp(" in ours
