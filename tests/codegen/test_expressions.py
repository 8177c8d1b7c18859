"""Variables of the neurons as a loop nest names them."""

import numpy as np
import pytest
import torch
from brian2 import Network, NeuronGroup, defaultclock, linked_var, prefs

from hebbsim import Assign, ConvSynapses, FeatureMap, rules

MODEL = """w : 1
u_post = w*s_pre : 1 (summed)
q_post = w*x_pre*s_pre : 1 (summed)
dw = s_pre*y_post : 1 (summed)"""


@pytest.mark.parametrize("channels", [2, 16])
@pytest.mark.parametrize("language", ["numpy", "auto"])
def test_variables_linked_by_an_index(channels, language):
    """The right values are numpy's: ``z[order]``."""
    prefs.codegen.target = language
    order = np.array([4, 3, 0, 1, 2, 2, 1, 0, 3])
    others = NeuronGroup(5, "z : 1")
    others.z = np.arange(5) + 1.0
    source = FeatureMap((1, 3, 3), "s : 1 (linked)\nx = 2*s : 1")
    source.s = linked_var(others, "z", index=order)
    layer = FeatureMap((channels, 2, 2), "u : 1\nq : 1\ny : 1")
    layer.y = y = 1 + 0.1 * np.arange(4.0 * channels)
    conv = ConvSynapses(source, layer, MODEL, kernel_size=2)
    weights = np.random.default_rng(0).random((channels, 1, 2, 2))
    conv.set_kernel("w", weights)
    Network(others, source, layer, conv).run(defaultclock.dt)

    s = (order + 1.0).reshape(1, 1, 3, 3)
    for name, read in (("u", s), ("q", 2 * s * s)):
        right = torch.nn.functional.conv2d(torch.tensor(read), torch.tensor(weights))
        np.testing.assert_allclose(layer.get_maps(name), right, rtol=1e-12)
    windows = np.lib.stride_tricks.sliding_window_view(s[0, 0], (2, 2))  # rows, cols, krow, kcol
    right = np.einsum("rco,rckl->okl", y.reshape(2, 2, channels), windows)
    np.testing.assert_allclose(conv.get_kernel("dw")[:, 0], right, rtol=1e-12)


@pytest.mark.parametrize("language", ["numpy", "auto"])
def test_integers_are_divided_in_double_precision(language):
    prefs.codegen.target = language
    source, target = (FeatureMap((1, 3, 1), "u : 1\nx : 1\ny : 1") for _ in range(2))
    conv = ConvSynapses(source, target, kernel_size=1, rule=rules.Hebb("10/n_shared"))
    source.x = target.y = 1
    Assign(source, "7/3 + i/3", "y")
    Network(source, target, conv).run(defaultclock.dt)
    assert conv.get_kernel("w").item() == pytest.approx(3 * (10 / 3), rel=1e-15)
    assert source.y[:].tolist() == [7 / 3, 7 / 3 + 1 / 3, 7 / 3 + 2 / 3]
