"""Times that are counted in time steps."""

from typing import Any

import numpy as np
from brian2 import second
from brian2.units.fundamentalunits import Quantity, have_same_dimensions

__all__ = ["check_same_step", "whole_steps"]


def whole_steps(label: str, duration: Any, dt: Quantity) -> int:
    """Return how many time steps a duration has.

    Raises
    ------
    ValueError
        If it is no time, or no whole number of steps, with `label` and the way out.
    """
    is_time = isinstance(duration, Quantity) and have_same_dimensions(duration, second)
    if not is_time or np.ndim(duration):
        raise ValueError(f"{label}: duration must be a time, such as 20*ms, got {duration!r}")
    steps = float(duration) / float(dt)
    if not (np.isfinite(steps) and round(steps) >= 1 and abs(steps - round(steps)) < 1e-3):
        raise ValueError(
            f"{label}: duration = {duration!r} must be a whole number of time steps of {dt!r}"
        )
    return round(steps)


def check_same_step(label: str, what: str, before: Quantity, now: Quantity) -> None:
    """Raise a ValueError if the time step isn't that for which `what` was counted in steps."""
    if float(before) != float(now):
        raise ValueError(
            f"{label}: the time step was {before!r} when the {what} was set and is {now!r} now; "
            "set defaultclock.dt before"
        )
