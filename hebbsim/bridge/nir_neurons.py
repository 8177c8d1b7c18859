"""Leaky neurons in Brian2's equations and in NIR's: constants found by algebra, not in texts."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy
from brian2.core.namespace import DEFAULT_UNITS
from brian2.equations import Equations
from brian2.equations.equations import DIFFERENTIAL_EQUATION, PARAMETER
from brian2.parsing.sympytools import str_to_sympy

from hebbsim.networks.spiking_layer import SpikingLayer
from hebbsim.statements import as_accumulation, parse_statements

__all__ = ["STEPPINGS", "LeakyNeuron", "NirError", "neuron_of"]

#: How a reader of NIR integrates: by Euler's method, as most do, or exactly
STEPPINGS = ("euler", "exact")


class NirError(ValueError):
    """What NIR, or a spiking layer, has no exact counterpart for; or a file that can't be read."""


@dataclass(frozen=True)
class LeakyNeuron:
    """A leaky integrate-and-fire neuron, or a perfect integrator.

    Its potential decays towards `leak`; a spike of unit weight adds `jump`; above `threshold` it
    spikes and goes to `reset`. All in base SI units.
    """

    #: Seconds; infinite for a perfect integrator
    tau: float
    leak: float
    #: Of each channel, ``(channels,)``
    threshold: np.ndarray
    reset: float
    jump: float

    def decay(self, dt: float) -> float:
        """Return the factor by which the distance from `leak` shrinks in a time step."""
        return math.exp(-dt / self.tau)

    def to_nir(self, dt: float, reader_dt: float, stepping: str) -> dict[str, Any]:
        """Return ``tau``, ``r``, ``v_leak``, ``v_reset`` and ``v_threshold`` per channel.

        See `to_nir` of the bridge for why they are these.
        """
        threshold, reset = self.threshold - self.leak, self.reset - self.leak
        decay = self.decay(dt)
        if math.isinf(self.tau):
            scale = 1 / self.jump
            return {
                "r": 1 / reader_dt,
                "v_threshold": threshold * scale,
                "v_reset": reset * scale,
            }
        scale = (1 - decay) / (decay * self.jump)
        tau = reader_dt / (1 - decay) if stepping == "euler" else self.tau * reader_dt / dt
        return {
            "tau": tau,
            "r": 1.0,
            "v_leak": 0.0,
            "v_threshold": threshold * scale,
            "v_reset": reset * scale,
        }

    @classmethod
    def from_nir(cls, values: Mapping[str, float], dt: float, stepping: str) -> "LeakyNeuron":
        """Return the neuron whose potential is 0 at rest, and that a unit spike raises by 1."""
        leak = values.get("v_leak", 0.0)
        if "tau" not in values:
            tau, scale = math.inf, values["r"] * dt
        else:
            tau = values["tau"]
            decay = 1 - dt / tau if stepping == "euler" else math.exp(-dt / tau)
            if not 0 < decay < 1:
                raise NirError(f"tau = {tau:g} s is not above the time step of {dt:g} s")
            # u(t+1) = decay*(u(t) + I(t)) here, v(t+1) = decay*v(t) + (1 - decay)*r*I(t) there
            scale = (1 - decay) * values["r"] / decay
            tau = tau if stepping == "exact" else -dt / math.log(decay)
        if not scale > 0:
            raise NirError(f"r = {values['r']:g} is not positive")
        threshold = np.atleast_1d((values["v_threshold"] - leak) / scale)
        return cls(tau, 0.0, threshold, (values["v_reset"] - leak) / scale, 1.0)

    def equations(self) -> dict[str, str]:
        """Return `SpikingLayer`'s ``model``, ``threshold`` and ``reset`` of a neuron from NIR."""
        leaky = f"dv/dt = -v/({self.tau!r}*second) : 1"
        return {
            "model": "v : 1" if math.isinf(self.tau) else leaky,
            "threshold": f"v > {float(self.threshold[0])!r}",
            "reset": f"v = {float(self.reset)!r}",
            "on_pre": "v_post += w",
            "margin": "v",
        }


def neuron_of(layer: SpikingLayer, thresholds: np.ndarray, label: str) -> LeakyNeuron:
    """
    Find the constants of a layer's neurons from its parsed equations.

    Parameters
    ----------
    layer : SpikingLayer
        Its ``model``, ``threshold``, ``reset``, ``on_pre`` and ``initial``.
    thresholds : ndarray
        ``theta`` of each channel, ``(out_channels,)``.
    label : str
        Names the layer in errors.

    Raises
    ------
    NirError
        If the equations are not those of a leaky integrate-and-fire neuron.
    """
    name, tau, leak = _membrane(layer.model, label)
    threshold = _threshold(layer.threshold, name, thresholds, label)
    reset = _assigned(layer.reset, name, "reset", label)
    initial = _assigned(layer.initial, name, "initial", label) if layer.initial.strip() else 0.0
    if not math.isclose(initial, leak, rel_tol=1e-12):  # the leak is a ratio, which is rounded
        raise NirError(
            f"{label}: expected potentials that start at rest, {leak:g}, as those of NIR do, got a "
            f"start of {initial:g} (in base SI units); set it with initial='{name} = ...'"
        )
    return LeakyNeuron(tau, leak, threshold, reset, _jump(layer.on_pre, name, label))


def _membrane(model: str, label: str) -> tuple[str, float, float]:
    """Return the potential's name, its time constant and its rest."""
    equations = Equations(model)
    found = [e for e in equations.values() if e.type in (DIFFERENTIAL_EQUATION, PARAMETER)]
    if len(equations) != 1 or len(found) != 1 or found[0].flags:
        raise NirError(
            f"{label}: expected one equation without flags, such as 'dv/dt = -v/(20*ms) : 1', or "
            f"'v : 1' of a perfect integrator, got {'; '.join(map(str, equations.values()))!r}. "
            "NIR's LIF and IF have no other variables; leave out what the spikes don't depend on"
        )
    (equation,) = found
    name = equation.varname
    if equation.type == PARAMETER:
        return name, math.inf, 0.0
    right = _with_units(equation.expr.code)
    v = _symbol(right, name)
    slope, rest = right.diff(v), right.subs(v, 0)
    rate, offset = _number(slope), _number(rest)
    if rate is None or offset is None or rate > 0 or (rate == 0 and offset != 0):
        raise NirError(
            f"{label}: expected d{name}/dt = (v_leak - {name})/tau with constants, which is NIR's "
            f"LIF without its input, or 0, got d{name}/dt = {equation.expr.code}"
        )
    return (name, math.inf, 0.0) if rate == 0 else (name, -1 / rate, -offset / rate)


def _threshold(text: str, name: str, thresholds: np.ndarray, label: str) -> np.ndarray:
    condition = _with_units(text)
    expected = (
        f"{label}: expected a threshold such as '{name} > 1 + theta', which is NIR's, got {text!r}"
    )
    if not isinstance(condition, sympy.StrictGreaterThan | sympy.StrictLessThan):
        raise NirError(f"{expected}; write it with '>'")
    above = sympy.expand(condition.gts - condition.lts)
    slope = _number(above.diff(_symbol(above, name)))
    rest = above.subs(_symbol(above, name), 0)
    if slope is None or slope <= 0:
        raise NirError(f"{expected}; it has to be a constant above which the neuron spikes")
    theta = _symbol(rest, "theta")
    values = [_number(rest.subs(theta, float(value))) for value in thresholds]
    if None in values:
        raise NirError(f"{expected}; besides theta it may hold constants alone")
    return -np.array(values, dtype=float) / slope


def _assigned(text: str, name: str, what: str, label: str) -> float:
    """Return the constant that a text sets the potential to."""
    statements = parse_statements(text)
    value = None
    if len(statements) == 1 and (statements[0].target, statements[0].operator) == (name, "="):
        value = _number(_with_units(statements[0].value))
    if value is None:
        raise NirError(
            f"{label}: expected {what}='{name} = 0' with a constant, as NIR resets, got {text!r}"
        )
    return value


def _jump(text: str, name: str, label: str) -> float:
    """Return what a presynaptic spike of weight 1 adds."""
    statements = parse_statements(text)
    factor = None
    if len(statements) == 1:
        added = as_accumulation(statements[0]) or statements[0]
        if (added.target.removesuffix("_post"), added.operator) == (name, "+="):
            value = _with_units(added.value)
            w = _symbol(value, "w")
            factor = _number(value.diff(w)) if _number(value.subs(w, 0)) == 0 else None
    if factor is None or factor <= 0:
        raise NirError(
            f"{label}: expected on_pre='{name}_post += w', or a constant times that, which is "
            f"an input of NIR's convolution, got {text!r}"
        )
    return factor


def _with_units(text: str) -> sympy.Expr:
    """Return an expression with units in place of their names, in base SI units."""
    expression = str_to_sympy(text)
    units = {s: float(DEFAULT_UNITS[s.name]) for s in expression.free_symbols if _is_unit(s)}
    return expression.subs(units)


def _is_unit(symbol: sympy.Symbol) -> bool:
    return symbol.name in DEFAULT_UNITS


def _symbol(expression: sympy.Expr, name: str) -> sympy.Symbol:
    """Return the symbol of that name, whatever it is assumed to be."""
    found = [symbol for symbol in expression.free_symbols if symbol.name == name]
    return found[0] if found else sympy.Symbol(name, real=True)


def _number(expression: sympy.Expr) -> float | None:
    """Return the value of a constant; None of anything that isn't one."""
    value = sympy.simplify(expression)
    return float(value) if value.is_number and value.is_finite and value.is_real else None
