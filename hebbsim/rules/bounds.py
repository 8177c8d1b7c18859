"""Bounds of a weight: two values with the same units."""

import re

import numpy as np
from brian2.units import Quantity
from brian2.units.fundamentalunits import get_dimensions

from hebbsim.rules.checks import decides_units, with_units
from hebbsim.statements import parse_statements

__all__ = ["Bounds", "both_bounds", "checked_bounds", "clips"]

_CLIP = re.compile(r"w = clip\(\s*w\s*,")

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
