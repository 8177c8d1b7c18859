"""Which sums to a kernel a mask leaves out, with the weights that it prunes."""

from collections.abc import Iterable

from brian2.equations.equations import DIFFERENTIAL_EQUATION, SUBEXPRESSION
from brian2.utils.stringtools import get_identifiers

from hebbsim.statements import parse_statements
from hebbsim.synapses.model import ConvModel

__all__ = ["sums_left_out"]


def sums_left_out(
    model: ConvModel, weight: str, update: str | None, pathways: Iterable[str]
) -> list[str]:
    """Return the sums to the kernel that are there to change a weight, and for nothing else.

    Nobody misses what they add up where the weight is pruned.

    Parameters
    ----------
    model : ConvModel
        The sums, and what else may read them. Expressions and reductions of a sum are read in its
        place.
    weight : str
        The kernel variable.
    update : str, optional
        Statements that change the kernel.
    pathways : iterable of str
        Statements of pathways.
    """
    texts = list(pathways)
    return [
        equation.varname
        for equation in model.summed
        if model.sides[equation.varname] == "kernel"
        and _serves_alone(equation.varname, model, weight, update, texts)
    ]


def _serves_alone(
    name: str, model: ConvModel, weight: str, update: str | None, pathways: list[str]
) -> bool:
    own = model.kernel.values()
    derived = [
        *(e for e in own if e.type == SUBEXPRESSION),
        *model.constant_over_dt.values(),
        *model.reduced,
    ]
    names = {name}
    for _ in derived:  # as deep as they can be nested
        names |= {e.varname for e in derived if e.identifiers & names}
    others = [
        *(e for e in own if e.type == DIFFERENTIAL_EQUATION and e.varname != weight),
        *model.event_driven.values(),
        *(e for e in model.summed if e.varname != name),
        *model.cumulative,
        *model.per_sample.values(),
        *model.over_samples,
    ]
    if any(e.identifiers & names for e in others):
        return False
    if any(get_identifiers(text) & names for text in pathways):
        return False
    reading = [s for s in parse_statements(update or "") if get_identifiers(s.value) & names]
    return bool(reading) and all(statement.target == weight for statement in reading)
