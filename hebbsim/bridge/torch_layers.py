"""Torch's modules read as layers: what each means, and in which order they may follow."""

from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import numpy as np
import torch
from torch import nn

from hebbsim.bridge.torch_modules import (
    LocallyConnected2d,
    SoftWinnerTakeAll,
    Standardize,
    Triangle,
    WinnerTakeAll,
)
from hebbsim.geometry import GeometryError, MapShape, as_pair
from hebbsim.networks.conv_layer import ConvLayer

__all__ = ["leaves", "read_layers"]

type Reader = Callable[[str, Any], dict[str, Any]]

#: Settings of an imported layer that a module sets only where it says something about them
_PLAIN: dict[str, Any] = {
    "rule": None,
    "activity": "linear",
    "output": "linear",
    "standardize": False,
    "normalize": None,
}


def leaves(module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Yield the modules of nested `nn.Sequential` in the order of the signal.

    A module used twice comes twice, which `named_children` would leave out.
    """
    for name, leaf in module.named_modules(remove_duplicate=False):
        if type(leaf) is not nn.Sequential:
            yield name, leaf


def read_layers(module: nn.Module, input_shape: MapShape) -> list[ConvLayer]:
    """Read a module of convolutions as layers, on images of `input_shape`.

    Raises
    ------
    ValueError
        If a module can't be expressed by a `ConvLayer`, with its name.
    """
    settings: list[dict[str, Any]] = []  # of each layer
    shapes = [input_shape]  # what comes into each layer, and out of the last
    previous = "start"
    for name, leaf in leaves(module):
        text = type(leaf).__name__ if any(leaf.children()) else str(leaf)
        label = f"module '{name}' ({text})" if name else text
        if type(leaf) is nn.Identity:
            continue
        kind, read = _reader(name, leaf, label)
        _check_order(label, kind, previous)
        if kind == "standardization" or (kind == "convolution" and previous != "standardization"):
            settings.append(dict(_PLAIN))
            shapes.append(shapes[-1])
        settings[-1] |= read(label, leaf)
        if kind == "convolution":
            _check_input(label, leaf, shapes[-2])
        if kind != "standardization":
            try:
                shapes[-1] = ConvLayer(**settings[-1]).output_shape(shapes[-2])
            except GeometryError as error:
                raise GeometryError(
                    f"from_torch: {label} on maps of {tuple(shapes[-2])}: {error}"
                ) from None
        previous = kind
    if previous in ("start", "standardization"):
        where = "after the last Standardize" if settings else "in the module"
        raise ValueError(
            f"from_torch: expected a convolution {where}, nn.Conv2d or LocallyConnected2d, got "
            "none; add one, or leave the rest out"
        )
    return [ConvLayer(**layer) for layer in settings]


def _reader(name: str, leaf: nn.Module, label: str) -> tuple[str, Reader]:
    if type(leaf) not in _READERS:
        _refuse(
            label,
            f"expected one of {', '.join(kind.__name__ for kind in _READERS)}",
            "give the part before it, module[:n], and train a read-out on what that gives, as "
            "hebbsim.decode does"
            if name
            else "put its layers into an nn.Sequential",
        )
    return _READERS[type(leaf)]


def _check_order(label: str, kind: str, previous: str) -> None:
    if previous not in _MAY_FOLLOW[kind]:
        _refuse(
            label,
            f"expected {_WITH_ARTICLE[kind]} after {' or '.join(_MAY_FOLLOW[kind])}, got it "
            f"after {previous}",
            _WAYS_OUT[kind],
        )


def _refuse(label: str, expected: str, way_out: str) -> NoReturn:
    raise ValueError(
        f"from_torch: {label} has no counterpart in a ConvLayer: {expected}; {way_out}"
    )


def _check_input(label: str, conv: Any, shape: MapShape) -> None:
    if isinstance(conv, LocallyConnected2d):
        expected: tuple[int, ...] = tuple(conv.geometry.in_shape)
        found: tuple[int, ...] = tuple(shape)
    else:
        expected, found = (conv.in_channels,), (shape.channels,)
    if expected != found:
        text = "maps of shape {}" if len(found) > 1 else "{0[0]} channels"
        raise GeometryError(
            f"from_torch: {label} expects {text.format(expected)}, but "
            f"{text.format(found)} come in; check input_shape=(channels, rows, cols)"
        )


def _conv2d(label: str, conv: nn.Conv2d) -> dict[str, Any]:
    if conv.padding_mode != "zeros":
        _refuse(
            label,
            f"expected padding_mode='zeros', got {conv.padding_mode!r}",
            "pad the images instead, as with numpy.pad, and use padding=0",
        )
    _check_parameters(label, conv)
    return {
        "out_channels": conv.out_channels,
        "kernel_size": as_pair(conv.kernel_size, "kernel_size", 1),  # type: ignore[arg-type]
        "stride": as_pair(conv.stride, "stride", 1),  # type: ignore[arg-type]
        "padding": _padding(label, conv),
        "dilation": as_pair(conv.dilation, "dilation", 1),  # type: ignore[arg-type]
        "groups": conv.groups,
    }


def _padding(label: str, conv: nn.Conv2d) -> tuple[int, ...]:
    if conv.padding == "valid":
        return (0, 0)
    if conv.padding == "same":
        total = [d * (k - 1) for d, k in zip(conv.dilation, conv.kernel_size, strict=True)]
        if any(n % 2 for n in total):
            _refuse(
                label,
                "expected the same padding on both sides, got padding='same' with a kernel of "
                "even size",
                "use a kernel of odd size",
            )
        return tuple(n // 2 for n in total)
    return tuple(int(n) for n in conv.padding)


def _locally_connected(label: str, conv: LocallyConnected2d) -> dict[str, Any]:
    _check_parameters(label, conv)
    g = conv.geometry
    return {
        "out_channels": g.out_channels,
        "kernel_size": g.kernel_size,
        "stride": g.stride,
        "padding": g.padding,
        "dilation": g.dilation,
        "groups": g.groups,
        "weight_sharing": False,
    }


def _check_parameters(label: str, conv: nn.Conv2d | LocallyConnected2d) -> None:
    if not torch.isfinite(conv.weight).all():
        raise ValueError(f"from_torch: {label}: every weight must be finite; did it diverge?")
    if conv.bias is not None and torch.any(conv.bias != 0):
        largest = float(conv.bias.detach().abs().max())
        _refuse(
            label,
            f"expected no bias or one of 0, got one up to {largest:.3g}. An adaptive threshold "
            "would stand for it, but change how the layer learns",
            "use bias=False; thresholds come back from a whole module that to_torch made",
        )


def _softmax(label: str, module: nn.Softmax) -> dict[str, Any]:
    if module.dim not in (1, -3):
        _refuse(
            label,
            f"expected a softmax over channels, dim=1, got dim={module.dim}",
            "use nn.Softmax2d()",
        )
    return {"activity": "softmax", "output": "activity"}


def _winners(label: str, module: WinnerTakeAll) -> dict[str, Any]:
    activity = "graded" if module.graded else "winners"
    return {"activity": activity, "k": module.k, "output": "activity"}


def _soft_winners(label: str, module: SoftWinnerTakeAll) -> dict[str, Any]:
    return {"activity": "softmax", "temperature": module.temperature, "output": "activity"}


def _average_pool(label: str, pool: nn.AvgPool2d) -> dict[str, Any]:
    fields = _pool(label, pool, padding=0, ceil_mode=False)
    rows, cols = fields["pool_size"]
    divisor = pool.divisor_override
    if divisor not in (None, 1, rows * cols):
        _refuse(
            label,
            f"expected divisor_override to be None, an average, or 1, a sum, got {divisor}",
            "scale the next layer's kernel instead",
        )
    pooling = "sum" if divisor == 1 and rows * cols > 1 else "average"
    return {"pooling": pooling, **fields}


def _max_pool(label: str, pool: nn.MaxPool2d) -> dict[str, Any]:
    fields = _pool(label, pool, padding=0, dilation=1, ceil_mode=False, return_indices=False)
    return {"pooling": "max", **fields}


def _pool(label: str, pool: nn.AvgPool2d | nn.MaxPool2d, **expected: Any) -> dict[str, Any]:
    for name, value in expected.items():
        found = getattr(pool, name)
        if np.any(np.asarray(found) != value):
            _refuse(
                label,
                f"expected {name}={value}, got {found}",
                "choose a window and stride that need none of it",
            )
    window = as_pair(pool.kernel_size, "kernel_size", 1)
    return {"pool_size": window, "pool_stride": as_pair(pool.stride, "stride", 1)}


#: What each module is in a layer, and how its settings are read
_READERS: dict[type[nn.Module], tuple[str, Reader]] = {
    Standardize: ("standardization", lambda label, module: {"standardize": True}),
    nn.Conv2d: ("convolution", _conv2d),
    LocallyConnected2d: ("convolution", _locally_connected),
    nn.ReLU: ("activation", lambda label, module: {"output": "rectified"}),
    Triangle: ("activation", lambda label, module: {"output": "triangle"}),
    WinnerTakeAll: ("activation", _winners),
    SoftWinnerTakeAll: ("activation", _soft_winners),
    nn.Softmax2d: (
        "activation",
        lambda label, module: {"activity": "softmax", "output": "activity"},
    ),
    nn.Softmax: ("activation", _softmax),
    nn.AvgPool2d: ("pooling", _average_pool),
    nn.MaxPool2d: ("pooling", _max_pool),
}
_MAY_FOLLOW = {
    "standardization": ("start", "convolution", "activation", "pooling"),
    "convolution": ("start", "standardization", "convolution", "activation", "pooling"),
    "activation": ("convolution",),
    "pooling": ("convolution", "activation"),
}
_WITH_ARTICLE = {
    "standardization": "a standardization",
    "activation": "an activation",
    "pooling": "a pooling",
}
_WAYS_OUT = {
    "standardization": "leave the second out, it changes nothing",
    "activation": "put it right after the convolution; before a max pooling nn.ReLU does the same",
    "pooling": "put a convolution between two poolings, or join them into one",
}
