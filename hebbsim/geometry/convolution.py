"""The geometry of a convolution: which pre, post and kernel elements meet.

A `ConvGeometry` is an immutable value that knows nothing of simulators. Every loop nest, every
explicit expansion and every export is derived from it alone. As in torch, "convolution" is
cross-correlation: the kernel is not flipped.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from hebbsim.geometry.shapes import GeometryError, MapShape, Pair, as_pair, is_integer

__all__ = ["ConvGeometry", "Taps", "conv_output_shape"]

#: What padding holds, as `torch.nn.Conv2d` calls it, and numpy's name for it
_PADDING_MODES = {
    "zeros": "constant",
    "circular": "wrap",
    "reflect": "reflect",
    "replicate": "edge",
}


class Taps(NamedTuple):
    """Triples of indices that share one kernel offset: three integer arrays of shape ``(n,)``."""

    pre: np.ndarray
    post: np.ndarray
    kernel: np.ndarray


@dataclass(frozen=True)
class ConvGeometry:
    """Describe a two-dimensional convolution between two feature maps.

    Memory orders (the last index runs fastest): neurons ``(sample, row, col, channel)``, shared
    kernels ``(krow, kcol, in_channel, out_channel)``, unshared kernels
    ``(row, col, krow, kcol, in_channel, out_channel)``.

    Parameters
    ----------
    in_shape : tuple of int
        Source map, ``(channels, rows, cols)``.
    out_channels : int
        Channels of the target map.
    kernel_size, stride, padding, dilation : int or (int, int)
        As in `torch.nn.Conv2d`, ``(rows, cols)``.
    groups : int
        Blocks of channels that are connected to each other alone.
    weight_sharing : bool
        Whether one kernel serves all positions (a convolution), or each position has its own
        (a locally connected layer).
    padding_mode : {'zeros', 'circular', 'reflect', 'replicate'}
        What the padding holds, as in `torch.nn.Conv2d`: nothing, and kernel elements that look at
        it have no synapse; the map's other end, as on a ring or torus; the map mirrored at its
        first and last line; that line itself. But with zeros each kernel element has a synapse at
        every position, and a pair of neurons may be joined by several elements.

    Raises
    ------
    GeometryError
        If a value is out of range, `groups` doesn't divide both channel counts, the padding is
        wider than the map has lines to fill it, or the dilated kernel is larger than the padded
        input.
    """

    in_shape: MapShape
    out_channels: int
    kernel_size: Pair
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)
    groups: int = 1
    weight_sharing: bool = True
    padding_mode: str = "zeros"
    out_shape: MapShape = field(init=False, compare=False)

    def __post_init__(self) -> None:
        put = object.__setattr__  # the dataclass is frozen
        put(self, "in_shape", MapShape.of(self.in_shape, "in_shape"))
        for name, minimum in (("kernel_size", 1), ("stride", 1), ("padding", 0), ("dilation", 1)):
            put(self, name, as_pair(getattr(self, name), name, minimum))
        for name in ("out_channels", "groups"):
            value = getattr(self, name)
            if not is_integer(value, 1):
                raise GeometryError(f"{name}: expected a positive integer, got {value!r}")
            put(self, name, int(value))
        if self.in_shape.channels % self.groups or self.out_channels % self.groups:
            raise GeometryError(
                f"groups={self.groups} must divide the {self.in_shape.channels} input channels "
                f"and the {self.out_channels} output channels"
            )
        self._check_padding()
        sizes = self.in_shape[1:]
        spans = [d * (k - 1) + 1 for k, d in zip(self.kernel_size, self.dilation, strict=True)]
        padded = [n + 2 * p for n, p in zip(sizes, self.padding, strict=True)]
        if any(span > size for span, size in zip(spans, padded, strict=True)):
            raise GeometryError(
                f"the kernel covers {spans[0]}x{spans[1]} (kernel_size {self.kernel_size}, "
                f"dilation {self.dilation}), more than the padded input of "
                f"{padded[0]}x{padded[1]}; use a smaller kernel or more padding"
            )
        rows, cols = (
            (size - span) // s + 1 for size, span, s in zip(padded, spans, self.stride, strict=True)
        )
        put(self, "out_shape", MapShape(self.out_channels, rows, cols))

    def _check_padding(self) -> None:
        """Refuse what `torch.nn.functional.pad` refuses."""
        if not isinstance(self.padding_mode, str) or self.padding_mode not in _PADDING_MODES:
            known = ", ".join(map(repr, _PADDING_MODES))
            raise GeometryError(f"padding_mode: expected one of {known}, got {self.padding_mode!r}")
        fewer = {"circular": 0, "reflect": 1}.get(self.padding_mode)
        if fewer is None:
            return
        largest = tuple(size - fewer for size in self.in_shape[1:])
        if any(p > most for p, most in zip(self.padding, largest, strict=True)):
            raise GeometryError(
                f"padding_mode='{self.padding_mode}' can fill at most {largest[0]} rows and "
                f"{largest[1]} cols on each side of a map of {self.in_shape.rows}x"
                f"{self.in_shape.cols}, got padding={self.padding}; use less, or "
                "padding_mode='replicate'"
            )

    @property
    def pads_zeros(self) -> bool:
        """Whether there is padding without neurons: some connections of a kernel are missing."""
        return self.padding_mode == "zeros" and self.padding != (0, 0)

    @property
    def pads_neurons(self) -> bool:
        """Whether there is padding that holds neurons of the map again."""
        return self.padding_mode != "zeros" and self.padding != (0, 0)

    @property
    def rows_are_runs(self) -> bool:
        """Whether the neurons that a row of a kernel meets lie side by side in memory."""
        return self.groups == self.dilation[1] == 1

    @cached_property
    def source_lines(self) -> tuple[np.ndarray, np.ndarray]:
        """The source row at each row of the padded map, and likewise for the columns.

        Two integer arrays, ``(rows + 2*padding,)`` and ``(cols + 2*padding,)``; -1 where there is
        none.
        """
        rows, cols = (self._source_lines(axis) for axis in (0, 1))
        return rows, cols

    def _source_lines(self, axis: int) -> np.ndarray:
        lines, padding = np.arange(self.in_shape[1 + axis]), self.padding[axis]
        if self.padding_mode == "zeros":
            padded = np.pad(lines, padding, constant_values=-1)
        else:
            padded = np.pad(lines, padding, mode=_PADDING_MODES[self.padding_mode])  # type: ignore[call-overload]
        padded.flags.writeable = False
        return padded

    @cached_property
    def padded_lines(self) -> tuple[np.ndarray, np.ndarray]:
        """The rows of the padded map that show each source row, and likewise for the columns.

        The inverse of `source_lines`: two integer arrays, ``(rows, copies)`` and
        ``(cols, copies)``, each as wide as its line with most copies; -1 where there are fewer.
        """
        rows, cols = (_places_of(lines) for lines in self.source_lines)
        return rows, cols

    @property
    def in_channels_per_group(self) -> int:
        """Input channels that one output channel sees."""
        return self.in_shape.channels // self.groups

    @property
    def out_channels_per_group(self) -> int:
        """Output channels that one input channel reaches."""
        return self.out_channels // self.groups

    @property
    def kernel_shape(self) -> tuple[int, ...]:
        """Kernel in torch's order, ``(out_channels, in_channels/groups, krows, kcols)``.

        Without weight sharing ``(rows, cols, out_channels, in_channels/groups, krows, kcols)``.
        """
        shape = (self.out_channels, self.in_channels_per_group, *self.kernel_size)
        return shape if self.weight_sharing else (*self.out_shape[1:], *shape)

    @property
    def memory_shape(self) -> tuple[int, ...]:
        """Kernel as it lies in memory, ``([row, col,] krow, kcol, in_channel, out_channel)``."""
        shape = (*self.kernel_size, self.in_channels_per_group, self.out_channels)
        return shape if self.weight_sharing else (*self.out_shape[1:], *shape)

    @property
    def kernel_elements(self) -> int:
        """Number of stored kernel elements."""
        return int(np.prod(self.memory_shape))

    @property
    def fan_in(self) -> int:
        """Kernel elements that one postsynaptic neuron sums over."""
        return self.kernel_size[0] * self.kernel_size[1] * self.in_channels_per_group

    def to_memory(self, kernel: np.ndarray) -> np.ndarray:
        """Flatten `kernel` (shape `kernel_shape`) into memory order."""
        return np.ascontiguousarray(np.moveaxis(kernel, (-4, -3), (-1, -2))).reshape(-1)

    def from_memory(self, flat: np.ndarray) -> np.ndarray:
        """Arrange a flat array in memory order into `kernel_shape` (a copy)."""
        kernel = np.moveaxis(np.reshape(flat, self.memory_shape), (-1, -2), (-4, -3))
        return np.array(kernel, order="C")

    def input_range(self, axis: int, offset: int) -> range:
        """Output coordinates along `axis` (0 rows, 1 cols) at which tap `offset` meets a neuron."""
        if self.padding_mode != "zeros":
            return range(self.out_shape[1 + axis])
        start = offset * self.dilation[axis] - self.padding[axis]
        stride, size = self.stride[axis], self.in_shape[1 + axis]
        low = max(0, -(start // stride))
        high = min(self.out_shape[1 + axis], (size - 1 - start) // stride + 1)
        return range(low, max(low, high))

    @cached_property
    def n_connections(self) -> int:
        """Number of (virtual) synapses of one sample."""
        rows, cols = (
            sum(len(self.input_range(axis, k)) for k in range(self.kernel_size[axis]))
            for axis in (0, 1)
        )
        return rows * cols * self.in_channels_per_group * self.out_channels

    def taps(self, batch_size: int = 1) -> Iterator[Taps]:
        """Yield every (pre, post, kernel) triple, one kernel offset and input channel at a time.

        The explicit form of the loop nests, for reference code; padding with zeros is left out.
        """
        for krow in range(self.kernel_size[0]):
            for kcol in range(self.kernel_size[1]):
                for in_channel in range(self.in_channels_per_group):
                    yield self._tap(batch_size, krow, kcol, in_channel)

    def _tap(self, batch_size: int, krow: int, kcol: int, in_channel: int) -> Taps:
        sample, row, col, out_channel = np.meshgrid(
            np.arange(batch_size),
            np.asarray(self.input_range(0, krow), dtype=int),
            np.asarray(self.input_range(1, kcol), dtype=int),
            np.arange(self.out_channels),
            indexing="ij",
            sparse=True,  # what depends on one of them is computed once for all others
        )
        pre, post = self._joined_at(sample, row, col, krow, kcol, in_channel, out_channel)
        position = row * self.out_shape.cols + col
        kernel = self._kernel_index(position, krow, kcol, in_channel, out_channel)
        return Taps(*(np.broadcast_to(one, post.shape).flatten() for one in (pre, post, kernel)))

    def _joined_at(
        self, sample: Any, row: Any, col: Any, krow: Any, kcol: Any, in_channel: Any, channel: Any
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the neurons that meet at a place of the target through a place of the kernel."""
        channels, n_rows, n_cols = self.in_shape
        out_channels, out_rows, out_cols = self.out_shape
        pre_row = self.source_lines[0][row * self.stride[0] + krow * self.dilation[0]]
        pre_col = self.source_lines[1][col * self.stride[1] + kcol * self.dilation[1]]
        group = channel // self.out_channels_per_group
        pre_channel = group * self.in_channels_per_group + in_channel
        pre = ((sample * n_rows + pre_row) * n_cols + pre_col) * channels + pre_channel
        position = (sample * out_rows + row) * out_cols + col
        return pre, position * out_channels + channel

    def neurons_of_elements(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the two neurons that each kernel element joins, where it joins no more.

        Indices of the source and of the target, ``(kernel_elements,)``, in the order of memory.
        """
        *place, krow, kcol, in_channel, channel = np.indices(self.memory_shape)
        row, col = place or (0, 0)
        pre, post = self._joined_at(0, row, col, krow, kcol, in_channel, channel)
        return pre.ravel(), post.ravel()

    def projective_field(self, pre: np.ndarray) -> Taps:
        """Return the connections of presynaptic neurons: triples as `taps` yields them.

        Parameters
        ----------
        pre : ndarray of int
            Indices of neurons, ``(n,)``.
        """
        channels, n_rows, n_cols = self.in_shape
        channel, position = pre % channels, pre // channels
        shown = (
            self.padded_lines[0][position // n_cols % n_rows],
            self.padded_lines[1][position % n_cols],
        )
        found = []
        copies = [lines.shape[1] for lines in shown]
        for krow, kcol, *copy in np.ndindex(*self.kernel_size, *copies):
            offsets = [
                shown[axis][:, copy[axis]] - k * self.dilation[axis]
                for axis, k in enumerate((krow, kcol))
            ]
            row, col = (o // s for o, s in zip(offsets, self.stride, strict=True))
            meets = (offsets[0] % self.stride[0] == 0) & (offsets[1] % self.stride[1] == 0)
            meets &= (row >= 0) & (row < self.out_shape.rows)
            meets &= (col >= 0) & (col < self.out_shape.cols)
            shape = (int(np.count_nonzero(meets)), self.out_channels_per_group)
            group, in_channel = np.divmod(channel[meets], self.in_channels_per_group)
            out_channel = group[:, None] * shape[1] + np.arange(shape[1])
            sample = position[meets] // (n_rows * n_cols)
            spot = (row[meets] * self.out_shape.cols + col[meets])[:, None]
            positions = self.out_shape.rows * self.out_shape.cols
            post = (sample[:, None] * positions + spot) * self.out_channels + out_channel
            kernel = self._kernel_index(spot, krow, kcol, in_channel[:, None], out_channel)
            found.append((np.broadcast_to(pre[meets][:, None], shape), post, kernel))
        return _joined(found)

    def receptive_field(self, post: np.ndarray) -> Taps:
        """Return the connections of postsynaptic neurons: triples as `taps` yields them.

        Parameters
        ----------
        post : ndarray of int
            Indices of neurons, ``(n,)``.
        """
        out_channels, out_rows, out_cols = self.out_shape
        channels, n_rows, n_cols = self.in_shape
        out_channel, position = post % out_channels, post // out_channels
        found = []
        for krow, kcol in np.ndindex(*self.kernel_size):
            row = position // out_cols % out_rows * self.stride[0] + krow * self.dilation[0]
            col = position % out_cols * self.stride[1] + kcol * self.dilation[1]
            row, col = self.source_lines[0][row], self.source_lines[1][col]
            inside = (row >= 0) & (col >= 0)
            shape = (int(np.count_nonzero(inside)), self.in_channels_per_group)
            in_channel = np.arange(shape[1])
            target = out_channel[inside][:, None]
            channel = target // self.out_channels_per_group * shape[1] + in_channel
            sample = position[inside] // (out_rows * out_cols)
            place = ((sample * n_rows + row[inside]) * n_cols + col[inside])[:, None]
            spot = position[inside][:, None] % (out_rows * out_cols)
            kernel = self._kernel_index(spot, krow, kcol, in_channel, target)
            source = np.broadcast_to(post[inside][:, None], shape)
            found.append((place * channels + channel, source, kernel))
        return _joined(found)

    def _kernel_index(self, spot, krow, kcol, in_channel, out_channel):  # type: ignore[no-untyped-def]
        offset = (krow * self.kernel_size[1] + kcol) * self.in_channels_per_group + in_channel
        if not self.weight_sharing:
            offset = spot * self.fan_in + offset
        return offset * self.out_channels + out_channel


def _places_of(lines: np.ndarray) -> np.ndarray:
    """Return the places of each number from 0 in an array, one row a number, filled up with -1."""
    places = [np.flatnonzero(lines == number) for number in range(lines.max() + 1)]
    table = np.full((len(places), max(map(len, places))), -1)
    for row, found in zip(table, places, strict=True):
        row[: len(found)] = found
    table.flags.writeable = False
    return table


def _joined(found: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> Taps:
    parts = zip(*found, strict=True)
    return Taps(*(np.concatenate([array.ravel() for array in arrays]) for arrays in parts))


def conv_output_shape(
    in_shape: tuple[int, int, int],
    out_channels: int,
    kernel_size: int | Pair,
    stride: int | Pair = 1,
    padding: int | Pair = 0,
    dilation: int | Pair = 1,
    padding_mode: str = "zeros",
) -> MapShape:
    """Return the ``(channels, rows, cols)`` of the target of a convolution.

    Parameters
    ----------
    in_shape : tuple of int
        Source map, ``(channels, rows, cols)``.
    out_channels : int
        Number of kernels.
    kernel_size, stride, padding, dilation : int or (int, int)
        As in `torch.nn.Conv2d`.
    padding_mode : {'zeros', 'circular', 'reflect', 'replicate'}
        As in `torch.nn.Conv2d`; the shape is the same, but not all fill any padding.

    Examples
    --------
    >>> tuple(conv_output_shape((1, 28, 28), out_channels=32, kernel_size=5))
    (32, 24, 24)
    """
    geometry = ConvGeometry(
        in_shape=in_shape,  # type: ignore[arg-type]
        out_channels=out_channels,
        kernel_size=kernel_size,  # type: ignore[arg-type]
        stride=stride,  # type: ignore[arg-type]
        padding=padding,  # type: ignore[arg-type]
        dilation=dilation,  # type: ignore[arg-type]
        padding_mode=padding_mode,
    )
    return geometry.out_shape
