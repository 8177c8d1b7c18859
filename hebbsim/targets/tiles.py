"""How the C++ loop nests are cut into register tiles.

A tile is a few positions by a run of contiguous channels, small enough for its sums to stay in
vector registers and of a size known to the compiler.
"""

from typing import NamedTuple

__all__ = ["TEMPLATE_GLOBALS", "Cut", "cut"]


_TILE_TAPS = 8  # rows of a tile: as many as its sums leave vector registers for


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


def taps_beside(in_channels: int) -> tuple[int, ...]:
    """Return how many kernel columns may share a tile with that many input channels."""
    return tuple(size for size in (8, 4, 2, 1) if size * in_channels <= _TILE_TAPS or size == 1)


TEMPLATE_GLOBALS = {"cut": cut, "taps_beside": taps_beside}
