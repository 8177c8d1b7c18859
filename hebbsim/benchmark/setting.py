"""How a benchmark is run, and what its parts return."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from hebbsim.benchmark.rows import Row, Series
from hebbsim.benchmark.sizes import FULL, Sizes

__all__ = ["Found", "Setting"]


class Found(NamedTuple):
    """What a part returns."""

    rows: list[Row]
    series: list[Series]


@dataclass(frozen=True)
class Setting:
    """
    Say how to measure.

    Parameters
    ----------
    threads : int
        Of both sides.
    repeats : int
        Turns of each contender.
    sizes : Sizes
        How large everything is.
    announce : callable
        Called with what is measured next.
    device : {'cpu', 'cuda'}
        Where ours and the rivals run.
    """

    threads: int
    repeats: int = 5
    sizes: Sizes = FULL
    announce: Callable[[str], None] = field(default=lambda _: None)
    device: str = "cpu"
