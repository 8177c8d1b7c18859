"""3x3 convolutions in single precision, whose neighbouring sums share multiplications."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from brian2 import Network, defaultclock, prefs
from cases import padded_by_torch
from conftest import choose_target

from hebbsim import ConvSynapses, FeatureMap, conv_output_shape

pytestmark = pytest.mark.usefixtures("single_precision")


@pytest.fixture
def single_precision():
    prefs.core.default_float_dtype = np.float32


def build(shape, filters, padding=0, batch_size=3, text="w*x_pre", **kwds):
    rng = np.random.default_rng(6)
    out_shape = conv_output_shape(shape, filters, 3, padding=padding)
    source = FeatureMap(shape, "x : 1", batch_size=batch_size)
    layer = FeatureMap(out_shape, "u : 1", batch_size=batch_size)
    model = f"w : 1\nu_post = {text} : 1 (summed)"
    conv = ConvSynapses(source, layer, model, kernel_size=3, padding=padding, **kwds)
    source.set_maps("x", rng.standard_normal((batch_size, *shape)))
    conv.set_kernel("w", rng.standard_normal(conv.geometry.kernel_shape))
    return source, layer, conv


def step(*objects):
    Network(*objects).run(defaultclock.dt)
    return objects[1].get_maps("u")


def torchs(source, conv):
    maps, kernel = source.get_maps("x"), conv.get_kernel("w")
    tensors = (torch.from_numpy(array.astype(np.float64)) for array in (maps, kernel))
    maps, kernel = tensors
    padded = padded_by_torch(maps, conv.geometry.padding, conv.geometry.padding_mode)
    return F.conv2d(padded, kernel).numpy()


@pytest.mark.parametrize("threads", [0, 2])
@pytest.mark.parametrize("padding", [0, (1, 1), (2, 0), (0, 2)])
@pytest.mark.parametrize("shape", [(32, 5, 8), (37, 4, 3), (64, 11, 7)])
def test_equals_torch(shape, padding, threads):
    prefs.devices.cpp_standalone.openmp_threads = threads
    source, layer, conv = build(shape, 45, padding)
    found, wanted = step(source, layer, conv), torchs(source, conv)
    assert conv.sums["u_post"].template == "conv_sum_post_winograd"
    np.testing.assert_allclose(found, wanted, rtol=0, atol=2e-6 * np.abs(wanted).max())


@pytest.mark.parametrize("values", ["equal", "random"])
@pytest.mark.parametrize("channels", [96, 97, 128, 192, 256, 384])
def test_sums_of_many_inputs_keep_their_precision(channels, values):
    source, layer, conv = build((channels, 6, 6), 32, batch_size=1)
    if values == "equal":
        source.x = conv.w = 0.1
    found, wanted = step(source, layer, conv), torchs(source, conv)
    assert conv.sums["u_post"].template == "conv_sum_post_winograd"
    source.x, conv.w = np.abs(source.x[:]), np.abs(conv.w[:])
    assert np.abs((found - wanted) / torchs(source, conv)).max() <= 1e-6


@pytest.mark.parametrize("mode", ["circular", "reflect", "replicate"])
@pytest.mark.parametrize(("shape", "padding"), [((32, 3, 8), (2, 1)), ((37, 4, 3), (0, 2))])
def test_padding_that_shows_the_map_again(shape, padding, mode):
    source, layer, conv = build(shape, 45, padding, padding_mode=mode)
    found, wanted = step(source, layer, conv), torchs(source, conv)
    assert conv.sums["u_post"].template == "conv_sum_post_winograd"
    np.testing.assert_allclose(found, wanted, rtol=0, atol=2e-6 * np.abs(wanted).max())


def test_equals_torch_in_standalone_mode(tmp_path):
    choose_target("cpp_standalone", tmp_path)
    source, layer, conv = build((33, 6, 5), 50, 1)
    found, wanted = step(source, layer, conv), torchs(source, conv)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=2e-6 * np.abs(wanted).max())


def test_any_functions_of_weight_and_input():
    source, layer, conv = build((40, 6, 6), 32, text="tanh(w)*(x_pre**2 + 0.5)")
    found = step(source, layer, conv)
    x, w = source.get_maps("x"), np.tanh(conv.get_kernel("w"))
    wanted = F.conv2d(torch.from_numpy(x**2 + 0.5), torch.from_numpy(w)).numpy()
    assert conv.sums["u_post"].template == "conv_sum_post_winograd"
    np.testing.assert_allclose(found, wanted, rtol=0, atol=2e-6 * np.abs(wanted).max())


def test_silent_receptive_fields_sum_to_exactly_zero():
    """Shared multiplications would leave rounding, and a competition would find winners in it."""
    source, layer, conv = build((32, 8, 8), 32)
    maps = source.get_maps("x")
    maps[:, :, :, :4] = 0
    source.set_maps("x", maps)
    found, wanted = step(source, layer, conv), torchs(source, conv)
    assert (found[..., :2] == 0).all()
    np.testing.assert_allclose(found, wanted, rtol=0, atol=2e-6 * np.abs(wanted).max())


def test_weights_of_zero_leave_no_rounding():
    """Of a pruned kernel, say: a sum of nothing is exactly 0."""
    source, layer, conv = build((32, 8, 8), 32)
    kernel = np.zeros(conv.geometry.kernel_shape)
    kernel[:, 0, 0, 0] = 1
    conv.set_kernel("w", kernel)
    maps = source.get_maps("x")
    maps[:, 0, :3] = 0
    source.set_maps("x", maps)
    np.testing.assert_array_equal(step(source, layer, conv), maps[:, :1, :6, :6].repeat(32, 1))


@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_what_is_not_finite_stays_in_its_projective_field(value):
    source, layer, conv = build((32, 8, 8), 32)
    source.x[5] = value  # position (0, 0) of the first sample
    found = step(source, layer, conv)
    assert not np.isfinite(found[0, :, 0, 0]).any()
    found[0, :, 0, 0] = 0
    assert np.isfinite(found).all()


@pytest.mark.parametrize(
    "change",
    [
        {"kernel_size": 5},
        {"stride": 2},
        {"dilation": 2},
        {"groups": 2},
        {"weight_sharing": False},
        {"dtype": np.float64},
        {"text": "w*x_pre*z_post"},
        {"text": "clip(w*x_pre, 0, 1)"},
    ],
    ids=str,
)
def test_others_visit_every_connection(change):
    kwds = {"kernel_size": 3, **change}
    dtype, text = kwds.pop("dtype", None), kwds.pop("text", "w*x_pre")
    geometry = {k: v for k, v in kwds.items() if k not in ("groups", "weight_sharing")}
    source = FeatureMap((32, 9, 9), "x : 1", dtype=dtype)
    shape = conv_output_shape((32, 9, 9), 32, **geometry)
    layer = FeatureMap(shape, "u : 1\nz : 1", dtype=dtype)
    conv = ConvSynapses(source, layer, f"w : 1\nu_post = {text} : 1 (summed)", dtype=dtype, **kwds)
    Network(source, layer, conv).run(defaultclock.dt)
    assert conv.sums["u_post"].template == "conv_sum_post"
