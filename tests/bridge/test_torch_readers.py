"""What torch's modules mean in a layer: compared with torch itself."""

import numpy as np
import pytest
import torch
from brian2 import prefs
from bridge_cases import (
    PLAIN,
    assert_same_as_torch,
    build,
    conv,
    random_geometry,
    randomize,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from hebbsim import rules
from hebbsim.bridge.torch_export import to_torch
from hebbsim.bridge.torch_import import from_torch
from hebbsim.bridge.torch_modules import (
    LocallyConnected2d,
    SoftWinnerTakeAll,
    Standardize,
    Triangle,
    WinnerTakeAll,
)
from hebbsim.geometry import GeometryError
from hebbsim.networks.conv_layer import ConvLayer

pytestmark = pytest.mark.usefixtures("numpy_target")

SEEDS = st.integers(0, 2**32 - 1)
FEW = settings(
    deadline=None,
    max_examples=12,
    # the fixtures only choose how Brian2 computes
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def convolution_of(geometry, bias=True):
    """Return torch's convolution of a geometry."""
    g = geometry
    shared = (g.kernel_size, g.stride, g.padding, g.dilation, g.groups, bias)
    if g.weight_sharing:
        return nn.Conv2d(g.in_shape[0], g.out_channels, *shared)
    return LocallyConnected2d(tuple(g.in_shape), g.out_channels, *shared)


def one_layer(module, in_shape):
    network = assert_same_as_torch(module, in_shape)
    assert len(network.layers) == 1
    return network


# Biases


@FEW
@given(SEEDS)
def test_a_bias_in_any_geometry(seed):
    g = random_geometry(seed)
    network = one_layer(randomize(convolution_of(g), seed), g.in_shape)
    assert network.layers[0].bias
    assert np.abs(network.stages[0].bias).min() > 0


@pytest.mark.parametrize("pooling", [None, nn.MaxPool2d(2), nn.AvgPool2d((2, 1), stride=1)])
@pytest.mark.parametrize(
    "activation",
    [nn.Identity(), nn.ReLU(), Triangle(), WinnerTakeAll(2, graded=True), SoftWinnerTakeAll(0.5)],
    ids=lambda module: type(module).__name__,
)
def test_a_bias_before_every_output_and_pooling(activation, pooling):
    module = nn.Sequential(nn.Conv2d(2, 5, (2, 3)), activation)
    if pooling is not None:
        module.append(pooling)
    one_layer(randomize(module), (2, 6, 7))


@pytest.mark.parametrize("pool", [nn.MaxPool2d(2), nn.AvgPool2d((1, 2)), nn.Identity()])
def test_a_bias_in_compiled_layers(pool, dtype):
    prefs.codegen.target = "auto"
    module = nn.Sequential(
        nn.Conv2d(2, 4, (3, 2)), pool, nn.Conv2d(4, 3, 2), nn.BatchNorm2d(3), nn.Softmax2d()
    )
    assert_same_as_torch(randomize(module).eval(), (2, 9, 8))


def test_a_bias_is_a_bias_even_if_it_is_zero():
    module = nn.Conv2d(1, 2, 3)
    nn.init.zeros_(module.bias)
    network = one_layer(module, (1, 5, 5))
    assert network.layers[0].bias
    assert not one_layer(conv(), (1, 5, 5)).layers[0].bias


def test_a_layer_with_a_bias_there_and_back(dtype):
    layers = [
        ConvLayer(4, (3, 2), rules.Oja(0.02), bias=True, k=2, pooling="max"),
        ConvLayer(3, 2, **PLAIN, bias=True, weight_sharing=False),
        ConvLayer(3, 1, rules.Hebb(), threshold_step=0.1),
    ]
    network = build((2, 9, 8), layers)
    network.brian2["bias1"].bias = [0.5, -1, 2, 0]
    network.brian2["bias2"].bias = "i - 1.5"
    module = to_torch(network)
    np.testing.assert_array_equal(module.conv1.bias, [0.5, -1, 2, 0])
    assert_same_as_torch(module, (2, 9, 8))
    back = from_torch(module)
    assert back.layers == network.layers
    for one, other in zip(back.stages, network.stages, strict=True):
        np.testing.assert_array_equal(one.bias, other.bias)
        np.testing.assert_array_equal(one.thresholds, other.thresholds)


# Batch normalisation


@FEW
@given(SEEDS, st.booleans(), st.booleans(), st.sampled_from([1e-5, 0.1]))
def test_a_batch_norm_is_folded_into_any_convolution(seed, bias, affine, eps):
    g = random_geometry(seed)
    module = nn.Sequential(
        convolution_of(g, bias), nn.BatchNorm2d(g.out_channels, affine=affine, eps=eps)
    )
    one_layer(randomize(module, seed).eval(), g.in_shape)


@FEW
@given(SEEDS, st.integers(0, 3))
def test_a_batch_norm_before_any_convolution_is_a_layer(seed, place):
    g = random_geometry(seed)
    before = [nn.Conv2d(g.in_shape[0], g.in_shape[0], 1), nn.ReLU(), nn.AvgPool2d(1)][:place]
    module = nn.Sequential(*before, nn.BatchNorm2d(g.in_shape[0]), convolution_of(g))
    network = assert_same_as_torch(randomize(module, seed).eval(), g.in_shape)
    assert len(network.layers) == (2 if place < 2 else 3)


@pytest.mark.parametrize(("place", "layers"), [(0, 1), (1, 2), (2, 2)])
def test_a_plain_batch_norm_before_a_convolution_belongs_to_its_layer(place, layers, dtype):
    before = [nn.Conv2d(2, 2, 1), nn.ReLU(), nn.AvgPool2d(1)][: place + bool(place)]
    norm = nn.BatchNorm2d(2, affine=False)
    conv = nn.Conv2d(2, 3, (2, 3), padding=1, padding_mode="reflect")
    module = nn.Sequential(*before, norm, nn.Dropout2d(), conv, Triangle(1.4), nn.MaxPool2d(3, 2))
    network = assert_same_as_torch(randomize(module).eval(), (2, 6, 5))
    assert [layer.batch_norm for layer in network.layers] == [False] * (layers - 1) + [True]
    assert network.layers[-1].power == 1.4


@pytest.mark.parametrize(
    "modules",
    [
        [nn.BatchNorm2d(2, affine=False)],
        [nn.BatchNorm2d(2, affine=False), nn.ReLU(), nn.BatchNorm2d(2, affine=False)],
        [nn.BatchNorm2d(2, affine=False, eps=0.1), nn.Conv2d(2, 3, 2)],
        [Standardize(), nn.BatchNorm2d(2, affine=False), nn.Conv2d(2, 3, 2)],
        [nn.BatchNorm2d(2)],
        [nn.BatchNorm2d(2), nn.ReLU(), nn.MaxPool2d(2)],
        [Standardize(), nn.BatchNorm2d(2), nn.Conv2d(2, 3, 2)],
        [nn.Conv2d(2, 3, 2), nn.BatchNorm2d(3), nn.BatchNorm2d(3), nn.Softmax2d()],
        [nn.Conv2d(2, 3, 2), nn.ReLU(), nn.BatchNorm2d(3), nn.MaxPool2d(2), nn.BatchNorm2d(3)],
        [nn.Conv2d(2, 3, 2), nn.Dropout2d(), nn.BatchNorm2d(3), nn.Dropout(), Triangle()],
        [nn.Conv2d(2, 3, 2), nn.SyncBatchNorm(3), nn.ReLU()],
        [nn.Conv2d(2, 3, 2, bias=False), nn.Sequential(nn.BatchNorm2d(3)), WinnerTakeAll(2, True)],
        [nn.Conv2d(2, 3, 2), nn.utils.parametrizations.weight_norm(nn.BatchNorm2d(3), dim=None)],
    ],
    ids=lambda modules: "-".join(type(module).__name__ for module in modules),
)
def test_batch_norm_anywhere(modules, dtype):
    assert_same_as_torch(randomize(nn.Sequential(*modules)).eval(), (2, 6, 5))


def test_a_folded_kernel_is_the_scaled_one():
    module = randomize(nn.Sequential(nn.Conv2d(2, 3, 2), nn.BatchNorm2d(3)).double()).eval()
    network = from_torch(module, (2, 5, 5))
    norm = module[1]
    scale = (norm.weight / (norm.running_var + norm.eps).sqrt()).detach().numpy()
    kernel = module[0].weight.detach().numpy() * scale[:, None, None, None]
    np.testing.assert_allclose(network.stages[0].conv.get_kernel("w"), kernel, rtol=1e-12)
    shift = (module[0].bias - norm.running_mean).detach().numpy() * scale
    bias = shift + norm.bias.detach().numpy()
    np.testing.assert_allclose(network.stages[0].bias, bias, rtol=1e-12)


def test_statistics_of_training_are_kept():
    module = nn.Sequential(nn.Conv2d(2, 3, 2), nn.BatchNorm2d(3), nn.ReLU())
    for seed in range(3):
        module(torch.rand(4, 2, 5, 5, generator=torch.Generator().manual_seed(seed)))
    assert_same_as_torch(module.eval(), (2, 5, 5))


# Linear layers


@FEW
@given(
    st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 4)),
    st.integers(1, 4),
    st.booleans(),
    SEEDS,
)
def test_a_linear_layer_sees_the_whole_map(in_shape, features, bias, seed):
    module = nn.Sequential(nn.Flatten(), nn.Linear(int(np.prod(in_shape)), features, bias=bias))
    network = one_layer(randomize(module, seed), in_shape)
    assert network.layers[0].bias == bias


@pytest.mark.parametrize(
    "modules",
    [
        [nn.Conv2d(2, 3, 2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(12, 5)],
        [nn.Conv2d(2, 3, 2), nn.Flatten(), nn.ReLU(), nn.Linear(60, 5), nn.ReLU()],
        [nn.Flatten(), nn.Linear(60, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 3)],
        [nn.Flatten(1, 3), nn.Dropout(), nn.Linear(60, 4), nn.ReLU(), nn.BatchNorm1d(4)],
        [Standardize(), nn.Flatten(), nn.Linear(60, 4), nn.Softmax(dim=-1)],
        [nn.Flatten(), nn.Linear(60, 4), nn.Softmax(dim=1), nn.Flatten(), nn.Linear(4, 2)],
        [nn.Conv2d(2, 3, (6, 5)), nn.Flatten(), nn.SyncBatchNorm(3), nn.Softmax(1)],
    ],
    ids=lambda modules: "-".join(type(module).__name__ for module in modules),
)
def test_linear_layers_after_others(modules, dtype):
    module = nn.Sequential(*modules)
    assert_same_as_torch(randomize(module).eval(), (2, 6, 5))


def test_a_network_of_vectors():
    module = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 3)).double()
    network = from_torch(randomize(module).requires_grad_(False), (6, 1, 1))
    vectors = np.random.default_rng(0).random((5, 6), dtype=np.float32)
    expected = module(torch.from_numpy(vectors).double()).numpy()
    found = network.transform(vectors[:, :, None, None])[:, :, 0, 0]
    np.testing.assert_allclose(found, expected, atol=1e-12)


# What depends on the mode


@pytest.mark.parametrize("dropout", [nn.Dropout, nn.Dropout2d])
def test_dropout_changes_nothing_in_evaluation(dropout):
    module = nn.Sequential(dropout(), nn.Conv2d(2, 3, 2), dropout(), nn.ReLU(), dropout())
    one_layer(module.eval(), (2, 5, 5))
    module.train()
    with pytest.raises(ValueError, match=r"'0' \(Dropout.*got training mode; call module.eval"):
        from_torch(module.double(), (2, 5, 5))
    for one in module.modules():
        if isinstance(one, dropout):
            one.p = 0.0
    one_layer(module, (2, 5, 5))


REFUSED = [
    (
        nn.Sequential(conv(), nn.BatchNorm2d(2)),
        r"'1' \(BatchNorm2d.*expected evaluation mode.*got training mode.*call module.eval\(\)",
    ),
    (
        nn.Sequential(conv(), nn.BatchNorm2d(2, track_running_stats=False)).eval(),
        r"'1' .*expected running statistics, got none.*track_running_stats=True",
    ),
    (
        nn.Sequential(conv(), nn.Sequential(nn.BatchNorm2d(2, device="meta"))).eval(),
        r"'1.0.running_mean' is on the device 'meta'",
    ),
    (
        nn.Sequential(conv(), nn.BatchNorm1d(2)).eval(),
        r"'1' .*expected vectors to come in, got maps",
    ),
    (
        nn.Sequential(conv(), nn.Linear(7, 2)),
        r"'1' \(Linear.*got maps; put an nn.Flatten\(\) before",
    ),
    (
        nn.Sequential(nn.Flatten(), nn.Linear(81, 2), Triangle()),
        r"'2' \(Triangle\(\)\).*expected maps to come in, got vectors; put it before the nn.Fl",
    ),
    (
        nn.Sequential(nn.Flatten(), nn.Linear(81, 2), nn.Conv2d(2, 2, 1)),
        r"'2' \(Conv2d.*expected maps to come in, got vectors",
    ),
    (
        nn.Sequential(conv(), nn.Flatten(), nn.Softmax(dim=1), nn.Linear(98, 2)),
        r"'2' \(Softmax.*expected maps or vectors to come in, got flattened maps",
    ),
    (
        nn.Sequential(conv(), nn.Flatten(), nn.BatchNorm1d(98), nn.Linear(98, 2)).eval(),
        r"'2' \(BatchNorm1d.*expected vectors to come in, got flattened maps",
    ),
    (
        nn.Sequential(conv(), nn.Flatten(2), nn.Linear(49, 2)),
        r"'1' .*start_dim=1 and end_dim=-1, got start_dim=2",
    ),
    (nn.Sequential(nn.Flatten()), r"expected a convolution in the module"),
    (
        nn.Sequential(nn.Flatten(), nn.Linear(81, 2), nn.Softmax(dim=-3)),
        r"softmax over channels, dim=1, got dim=-3",
    ),
    (nn.Sequential(conv(), nn.Softmax(dim=-1)), r"softmax over channels, dim=1, got dim=-1"),
    (nn.Sequential(conv(), nn.InstanceNorm2d(2)).eval(), r"'1' \(InstanceNorm2d.*no counterpart"),
    (nn.Linear(9, 2), r"Linear.*expected flattened maps or vectors to come in, got maps"),
]
MISFITS = [
    (nn.Sequential(conv(), nn.BatchNorm2d(3)).eval(), r"'1' .*expects 3 channels, but 2 channels"),
    (nn.Sequential(nn.Flatten(), nn.Linear(80, 2)), r"'1' .*80 features, but 81 features come in"),
]


@pytest.mark.parametrize(("module", "message"), REFUSED)
def test_what_a_layer_cannot_express(module, message):
    with pytest.raises(ValueError, match=message):
        from_torch(module, (1, 9, 9))


@pytest.mark.parametrize(("module", "message"), MISFITS)
def test_what_does_not_fit(module, message):
    with pytest.raises(GeometryError, match=message):
        from_torch(module, (1, 9, 9))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("running_var", -1.0, r"a positive 'running_var' \+ eps, got -1"),
        ("running_mean", torch.nan, r"finite values in 'running_mean'"),
        ("weight", torch.inf, r"finite values in 'weight'"),
    ],
)
def test_damaged_statistics(name, value, message):
    module = nn.Sequential(conv(), nn.BatchNorm2d(2)).eval()
    with torch.no_grad():
        getattr(module[1], name)[1] = value
    with pytest.raises(ValueError, match=rf"'1' \(BatchNorm2d.*{message}"):
        from_torch(module, (1, 9, 9))


def test_statistics_are_not_rounded_unasked():
    prefs.core.default_float_dtype = np.float32
    module = nn.Sequential(conv(), nn.BatchNorm2d(2, dtype=torch.float64)).eval()
    with pytest.raises(ValueError, match=r"'1.running_mean' is float64.*module.float\(\)"):
        from_torch(module, (1, 9, 9))
