"""What a benchmark finds: measured rows with their targets, and series over a size."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["PARTS", "Row", "Series", "Target", "exponent", "largest_difference"]

#: What can be measured, and where each part is done
PARTS = {
    "a": "explicit Brian2 synapses",
    "b": "torch, closed form",
    "c": "torch, gradient trick",
    "d": "torch, convolution and feedback",
    "e": "memory",
    "f": "scaling",
    "g": "start-up",
    "h": "spikes",
}

_NAN = float("nan")


@dataclass(frozen=True)
class Target:
    """
    Say what a row should reach.

    Parameters
    ----------
    low, high : float
        Bounds, both included.
    of : {'ratio', 'ours'}
        What is bounded.
    aim : float, optional
        What would be better still.
    """

    low: float = -math.inf
    high: float = math.inf
    of: str = "ratio"
    aim: float | None = None

    def __str__(self) -> str:
        if math.isinf(self.high):
            text = f"≥ {self.low:g}"
        elif math.isinf(self.low):
            text = f"≤ {self.high:g}"
        else:
            text = f"{self.low:g} to {self.high:g}"
        return text if self.aim is None else f"{text} (aim {self.aim:g})"


@dataclass(frozen=True)
class Row:
    """
    Hold one measurement.

    Parameters
    ----------
    part : str
        One of `PARTS`.
    what : str
        What is done.
    threads : int
        Of ours; of the rival too, unless its name says otherwise.
    unit : str
        Of `ours` and `theirs`: ms, MB, s; empty for an exponent.
    ours, theirs : float
        Medians; NaN without a rival.
    rival : str
        What it is compared with, in the form that was the fastest.
    target : Target, optional
        What the row should reach.
    difference : float
        Largest difference of the results, relative to their largest value; NaN if none is due.
    tolerance : float
        What rounding may make of it.
    """

    part: str
    what: str
    threads: int
    unit: str
    ours: float
    theirs: float = _NAN
    rival: str = ""
    target: Target | None = None
    difference: float = _NAN
    tolerance: float = _NAN

    @property
    def ratio(self) -> float:
        """How many times more the rival takes; NaN without one."""
        return self.theirs / self.ours if self.ours else _NAN

    @property
    def differs(self) -> bool:
        """Whether the results differ by more than rounding."""
        if math.isnan(self.tolerance):
            return False
        return not self.difference <= self.tolerance

    @property
    def met(self) -> bool | None:
        """Whether the target is reached, with equal results; None without a target."""
        if self.target is None:
            return None
        value = self.ratio if self.target.of == "ratio" else self.ours
        return self.target.low <= value <= self.target.high and not self.differs


@dataclass(frozen=True)
class Series:
    """
    Hold a quantity over a size.

    Parameters
    ----------
    part, name : str
        Where it belongs, and what it is of.
    x_label, y_label : str
        With units.
    x, y : sequence of float
        At least one point.
    """

    part: str
    name: str
    x_label: str
    y_label: str
    x: Sequence[float]
    y: Sequence[float]

    @property
    def exponent(self) -> float:
        """Exponent of the power law that fits best."""
        return exponent(self.x, self.y)


def exponent(x: Sequence[float], y: Sequence[float]) -> float:
    """
    Fit ``y = c*x**n`` by least squares of the logarithms.

    Parameters
    ----------
    x, y : sequence of float
        Positive values.

    Returns
    -------
    float
        ``n``; NaN for fewer than two sizes.
    """
    log_x, log_y = np.log(np.asarray(x, float)), np.log(np.asarray(y, float))
    if len(set(log_x)) < 2:
        return _NAN
    deviation = log_x - log_x.mean()
    return float(deviation @ log_y / (deviation @ deviation))


def largest_difference(ours: np.ndarray, theirs: np.ndarray) -> float:
    """
    Compare two arrays of the same shape.

    Parameters
    ----------
    ours, theirs : array
        Results.

    Returns
    -------
    float
        Largest difference over the largest value of `theirs`; NaN if a value is not finite.
    """
    if np.shape(ours) != np.shape(theirs):
        raise ValueError(f"results of shapes {np.shape(ours)} and {np.shape(theirs)}")
    ours, theirs = np.asarray(ours, float), np.asarray(theirs, float)
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())
