"""Feedback through kernels of some channels: a product that is summed in register tiles."""

import numpy as np
import pytest
from brian2 import Network, defaultclock, pA, prefs
from cases import Case, suffixed
from conftest import choose_target

from hebbsim import ConvSynapses, FeatureMap
from hebbsim.geometry import ConvGeometry

#: Channels that fill vectors, and some that don't, of all ways to join neurons
CASES = (
    Case(ConvGeometry((16, 7, 9), 12, 3), 3, "y*x"),
    Case(ConvGeometry((37, 6, 5), 5, (3, 2), (2, 1), (1, 2), (1, 2)), 2, "y*x", seed=1),
    Case(ConvGeometry((20, 8, 6), 14, 3, 2, 1, groups=2), 1, "y*x", seed=2),
    Case(ConvGeometry((4, 6, 7), 70, 3, padding=1, padding_mode="circular"), 2, "y*x", seed=3),
    Case(ConvGeometry((9, 5, 31), 8, 4, (1, 2), 1, padding_mode="reflect"), 2, "y*x", seed=4),
    # a shared factor, and a function of the neuron that is not zero where its argument is
    Case(ConvGeometry((6, 5, 5), 7, 3), 2, "y*x", feedback="2*abs(w)*exp(y)", seed=5),
)


def build(case):
    """The feedback of a case alone."""
    g = case.geometry
    kwds = ("kernel_size", "stride", "padding", "dilation", "groups", "padding_mode")
    source = FeatureMap(g.in_shape, "d : 1", batch_size=case.batch_size)
    target = FeatureMap(g.out_shape, "y : 1", batch_size=case.batch_size)
    model = f"w : 1\nd_pre = {suffixed(case.feedback)} : 1 (summed)"
    conv = ConvSynapses(source, target, model, **{name: getattr(g, name) for name in kwds})
    target.set_maps("y", case.state["y"])
    conv.set_kernel("w", case.state["w"])
    return source, target, conv


def simulate():
    built = [build(case) for case in CASES]
    Network(*[obj for objects in built for obj in objects]).run(defaultclock.dt)
    return [(source.get_maps("d"), conv.sums["d_pre"].template) for source, _, conv in built]


def assert_equal_to_torch(found, tolerance):
    for case, (d, template) in zip(CASES, found, strict=True):
        wanted = case.expected()[1]
        assert template == "conv_sum_pre_product"
        atol = tolerance * np.abs(wanted).max()
        np.testing.assert_allclose(d, wanted, rtol=0, atol=atol, err_msg=str(case.geometry))


@pytest.mark.parametrize("threads", [0, 2])
def test_equals_torch(dtype, threads):
    prefs.devices.cpp_standalone.openmp_threads = threads
    assert_equal_to_torch(simulate(), 1e-6 if dtype == np.float32 else 1e-14)


def test_equals_torch_in_standalone_mode(tmp_path):
    choose_target("cpp_standalone", tmp_path)
    assert_equal_to_torch(simulate(), 1e-14)


def test_factors_keep_what_their_product_keeps():
    """A weight below 1 is no whole number, and single precision doesn't hold (1 pA)**4."""
    prefs.core.default_float_dtype = np.float32
    source = FeatureMap((4, 4, 4), "n : 1\nwhole : integer\nratio : 1")
    target = FeatureMap((4, 2, 2), "y : integer\nI : amp")
    model = """w : 1
    n_pre = 1 : 1 (summed)
    whole_pre = w*y_post : integer (summed)
    ratio_pre = w*(I_post/pA)**4 : 1 (summed)"""
    conv = ConvSynapses(source, target, model, kernel_size=3)
    conv.w, target.y, target.I = 0.5, 2, 2 * pA
    Network(source, target, conv).run(defaultclock.dt)
    assert set(source.n) == {4, 8, 16}
    np.testing.assert_array_equal(source.whole, source.n)
    np.testing.assert_allclose(source.ratio, 8 * source.n, rtol=1e-6)


def test_few_channels_and_sums_that_read_what_they_write_visit_each_connection():
    few = build(Case(ConvGeometry((3, 6, 5), 7, 3), 2, "y*x"))[-1]
    neurons = FeatureMap((4, 6, 5), "d : 1")
    own = ConvSynapses(
        neurons, neurons, "w : 1\nd_pre = w*d_post : 1 (summed)", kernel_size=3, padding=1
    )
    assert few.sums["d_pre"].single is own.sums["d_pre"].single is None
