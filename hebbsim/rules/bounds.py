"""Bounds of a weight: two values with the same units."""

import re

import numpy as np
from brian2.units import Quantity
from brian2.units.fundamentalunits import get_dimensions

from hebbsim.rules.checks import decides_units, with_units
from hebbsim.statements import Statement, parse_statements
from hebbsim.units import quantity_text

__all__ = [
    "Bounds",
    "both_bounds",
    "checked_bounds",
    "clips",
    "fading",
    "is_soft",
    "soft_change",
    "softened",
]

_CLIP = re.compile(r"w = clip\(\s*w\s*,")
_SOFT = "clip(w_change, 0, inf)*"

type Bounds = tuple[float | Quantity, float | Quantity]


def checked_bounds(rule: str, low: float | Quantity, high: float | Quantity) -> Bounds:
    """Return two bounds with the same units; a 0 takes those of the other.

    Raises
    ------
    ValueError
        If the lower isn't below the upper, or they have different units.
    """
    bounds = {"the lower bound": low, "the upper bound": high}
    of = decides_units(bounds)
    low, high = with_units(rule, bounds, get_dimensions(bounds[of]), of).values()
    if not np.asarray(low) < np.asarray(high):
        raise ValueError(
            f"{rule}: weight bounds: the lower must be below the upper, got {low!r} and {high!r}"
        )
    return low, high


def both_bounds(rule: str, first: Bounds | None, second: Bounds) -> Bounds:
    """Return what lies within two ranges."""
    if first is None:
        return second
    checked_bounds(rule, first[0], second[1])
    checked_bounds(rule, second[0], first[1])
    return max(first[0], second[0]), min(first[1], second[1])


def clips(update: str) -> bool:
    """Whether an update's statements clip the weight."""
    return any(_CLIP.match(str(statement)) for statement in parse_statements(update))


def fading(change: str, above: str, below: str) -> str:
    """Return a named change that fades by the distance to the bound that its sign moves it to."""
    return f"clip({change}, 0, inf)*{above} + clip({change}, -inf, 0)*{below}"


def soft_change(change: str, bounds: Bounds) -> list[str]:
    """Return the statements of a change of the weight that fades towards bounds.

    What changes the weight is a local variable first: the sign of all its factors decides which
    bound it fades towards.
    """
    low, high = (quantity_text(bound) for bound in bounds)
    return [f"w_change = {change}", f"w += {fading('w_change', f'({high} - w)', f'(w - {low})')}"]


def is_soft(statement: Statement) -> bool:
    """Whether a statement is the second one of `soft_change`."""
    return statement.target == "w" and statement.value.startswith(_SOFT)


def softened(rule: str, update: str, bounds: Bounds) -> str:
    """Return an update whose changes of the weight fade towards bounds; it clips as before.

    Raises
    ------
    ValueError
        If it changes the weight by neither ``+=`` nor ``-=``, or has soft bounds already.
    """
    lines = []
    for statement in parse_statements(update):
        if statement.target != "w" or clips(str(statement)):
            lines.append(str(statement))
        elif is_soft(statement) or statement.operator not in ("+=", "-="):
            why = "has soft bounds already" if is_soft(statement) else "is neither += nor -="
            raise ValueError(
                f"{rule}: soft bounds scale what is added to w, and '{statement}' {why}; "
                "call soft_bounded once, on a rule whose update is such as 'w += eta*dw'"
            )
        else:
            minus = statement.operator == "-="
            lines += soft_change(f"-({statement.value})" if minus else statement.value, bounds)
    return "\n".join(lines)
