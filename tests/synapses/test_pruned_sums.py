"""Sums to a kernel of which a mask leaves some elements: those alone are summed to."""

import numpy as np
import pytest
import torch
from brian2 import Network, defaultclock, prefs
from cases import padded_by_torch

from hebbsim import ConvSynapses, FeatureMap
from hebbsim.geometry import ConvGeometry

SHAPE, FILTERS, KERNEL = (6, 9, 11), 34, (3, 2)
GEOMETRIES = {
    "plain": {"batch_size": 19},
    "padded": {"padding": (1, 2), "batch_size": 10},
    "strided": {"stride": (2, 3), "padding": 1, "batch_size": 5},
    "dilated": {"dilation": (2, 1), "groups": 2, "batch_size": 1},
    "reflected": {"padding": 1, "padding_mode": "reflect", "batch_size": 8},
}
#: A correlation, one with weights, and activity alone, silent for the same neurons and not
CHANGE = "y_post*(x_pre - 2*y_post*w) + 3*y_post + 0.5*x_pre"


def build(change, shape=SHAPE, filters=FILTERS, kernel=KERNEL, *, batch_size=3, **kwds):
    """Maps with a convolution, whose mask is still to be set."""
    geometry = ConvGeometry(shape, filters, kernel, **kwds)
    source = FeatureMap(shape, "x : 1", batch_size=batch_size)
    layer = FeatureMap(geometry.out_shape, "y : 1", batch_size=batch_size)
    ones = np.ones(geometry.kernel_shape)
    model = f"w : 1\n{change}"
    conv = ConvSynapses(
        source, layer, model, update="w += 0", mask=ones, kernel_size=kernel, **kwds
    )
    source.set_maps("x", np.random.default_rng(1).standard_normal((batch_size, *shape)))
    return source, layer, conv


def prepare(layer, conv, *, left, active):
    """Draw a mask, weights and activity."""
    rng = np.random.default_rng(7)
    shape = (layer.batch_size, *layer.shape)
    layer.set_maps("y", rng.standard_normal(shape) * (rng.random(shape) < active))
    conv.set_kernel("w", rng.standard_normal(conv.geometry.kernel_shape))
    mask = rng.random(conv.geometry.kernel_shape) < left
    conv.set_mask(mask)
    return mask


def torchs(source, layer, conv):
    """Return what torch sums, from all samples."""
    geometry = conv.geometry
    x, y = (torch.from_numpy(a.astype(float)) for a in (source.get_maps("x"), layer.get_maps("y")))
    x, ones = (
        padded_by_torch(of, geometry.padding, geometry.padding_mode)
        for of in (x, torch.ones_like(x))
    )
    kwds = {name: getattr(geometry, name) for name in ("stride", "dilation", "groups")}

    def correlation(of, with_):
        shape = geometry.kernel_shape
        fitting = [
            (n - 1) * s + d * (k - 1) + 1
            for n, s, d, k in zip(
                with_.shape[2:],
                geometry.stride,
                geometry.dilation,
                geometry.kernel_size,
                strict=True,
            )
        ]
        of = of[:, :, : fitting[0], : fitting[1]]  # what no neuron sees
        return torch.nn.grad.conv2d_weight(of, shape, with_, **kwds).numpy()

    w = conv.get_kernel("w").astype(float)
    return (
        correlation(x, y)
        - 2 * w * correlation(ones, y * y)
        + 3 * correlation(ones, y)
        + 0.5 * correlation(x, torch.ones_like(y))
    )


@pytest.mark.parametrize(("geometry", "threads"), [*zip(GEOMETRIES, (0, 2, 0, 2, 2), strict=True)])
def test_equals_torch(geometry, threads):
    """Few neurons are active, or many; few elements are left, or many, or none."""
    prefs.core.default_float_dtype = np.float64 if threads else np.float32
    prefs.devices.cpp_standalone.openmp_threads = threads
    source, layer, conv = build(f"dw = {CHANGE} : 1 (summed)", **GEOMETRIES[geometry])
    network = Network(source, layer, conv)
    for left, active in ((0.04, 0.01), (0.04, 1), (0.5, 0.01), (0.5, 1), (0, 0.01)):
        mask = prepare(layer, conv, left=left, active=active)
        network.run(defaultclock.dt)
        assert conv.sums["dw"].template == "conv_sum_kernel_products"
        found, wanted = conv.get_kernel("dw"), torchs(source, layer, conv) * mask
        np.testing.assert_array_equal(found[~mask], 0)
        atol = (1e-13 if threads else 1e-6) * max(1, np.abs(wanted).max())
        np.testing.assert_allclose(found, wanted, rtol=0, atol=atol)


SUMS = {
    "separable": f"dw = {CHANGE} : 1 (summed)",
    "not separable": "dw = tanh(y_post*x_pre + w) : 1 (summed)",
    "of each sample": "dw = y_post*x_pre : 1 (summed, per sample)",
    "over channels": "xh = y_post*w : 1 (cumulative)\ndw = y_post*(x_pre - xh) : 1 (summed)",
}


def test_what_is_left_is_summed_to_on_every_target(target):
    """As if all were left; what a mask leaves out is 0."""
    shape, filters, kernel = (2, 5, 4), 3, 2
    pairs, objects = [], []
    for change in SUMS.values():
        source, layer, whole = build(change, shape, filters, kernel, padding=1)
        prepare(layer, whole, left=1.1, active=1)
        mask = np.random.default_rng(5).random(whole.geometry.kernel_shape) < 0.3
        pruned = ConvSynapses(
            source,
            layer,
            f"w : 1\n{change}",
            update="w += 0",
            mask=mask,
            kernel_size=kernel,
            padding=1,
        )
        pruned.set_kernel("w", np.random.default_rng(3).standard_normal(mask.shape))
        whole.set_kernel("w", np.random.default_rng(3).standard_normal(mask.shape) * mask)
        objects += [source, layer, whole, pruned]
        pairs.append((whole, pruned))
    Network(objects).run(defaultclock.dt)
    for change, (whole, pruned) in zip(SUMS, pairs, strict=True):
        found, all_ = (
            np.asarray((conv if conv.samples is None else conv.samples).variables["dw"].get_value())
            for conv in (pruned, whole)
        )
        left = np.resize(pruned.variables["mask"].get_value(), found.shape)
        assert np.count_nonzero(all_) == all_.size, change
        np.testing.assert_allclose(found, all_ * left, rtol=0, atol=1e-13, err_msg=change)


def test_it_is_explained():
    text = str(build(f"dw = {CHANGE} : 1 (summed)")[-1].explain())
    assert "where no more than 1 element of 16 is left, those alone are visited" in text
