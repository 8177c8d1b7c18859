"""Convolutions whose kernels are mostly zero: the weights that a mask leaves are visited alone."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from brian2 import Network, defaultclock, prefs
from cases import padded_by_torch
from conftest import choose_target
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hebbsim import ConvSynapses, FeatureMap, conv_output_shape
from hebbsim.codegen.cpp.tiles import Registers, sparse_tiles
from hebbsim.geometry import ConvGeometry


def build(shape, filters, kernel_size=3, *, left=0.1, batch_size=3, text="w*x_pre", **kwds):
    rng = np.random.default_rng(6)
    geometry = ConvGeometry(shape, filters, kernel_size, **kwds)
    source = FeatureMap(shape, "x : 1", batch_size=batch_size)
    layer = FeatureMap(geometry.out_shape, "u : 1", batch_size=batch_size)
    conv = ConvSynapses(
        source,
        layer,
        f"w : 1\nu_post = {text} : 1 (summed)",
        update="w += 0",
        mask=rng.random(geometry.kernel_shape) < left,
        kernel_size=kernel_size,
        **kwds,
    )
    source.set_maps("x", rng.standard_normal((batch_size, *shape)))
    conv.set_kernel("w", rng.standard_normal(geometry.kernel_shape))
    return source, layer, conv


def step(source, layer, conv):
    Network(source, layer, conv).run(defaultclock.dt)
    assert conv.sums["u_post"].template == "conv_sum_post_sparse"
    return layer.get_maps("u")


def torchs(source, conv, function=lambda x: x):
    geometry = conv.geometry
    arrays = function(source.get_maps("x").astype(float)), conv.get_kernel("w").astype(float)
    maps, kernel = map(torch.from_numpy, arrays)
    padded = padded_by_torch(maps, geometry.padding, geometry.padding_mode)
    kwds = {name: getattr(geometry, name) for name in ("stride", "dilation", "groups")}
    return F.conv2d(padded, kernel, **kwds).numpy()


CASES = {
    "plain": {"batch_size": 19},
    "padded": {"padding": (1, 2), "batch_size": 10},
    "strided": {"stride": (2, 3), "padding": 1, "batch_size": 8},
    "dilated": {"dilation": (2, 1), "groups": 2, "batch_size": 1},
    "reflected": {"padding": 1, "padding_mode": "reflect", "batch_size": 15},
}


@pytest.mark.parametrize("threads", [0, 2])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", CASES)
def test_equals_torch(case, dtype, threads):
    prefs.core.default_float_dtype = dtype
    prefs.devices.cpp_standalone.openmp_threads = threads
    source, layer, conv = build((6, 9, 11), 34, (3, 2), **CASES[case])
    found, wanted = step(source, layer, conv), torchs(source, conv)
    assert 0 < np.count_nonzero(conv.get_kernel("w")) < conv.geometry.kernel_elements / 6
    tolerance = 1e-6 if dtype == np.float32 else 1e-14
    np.testing.assert_allclose(found, wanted, rtol=0, atol=tolerance * np.abs(wanted).max())


def test_a_mask_that_leaves_more_is_computed_densely_and_may_change():
    source, layer, conv = build((6, 9, 11), 34, left=0.9)
    network = Network(source, layer, conv)
    for left in (0.9, 0.2, 0.3, 0.0):
        mask = np.random.default_rng(2).random(conv.geometry.kernel_shape) < left
        conv.set_kernel("w", np.random.default_rng(3).random(conv.geometry.kernel_shape))
        conv.set_mask(mask)
        network.run(defaultclock.dt)
        np.testing.assert_allclose(layer.get_maps("u"), torchs(source, conv), rtol=0, atol=1e-13)


def test_long_sums_keep_their_precision():
    prefs.core.default_float_dtype = np.float32
    source, layer, conv = build((400, 3, 4), 16, left=0.2)
    source.x = 0.1
    conv.w = "0.1*mask"
    found, wanted = step(source, layer, conv), torchs(source, conv)
    assert wanted.max() > 5  # more than five hundred terms
    np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_functions_of_the_input_that_are_not_zero_where_it_is():
    source, layer, conv = build((6, 9, 11), 34, text="2*w*(x_pre**2 + 0.5)", padding=1)
    found = step(source, layer, conv)
    inside = source.get_maps("x") ** 2 + 0.5
    kernel = torch.from_numpy(2 * conv.get_kernel("w"))
    wanted = F.conv2d(torch.from_numpy(inside), kernel, padding=1).numpy()
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-13)


def test_what_is_not_zero_where_a_weight_is_visits_all():
    source, layer, conv = build((6, 9, 11), 34, text="(w + 1)*x_pre")
    Network(source, layer, conv).run(defaultclock.dt)
    assert conv.sums["u_post"].template == "conv_sum_post"


def test_equals_torch_in_standalone_mode(tmp_path):
    choose_target("cpp_standalone", tmp_path)
    source, layer, conv = build((6, 9, 11), 34, padding=1)
    found, wanted = step(source, layer, conv), torchs(source, conv)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-13)


@pytest.mark.parametrize(("batch", "of"), [(1, 18), (8, 4), (16, 3)])
def test_it_is_explained(batch, of):
    conv = build((6, 9, 11), 34, batch_size=batch)[-1]
    assert f"no more than 1 weight of {of} is left, those alone are visited" in str(conv.explain())


@settings(max_examples=200)
@given(
    shape=st.tuples(*3 * [st.integers(5, 400)]),
    stride=st.integers(1, 3),
    batch_size=st.integers(1, 200),
    itemsize=st.sampled_from([4, 8]),
    registers=st.sampled_from([Registers(), Registers(32, 64), Registers(16, 16)]),
)
@example((5, 5, 5), 1, 15, 4, Registers(32, 64))  # a vector of 16, of which one is none
def test_tiles_cover_the_map_and_stay_in_registers(shape, stride, batch_size, itemsize, registers):
    geometry = ConvGeometry(shape, 40, 5, stride=stride)
    tiles = sparse_tiles(geometry, batch_size, itemsize, registers)
    cols = [n for run in tiles.cols for n in range(run.start, run.stop)]
    assert cols == list(range(conv_output_shape(shape, 40, 5, stride)[2]))
    assert 1 <= tiles.lanes <= tiles.width
    blocks = -(-batch_size // tiles.lanes)
    assert blocks == -(-batch_size // tiles.width)
    assert 8 * blocks * tiles.lanes <= 9 * batch_size or blocks * (tiles.lanes - 1) < batch_size
    assert 1 <= tiles.rows <= geometry.out_shape.rows
    for run in tiles.cols:
        vectors = -(-run.size * tiles.lanes // tiles.width) if stride == 1 else run.size
        assert vectors <= tiles.vectors
