"""Rate networks: what they compute, learn and refuse."""

import os
import signal

import brian2
import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from brian2 import StateMonitor, ms, mV, prefs, set_device
from networks_cases import SHAPE, assert_same, images, kernels, two_layers

from hebbsim import StoredImages, rules
from hebbsim.geometry import GeometryError
from hebbsim.networks.conv_layer import ConvLayer
from hebbsim.networks.conv_network import ConvNetwork
from hebbsim.networks.interruption import StoppedError
from hebbsim.networks.spiking_layer import SpikingLayer


def test_forward_map_is_torchs():
    network = two_layers()
    network.stages[0].groups[0].theta = np.linspace(-0.2, 0.3, 6)
    data = images(25)  # not a multiple of the batch
    first, second = network.transform_all(data)
    x = torch.tensor(data)
    for stage, found in zip(network.stages, (first, second), strict=True):
        x = x - x.mean((1, 2, 3), keepdim=True)
        x = x / x.pow(2).mean((1, 2, 3), keepdim=True).sqrt()
        w, theta = torch.tensor(stage.conv.get_kernel("w")), torch.tensor(stage.thresholds)
        z = F.conv2d(x, w) - theta[:, None, None]
        if stage.layer.output == "triangle":
            z = z - z.mean(1, keepdim=True)
        x = F.relu(z)
        if stage.layer.pooling:
            x = F.avg_pool2d(x, 2)
        np.testing.assert_allclose(found, x.numpy(), atol=1e-12)


def test_winners_learn_and_the_next_layer_sees_more():
    network = two_layers()
    data = images(10)
    y, u = (network.transform(data, 1, variable=name) for name in "yu")
    best = np.argsort(-u, axis=1, kind="stable")[:, :2]
    expected = np.zeros_like(u)
    np.put_along_axis(expected, best, 1, axis=1)
    np.testing.assert_array_equal(y, expected * (u > 0))
    assert (network.transform(data) > 0).mean() > (y > 0).mean()


def test_same_seed_same_bits_and_another_seed_other_kernels():
    one, two, other = two_layers(seed=3), two_layers(seed=3), two_layers(seed=4)
    for network in (one, two, other):
        network.fit(images(), epochs=2, progress=False)
    assert_same(one, two)
    assert np.abs(kernels(one)[0] - kernels(other)[0]).max() > 1e-3


def test_learning_changes_kernels_keeps_norms_and_pruning():
    network = two_layers()
    before = kernels(network)
    network.fit(images(), progress=False)
    for old, new in zip(before, kernels(network), strict=True):
        assert np.abs(new - old).max() > 1e-3
        np.testing.assert_allclose(np.sqrt((new**2).sum((1, 2, 3))), 1, atol=1e-12)
    pruned = before[0] == 0
    assert 0.1 < pruned.mean() < 0.3
    assert (kernels(network)[0][pruned] == 0).all()


def test_transform_changes_nothing():
    network = two_layers()
    network.fit(images(), progress=False)
    before = {name: v.get_value().copy() for name, v in network.state_variables().items()}
    first, again = network.transform(images()), network.transform(images())
    np.testing.assert_array_equal(first, again)
    for name, variable in network.state_variables().items():
        if not name.endswith(("dw", "win_rate")):
            np.testing.assert_array_equal(variable.get_value(), before[name], err_msg=name)


def test_an_interrupted_transform_returns_nothing():
    network = two_layers()
    data = images(60)

    def reduce(maps):
        os.kill(os.getpid(), signal.SIGINT)
        return maps

    with pytest.raises(KeyboardInterrupt):
        network.transform(data, reduce=reduce)
    assert network.transform(data).shape[0] == 60


@pytest.mark.parametrize("whole", [False, True])
def test_a_stopped_transform_says_so(whole):
    """By the network or by all of Brian2; what was shown to its end is returned."""
    network = two_layers()

    def reduce(maps):
        shown.append(maps)
        if len(shown) == stop_at:
            brian2.stop() if whole else network.brian2.stop()
        return maps

    shown, stop_at = [], 3
    with pytest.raises(StoppedError, match=r"transform: .*brian2\.stop\(\), after batch 3 of 6;"):
        network.transform(images(60), reduce=reduce)
    shown, stop_at = [], 6
    assert len(network.transform(images(60), reduce=reduce)) == 60


def test_a_monitor_can_join_the_network():
    network = two_layers()
    monitor = StateMonitor(network.stages[0].conv, "w", record=[0, 1], clock=network.clock)
    network.brian2.add(monitor)
    network.fit(images(), progress=False)
    assert monitor.w.shape == (2, 6)


@pytest.mark.parametrize("layer", [2, -3])
def test_layers_that_are_not_there(layer):
    with pytest.raises(ValueError, match=f"layer {layer}: the network has 2, numbered 0 to 1"):
        two_layers().transform(images(), layer)


@pytest.mark.parametrize(
    ("layers", "error", "message"),
    [
        ([], ValueError, "at least one layer"),
        (ConvLayer(4, 3), TypeError, r"must be a list, got one layer; write \[layer\]"),
        (5, TypeError, "must be a list of ConvLayer, got 5"),
        ([SpikingLayer(4, 3)], TypeError, "layer 1 must be a ConvLayer, got SpikingLayer"),
        ([ConvLayer(4, 9)], GeometryError, "layer 1: the kernel covers 9x9"),
        ([ConvLayer(4, 3), ConvLayer(4, 7)], GeometryError, "layer 2: the kernel covers 7x7"),
        ([ConvLayer(4, 7, pooling="max", pool_size=3)], GeometryError, "layer 1: after a conv"),
        ([ConvLayer(4, 3, groups=2)], GeometryError, "layer 1: groups=2 must divide"),
    ],
)
def test_layers_that_do_not_fit(layers, error, message):
    with pytest.raises(error, match=message):
        ConvNetwork(SHAPE, layers)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("activity", "winer", "did you mean 'winners'"),
        ("output", "triangel", "did you mean 'triangle'"),
        ("pooling", "mean", "pooling"),
        ("pruned", 1.0, r"pruned must be in \[0, 1\)"),
        ("threshold_step", -1, "threshold_step must be >= 0"),
        ("normalize", "L3", "unknown normalize 'L3'"),
        ("norm", -1, "norm must be a positive number without units, .* got -1"),
        ("norm", 2 * mV, "norm must be a positive number without units, .* got 2. . mvolt"),
        ("norm", np.inf, "norm must be a positive number"),
    ],
)
def test_layer_settings_that_are_refused(field, value, message):
    with pytest.raises(ValueError, match=message):
        ConvLayer(4, 3, **{field: value})


@pytest.mark.parametrize("bias", [[0.1, 0.2], 0.5, 1, None, np.zeros(4), "yes"])
def test_a_bias_is_declared_by_yes_or_no(bias):
    with pytest.raises(
        TypeError, match=r"bias must be True or False, got .*\['bias1'\].bias = val"
    ):
        ConvLayer(4, 3, bias=bias)


@pytest.mark.parametrize(
    "rule",
    [
        rules.Oja().filtered(20 * ms, 20 * ms),  # `x` and `y` are there, and no traces
        rules.Rule(equations="dw = y_post*x_pre : 1 (summed)", post_model="da/dt = -a/second : 1"),
    ],
)
def test_rules_that_need_a_state_of_each_neuron_are_refused(rule):
    with pytest.raises(ValueError, match=r"ConvLayer: the rule's .*_model adds variables"):
        ConvLayer(4, 3, rule)


def test_a_threshold_is_an_offset_already():
    with pytest.raises(ValueError, match=r"bias=True and threshold_step=0.1.*theta = -bias"):
        ConvLayer(4, 3, bias=True, threshold_step=0.1)


def with_bias(**settings):
    layer = ConvLayer(3, (2, 3), rules.Hebb("0.1/n_shared"), bias=True, **settings)
    network = ConvNetwork(SHAPE, [layer], batch_size=10)
    network.brian2["bias1"].bias = [0.5, -0.25, 1]
    return network


def test_a_bias_starts_at_0_and_changes_nothing_then():
    settings = {"activity": "graded", "output": "linear"}
    one = ConvNetwork(SHAPE, [ConvLayer(3, 2, bias=True, **settings)], batch_size=10)
    other = ConvNetwork(SHAPE, [ConvLayer(3, 2, **settings)], batch_size=10)
    np.testing.assert_array_equal(one.stages[0].bias, [0, 0, 0])
    np.testing.assert_array_equal(other.stages[0].bias, [0, 0, 0])
    np.testing.assert_array_equal(one.transform(images(10)), other.transform(images(10)))


@pytest.mark.parametrize("compiled", [False, True])
def test_plasticity_sees_the_bias(compiled, dtype):
    prefs.codegen.target = "auto" if compiled else "numpy"
    network = with_bias(activity="rectified", normalize=None, standardize=False)
    data = images(10).astype(np.float32)
    x = torch.tensor(data, dtype=torch.float64)
    w = torch.tensor(network.stages[0].conv.get_kernel("w"), dtype=torch.float64)
    z = F.conv2d(x, w, torch.tensor([0.5, -0.25, 1], dtype=torch.float64))
    change = F.conv2d(x.transpose(0, 1), F.relu(z).transpose(0, 1)).transpose(0, 1)
    expected = w + 0.1 * change / (z.numel() / 3)
    network.fit(data, progress=False)
    atol = 1e-12 if dtype is np.float64 else 1e-5
    assert (expected - w).abs().max() > 0.01
    np.testing.assert_allclose(kernels(network)[0], expected.numpy(), atol=atol)
    np.testing.assert_array_equal(network.stages[0].bias, [0.5, -0.25, 1])


def test_a_bias_is_in_the_checkpoint(tmp_path):
    network, other = with_bias(), with_bias()
    network.fit(images(), progress=False, checkpoint=tmp_path / "state.npz")
    other.brian2["bias1"].bias = 7
    other.fit(images(), progress=False, checkpoint=tmp_path / "state.npz", resume=True)
    assert_same(network, other)
    np.testing.assert_array_equal(other.stages[0].bias, [0.5, -0.25, 1])


@pytest.mark.parametrize("build", [two_layers, with_bias])
def test_standalone_learns_from_stored_images(tmp_path, build):
    def learned():
        network = build()
        StoredImages(network.input, images())
        network.brian2.run(3 * network.clock.dt, namespace={})
        return kernels(network)

    expected = learned()
    set_device("cpp_standalone", directory=str(tmp_path / "x"))
    for found, kernel in zip(learned(), expected, strict=True):
        np.testing.assert_allclose(found, kernel, atol=1e-9)


def test_numpy_target_learns_the_same():
    one, two = two_layers(), two_layers()
    one.fit(images(), progress=False)
    prefs.codegen.target = "numpy"
    two.fit(images(), progress=False)
    for a, b in zip(kernels(one), kernels(two), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_a_layer_shows_what_it_was_given():
    assert repr(ConvLayer(4, 3, rules.Oja(), norm=2.0)) == (
        "ConvLayer(out_channels=4, kernel_size=3, rule=Oja(), norm=2.0)"
    )
    stage = ConvNetwork(SHAPE, [ConvLayer(4, 3)]).stages[0]
    assert repr(stage).startswith("<Stage of ConvLayer(out_channels=4, kernel_size=3): <FeatureMap")
