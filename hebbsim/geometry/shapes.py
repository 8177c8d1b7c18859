"""Shapes of maps, and sizes as users write them."""

from typing import Any, NamedTuple

import numpy as np

__all__ = ["GeometryError", "MapShape", "Pair", "as_pair", "is_integer"]

Pair = tuple[int, int]


class GeometryError(ValueError):
    """A shape, stride, padding, dilation or group count that doesn't fit."""


class MapShape(NamedTuple):
    """Shape of one feature map, in torch's order."""

    channels: int
    rows: int
    cols: int

    @classmethod
    def of(cls, shape: object, owner: str = "shape") -> "MapShape":
        """Check that `shape` is three positive integers ``(channels, rows, cols)``."""
        try:
            values = tuple(int(n) for n in shape)  # type: ignore[attr-defined]
        except (TypeError, ValueError, OverflowError):
            values = ()
        if len(values) != 3 or min(values, default=0) < 1 or values != tuple(shape):  # type: ignore[arg-type]
            raise GeometryError(
                f"{owner}: expected three positive integers (channels, rows, cols), got {shape!r}"
            )
        return cls(*values)


def is_integer(value: Any, minimum: int) -> bool:
    """Whether `value` is a whole number of at least `minimum`."""
    try:
        return bool(value == int(value) and value >= minimum)
    except (TypeError, ValueError, OverflowError):
        return False


def as_pair(value: int | tuple[int, int], name: str, minimum: int) -> Pair:
    """Return ``(rows, cols)`` of an int or a pair, each at least `minimum`."""
    single = isinstance(value, str) or not np.iterable(value)
    values: tuple[Any, ...] = (value, value) if single else tuple(value)  # type: ignore[arg-type]
    if len(values) != 2 or not all(is_integer(v, minimum) for v in values):
        raise GeometryError(
            f"{name}: expected an int or a (rows, cols) pair, each at least {minimum}, "
            f"got {value!r}"
        )
    return int(values[0]), int(values[1])
