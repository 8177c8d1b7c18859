"""The windows in which a map is pooled."""

from dataclasses import dataclass, field, fields
from functools import cached_property

import numpy as np

from hebbsim.geometry.shapes import GeometryError, MapShape, Pair, as_pair

__all__ = ["PoolGeometry", "pool_output_shape"]


@dataclass(frozen=True)
class PoolGeometry:
    """Describe the windows in which a feature map is pooled, as `torch.nn.MaxPool2d` lays them.

    Parameters
    ----------
    in_shape : tuple of int
        Source map, ``(channels, rows, cols)``.
    kernel_size : int or (int, int)
        The window.
    stride : int or (int, int), optional
        Its step; by default the window's size.
    padding : int or (int, int)
        Lines around the map that windows reach into, at most half a window. They are less than
        any number to a maximum, and zeros to a sum or an average.
    ceil_mode : bool
        Whether what doesn't fill a window at the far border is left out (False), or gets a window
        that reaches beyond the border, if it begins before the padding there.

    Raises
    ------
    GeometryError
        If a value is out of range, or no window fits.
    """

    in_shape: MapShape
    kernel_size: Pair
    stride: Pair | None = None
    padding: Pair = (0, 0)
    ceil_mode: bool = False
    out_shape: MapShape = field(init=False, compare=False)

    def __post_init__(self) -> None:
        put = object.__setattr__  # the dataclass is frozen
        shape = MapShape.of(self.in_shape, "in_shape")
        window = as_pair(self.kernel_size, "kernel_size", 1)
        steps = window if self.stride is None else as_pair(self.stride, "stride", 1)
        padding = as_pair(self.padding, "padding", 0)
        if not isinstance(self.ceil_mode, bool | np.bool_):
            raise GeometryError(f"ceil_mode: expected True or False, got {self.ceil_mode!r}")
        values = (shape, window, steps, padding, bool(self.ceil_mode))
        for item, value in zip(fields(self), values, strict=False):
            put(self, item.name, value)
        if any(2 * p > k for p, k in zip(padding, window, strict=True)):
            raise GeometryError(
                f"padding: expected at most half a pooling window of {window[0]}x{window[1]}, got "
                f"{padding}; use less padding or a larger window"
            )
        rows, cols = (self._windows(axis) for axis in (0, 1))
        if rows < 1 or cols < 1:
            raise GeometryError(
                f"a pooling window of {window[0]}x{window[1]} doesn't fit a map of "
                f"{shape.rows}x{shape.cols}{f' with padding {padding}' if any(padding) else ''}; "
                "use a smaller one"
            )
        put(self, "out_shape", MapShape(shape.channels, rows, cols))

    def _windows(self, axis: int) -> int:
        """Return the number of windows along an axis (0 rows, 1 cols)."""
        assert self.stride is not None
        size, step = self.in_shape[1 + axis] + self.padding[axis], self.stride[axis]
        beyond = size + self.padding[axis] - self.kernel_size[axis]
        number = (-(-beyond // step) if self.ceil_mode else beyond // step) + 1
        # the last window begins before the padding of the far border
        return number - 1 if self.ceil_mode and (number - 1) * step >= size else number

    @cached_property
    def reach(self) -> tuple[Pair, Pair]:
        """How many lines windows reach beyond the map: before and after its rows, and its cols."""
        assert self.stride is not None
        axes = zip(self.padding, self.out_shape[1:], self.stride, strict=True)
        ends = [(number - 1) * step - p for p, number, step in axes]
        rows, cols = (
            (p, max(0, end + k - size))
            for p, end, k, size in zip(
                self.padding, ends, self.kernel_size, self.in_shape[1:], strict=True
            )
        )
        return rows, cols

    @property
    def is_inside(self) -> bool:
        """Whether no window reaches beyond the map."""
        return self.reach == ((0, 0), (0, 0))

    @cached_property
    def spans(self) -> tuple[list[int], list[int]]:
        """How many rows of map and padding each row of windows covers, and likewise columns."""
        assert self.stride is not None
        rows, cols = (
            [min(k, n + 2 * p - place * step) for place in range(number)]
            for k, n, p, step, number in zip(
                self.kernel_size,
                self.in_shape[1:],
                self.padding,
                self.stride,
                self.out_shape[1:],
                strict=True,
            )
        )
        return rows, cols


def pool_output_shape(
    in_shape: tuple[int, int, int],
    kernel_size: int | tuple[int, int],
    stride: int | tuple[int, int] | None = None,
    padding: int | tuple[int, int] = 0,
    ceil_mode: bool = False,
) -> MapShape:
    """Return the ``(channels, rows, cols)`` of a pooled map, as in `torch.nn.AvgPool2d`.

    Parameters
    ----------
    in_shape : tuple of int
        Source map, ``(channels, rows, cols)``.
    kernel_size, stride : int or (int, int)
        The window and its step (by default the window's size).
    padding : int or (int, int)
        Lines around the map that windows reach into, at most half a window.
    ceil_mode : bool
        Whether what doesn't fill a window at the far border is left out, or gets one.

    Examples
    --------
    >>> tuple(pool_output_shape((32, 24, 24), 2))
    (32, 12, 12)
    """
    geometry = PoolGeometry(
        in_shape,  # type: ignore[arg-type]
        kernel_size,  # type: ignore[arg-type]
        stride,  # type: ignore[arg-type]
        padding,  # type: ignore[arg-type]
        ceil_mode,
    )
    return geometry.out_shape
