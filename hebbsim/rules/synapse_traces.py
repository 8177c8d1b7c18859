"""A rule's texts for ordinary synapses, each of which keeps traces of its own."""

from collections.abc import Mapping

from brian2.equations import Equations
from brian2.equations.equations import DIFFERENTIAL_EQUATION, SingleEquation
from brian2.utils.stringtools import get_identifiers, word_substitute

from hebbsim.statements import Statement, parse_statements
from hebbsim.units import unit_text

__all__ = ["texts_with_own_traces"]

_TEXTS = ("equations", "update", "on_pre", "on_post")


def texts_with_own_traces(rule: str, given: Mapping[str, str]) -> dict[str, str]:
    """Return the texts of a rule with the traces of spikes on the synapse, not on its neurons.

    A trace is what a spike changes and what reads nothing else of its neuron; the rest, such as a
    filtered voltage, stays with the neuron. Where the equations or the update read a trace it is
    integrated in each step, else at spikes alone.

    Parameters
    ----------
    rule : str
        Its name.
    given : mapping of str to str
        Its equations, update, pathways, models and resets.

    Raises
    ------
    ValueError
        If both neurons have a trace of the same name.
    """
    texts = {name: given[name] for name in _TEXTS}
    for side in ("pre", "post"):
        equations = Equations(given[f"{side}_model"])
        statements = parse_statements(given[f"{side}_reset"])
        names = _traces(equations, statements)
        for name in sorted(names & set(Equations(texts["equations"]).names)):
            raise ValueError(
                f"{rule}: '{name}' is a trace of both neurons, or a variable of the synapse "
                "too; give the traces of a rule different names"
            )
        read = get_identifiers(f"{texts['equations']}\n{texts['update']}")
        own = {f"{name}_{side}": name for name in names}
        texts |= {name: word_substitute(texts[name], own) for name in _TEXTS}
        texts |= {f"{side}_model": "", f"{side}_reset": ""}
        for equation in equations.values():
            name = equation.varname
            flag = "clock-driven" if f"{name}_{side}" in read else "event-driven"
            place = "equations" if name in names else f"{side}_model"
            texts[place] += "\n" + _line(equation, flag if name in names else "")
        for statement in statements:
            place = f"on_{side}" if statement.target in names else f"{side}_reset"
            texts[place] += f"\n{statement}"
    return {name: text.strip() for name, text in texts.items()}


def _traces(equations: Equations, statements: list[Statement]) -> set[str]:
    """Name what spikes change and what reads nothing of the neuron but itself and such."""
    names = {s.target for s in statements} & equations.names
    read = {name: set(equations[name].identifiers) for name in names}
    for statement in statements:
        if statement.target in names:
            read[statement.target] |= get_identifiers(statement.value)
    while outside := {name for name in names if read[name] & (equations.names - names)}:
        names = names - outside
    return names


def _line(equation: SingleEquation, flag: str) -> str:
    """Write an equation, with units that can be read back, and one more flag."""
    name = equation.varname
    left = f"d{name}/dt" if equation.type == DIFFERENTIAL_EQUATION else name
    right = "" if equation.expr is None else f" = {equation.expr.code}"
    flags = ", ".join([*equation.flags, *filter(None, [flag])])
    return f"{left}{right} : {unit_text(equation.dim)}" + (f" ({flags})" if flags else "")
