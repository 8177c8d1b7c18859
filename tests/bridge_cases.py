"""Networks that cross the bridge."""

from dataclasses import replace

import cases
import numpy as np
import torch
from brian2 import prefs
from torch import nn

from hebbsim import rules
from hebbsim.bridge.torch_export import to_torch
from hebbsim.bridge.torch_import import from_torch
from hebbsim.competition.thresholds import AdaptiveThreshold
from hebbsim.networks.conv_layer import ConvLayer
from hebbsim.networks.conv_network import ConvNetwork

TOLERANCE = {np.float32: 1e-5, np.float64: 1e-10}
PLAIN = {"rule": None, "activity": "linear", "output": "linear", "standardize": False}


def thresholds(network):
    """The adaptive thresholds of a network, by layer."""
    groups = [group for stage in network.stages for group in stage.groups]
    return [group for group in groups if isinstance(group, AdaptiveThreshold)]


def build(in_shape, layers, seed=0, *, draw=None, batch_size=3):
    """Return a network with random kernels and thresholds."""
    rng = np.random.default_rng(seed)
    draw = draw or (lambda rng, shape: rng.normal(0, 0.5, shape))
    network = ConvNetwork(in_shape, layers, batch_size=batch_size, seed=seed)
    for stage in network.stages:
        kernel = draw(rng, stage.conv.geometry.kernel_shape)
        if "mask" in stage.conv.variables:
            kernel = kernel * stage.conv.get_kernel("mask")
        stage.conv.set_kernel("w", kernel)
    for norm in filter(None, (stage.batch_norm for stage in network.stages)):
        norm.running_mean = draw(rng, len(norm))
        norm.running_variance = 0.1 + draw(rng, len(norm)) ** 2
    for group in thresholds(network):
        group.theta = draw(rng, len(group))
    return network


def random_images(network, n=4, seed=1, draw=None):
    """Draw images that float32 holds, because a network reads them in single precision."""
    rng = np.random.default_rng(seed)
    shape = (n, *network.input_shape)
    return rng.random(shape, dtype=np.float32) if draw is None else draw(rng, shape)


def run(module, images):
    dtype = next(module.parameters()).dtype
    return module(torch.from_numpy(images).to(dtype)).numpy()


def assert_same_as_torch(module, in_shape, seed=1):
    """Import a module, compare what it gives with torch, and what comes back with both."""
    dtype = torch.float64 if prefs.core.default_float_dtype is np.float64 else torch.float32
    module = module.to(dtype).requires_grad_(False)
    network = from_torch(module, in_shape, batch_size=2)
    images = random_images(network, n=3, seed=seed)
    expected = module(torch.from_numpy(images).to(dtype)).numpy()
    found = network.transform(images)
    if expected.ndim == 2:  # of a linear layer
        expected = expected[:, :, None, None]
    largest = np.abs(expected).max()
    assert largest > 0
    exported = to_torch(network)
    for one in (found, run(exported, images)):
        assert one.shape == expected.shape
        assert np.abs(one - expected).max() <= TOLERANCE[found.dtype.type] * largest
    back = from_torch(exported)
    assert back.describe() == network.describe()
    assert_equal_state(to_torch(back), exported)
    return network


def randomize(module, seed=0):
    """Draw parameters and running statistics: fresh ones of a batch norm are 1 and 0."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            if tensor.is_floating_point():
                tensor.copy_(torch.randn(tensor.shape, generator=generator) / 2)
                if name.endswith("running_var"):
                    tensor.square_().add_(0.1)
    return module


def assert_same_map(network, module, images):
    expected, found = network.transform(images), run(module, images)
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype == prefs.core.default_float_dtype
    largest = np.abs(expected).max()
    assert np.abs(found - expected).max() <= TOLERANCE[found.dtype.type] * largest
    assert largest > 0


def assert_equal_state(one, other):
    one, other = one.state_dict(), other.state_dict()
    assert list(one) == list(other)
    for name, tensor in one.items():
        assert tensor.dtype == other[name].dtype
        assert torch.equal(tensor, other[name]), name


def random_geometry(seed):
    """Draw a geometry that fits, non-square in everything; each fourth one is unshared."""
    drawn = cases.random_geometry(np.random.default_rng(seed))
    return replace(drawn, weight_sharing=bool(seed % 4))


LAYERS = [
    ConvLayer(4, (3, 2), rules.Oja(0.02), stride=(1, 2), threshold_step=0.3, pooling="max"),
    ConvLayer(
        3,
        2,
        rules.BCM(),
        activity="softmax",
        temperature=0.5,
        output="activity",
        pruned=0.4,
        standardize=False,
        batch_norm=True,
    ),
    ConvLayer(2, 2, None, weight_sharing=False, padding=1, activity="graded", output="activity"),
]


def conv(channels_in=1, channels_out=2, size=3, **settings):
    return nn.Conv2d(channels_in, channels_out, size, **{"bias": False, **settings})
