"""From torch: there and back, and modules of one's own."""

from collections import OrderedDict
from dataclasses import replace

import numpy as np
import pytest
import torch
from brian2 import prefs
from bridge_cases import (
    LAYERS,
    PLAIN,
    assert_equal_state,
    assert_same_map,
    build,
    conv,
    random_images,
)
from torch import nn

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


def test_a_module_of_ones_own(dtype):
    torch.manual_seed(0)
    module = user_module(torch.float64 if dtype is np.float64 else torch.float32)
    module.requires_grad_(False)
    network = from_torch(module, (2, 16, 13), batch_size=4)
    plain = {"pool_padding": (0, 0)}
    pool = {"pooling": "max", "pool_size": (2, 2), "pool_stride": (2, 2), **plain}
    winners = {"activity": "graded", "k": 2, "output": "activity"}
    soft = {"activity": "softmax", "output": "activity", "pooling": "average", **plain}
    assert network.layers == (
        imported(6, (3, 2), padding=(1, 0), groups=2, output="rectified", **pool),
        imported(
            5, padding=(2, 2), dilation=(2, 2), bias=True, standardize=True, **winners, **pool
        ),
        imported(5, (1, 1)),
        imported(
            4,
            (2, 2),
            stride=(2, 1),
            weight_sharing=False,
            bias=True,
            temperature=0.5,
            pool_size=(1, 2),
            pool_stride=(1, 1),
            **soft,
        ),
        imported(3, (2, 1), stride=(1, 2), bias=True, pool_size=(1, 1), pool_stride=(1, 1), **soft),
    )
    assert_same_map(network, module, random_images(network, n=5))


def imported(out_channels, kernel_size=(3, 3), **settings):
    """Return the layer that a bare convolution becomes, but for `settings`."""
    geometry = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1)}
    return ConvLayer(out_channels, kernel_size, **PLAIN | geometry | {"normalize": None} | settings)


@pytest.mark.parametrize("mode", ["circular", "reflect", "replicate"])
def test_padding_that_shows_the_map_again(dtype, mode):
    kwds = {"bias": False, "padding_mode": mode}
    module = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=(3, 2), groups=2, **kwds),
        LocallyConnected2d((4, 8, 6), 3, 2, padding=1, **kwds),
        nn.Conv2d(3, 2, 3, padding="same", **kwds),
    ).to(torch.float64 if dtype is np.float64 else torch.float32)
    module.requires_grad_(False)
    network = from_torch(module, (2, 4, 4))
    settings = {"padding_mode": mode}
    assert network.layers == (
        imported(4, padding=(3, 2), groups=2, **settings),
        imported(3, (2, 2), padding=(1, 1), weight_sharing=False, **settings),
        imported(2, padding=(1, 1), **settings),
    )
    assert_same_map(network, module, random_images(network))
    back = to_torch(network)
    assert [layer.padding_mode for layer in (back.conv1, back.conv3)] == [mode, mode]
    assert_equal_state(to_torch(from_torch(back)), back)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float32])
def test_a_bare_convolution(kind):
    conv = nn.Conv2d(3, 4, 3, bias=False, dtype=kind)
    network = from_torch(conv, (3, 8, 8))
    assert network.layers == (imported(4),)
    assert (network.batch_size, network.seed) == (100, 0)
    kernel = network.stages[0].conv.get_kernel("w")
    np.testing.assert_array_equal(kernel, conv.weight.detach().double().numpy())


@pytest.mark.parametrize(
    "pool",
    [
        nn.MaxPool2d(3, 2, padding=1),
        nn.MaxPool2d((2, 3), padding=(0, 1), ceil_mode=True),
        nn.AvgPool2d((2, 3), 2, padding=(1, 0), ceil_mode=True),
        nn.AvgPool2d(2, ceil_mode=True, count_include_pad=False),
        nn.AvgPool2d(3, 2, padding=1, divisor_override=1),
        nn.AvgPool2d(3, 2, padding=1, divisor_override=9),
    ],
    ids=repr,
)
def test_pooling_beyond_the_border(dtype, pool):
    module = nn.Sequential(nn.Conv2d(1, 4, 2, bias=False), pool)
    module.to(torch.float64 if dtype is np.float64 else torch.float32).requires_grad_(False)
    network = from_torch(module, (1, 8, 7))
    assert_same_map(network, module, random_images(network))
    back = to_torch(network)
    assert from_torch(back).layers == network.layers
    assert_equal_state(to_torch(from_torch(back)), back)


@pytest.mark.parametrize(
    ("name", "value"), [("ceil_mode", False), ("count_include_pad", False), ("padding", (1, 0))]
)
def test_a_pooling_that_was_changed_is_noticed(name, value):
    layer = replace(LAYERS[0], pooling="average", pool_ceil_mode=True)
    module = to_torch(build((2, 9, 14), [layer]))
    setattr(module.pool1, name, value)
    with pytest.raises(ValueError, match=r"'pool1' to be AvgPool2d.* with ceil_mode=True, got Avg"):
        from_torch(module)


def nan_conv():
    module = conv()
    nn.init.constant_(module.weight, float("nan"))
    return module


class OwnBlock(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = conv()


REFUSED = [
    (conv(size=2, padding="same"), r"padding='same' with a kernel of even size; use"),
    (nan_conv(), r"expected finite values in 'weight', got NaN or infinity"),
    (conv(dtype=torch.complex64), r"real kernels, got torch.complex64 in 'weight'"),
    (nn.Sequential(conv(), nn.MaxPool2d(2, dilation=2)), r"'1' .*dilation=1, got 2; use dil"),
    (nn.Sequential(conv(), nn.MaxPool2d(2, return_indices=True)), r"return_indices=False, got"),
    (
        nn.Sequential(conv(), nn.AvgPool2d(2, padding=(0, 1), count_include_pad=False)),
        r"count_include_pad=True, an average that counts its padding, got False; use",
    ),
    (
        nn.Sequential(conv(), nn.AvgPool2d(2, ceil_mode=True, divisor_override=4)),
        r"an average, or 1, a sum, got 4",
    ),
    (nn.Sequential(conv(), nn.AvgPool2d(2, divisor_override=3)), r"an average, or 1, a sum, got 3"),
    (nn.Sequential(conv(), nn.Softmax(dim=2)), r"dim=1, got dim=2; use nn.Softmax"),
    (nn.Sequential(conv(), nn.Flatten()), r"'1' \(Flatten.*expected nn.Linear after it"),
    (
        nn.Sequential(conv(), nn.Sequential(OrderedDict(norm=nn.GroupNorm(1, 2)))),
        r"'1.norm' \(GroupNorm.*expected one of.*Conv2d.*module\[:n\]",
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
    with pytest.raises(TypeError, match=r"load_state_dict\(module, state_dict\)"):
        from_torch({"weight": torch.ones(1)})
    with pytest.raises(ValueError, match=r"Conv2d doesn't know.*give input_shape="):
        from_torch(conv())
    with pytest.raises(GeometryError, match=r"input_shape: expected three positive integers"):
        from_torch(conv(), (9, 9))


def test_a_threshold_is_a_bias_in_a_part_of_an_exported_module():
    network = build((2, 9, 14), LAYERS[:1])
    part = to_torch(network)[:2]
    back = from_torch(part, (2, 9, 14))
    np.testing.assert_array_equal(back.stages[0].bias, -network.stages[0].thresholds)
    assert back.layers[0].bias
    assert_same_map(back, part, random_images(back))
