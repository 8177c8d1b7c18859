"""How the CUDA kernels share out their work: threads of a block, blocks, and chunks of long sums.

Sums are cut into chunks whose number depends on sizes alone, and the chunks' sums are added in
their order: so a result doesn't depend on the device, or on which block is done first.
"""

import math
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from hebbsim.geometry import ConvGeometry

__all__ = [
    "Digits",
    "KernelCut",
    "PostProductCut",
    "PostTile",
    "ProductCut",
    "after_shared",
    "chunks",
    "fits_shared_memory",
    "gathered",
    "kernel_cut",
    "lanes",
    "map_lanes",
    "post_product_cut",
    "post_tile",
    "private",
    "product_cut",
]

_SHARED_WRITE = re.compile(r"\s*_ptr_array_\w+\[0\]\s*=")
_SHARED_READ = re.compile(r"\s*(?:const )?\w+ \w+ = (_ptr_array_\w+)\[0\];")
_DRAW = re.compile(r"\b_(rand|randn|poisson|binomial\w*)\(")
_BLOCKS = 1024  # enough of them to keep a large device busy
_POSITIONS = 4  # that a thread of a convolution sums at once
_THREADS = 256
_TILES = 2 * 132  # of products that an H200 works on at a time
_LEAST_TAPS = 64  # of a chunk, for which writing it and adding it up is worth it
_LEAST_OF_A_TILE = 0.15  # below, its multiplications are too many in vain


def lanes(channels: int, most: int) -> int:
    """Return how many threads take the channels of a position: a power of two.

    Examples
    --------
    >>> lanes(100, 128), lanes(400, 128), lanes(3, 128)
    (128, 128, 4)
    """
    return min(most, 1 << max(channels - 1, 0).bit_length())


def chunks(terms: int) -> int:
    """Return into how many chunks a sum over so many neurons is cut."""
    return max(1, min(256, terms // 4096))


def map_lanes(channels: int) -> int:
    """Return how many of 128 threads take the channels of a position.

    Those of one warp, who wait for no other, unless each would have many channels.

    Examples
    --------
    >>> map_lanes(3), map_lanes(400), map_lanes(1000)
    (4, 32, 128)
    """
    return lanes(channels, 32 if channels <= 16 * 32 else 128)


def fits_shared_memory(channels: int, dtype: Any) -> bool:
    """Return whether a block's shared memory holds a value and a state of its positions' channels.

    Examples
    --------
    >>> fits_shared_memory(6000, "float64"), fits_shared_memory(6000, "float32")
    (False, True)
    """
    beside = 128 * 16  # a candidate of each thread
    values = 128 // map_lanes(channels) * channels
    return values * (np.dtype(dtype).itemsize + 1) + beside <= 48 * 1024


class PostTile(NamedTuple):
    """Threads of a block along the channels, and channels of a thread."""

    lanes: int
    channels: int

    def blocks(self, geometry: ConvGeometry, batch_size: int) -> int:
        """Return the number of blocks."""
        positions = batch_size * geometry.out_shape.rows * geometry.out_shape.cols
        of_block = _THREADS // self.lanes * _POSITIONS
        tiles = -(-geometry.out_channels_per_group // (self.lanes * self.channels))
        groups = geometry.out_channels // geometry.out_channels_per_group
        return -(-positions // of_block) * tiles * groups


def post_tile(geometry: ConvGeometry) -> PostTile:
    """Choose the tile of a general sum over receptive fields: little beyond the last channel."""
    channels = geometry.out_channels_per_group
    found = lanes(channels, 32)

    def cost(width: int) -> float:
        tiles = -(-channels // (found * width))
        return tiles * (width + 0.5)  # what is read of the inputs is shared by a thread's channels

    return PostTile(found, min((1, 2, 4), key=lambda width: (cost(width), -width)))


class KernelCut(NamedTuple):
    """How a sum to the kernel is cut.

    Input channels of a thread, chunks, positions and samples that share an element, elements, and
    blocks of threads.
    """

    inputs: int
    chunks: int
    shared: int
    elements: int
    blocks: int


def kernel_cut(
    geometry: ConvGeometry, batch_size: int, per_sample: bool, running: bool
) -> KernelCut:
    """Choose the chunks of a sum to the kernel; `running` sums take one channel after the other."""
    positions = geometry.out_shape.rows * geometry.out_shape.cols
    own = 1 if geometry.weight_sharing else positions
    samples = batch_size if per_sample else 1
    shared = (batch_size // samples) * (positions // own)
    elements = geometry.kernel_elements * samples
    if running:
        taps = elements // geometry.out_channels
        number = max(1, min(64, shared // 16))
        return KernelCut(1, number, shared, elements, -(-taps * number // 64))
    inputs = min(4, geometry.in_channels_per_group)
    groups = geometry.out_channels // geometry.out_channels_per_group
    tiles = own * samples * groups * math.prod(geometry.kernel_size)
    tiles *= -(-geometry.in_channels_per_group // inputs)
    tiles *= -(-geometry.out_channels_per_group // 32)
    number = max(1, min(_BLOCKS // tiles, shared // 64, 64))
    return KernelCut(inputs, number, shared, elements, tiles * number)


class Digits(NamedTuple):
    """The (name, size) digits that number an element, and those of the connections of one."""

    element: list[tuple[str, int]]
    terms: list[tuple[str, int]]

    @property
    def n_elements(self) -> int:
        """Number of elements."""
        return math.prod(size for _, size in self.element)

    @property
    def n_terms(self) -> int:
        """Number of connections of an element, with those that padding leaves out."""
        return math.prod(size for _, size in self.terms)

    def has(self, name: str) -> bool:
        """Whether a digit has this name."""
        return any(name == found for found, _ in (*self.element, *self.terms))


def gathered(geometry: ConvGeometry, batch_size: int, index: str) -> Digits:
    """Return how to visit all connections that reach an element of a variable with this `index`.

    Parameters
    ----------
    geometry : ConvGeometry
        The convolution.
    batch_size : int
        Number of samples.
    index : str
        The index that a loop over connections gives the variable, such as ``'_kernel_idx'``.
    """
    size = {
        "_sample": batch_size,
        "_row": geometry.out_shape.rows,
        "_col": geometry.out_shape.cols,
        "_channel": geometry.out_channels,
        "_out_channel": geometry.out_channels_per_group,
        "_krow": geometry.kernel_size[0],
        "_kcol": geometry.kernel_size[1],
        "_in_channel": geometry.in_channels_per_group,
        "_pre_row": geometry.in_shape.rows,
        "_pre_col": geometry.in_shape.cols,
        "_pre_channel": geometry.in_shape.channels,
        "_row_copy": geometry.padded_lines[0].shape[1],
        "_col_copy": geometry.padded_lines[1].shape[1],
    }
    taps = ["_krow", "_kcol", "_in_channel"]
    of_post = ["_sample", "_row", "_col", *taps, "_channel"]
    copies = ["_row_copy", "_col_copy"] if geometry.pads_neurons else []
    of_pre = ["_sample", "_pre_row", "_pre_col", *copies, "_krow", "_kcol"]
    of_pre += ["_pre_channel", "_out_channel"]
    place = [] if geometry.weight_sharing else ["_row", "_col"]
    pre = ["_sample", "_pre_row", "_pre_col", "_pre_channel"]
    every, element = {
        "_post_idx": (of_post, ["_sample", "_row", "_col", "_channel"]),
        "_post_channel_idx": (of_post, ["_channel"]),
        "_post_position_idx": (of_post, ["_sample", "_row", "_col"]),
        "_post_sample_idx": (of_post, ["_sample"]),
        "_pre_idx": (of_pre, pre),
        "_pre_sub_idx": (of_pre, pre),
        "_pre_channel_idx": (of_pre, ["_pre_channel"]),
        "_pre_position_idx": (of_pre, pre[:3]),
        "_pre_sample_idx": (of_post, ["_sample"]),
        "_kernel_idx": (of_post, [*place, *taps, "_channel"]),
        "_sample_kernel_idx": (of_post, ["_sample", *place, *taps, "_channel"]),
        "0": (of_post, []),
    }[index]
    return Digits(
        [(name, size[name]) for name in element],
        [(name, size[name]) for name in every if name not in element],
    )


class PostProductCut(NamedTuple):
    """How products that are summed to the target are cut: tiles of the result, chunks of taps."""

    tiles: int
    chunks: int


def post_product_cut(geometry: ConvGeometry, batch_size: int) -> PostProductCut:
    """Choose the chunks of a convolution's taps: as many as a large device has room for."""
    positions = batch_size * geometry.out_shape.rows * geometry.out_shape.cols
    groups = geometry.out_channels // geometry.out_channels_per_group
    tiles = -(-positions // 128) * groups * -(-geometry.out_channels_per_group // 64)
    return PostProductCut(tiles, max(1, min(_TILES // tiles, geometry.fan_in // _LEAST_TAPS)))


class ProductCut(NamedTuple):
    """How products of activity and input are summed to the kernel.

    Lists of active neurons and chunks of these; where all neurons are visited, blocks of threads,
    chunks of the positions, and whether the blocks work on tiles of taps by channels.
    """

    lists: int
    sparse: int
    blocks: int
    dense: int
    tiled: bool


def product_cut(geometry: ConvGeometry, batch_size: int) -> ProductCut:
    """Choose the lists and chunks of products that are summed to the kernel."""
    positions = batch_size * geometry.out_shape.rows * geometry.out_shape.cols
    lists = max(1, min(512, positions // 64))
    of_chunk = geometry.out_channels * -(-geometry.fan_in // 128)
    sparse = max(1, min(_BLOCKS // of_chunk, lists))
    groups = geometry.out_channels // geometry.out_channels_per_group
    tiles = groups * -(-geometry.fan_in // 128) * -(-geometry.out_channels_per_group // 64)
    used = geometry.kernel_elements / (tiles * 128 * 64)
    if used < _LEAST_OF_A_TILE:
        cut = kernel_cut(geometry, batch_size, False, False)
        return ProductCut(lists, sparse, cut.blocks, cut.chunks, False)
    dense = max(1, min(_BLOCKS // (2 * tiles), positions // 256, 64))
    return ProductCut(lists, sparse, tiles * dense, dense, True)


def private(code: Sequence[str]) -> list[str]:
    """Return the lines of a code block that write no shared variable, for threads that all run it.

    Raises
    ------
    NotImplementedError
        If the block draws random numbers: each thread would have its own.

    Examples
    --------
    >>> private(["double r = _ptr_array_g_r[0];", "r = r*_lio_1;", "_ptr_array_g_r[0] = r;"])
    ['double r = _ptr_array_g_r[0];', 'r = r*_lio_1;']
    """
    lines = _lines(code)
    if any(_DRAW.search(line) for line in lines):
        raise NotImplementedError(
            "a statement that changes a shared variable draws random numbers, which CUDA code "
            "can't; draw them in a variable of each element, or in a group of one neuron"
        )
    return [line for line in lines if not _SHARED_WRITE.match(line)]


def after_shared(code: Sequence[str], shared: Sequence[str]) -> list[str]:
    """Return lines of a block that see shared variables as the block `shared` has left them.

    Without those that would read them from memory again, where they are written later.

    Examples
    --------
    >>> shared = ["double r = _ptr_array_g_r[0];", "r += 1;", "_ptr_array_g_r[0] = r;"]
    >>> after_shared(["const double r = _ptr_array_g_r[0];", "x = r;"], shared)
    ['x = r;']
    """
    written = {
        line.partition("[")[0].strip() for line in _lines(shared) if _SHARED_WRITE.match(line)
    }
    return [
        line
        for line in _lines(code)
        if not ((found := _SHARED_READ.match(line)) and found[1] in written)
    ]


def _lines(code: Sequence[str]) -> list[str]:
    return code.split("\n") if isinstance(code, str) else list(code)
