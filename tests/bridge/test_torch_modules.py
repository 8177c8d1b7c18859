"""Torch's missing modules."""

import importlib.util
import io

import numpy as np
import pytest
import torch
from bridge_cases import random_geometry
from torch import nn

from hebbsim.bridge.torch_modules import (
    LocallyConnected2d,
    SoftWinnerTakeAll,
    Standardize,
    Triangle,
    WinnerTakeAll,
)


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
        SoftWinnerTakeAll(0.5, signed=True),
        Triangle(1.4),
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
    signed = SoftWinnerTakeAll(signed=True)(z)
    torch.testing.assert_close(signed.abs(), nn.Softmax2d()(z))
    torch.testing.assert_close((signed > 0).float(), WinnerTakeAll()(z - z.amin() + 1))


@pytest.mark.parametrize("seed", [0, 4, 8, 12, 16, 20, 24])
def test_local_connections_are_those_of_the_geometry(seed):
    g = random_geometry(seed)
    names = ("in_shape", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups")
    geometry = {name: getattr(g, name) for name in (*names, "padding_mode")}
    module = LocallyConnected2d(**geometry, dtype=torch.float64)
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
    assert repr(SoftWinnerTakeAll(2, True)) == "SoftWinnerTakeAll(temperature=2.0, signed=True)"
    assert (repr(Triangle()), repr(Triangle(0.7))) == ("Triangle()", "Triangle(power=0.7)")
    local = LocallyConnected2d((2, 5, 5), 4, 3, padding=1, groups=2, bias=False)
    assert repr(local) == (
        "LocallyConnected2d((2, 5, 5), 4, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1), "
        "groups=2, bias=False)"
    )
    ring = LocallyConnected2d((2, 5, 5), 4, 3, padding=1, padding_mode="circular")
    assert repr(ring).endswith("padding=(1, 1), padding_mode=circular)")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: WinnerTakeAll(0), "positive integer, got 0"),
        (lambda: WinnerTakeAll(True), "positive integer, got True"),
        (lambda: SoftWinnerTakeAll(0), "positive and finite, got 0"),
        (lambda: Triangle(0), "positive and finite, got 0"),
        (lambda: SoftWinnerTakeAll(float("nan")), "positive and finite, got nan"),
        (lambda: WinnerTakeAll(3)(torch.zeros(1, 2, 4, 4)), r"k=3 .*maps of 2 channels"),
        (lambda: LocallyConnected2d((1, 2, 2), 1, 3), "smaller kernel"),
        (
            lambda: LocallyConnected2d((1, 4, 4), 1, 3)(torch.zeros(1, 1, 5, 4)),
            r"\[1, 4, 4\] behind n.*got \[1, 1, 5, 4\]",
        ),
    ],
)
def test_modules_refuse(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_standardization_does_not_depend_on_the_scale():
    """Contrast is relative: small images keep theirs, rounding of a constant is none."""
    image = torch.rand(2, 3, 4, 4, dtype=torch.float64)
    expected = Standardize()(image)
    for scale in (1e-12, 1e-9, 1e9):
        torch.testing.assert_close(Standardize()(scale * image), expected)
    constant = torch.full((1, 2, 3, 3), 1e-9, dtype=torch.float64)
    constant[0, 0, 1, 1] *= 1 + 2**-51  # two units in the last place
    assert not Standardize()(constant).any()
    assert Standardize()(constant.index_fill(3, torch.tensor([1]), 1.0001e-9)).any()
    assert Standardize()(torch.full((1, 1, 2, 2), float("nan"))).isnan().all()


MODULES = {
    "standardize": Standardize(),
    "triangle": Triangle(),
    "winner": WinnerTakeAll(),
    "winners": WinnerTakeAll(3),
    "graded": WinnerTakeAll(2, graded=True),
    "soft": SoftWinnerTakeAll(0.5),
    "signed": SoftWinnerTakeAll(0.5, signed=True),
    "root": Triangle(0.7),
    "local": LocallyConnected2d((4, 5, 6), 2, 3, padding=1, groups=2, bias=False),
    "bias": LocallyConnected2d((4, 5, 6), 2, 3, padding=(1, 2), padding_mode="reflect"),
}


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_modules_can_be_scripted(name):
    x = torch.randint(-3, 4, (3, 4, 5, 6)) / 2  # with ties
    scripted = torch.jit.script(MODULES[name])
    torch.testing.assert_close(scripted(x), MODULES[name](x), rtol=0, atol=0)


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.filterwarnings("ignore")
def test_modules_can_be_exported_to_onnx(name):
    """As far as can be seen without `onnx`: every operation has an equivalent there."""
    if importlib.util.find_spec("onnx"):
        torch.onnx.export(MODULES[name], (torch.rand(3, 4, 5, 6),), io.BytesIO(), dynamo=False)
        return
    # raised once all is converted
    with pytest.raises(torch.onnx.errors.OnnxExporterError, match="onnx is not installed"):
        torch.onnx.export(MODULES[name], (torch.rand(3, 4, 5, 6),), io.BytesIO(), dynamo=False)
