"""How the C++ loop nests are cut into register tiles.

A tile is a few positions, or elements of a receptive field, by a run of contiguous channels: small
enough for its sums to stay in vector registers, and of a size known to the compiler.
"""

import math
from collections.abc import Iterable
from typing import NamedTuple

from hebbsim.geometry import ConvGeometry, MapShape

__all__ = [
    "FEWEST_STRIPS",
    "L2_BYTES",
    "Cut",
    "KernelTiles",
    "PackedTiles",
    "PostTiles",
    "PreRun",
    "PreTiles",
    "Registers",
    "SparseTiles",
    "WinogradBlocks",
    "cut",
    "even_cut",
    "kernel_tiles",
    "packed_tiles",
    "packs",
    "post_tiles",
    "pre_tiles",
    "sparse_tiles",
    "strips",
    "winograd_blocks",
]


#: What the second cache of a core holds, at least
L2_BYTES = 512 * 1024
#: As many strips of lines as threads share evenly
FEWEST_STRIPS = 16
_MOST_VECTORS = 4  # in a tile's run of channels
_KERNEL_VECTORS = 2  # likewise, where every sum loads its own activity
_WINOGRAD_TILES = 48  # in a block
_SPARSE_TASKS = 14  # that threads share, at least
_PACKED_POSITIONS = 960  # in a block, chains of 96
_L1_BYTES = 32 * 1024
_HELD_BYTES = 2 * L2_BYTES  # of which a few rows are read at a time


class Registers(NamedTuple):
    """The vector registers of a processor: how many, and bytes of each."""

    number: int = 16
    bytes: int = 32


class Cut(NamedTuple):
    """One run of equal pieces of an axis: ``start``, ``stop`` (exclusive) and ``size``."""

    start: int
    stop: int
    size: int

    @property
    def pieces(self) -> int:
        """Number of pieces."""
        return -(-(self.stop - self.start) // self.size)


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


def even_cut(length: int, largest: int) -> list[Cut]:
    """Cut an axis into as few pieces of at most `largest` as cover it, of two sizes at most.

    Examples
    --------
    >>> even_cut(28, 9)
    [Cut(start=0, stop=28, size=7)]
    >>> even_cut(13, 3)
    [Cut(start=0, stop=9, size=3), Cut(start=9, stop=13, size=2)]
    """
    pieces = -(-length // largest)
    size, longer = divmod(length, pieces)
    middle = longer * (size + 1)
    runs = (Cut(0, middle, size + 1), Cut(middle, length, size))
    return [run for run in runs if run.stop > run.start]


class PostTiles(NamedTuple):
    """How the target map of a sum over receptive fields is cut.

    The last piece of the last run of channels may reach beyond the channels: it then starts
    earlier, so that some channels are computed twice instead of one by one.
    """

    rows: list[Cut]
    cols: list[Cut]
    channels: list[Cut]


def _lanes(channels: int, itemsize: int, registers: Registers) -> int:
    """Return the channels of a vector: all that a register holds, or a smaller power of two."""
    lanes = registers.bytes // itemsize
    while lanes > channels:
        lanes //= 2
    return lanes


def post_tiles(geometry: ConvGeometry, itemsize: int, registers: Registers) -> PostTiles:
    """Choose the tiles for which the busiest part of the processor has least to do."""
    channels, shape = geometry.out_channels_per_group, geometry.out_shape
    lanes = _lanes(channels, itemsize, registers)
    candidates = []
    for width in range(1, min(_MOST_VECTORS, channels // lanes) + 1):
        most = _sums(registers) // width
        cols = even_cut(shape.cols, most)
        rows = even_cut(shape.rows, max(1, most // shape.cols))
        runs = even_cut(-(-channels // lanes), width)
        streamed = geometry.fan_in * width * registers.bytes > _L1_BYTES
        pieces = [
            (row.pieces * col.pieces * run.pieces, row.size * col.size, run.size)
            for row in rows
            for col in cols
            for run in runs
        ]
        cost = sum(
            n * _cycles(positions, vectors, streamed, registers.number)
            for n, positions, vectors in pieces
        )
        tiles = PostTiles(rows, cols, _scaled(runs, lanes))
        candidates.append((cost, sum(n for n, *_ in pieces), -width, tiles))
    return min(candidates)[-1]


def _sums(registers: Registers) -> int:
    """Return how many vectors of sums to hold; the rest is for weights and inputs."""
    return registers.number * 3 // 4


def _cycles(positions: int, vectors: int, streamed: bool, n_registers: int) -> float:
    """Return the cycles of a tile for each tap, by what bounds it.

    Two multiplications and two loads a cycle, four cycles until a sum can be added to again, and
    three cycles for a vector from the second cache. Where sums, weights and an input leave no
    register free, compilers load the weights for each multiplication anew.
    """
    sums = positions * vectors
    crowded = sums + vectors + 1 >= n_registers
    loads = (positions + (sums if crowded else vectors)) / 2
    return max(sums / 2, loads, 4, 3 * vectors if streamed else 0)


def _scaled(runs: Iterable[Cut], lanes: int) -> list[Cut]:
    return [Cut(*(lanes * n for n in run)) for run in runs]


def strips(batch_size: int, lines: int, shape: MapShape, itemsize: int) -> int:
    """Return into how many strips the `lines` of tiles of each sample are cut.

    The kernel is read once for each strip, whose share of the maps of `shape` that are read should
    stay in cache; and all threads should have as many of them.
    """
    wanted = max(FEWEST_STRIPS, -(-batch_size * math.prod(shape) * itemsize // L2_BYTES))
    return min(batch_size * lines, -(-wanted // FEWEST_STRIPS) * FEWEST_STRIPS)


class WinogradBlocks(NamedTuple):
    """How 2x2 tiles of a target map are grouped: in a block, in registers, and by channels.

    The last run of channels may reach beyond the channels.
    """

    tiles: int
    stripe: int
    channels: list[Cut]


def winograd_blocks(
    geometry: ConvGeometry, batch_size: int, itemsize: int, registers: Registers, threads: int
) -> WinogradBlocks:
    """Choose blocks whose inputs stay in cache, as many for each thread."""
    lanes = registers.bytes // itemsize
    width = 3 if registers.number > 16 else 2
    stripe = _sums(registers) // width
    tiles = batch_size * math.prod(-(-n // 2) for n in geometry.out_shape[1:])
    blocks = -(-tiles // _WINOGRAD_TILES)
    blocks = -(-blocks // max(1, threads)) * max(1, threads)
    block = -(-tiles // blocks)
    runs = even_cut(-(-geometry.out_channels // lanes), width)
    return WinogradBlocks(-(-block // stripe) * stripe, stripe, _scaled(runs, lanes))


class SparseTiles(NamedTuple):
    """How the target map of a sum over a pruned kernel is cut.

    `lanes` samples lie side by side, no more than `side`, a power of two; `cols` and they fill
    `vectors` registers of `width` numbers; a thread computes stripes of `rows`, of whose inputs so
    many rows are `held` at a time.
    """

    lanes: int
    side: int
    width: int
    vectors: int
    cols: list[Cut]
    rows: int
    held: int


def sparse_tiles(
    geometry: ConvGeometry, batch_size: int, itemsize: int, registers: Registers
) -> SparseTiles:
    """Choose runs of samples and columns for which sums stay in registers."""
    width = registers.bytes // itemsize
    blocks = -(-batch_size // width)
    # whole vectors are aligned, unless many of their samples would be none
    lanes = width if 8 * blocks * width <= 9 * batch_size else -(-batch_size // blocks)
    vectors = _sums(registers)
    # neighbouring columns follow each other in a vector unless a stride parts them
    most = vectors * width // lanes if geometry.stride[1] == 1 else vectors
    rows = -(-geometry.out_shape.rows // -(-_SPARSE_TASKS // blocks))
    seen_rows, seen_cols = (
        (n - 1) * geometry.stride[axis] + _extent(geometry, axis)
        for axis, n in enumerate((rows, geometry.out_shape.cols))
    )
    line = seen_cols * lanes * geometry.in_shape.channels * itemsize
    held = max(2 * _extent(geometry, 0), _HELD_BYTES // line)
    return SparseTiles(
        lanes,
        1 << (lanes - 1).bit_length(),
        width,
        vectors,
        even_cut(geometry.out_shape.cols, max(1, most)),
        rows,
        min(held, seen_rows),
    )


def _extent(geometry: ConvGeometry, axis: int) -> int:
    """Return how many rows or columns of the source a receptive field spans."""
    return (geometry.kernel_size[axis] - 1) * geometry.dilation[axis] + 1


class PreRun(NamedTuple):
    """Columns of a tile that meet neighbouring columns of the target by one column of the kernel.

    The first lies at `place` of the tile, and meets `col`; the others follow in steps.
    """

    kernel_col: int
    place: int
    col: int
    length: int


class PreTiles(NamedTuple):
    """How the source map of a sum over projective fields is cut.

    `runs` holds what the columns of each piece of each cut meet, in steps of `step` columns.
    """

    cols: list[Cut]
    channels: list[Cut]
    runs: list[list[list[PreRun]]]
    step: int


def pre_tiles(geometry: ConvGeometry, itemsize: int, registers: Registers) -> PreTiles:
    """Choose tiles of columns by input channels that registers hold."""
    channels = geometry.in_channels_per_group
    lanes = _lanes(channels, itemsize, registers)
    # no more columns follow each other than the smaller map has
    most = _sums(registers) // min(geometry.in_shape.cols, geometry.out_shape.cols)
    width = min(max(_KERNEL_VECTORS, most), _MOST_VECTORS, channels // lanes)
    step = geometry.stride[1]  # columns between are met by other columns of the kernel
    cols = even_cut(geometry.in_shape.cols, step * (_sums(registers) // width))
    runs = [
        [
            _pre_runs(geometry, start, run.size, step)
            for start in range(run.start, run.stop, run.size)
        ]
        for run in cols
    ]
    return PreTiles(cols, _exact_cut(channels, lanes, width), runs, step)


def _pre_runs(geometry: ConvGeometry, start: int, size: int, step: int) -> list[PreRun]:
    """Return what some columns of the source meet."""
    stride, dilation = geometry.stride[1], geometry.dilation[1]
    runs: list[PreRun] = []
    for kernel_col in range(geometry.kernel_size[1]):
        begun = len(runs)
        for copies in _padded_cols(geometry, start, size):
            for place, padded in enumerate(copies):
                col, rest = divmod(padded - kernel_col * dilation, stride)
                if padded < 0 or rest or not 0 <= col < geometry.out_shape.cols:
                    continue
                last = runs[-1] if len(runs) > begun else None
                if last and last[1:3] == (place - step * last.length, col - last.length):
                    runs[-1] = last._replace(length=last.length + 1)
                else:
                    runs.append(PreRun(kernel_col, place, col, 1))
    return runs


def _padded_cols(geometry: ConvGeometry, start: int, size: int) -> Iterable[Iterable[int]]:
    """Return where columns lie in the padded map; if several times, one after the other."""
    if geometry.pads_neurons:
        return geometry.padded_lines[1][start : start + size].T.tolist()
    return [range(start + geometry.padding[1], start + size + geometry.padding[1])]


class KernelTiles(NamedTuple):
    """How the kernel of a sum over positions is cut, and how many samples are summed at a time."""

    cols: list[Cut]
    in_channels: list[Cut]
    channels: list[Cut]
    samples: int


def kernel_tiles(
    geometry: ConvGeometry,
    batch_size: int,
    itemsize: int,
    registers: Registers,
    *,
    running: bool = False,
    per_sample: bool = False,
) -> KernelTiles:
    """Choose tiles of kernel columns and input channels by output channels.

    Without padding by zeros all columns of the kernel meet the same positions, and share a tile.
    A sum that runs over the output channels needs all of them in a tile. The samples of a chunk
    stay in cache while all tiles pass over them.
    """
    channels = geometry.out_channels_per_group
    lanes = _lanes(channels, itemsize, registers)
    width = min(_KERNEL_VECTORS, channels // lanes)
    taps = 1 if running else _sums(registers) // width
    in_channels = even_cut(geometry.in_channels_per_group, taps)
    everywhere = geometry.pads_neurons or not geometry.padding[1]
    together = geometry.weight_sharing and everywhere and not running
    cols = even_cut(geometry.kernel_size[1], max(1, taps // in_channels[0].size) if together else 1)
    in_bytes = (math.prod(geometry.in_shape) + math.prod(geometry.out_shape)) * itemsize
    samples = max(1, L2_BYTES // in_bytes) if geometry.weight_sharing else batch_size
    return KernelTiles(
        cols,
        in_channels,
        [Cut(0, channels, channels)] if running else _exact_cut(channels, lanes, width),
        1 if per_sample else min(samples, batch_size),
    )


class PackedTiles(NamedTuple):
    """How a product of packed receptive fields with packed activity is cut.

    A tile of `taps` by `channels` is summed in registers over a block of `positions`; `tiles` of
    them, of neighbouring input channels, are packed together.
    """

    taps: int
    channels: int
    positions: int
    tiles: int


def packs(geometry: ConvGeometry, batch_size: int, itemsize: int) -> bool:
    """Return whether a sum over positions is a product of packed matrices.

    That pays where the kernel doesn't fit into a cache, and all its elements meet all positions.
    """
    everywhere = geometry.pads_neurons or not any(geometry.padding)
    large = geometry.kernel_elements * itemsize > L2_BYTES
    wide = min(geometry.in_channels_per_group, geometry.out_channels) >= 16
    deep = batch_size * math.prod(geometry.out_shape[1:]) >= 16
    return (
        geometry.weight_sharing and geometry.groups == 1 and everywhere and large and wide and deep
    )


def packed_tiles(
    geometry: ConvGeometry, batch_size: int, itemsize: int, registers: Registers
) -> PackedTiles:
    """Choose tiles of input channels by output channels, and blocks that stay in cache."""
    channels = _KERNEL_VECTORS * registers.bytes // itemsize
    taps = _sums(registers) // _KERNEL_VECTORS
    positions = min(batch_size * math.prod(geometry.out_shape[1:]), _PACKED_POSITIONS)
    tiles = max(1, L2_BYTES // 2 // (positions * taps * itemsize))
    return PackedTiles(
        taps, channels, positions, min(tiles, -(-geometry.in_channels_per_group // taps))
    )


def _exact_cut(channels: int, lanes: int, width: int) -> list[Cut]:
    """Cut channels into runs of up to `width` vectors, and a rest of less than a vector."""
    whole = channels // lanes * lanes
    rest = cut(channels - whole, tuple(2**n for n in reversed(range(lanes.bit_length()))))
    return [
        *_scaled(even_cut(whole // lanes, width), lanes),
        *(Cut(whole + run.start, whole + run.stop, run.size) for run in rest),
    ]
