"""Sums to kernels that no cache holds are products of packed matrices: against torch."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from brian2 import Network, defaultclock

from hebbsim import ConvSynapses, FeatureMap, conv_output_shape
from hebbsim.codegen.cpp.tiles import packs
from hebbsim.experiments.preferences import run_preferences

#: Neither a multiple of a tile; more positions than a block, in the first
CASES = {
    "reflected": ((130, 20, 21), 115, (3, 3), 1, 1, "reflect", "float32", 2),
    "strided": ((37, 9, 8), 301, (2, 3), (2, 1), 0, "zeros", "float64", 1),
}


@pytest.mark.parametrize("case", CASES)
def test_equals_torch(case):
    shape, channels, size, stride, padding, mode, dtype, threads = CASES[case]
    batch, rng = 4, np.random.default_rng(0)
    out_shape = conv_output_shape(shape, channels, size, stride, padding)
    with run_preferences(threads, dtype):
        source = FeatureMap(shape, "x : 1", batch_size=batch)
        target = FeatureMap(out_shape, "y : 1", batch_size=batch)
        conv = ConvSynapses(
            source,
            target,
            "w : 1\ndw = y_post*(2*x_pre - y_post*w) : 1 (summed)",
            kernel_size=size,
            stride=stride,
            padding=padding,
            padding_mode=mode,
        )
        assert packs(conv.geometry, batch, np.dtype(dtype).itemsize)
        x, y = (rng.standard_normal((batch, *s)).astype(dtype) for s in (shape, out_shape))
        w = rng.standard_normal(conv.geometry.kernel_shape).astype(dtype)
        source.set_maps("x", x)
        target.set_maps("y", y)
        conv.set_kernel("w", w)
        Network(source, target, conv).run(defaultclock.dt)
        found = conv.get_kernel("dw")
    given = torch.tensor(2 * x.astype(float))
    if mode == "reflect":
        given = F.pad(given, (padding,) * 4, "reflect")
    expected = torch.nn.grad.conv2d_weight(given, w.shape, torch.tensor(y.astype(float)), stride)
    expected = expected.numpy() - (y.astype(float) ** 2).sum((0, 2, 3))[:, None, None, None] * w
    tolerance = 1e-12 if dtype == "float64" else 1e-6
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * np.abs(expected).max())
