import json
from collections import OrderedDict
from dataclasses import dataclass, replace

import numpy as np
import pytest
import safetensors.torch
import torch
from brian2 import Network as BrianNetwork
from brian2 import NeuronGroup, prefs
from torch import nn

from hebbsim import ConvSynapses, FeatureMap, rules
from hebbsim.bridge.torch_export import to_torch
from hebbsim.bridge.torch_import import from_torch
from hebbsim.bridge.torch_modules import (
    LocallyConnected2d,
    SoftWinnerTakeAll,
    Standardize,
    Triangle,
    WinnerTakeAll,
)
from hebbsim.bridge.weights import WeightsError, load_network, load_weights, save_weights
from hebbsim.competition.winners import AdaptiveThreshold
from hebbsim.geometry import ConvGeometry, GeometryError
from hebbsim.networks.conv_layer import ConvLayer
from hebbsim.networks.conv_network import ConvNetwork

TOLERANCE = {np.float32: 1e-5, np.float64: 1e-10}
ACTIVITIES = ("winners", "graded", "softmax", "rectified", "linear")
KINDS = [*(("activity", activity) for activity in ACTIVITIES), ("triangle", "winners")]
KINDS += [("rectified", "softmax"), ("linear", "graded")]
PLAIN = {"rule": None, "activity": "linear", "output": "linear", "standardize": False}


@pytest.fixture(params=[np.float64, np.float32], ids=["float64", "float32"])
def dtype(request):
    saved = prefs.core.default_float_dtype
    prefs.core.default_float_dtype = request.param
    yield request.param
    prefs.core.default_float_dtype = saved


@pytest.fixture
def numpy_target():
    """Do without compiling: the exported map is the same, and the networks are many."""
    saved = prefs.codegen.target
    prefs.codegen.target = "numpy"
    yield
    prefs.codegen.target = saved


def thresholds(network):
    """The adaptive thresholds of a network, by layer."""
    groups = [group for stage in network.stages for group in stage.groups]
    return [group for group in groups if isinstance(group, AdaptiveThreshold)]


def dyadic(rng, shape):
    """Multiples of 1/8, whose sums are exact in any order and often equal."""
    return rng.integers(-8, 9, shape) / 8


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
    rng = np.random.default_rng(seed)
    groups = int(rng.choice([1, 1, 2, 3]))
    kernel, stride, dilation = (rng.integers(1, high, 2) for high in (4, 3, 3))
    padding = rng.integers(0, 3, 2)
    size = dilation * (kernel - 1) + 1 + rng.integers(0, 6, 2)
    return ConvGeometry(
        (groups * int(rng.integers(1, 4)), *map(int, size)),
        groups * int(rng.integers(1, 6)),
        *(tuple(map(int, pair)) for pair in (kernel, stride, padding, dilation)),
        groups,
        bool(seed % 4),
    )


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
    linear = output == "linear" or (output, activity) == ("activity", "linear")
    layer = ConvLayer(
        6,
        (2, 3),
        rules.Oja(),
        activity=activity,
        output=output,
        k=2,
        temperature=0.7,
        # a pooled map can't read the thresholds of `z` yet
        threshold_step=0.0 if linear and pooling else 0.1,
        pooling=pooling,
        pool_size=(2, 3),
        pool_stride=None if pooling == "max" else (1, 2),
        standardize=False,
    )
    # with exact sums no rounding error decides who wins
    network = build((2, 7, 9), [layer], draw=dyadic)
    assert_same_map(network, to_torch(network), random_images(network, draw=dyadic))


@pytest.mark.parametrize("seed", range(3))
def test_compiled_layers_on_each_other(dtype, seed):
    layers = [
        ConvLayer(6, 3, rules.Hebb(), padding=1, threshold_step=0.1, k=2, pooling="average"),
        ConvLayer(4, (2, 1), groups=2, activity="softmax", output="activity", standardize=seed > 0),
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
    geometry = {name: getattr(g, name) for name in names}
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


def test_what_cannot_be_exported():
    with pytest.raises(TypeError, match=r"SpikingNetwork or a ConvSynapses, got NeuronGroup"):
        to_torch(NeuronGroup(1, "v : 1"))
    with pytest.raises(TypeError, match=r"got Network; .*each ConvSynapses"):
        to_torch(BrianNetwork())
    with pytest.raises(ValueError, match=r"Leave it out"):
        to_torch(build((1, 4, 4), [ConvLayer(2, 3)]), weight="w")


# The modules


@pytest.mark.parametrize("k", [1, 2, 5])
@pytest.mark.parametrize("graded", [False, True])
def test_winners(k, graded):
    z = torch.from_numpy(np.random.default_rng(k).integers(-3, 4, (50, 5, 3, 2)) / 2)
    expected = np.zeros(z.shape)
    for place in np.ndindex(50, 3, 2):
        values = z.numpy()[place[0], :, place[1], place[2]]
        for channel in sorted(range(5), key=lambda c: (-values[c], c))[:k]:
            if values[channel] > 0:
                value = values[channel] if graded else 1
                expected[place[0], channel, place[1], place[2]] = value
    np.testing.assert_array_equal(WinnerTakeAll(k, graded)(z).numpy(), expected)


@pytest.mark.parametrize(
    "module",
    [
        Standardize(),
        Triangle(),
        WinnerTakeAll(2),
        SoftWinnerTakeAll(0.5),
        LocallyConnected2d((4, 5, 6), 2, 3, dtype=torch.float64),
    ],
    ids=lambda module: type(module).__name__,
)
def test_modules_take_one_sample_or_several(module):
    x = torch.randn(3, 4, 5, 6, dtype=torch.float64)
    torch.testing.assert_close(module(x)[1], module(x[1]))
    assert module(x[:0]).shape[0] == 0


def test_standardization_has_a_gradient_where_nothing_varies():
    x = torch.rand(2, 3, 4, 4)
    x[0] = 1
    x.requires_grad_()
    Standardize()(x).square().sum().backward()
    assert torch.isfinite(x.grad).all()
    assert not x.grad[0].any()


def test_standardization():
    x = 5 + 3 * torch.rand(2, 3, 4, 4, dtype=torch.float64)
    out = Standardize()(x)
    zeros = torch.zeros(2, dtype=torch.float64)
    torch.testing.assert_close(out.mean((1, 2, 3)), zeros)
    torch.testing.assert_close(out.std((1, 2, 3), correction=0), zeros + 1)
    assert Standardize()(x.float()).dtype == torch.float32


def test_soft_winners():
    z = torch.randn(2, 5, 3, 3)
    torch.testing.assert_close(SoftWinnerTakeAll()(z), nn.Softmax2d()(z))
    torch.testing.assert_close(SoftWinnerTakeAll(0.5)(z), nn.Softmax2d()(2 * z))


@pytest.mark.parametrize("seed", [0, 4, 8, 12])
def test_local_connections_are_those_of_the_geometry(seed):
    g = random_geometry(seed)
    names = ("in_shape", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups")
    module = LocallyConnected2d(*(getattr(g, name) for name in names), dtype=torch.float64)
    bound = g.fan_in**-0.5
    assert all(0 < parameter.abs().max() <= bound for parameter in module.parameters())
    x = torch.randn(2, *g.in_shape, dtype=torch.float64)
    pre = np.moveaxis(x.numpy(), 1, -1).ravel()
    weights = g.to_memory(module.weight.detach().numpy())
    expected = np.zeros(2 * int(np.prod(g.out_shape)))
    for tap in g.taps(batch_size=2):
        np.add.at(expected, tap.post, pre[tap.pre] * weights[tap.kernel])
    channels, rows, cols = g.out_shape
    expected = np.moveaxis(expected.reshape(2, rows, cols, channels), -1, 1)
    expected = expected + module.bias.detach().numpy()[:, None, None]
    np.testing.assert_allclose(module(x).detach().numpy(), expected, atol=1e-12)


def test_modules_show_their_settings():
    assert repr(WinnerTakeAll(2, True)) == "WinnerTakeAll(k=2, graded=True)"
    assert repr(SoftWinnerTakeAll(0.5)) == "SoftWinnerTakeAll(temperature=0.5)"
    local = LocallyConnected2d((2, 5, 5), 4, 3, padding=1, groups=2, bias=False)
    assert repr(local) == (
        "LocallyConnected2d((2, 5, 5), 4, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1), "
        "groups=2, bias=False)"
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: WinnerTakeAll(0), "positive integer, got 0"),
        (lambda: WinnerTakeAll(True), "positive integer, got True"),
        (lambda: SoftWinnerTakeAll(0), "positive and finite, got 0"),
        (lambda: SoftWinnerTakeAll(float("nan")), "positive and finite, got nan"),
        (lambda: WinnerTakeAll(3)(torch.zeros(1, 2, 4, 4)), r"k=3 .*\(1, 2, 4, 4\)"),
        (lambda: LocallyConnected2d((1, 2, 2), 1, 3), "smaller kernel"),
        (
            lambda: LocallyConnected2d((1, 4, 4), 1, 3)(torch.zeros(1, 1, 5, 4)),
            r"\(n, 1, 4, 4\).*got \(1, 1, 5, 4\)",
        ),
    ],
)
def test_modules_refuse(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# There and back


LAYERS = [
    ConvLayer(4, (3, 2), rules.Oja(0.02), stride=(1, 2), threshold_step=0.3, pooling="max"),
    ConvLayer(
        3, 2, rules.BCM(), activity="softmax", temperature=0.5, output="activity", pruned=0.4
    ),
    ConvLayer(2, 2, None, weight_sharing=False, padding=1, activity="graded", output="activity"),
]


def test_there_and_back(dtype):
    network = build((2, 9, 14), LAYERS, seed=7)
    module = to_torch(network)
    back = from_torch(module)
    assert back.describe() == network.describe()
    assert back.layers == network.layers
    assert_equal_state(to_torch(back), module)
    np.testing.assert_array_equal(back.stages[0].thresholds, network.stages[0].thresholds)
    masks = [n.stages[1].conv.get_kernel("mask") for n in (network, back)]
    np.testing.assert_array_equal(*masks)


def test_batch_size_can_be_changed_on_the_way():
    module = to_torch(build((2, 9, 14), LAYERS[:1]))
    back = from_torch(module, batch_size=5, seed=3)
    assert (back.batch_size, back.seed) == (5, 3)
    assert_equal_state(to_torch(back), module)


def test_shared_kernels_can_move_to_larger_images():
    module = to_torch(build((2, 9, 14), LAYERS[:1]))
    back = from_torch(module, (2, 20, 20))
    assert tuple(back.input_shape) == (2, 20, 20)
    assert_equal_state(to_torch(back), module)


def test_another_seed_has_another_pruning_mask():
    module = to_torch(build((2, 9, 14), LAYERS[:2], seed=7))
    with pytest.raises(ValueError, match=r"mask of layer 2, drawn with seed=8.*leave out seed="):
        from_torch(module, seed=8)


def test_a_module_that_was_changed_since():
    module = to_torch(build((2, 9, 14), LAYERS[:1]))
    module.append(nn.Flatten())
    with pytest.raises(ValueError, match=r"'4' to be absent, got Flatten.*Delete module.desc"):
        from_torch(module)
    pooled = to_torch(build((2, 9, 14), [replace(LAYERS[0], pooling="sum")]))
    pooled.pool1.divisor_override = None
    with pytest.raises(ValueError, match=r"'pool1' to be .*divisor_override=1, got AvgPool2d"):
        from_torch(pooled)


def test_doubles_are_not_rounded_unasked():
    module = to_torch(build((1, 4, 4), [ConvLayer(2, 3)]))
    prefs.core.default_float_dtype = np.float32
    with pytest.raises(ValueError, match=r"'conv1.weight' is float64.*module.float\(\)"):
        from_torch(module)
    single = module.float()
    assert_equal_state(to_torch(from_torch(single)), single)
    prefs.core.default_float_dtype = np.float64
    assert_equal_state(to_torch(from_torch(single)), single.double())


# Modules of the user's own


def user_module(dtype=torch.float64):
    pool = nn.MaxPool2d(2)
    stem = nn.Sequential(
        nn.Conv2d(2, 6, (3, 2), padding=(1, 0), groups=2, bias=False), nn.ReLU(), pool
    )
    return nn.Sequential(
        OrderedDict(
            stem=stem,
            nothing=nn.Identity(),
            standardize=Standardize(),
            same=nn.Conv2d(6, 5, 3, dilation=2, padding="same"),
            winners=WinnerTakeAll(2, graded=True),
            pool=pool,
            bare=nn.Conv2d(5, 5, 1, padding="valid", bias=False),
            local=LocallyConnected2d((5, 4, 3), 4, 2, stride=(2, 1)),
            soft=SoftWinnerTakeAll(0.5),
            mean=nn.AvgPool2d((1, 2), stride=1),
            last=nn.Conv2d(4, 3, (2, 1), stride=(1, 2)),
            softmax=nn.Softmax(dim=1),
            total=nn.AvgPool2d((1, 1), divisor_override=1),
        )
    ).to(dtype)


def without_bias(module):
    for conv in module.modules():
        if getattr(conv, "bias", None) is not None:
            nn.init.zeros_(conv.bias)
    return module.requires_grad_(False)


def test_a_module_of_ones_own(dtype):
    torch.manual_seed(0)
    module = without_bias(user_module(torch.float64 if dtype is np.float64 else torch.float32))
    network = from_torch(module, (2, 16, 13), batch_size=4)
    pool = {"pooling": "max", "pool_size": (2, 2), "pool_stride": (2, 2)}
    winners = {"activity": "graded", "k": 2, "output": "activity"}
    soft = {"activity": "softmax", "output": "activity", "pooling": "average"}
    assert network.layers == (
        imported(6, (3, 2), padding=(1, 0), groups=2, output="rectified", **pool),
        imported(5, padding=(2, 2), dilation=(2, 2), standardize=True, **winners, **pool),
        imported(5, (1, 1)),
        imported(
            4,
            (2, 2),
            stride=(2, 1),
            weight_sharing=False,
            temperature=0.5,
            pool_size=(1, 2),
            pool_stride=(1, 1),
            **soft,
        ),
        imported(3, (2, 1), stride=(1, 2), pool_size=(1, 1), pool_stride=(1, 1), **soft),
    )
    assert_same_map(network, module, random_images(network, n=5))


def imported(out_channels, kernel_size=(3, 3), **settings):
    """Return the layer that a bare convolution becomes, but for `settings`."""
    geometry = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1)}
    return ConvLayer(out_channels, kernel_size, **PLAIN | geometry | {"normalize": None} | settings)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float32])
def test_a_bare_convolution(kind):
    conv = nn.Conv2d(3, 4, 3, bias=False, dtype=kind)
    network = from_torch(conv, (3, 8, 8))
    assert network.layers == (imported(4),)
    assert (network.batch_size, network.seed) == (100, 0)
    kernel = network.stages[0].conv.get_kernel("w")
    np.testing.assert_array_equal(kernel, conv.weight.detach().double().numpy())


def conv(channels_in=1, channels_out=2, size=3, **settings):
    return nn.Conv2d(channels_in, channels_out, size, **{"bias": False, **settings})


def nan_conv():
    module = conv()
    nn.init.constant_(module.weight, float("nan"))
    return module


class OwnBlock(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = conv()


REFUSED = [
    (
        conv(padding_mode="circular"),
        r"Conv2d.*expected padding_mode='zeros', got 'circular'; pad the",
    ),
    (nn.Sequential(conv(bias=True)), r"'0' .*no bias or one of 0, got one up to .*bias=False"),
    (conv(size=2, padding="same"), r"padding='same' with a kernel of even size; use"),
    (nan_conv(), r"every weight must be finite"),
    (conv(dtype=torch.complex64), r"real kernels, got torch.complex64 in 'weight'"),
    (nn.Sequential(conv(), nn.MaxPool2d(2, padding=1)), r"'1' .*padding=0, got 1; choose"),
    (nn.Sequential(conv(), nn.MaxPool2d(2, dilation=2)), r"'1' .*dilation=1, got 2"),
    (nn.Sequential(conv(), nn.MaxPool2d(2, ceil_mode=True)), r"ceil_mode=False, got True"),
    (nn.Sequential(conv(), nn.MaxPool2d(2, return_indices=True)), r"return_indices=False, got"),
    (nn.Sequential(conv(), nn.AvgPool2d(2, padding=(0, 1))), r"padding=0, got \(0, 1\)"),
    (nn.Sequential(conv(), nn.AvgPool2d(2, ceil_mode=True)), r"ceil_mode=False, got True"),
    (nn.Sequential(conv(), nn.AvgPool2d(2, divisor_override=3)), r"an average, or 1, a sum, got 3"),
    (nn.Sequential(conv(), nn.Softmax(dim=2)), r"dim=1, got dim=2; use nn.Softmax2d"),
    (nn.Sequential(conv(), nn.Flatten()), r"'1' \(Flatten.*expected one of.*Conv2d.*module\[:n\]"),
    (
        nn.Sequential(conv(), nn.Sequential(OrderedDict(norm=nn.BatchNorm2d(2)))),
        r"'1.norm' \(BatchNorm2d",
    ),
    (OwnBlock(), r"from_torch: OwnBlock has no.*put its layers into an nn.Sequential"),
    (nn.Sequential(nn.ReLU(), conv()), r"'0' \(ReLU.*after convolution, got it after start"),
    (
        nn.Sequential(conv(), nn.MaxPool2d(2), nn.ReLU()),
        r"'2' .*got it after pooling; put it right after the convolution",
    ),
    (nn.Sequential(conv(), nn.ReLU(), Triangle()), r"'2' .*got it after activation"),
    (
        nn.Sequential(conv(), nn.MaxPool2d(2), nn.MaxPool2d(2)),
        r"a pooling after convolution or activation, got it after pooling; put a conv",
    ),
    (nn.Sequential(Standardize(), Standardize(), conv()), r"'1' .*got it after standardization"),
    (nn.Sequential(conv(), Standardize()), r"expected a convolution after the last Standardize"),
    (nn.Sequential(), r"expected a convolution in the module.*got none"),
]
MISFITS = [
    (conv(3), r"Conv2d.* expects 3 channels, but 1 channels come in; check input_shape"),
    (conv(size=11), r"Conv2d.* on maps of \(1, 9, 9\): the kernel covers 11x11.*smaller kernel"),
    (nn.Sequential(conv(), nn.MaxPool2d(8)), r"'1' .*window of 8x8 doesn't fit.*7x7"),
    (
        nn.Sequential(conv(), LocallyConnected2d((2, 5, 5), 2, 3, bias=False)),
        r"'1' .*maps of shape \(2, 5, 5\), but maps of shape \(2, 7, 7\) come in",
    ),
]


@pytest.mark.parametrize(("module", "message"), REFUSED)
def test_what_a_layer_cannot_express(module, message):
    with pytest.raises(ValueError, match=message):
        from_torch(module, (1, 9, 9))


@pytest.mark.parametrize(("module", "message"), MISFITS)
def test_what_does_not_fit_the_images(module, message):
    with pytest.raises(GeometryError, match=message):
        from_torch(module, (1, 9, 9))


def test_what_cannot_be_imported():
    with pytest.raises(TypeError, match=r"expected a torch.nn.Module, got dict"):
        from_torch({})
    with pytest.raises(ValueError, match=r"Conv2d doesn't know.*give input_shape="):
        from_torch(conv())
    with pytest.raises(GeometryError, match=r"input_shape: expected three positive integers"):
        from_torch(conv(), (9, 9))
    part = to_torch(build((2, 9, 14), LAYERS[:1]))[:2]
    with pytest.raises(ValueError, match=r"'conv1' .*whole module that to_torch made"):
        from_torch(part, (2, 9, 14))


# Files


@pytest.fixture
def network():
    return build((2, 9, 14), LAYERS, seed=7)


@pytest.mark.parametrize("name", ["net", "net.v2", "net.json", "net.pt", "new/net.safetensors"])
def test_saved_and_loaded(tmp_path, name):
    network = build((2, 9, 14), LAYERS[:1])
    written = save_weights(network, tmp_path / name)
    assert [path.suffix for path in written] == [".pt", ".safetensors", ".json"]
    assert sorted(written) == sorted((tmp_path / name).parent.iterdir())
    for path in (tmp_path / name, str(tmp_path / name), *written):
        assert_equal_state(load_weights(path), to_torch(network))


def test_a_loaded_network_is_the_saved_one(tmp_path, dtype, network):
    network = build((2, 9, 14), LAYERS, seed=7)
    save_weights(network, tmp_path / "net")
    module, back = load_weights(tmp_path / "net"), load_network(tmp_path / "net")
    assert back.describe() == network.describe()
    assert back.layers == network.layers
    assert module.description == network.describe()
    assert_equal_state(module, to_torch(network))
    assert_equal_state(to_torch(back), module)
    assert json.loads((tmp_path / "net.json").read_text())["dtype"] == np.dtype(dtype).name
    images = random_images(network)
    np.testing.assert_array_equal(run(module, images), run(to_torch(network), images))


def test_other_tools_read_the_files(tmp_path, network):
    pt, tensors, _ = save_weights(network, tmp_path / "net")
    expected = to_torch(network).state_dict()
    for found in (torch.load(pt, weights_only=True), safetensors.torch.load_file(tensors)):
        assert sorted(found) == sorted(expected)
        assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_saving_replaces_older_files(tmp_path, network):
    save_weights(network, tmp_path / "net")
    other = build((2, 9, 14), LAYERS, seed=8)
    save_weights(other, tmp_path / "net")
    assert_equal_state(load_weights(tmp_path / "net"), to_torch(other))


def test_a_failed_save_changes_nothing(tmp_path, network, monkeypatch):
    save_weights(network, tmp_path / "net")
    files = {path: path.read_bytes() for path in tmp_path.iterdir()}
    rule = rules.Rule(equations="dw = q*y_post*x_pre : 1 (summed)", constants={"q": np.array(2.0)})
    unnamed = build((1, 4, 4), [ConvLayer(2, 3, rule)])
    with pytest.raises(WeightsError, match=r"what JSON can't.*plain numbers and strings"):
        save_weights(unnamed, tmp_path / "net")
    other = build((2, 9, 14), LAYERS, seed=8)

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        save_weights(other, tmp_path / "net")
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == files


def test_rules_are_not_needed_for_the_module(tmp_path, network):
    *_, header = save_weights(network, tmp_path / "net")
    text = header.read_text()
    assert '"Oja"' in text
    header.write_text(text.replace('"Oja"', '"MyOwn"').replace('"equations"', '"formulas"'))
    assert_equal_state(load_weights(header), to_torch(network))


def truncate(path):
    path.write_bytes(path.read_bytes()[:-20])


def edit(path, **entries):
    header = json.loads(path.read_text()) | entries
    path.write_text(json.dumps({name: v for name, v in header.items() if v is not None}))


@pytest.mark.parametrize(
    ("suffix", "damage", "message"),
    [
        (".json", lambda p: p.unlink(), r"net.json can't be read \(No such file.*side by side"),
        (".pt", lambda p: p.unlink(), r"net.pt can't be read \(No such file"),
        (".safetensors", lambda p: p.unlink(), r"net.safetensors can't be read \(No such file"),
        (".json", truncate, r"net.json is truncated or no JSON.*save_weights"),
        (".pt", truncate, r"net.pt is truncated or damaged"),
        (".safetensors", truncate, r"net.safetensors is truncated or damaged"),
        (".pt", lambda p: p.write_bytes(b""), r"net.pt is truncated or damaged"),
        (".safetensors", lambda p: p.write_bytes(b""), r"net.safetensors is truncated or damaged"),
        (".json", lambda p: p.write_bytes(b"\xff\xfe"), r"net.json is truncated or no JSON"),
        (".json", lambda p: p.write_text("[]"), r"not of this format: expected \"format\""),
        (".json", lambda p: edit(p, format="x"), r"not of this format"),
        (".json", lambda p: edit(p, version=99), r"format version 99, this hebbsim reads 1"),
        (".json", lambda p: edit(p, sha256=None), r"net.json lacks sha256"),
        (".json", lambda p: edit(p, dtype=None), r"net.json lacks dtype"),
        (".json", lambda p: edit(p, dtype="int8"), r"doesn't describe a network.*int8"),
        (".json", lambda p: edit(p, dtype="float32"), r"'conv1.weight' to be float32 .*float64"),
        (".json", lambda p: edit(p, network={"layers": []}), r"doesn't describe.*input_shape"),
        (
            ".json",
            lambda p: p.write_text(p.read_text().replace('"out_channels": 4', '"out_channels": 6')),
            r"'conv1.weight' to be float64 of shape \(6, 2, 3, 2\), got .*\(4, 2, 3, 2\)",
        ),
        (
            ".json",
            lambda p: p.write_text(p.read_text().replace('"pruned"', '"hewn"')),
            r"doesn't describe a network that this version.*hewn",
        ),
    ],
)
def test_damaged_files(tmp_path, network, suffix, damage, message):
    save_weights(network, tmp_path / "net")
    damage(tmp_path / f"net{suffix}")
    name = "net.pt" if suffix == ".pt" else "net"
    with pytest.raises(WeightsError, match=message):
        load_weights(tmp_path / name)
    with pytest.raises(WeightsError, match=message):
        load_network(tmp_path / name)


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_files_of_different_saves(tmp_path, network, suffix):
    save_weights(network, tmp_path / "net")
    save_weights(build((2, 9, 14), LAYERS, seed=8), tmp_path / "other")
    (tmp_path / f"other{suffix}").replace(tmp_path / f"net{suffix}")
    with pytest.raises(WeightsError, match=r"checksum differs. They are of different saves"):
        load_weights(tmp_path / f"net{suffix}")


def test_a_pt_file_that_would_run_code(tmp_path, network):
    pt, *_ = save_weights(network, tmp_path / "net")
    torch.save({"conv1.weight": print}, pt)
    with pytest.raises(WeightsError, match=r"net.pt is truncated or damaged"):
        load_weights(pt)


def test_only_networks_are_saved(tmp_path):
    with pytest.raises(TypeError, match=r"expected a ConvNetwork or a SpikingNetwork, got Conv2d"):
        save_weights(conv(), tmp_path / "net")
