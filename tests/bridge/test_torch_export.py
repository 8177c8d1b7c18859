"""To torch: the same forward map."""

import json
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from brian2 import Network as BrianNetwork
from brian2 import NeuronGroup
from bridge_cases import (
    PLAIN,
    TOLERANCE,
    assert_same_map,
    build,
    random_geometry,
    random_images,
    run,
    thresholds,
)
from torch import nn

from hebbsim import ConvSynapses, FeatureMap, rules
from hebbsim.bridge.torch_export import to_torch
from hebbsim.bridge.torch_import import from_torch
from hebbsim.bridge.torch_modules import (
    LocallyConnected2d,
    Standardize,
    Triangle,
)
from hebbsim.networks.conv_layer import ConvLayer
from hebbsim.networks.conv_network import ConvNetwork

ACTIVITIES = ("winners", "graded", "softmax", "signed_softmax", "rectified", "linear")
KINDS = [*(("activity", activity) for activity in ACTIVITIES), ("triangle", "winners")]
KINDS += [("rectified", "softmax"), ("linear", "graded")]


def dyadic(rng, shape):
    """Multiples of 1/8, whose sums are exact in any order and often equal."""
    return rng.integers(-8, 9, shape) / 8


def layer_of(geometry, **settings):
    g = geometry
    return ConvLayer(
        g.out_channels,
        g.kernel_size,
        stride=g.stride,
        padding=g.padding,
        dilation=g.dilation,
        groups=g.groups,
        weight_sharing=g.weight_sharing,
        padding_mode=g.padding_mode,
        **settings,
    )


# The forward map


@pytest.mark.usefixtures("numpy_target")
@pytest.mark.parametrize("seed", range(16))
def test_any_geometry(dtype, seed):
    g = random_geometry(seed)
    layer = layer_of(g, **PLAIN | {"standardize": seed % 3 == 0}, threshold_step=0.1 * (seed % 2))
    network = build(g.in_shape, [layer], seed)
    module = to_torch(network)
    kind = nn.Conv2d if g.weight_sharing else LocallyConnected2d
    assert type(module.conv1) is kind
    assert (module.conv1.bias is not None) == (seed % 2 == 1)
    assert_same_map(network, module, random_images(network))


@pytest.mark.usefixtures("numpy_target")
@pytest.mark.parametrize("pooling", [None, "average", "max", "sum"])
@pytest.mark.parametrize(("output", "activity"), KINDS)
def test_every_output_and_pooling(dtype, output, activity, pooling):
    layer = ConvLayer(
        6,
        (2, 3),
        rules.Oja(),
        activity=activity,
        output=output,
        k=2,
        temperature=0.7,
        threshold_step=0.1,
        pooling=pooling,
        pool_size=(2, 3),
        pool_stride=None if pooling == "max" else (1, 2),
        pool_padding=(1, 0) if activity == "winners" else (0, 1),
        pool_ceil_mode=output != "linear",
        standardize=False,
        batch_norm=activity == "rectified",
        power=1.4 if output == "triangle" else 1,
    )
    # with exact sums no rounding error decides who wins
    network = build((2, 7, 9), [layer], draw=dyadic)
    assert_same_map(network, to_torch(network), random_images(network, draw=dyadic))


@pytest.mark.parametrize("seed", range(3))
def test_compiled_layers_on_each_other(dtype, seed):
    layers = [
        ConvLayer(6, 3, rules.Hebb(), padding=1, threshold_step=0.1, k=2, pooling="average"),
        ConvLayer(
            4,
            (2, 1),
            groups=2,
            activity="signed_softmax",
            output="activity",
            standardize=seed > 0,
            batch_norm=seed < 2,
        ),
        ConvLayer(5, 2, weight_sharing=False, activity="graded", output="activity", k=3),
    ][: seed + 1]
    network = build((2, 8, 7), layers, seed)
    # two batches and a part of one
    assert_same_map(network, to_torch(network), random_images(network, n=7))


def test_the_next_layer_sees_the_output():
    layer = ConvLayer(4, 2, pooling="max", pool_size=1, threshold_step=0.1)
    whole = build((1, 6, 6), [layer, ConvLayer(3, 2)])
    first = build((1, 6, 6), [layer])
    first.stages[0].conv.set_kernel("w", whole.stages[0].conv.get_kernel("w"))
    thresholds(first)[0].theta = thresholds(whole)[0].theta[:]
    images = random_images(whole)
    assert_same_map(first, to_torch(whole)[:4], images)


def test_ties_are_won_by_the_lowest_channel(dtype):
    layer = ConvLayer(6, 2, **PLAIN | {"activity": "winners", "output": "activity", "k": 3})
    network = build((1, 8, 8), [layer], draw=lambda rng, shape: rng.integers(0, 2, shape) / 2.0)
    images = random_images(network, draw=lambda rng, shape: rng.integers(-1, 2, shape) / 2.0)
    found, drive = run(to_torch(network), images), network.transform(images, variable="u")
    assert (np.sort(drive, axis=1)[:, 3] == np.sort(drive, axis=1)[:, 2]).any()
    np.testing.assert_array_equal(found, network.transform(images))


def test_a_constant_image_is_standardized_to_nothing(dtype):
    network = build((3, 7, 9), [ConvLayer(4, 3, output="linear")])
    images = np.full((2, 3, 7, 9), 0.1, dtype=np.float32)
    images[1] = 2.7
    assert not network.transform(images).any()
    assert not run(to_torch(network), images).any()


# What is exported


def test_modules_are_named_by_their_layer():
    layers = [
        ConvLayer(4, 3, pooling="sum", threshold_step=0.1),
        ConvLayer(4, 3, **PLAIN, groups=2, pooling="average"),
        ConvLayer(4, 2, standardize=False, activity="softmax", output="activity"),
    ]
    module = to_torch(build((2, 16, 16), layers))
    assert type(module) is nn.Sequential
    assert [(name, type(child)) for name, child in module.named_children()] == [
        ("standardize1", Standardize),
        ("conv1", nn.Conv2d),
        ("output1", Triangle),
        ("pool1", nn.AvgPool2d),
        ("conv2", nn.Conv2d),
        ("pool2", nn.AvgPool2d),
        ("conv3", nn.Conv2d),
        ("output3", nn.Softmax2d),
    ]
    assert list(module.state_dict()) == [
        "conv1.weight",
        "conv1.bias",
        "conv2.weight",
        "conv3.weight",
    ]
    assert not any(parameter.requires_grad for parameter in module.parameters())


def test_kernels_and_thresholds_are_copied(dtype):
    network = build((2, 6, 6), [ConvLayer(4, 3, rules.Oja(), threshold_step=0.1)])
    module, stage = to_torch(network), network.stages[0]
    kernel = np.array(stage.conv.get_kernel("w"))
    np.testing.assert_array_equal(module.conv1.weight.numpy(), kernel)
    np.testing.assert_array_equal(module.conv1.bias.numpy(), -stage.thresholds)
    assert module.conv1.weight.numpy().dtype == dtype
    module.conv1.weight.zero_()
    np.testing.assert_array_equal(stage.conv.get_kernel("w"), kernel)


def test_no_threshold_is_no_negative_zero():
    module = to_torch(ConvNetwork((1, 4, 4), [ConvLayer(2, 3, threshold_step=0.1)], batch_size=1))
    assert not torch.signbit(module.conv1.bias).any()


def test_exporting_leaves_the_random_state_alone():
    network = build((2, 5, 5), [ConvLayer(4, 3), ConvLayer(4, 2, weight_sharing=False)])
    before = torch.get_rng_state()
    to_torch(network)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_description_is_json():
    network = build((1, 6, 6), [ConvLayer(4, 3, rules.BCM())])
    assert json.loads(json.dumps(to_torch(network).description)) == network.describe()


@dataclass
class Convolution:
    """One convolution, its source and target."""

    source: FeatureMap
    target: FeatureMap
    conv: ConvSynapses


def convolution(seed, model="w : 1\nu_post = w*x_pre : 1 (summed)", **settings):
    g = random_geometry(seed)
    source = FeatureMap(g.in_shape, "x : 1\nd : 1", batch_size=2)
    target = FeatureMap(g.out_shape, "u : 1\ny : 1", batch_size=2)
    names = ("kernel_size", "stride", "padding", "dilation", "groups", "weight_sharing")
    geometry = {name: getattr(g, name) for name in (*names, "padding_mode")}
    conv = ConvSynapses(source, target, model, **geometry, **settings)
    rng = np.random.default_rng(seed)
    source.set_maps("x", rng.standard_normal((2, *g.in_shape)))
    conv.set_kernel("w", rng.standard_normal(g.kernel_shape))
    return Convolution(source, target, conv)


@pytest.mark.usefixtures("numpy_target")
@pytest.mark.parametrize("seed", [4, 5])
def test_a_single_convolution(dtype, seed):
    one = convolution(seed, rule=rules.Oja() if seed == 5 else None)
    BrianNetwork(one.source, one.target, one.conv).run(one.source.clock.dt, namespace={})
    module = to_torch(one.conv)
    assert type(module) is (nn.Conv2d if one.conv.geometry.weight_sharing else LocallyConnected2d)
    found = run(module, one.source.get_maps("x"))
    expected = one.target.get_maps("u")
    if one.conv.rule is None:  # a rule has changed the kernel since
        assert np.abs(found - expected).max() <= TOLERANCE[dtype] * np.abs(expected).max()
    back = from_torch(module)
    assert back.input_shape == one.conv.geometry.in_shape
    np.testing.assert_array_equal(back.stages[0].conv.get_kernel("w"), one.conv.get_kernel("w"))


def test_a_single_convolution_in_si_units():
    g = convolution(5).conv.geometry
    source = FeatureMap(g.in_shape, "x : volt")
    target = FeatureMap(g.out_shape, "u : amp")
    conv = ConvSynapses(
        source,
        target,
        "g : siemens\nb : 1\nu_post = x_pre*g : amp (summed)",
        kernel_size=g.kernel_size,
        stride=g.stride,
        padding=g.padding,
        dilation=g.dilation,
        groups=g.groups,
        padding_mode=g.padding_mode,
    )
    conv.g = "2e-9*siemens"
    conv.b = 3
    assert torch.all(to_torch(conv).weight == 2e-9)
    assert torch.all(to_torch(conv, weight="b").weight == 3)


@pytest.mark.parametrize(
    "model",
    [
        "w : 1\nu_post = w*tanh(x_pre) : 1 (summed)",
        "w : 1\nu_post = w*(x_pre - 1) : 1 (summed)",
        "w : 1\nd_pre = w*y_post : 1 (summed)",
        "w : 1\nb : 1\nu_post = w*x_pre : 1 (summed)\ny_post = b*x_pre : 1 (summed)",
    ],
)
def test_what_is_no_convolution_has_to_be_named(model):
    conv = convolution(5, model).conv
    with pytest.raises(ValueError, match=r"u_post = w\*x_pre.*got.*weight="):
        to_torch(conv)
    assert to_torch(conv, weight="w").weight.shape == conv.geometry.kernel_shape
    with pytest.raises(ValueError, match=r"one of (b, )?w, got 'v'"):
        to_torch(conv, weight="v")


def spiking_convolution(on_pre):
    source = FeatureMap((1, 3, 3), "x : 1", threshold="x > 0", reset="")
    target = FeatureMap((2, 2, 2), "v : 1\ng : 1\nn : 1")
    conv = ConvSynapses(source, target, "w : 1\nb : 1", on_pre=on_pre, kernel_size=2)
    conv.w, conv.b = 3, 5
    return conv


@pytest.mark.parametrize(
    "on_pre",
    [
        "v_post += w",
        "v_post = v_post + w",
        "v_post += w\nn_post += 1",
        {"first": "n_post *= 0.5", "second": "v_post += w"},
    ],
)
def test_what_spikes_add_is_exported(on_pre):
    assert torch.all(to_torch(spiking_convolution(on_pre)).weight == 3)


@pytest.mark.parametrize(
    "on_pre",
    [
        "v_post -= w",
        "v_post = v_post - w",
        "v_post *= w",
        "v_post += 2*w",
        "v_post += w\nv_post *= 0.5",
        {"excitation": "v_post += w", "inhibition": "v_post -= w"},
        "v_post += w\ng_post -= b",
    ],
)
def test_what_spikes_do_otherwise_has_to_be_named(on_pre):
    conv = spiking_convolution(on_pre)
    with pytest.raises(ValueError, match=r"'v_post \+= w'.*got 'v_post .*weight="):
        to_torch(conv)
    assert torch.all(to_torch(conv, weight="w").weight == 3)


@pytest.mark.parametrize("scale", [1e-9, 1e-30, 1e12])
def test_contrast_is_relative_in_network_and_module(scale):
    """Images of any scale have the same features; constant ones have none."""
    images = np.random.default_rng(0).random((4, 1, 5, 5))
    images[3] = 0.1 + 0.2
    network = build((1, 5, 5), [ConvLayer(3, 2, activity="linear", output="linear")])
    features = network.transform(images)
    assert np.abs(features[:3]).max() > 0.5
    module = to_torch(network)
    np.testing.assert_allclose(network.transform(scale * images), features, rtol=1e-9, atol=1e-9)
    found = module(torch.from_numpy(scale * images)).numpy()
    np.testing.assert_allclose(found, features, rtol=1e-9, atol=1e-9)
    assert not found[3].any()


def test_what_cannot_be_exported():
    with pytest.raises(TypeError, match=r"SpikingNetwork or a ConvSynapses, got NeuronGroup"):
        to_torch(NeuronGroup(1, "v : 1"))
    with pytest.raises(TypeError, match=r"got Network; .*each ConvSynapses"):
        to_torch(BrianNetwork())
    with pytest.raises(ValueError, match=r"Leave it out"):
        to_torch(build((1, 4, 4), [ConvLayer(2, 3)]), weight="w")
