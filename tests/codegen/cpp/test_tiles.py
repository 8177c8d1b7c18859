"""Register tiles cover all there is, once."""

from itertools import pairwise

import numpy as np
from cases import random_geometry
from hypothesis import given
from hypothesis import strategies as st

from hebbsim.codegen.cpp.tiles import Registers, cut, even_cut, kernel_tiles, post_tiles, pre_tiles


def test_axes_are_cut_into_tiles_without_rest():
    for length in range(1, 70):
        for runs in (cut(length, (8, 4, 2, 1)), even_cut(length, 8)):
            assert runs[0].start == 0
            assert runs[-1].stop == length
            for one, two in pairwise(runs):
                assert one.stop == two.start
            assert all((run.stop - run.start) % run.size == 0 for run in runs)
            assert max(run.size for run in runs) <= 8


@given(
    st.integers(0, 10**6), st.sampled_from([4, 8]), st.sampled_from([(32, 64), (16, 32), (32, 16)])
)
def test_tiles_cover_maps_and_kernels(seed, itemsize, registers):
    geometry = random_geometry(np.random.default_rng(seed))
    registers = Registers(*registers)

    def covered(runs):
        return [n for run in runs for n in range(run.start, run.stop)]

    channels = geometry.out_channels_per_group
    tiles = post_tiles(geometry, itemsize, registers)
    assert covered(tiles.rows) == list(range(geometry.out_shape.rows))
    assert covered(tiles.cols) == list(range(geometry.out_shape.cols))
    assert covered(tiles.channels)[:channels] == list(range(channels))
    assert all(run.size <= channels for run in tiles.channels)  # the last starts earlier instead
    tiles = pre_tiles(geometry, itemsize, registers)
    assert covered(tiles.cols) == list(range(geometry.in_shape.cols))
    assert covered(tiles.channels) == list(range(geometry.in_channels_per_group))
    assert_meets_all(geometry, tiles)
    for running in (False, True):
        tiles = kernel_tiles(geometry, 7, itemsize, registers, running=running)
        assert covered(tiles.cols) == list(range(geometry.kernel_size[1]))
        assert covered(tiles.in_channels) == list(range(geometry.in_channels_per_group))
        assert covered(tiles.channels) == list(range(channels))
        assert 1 <= tiles.samples <= 7


def assert_meets_all(geometry, tiles):
    """Each column of the source meets those of the target that it reaches."""
    stride, dilation, padding = (
        getattr(geometry, name)[1] for name in ("stride", "dilation", "padding")
    )
    wanted = []
    for col in range(geometry.out_shape.cols):
        for kernel_col in range(geometry.kernel_size[1]):
            source = col * stride + kernel_col * dilation
            if geometry.pads_neurons:
                wanted.append((geometry.source_lines[1][source], kernel_col, col))
            elif 0 <= source - padding < geometry.in_shape.cols:
                wanted.append((source - padding, kernel_col, col))
    found = []
    for axis, pieces in zip(tiles.cols, tiles.runs, strict=True):
        for piece, runs in enumerate(pieces):
            for run in runs:
                places = [run.place + n * tiles.step for n in range(run.length)]
                assert 0 <= places[0] <= places[-1] < axis.size
                start = axis.start + piece * axis.size
                found += [(start + p, run.kernel_col, run.col + n) for n, p in enumerate(places)]
    assert sorted(found) == sorted(wanted)
