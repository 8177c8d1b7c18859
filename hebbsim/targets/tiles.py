"""How the C++ loop nests are cut into register tiles.

A tile is a few positions by a run of contiguous channels, small enough for its sums to stay in
vector registers and of a size known to the compiler.
"""

from typing import NamedTuple

__all__ = ["TEMPLATE_GLOBALS", "Cut", "cut"]


class Cut(NamedTuple):
    """One run of equal pieces of an axis: ``start``, ``stop`` (exclusive) and ``size``."""

    start: int
    stop: int
    size: int


def cut(length: int, sizes: tuple[int, ...]) -> list[Cut]:
    """Cut an axis of `length` into runs of pieces, the largest first; `sizes` must fall to 1.

    Examples
    --------
    >>> cut(196, (32, 16, 8, 4, 2, 1))
    [Cut(start=0, stop=192, size=32), Cut(start=192, stop=196, size=4)]
    """
    runs, start = [], 0
    for size in sizes:
        stop = start + (length - start) // size * size
        if stop > start:
            runs.append(Cut(start, stop, size))
            start = stop
    return runs


TEMPLATE_GLOBALS = {"cut": cut}
