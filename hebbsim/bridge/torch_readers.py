"""What each of torch's modules means in a layer."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray
from torch import nn

from hebbsim.bridge.torch_leaves import Leaf
from hebbsim.bridge.torch_modules import (
    LocallyConnected2d,
    SoftWinnerTakeAll,
    Standardize,
    Triangle,
    WinnerTakeAll,
)
from hebbsim.geometry import GeometryError, MapShape, as_pair

__all__ = [
    "FLAT",
    "MAPS",
    "VECTORS",
    "Meaning",
    "Signal",
    "meaning_of",
    "refuse",
    "weight_and_bias",
]

type Array = NDArray[np.float64]

#: The forms in which a signal passes: images, their values in a row, and one value a channel
MAPS, FLAT, VECTORS = "maps", "flattened maps", "vectors"


@dataclass(frozen=True)
class Signal:
    """What comes into a module."""

    shape: MapShape
    #: The forms in which it may pass
    layouts: frozenset[str]


type Reader = Callable[[Leaf, Signal], dict[str, Any]]


@dataclass(frozen=True)
class Meaning:
    """What a module is in a layer."""

    role: str
    #: Returns fields of a `ConvLayer`; of a convolution also ``kernel`` and ``offset``, of a
    #: normalization ``scale`` and ``offset``, arrays for its channels
    read: Reader
    layouts: frozenset[str]


def meaning_of(leaf: Leaf) -> Meaning:
    """Return what a module means.

    Raises
    ------
    ValueError
        If it has no counterpart in a layer.
    """
    if leaf.kind not in _MEANINGS:
        _refuse_kind(leaf)
    return _MEANINGS[leaf.kind]


def _refuse_kind(leaf: Leaf) -> NoReturn:
    known = [kind for kind in _MEANINGS if issubclass(leaf.kind, kind)]
    if known:
        refuse(
            leaf.label,
            f"expected {known[0].__name__} itself, got a subclass, which may compute "
            "something else",
            f"put a {known[0].__name__} with its state_dict in its place",
        )
    refuse(
        leaf.label,
        f"expected one of {', '.join(kind.__name__ for kind in _MEANINGS)}, got a "
        f"{leaf.kind.__module__}.{leaf.kind.__qualname__}",
        "give the part before it, module[:n], and train a read-out on what that gives, as "
        "hebbsim.decode does"
        if leaf.name
        else "put its layers into an nn.Sequential",
    )


def refuse(label: str, expected: str, way_out: str) -> NoReturn:
    """Refuse a module that a layer can't express."""
    raise ValueError(
        f"from_torch: {label} has no counterpart in a ConvLayer: {expected}; {way_out}"
    )


def weight_and_bias(leaf: Leaf) -> tuple[Array, Array | None]:
    """Return the weight and bias of a convolution or linear layer, as its forward pass uses them.

    Raises
    ------
    ValueError
        If they are not of the shape that the module's settings say.
    """
    conv = leaf.module
    if leaf.kind is nn.Linear:
        shape: tuple[int, ...] = (conv.out_features, conv.in_features)
    elif leaf.kind is LocallyConnected2d:
        shape = tuple(conv.geometry.kernel_shape)
    else:
        shape = (conv.out_channels, conv.in_channels // conv.groups, *_kernel_size(conv))
    channels = shape[-4] if len(shape) > 2 else shape[0]
    weight, bias = leaf.array("weight"), leaf.array("bias")
    assert weight is not None
    for name, array, expected in (("weight", weight, shape), ("bias", bias, (channels,))):
        if array is not None and array.shape != expected:
            raise ValueError(
                f"from_torch: {leaf.label}: expected '{name}' of shape {expected}, as its settings "
                f"say, got {array.shape}; make the module anew with the shape that you want"
            )
    return weight, bias


def _check_channels(label: str, expected: int, found: int, what: str = "channels") -> None:
    if expected != found:
        raise GeometryError(
            f"from_torch: {label} expects {expected} {what}, but {found} {what} come in; check "
            "input_shape=(channels, rows, cols)"
        )


def _conv2d(leaf: Leaf, signal: Signal) -> dict[str, Any]:
    conv = leaf.module
    if conv.padding_mode != "zeros":
        refuse(
            leaf.label,
            f"expected padding_mode='zeros', got {conv.padding_mode!r}",
            "pad the images instead, as with numpy.pad, and use padding=0",
        )
    _check_channels(leaf.label, conv.in_channels, signal.shape.channels)
    kernel, bias = weight_and_bias(leaf)
    return {
        "out_channels": conv.out_channels,
        "kernel_size": _kernel_size(conv),
        "stride": as_pair(conv.stride, "stride", 1),
        "padding": _padding(leaf.label, conv),
        "dilation": as_pair(conv.dilation, "dilation", 1),
        "groups": conv.groups,
        "kernel": kernel,
        "offset": bias,
    }


def _kernel_size(conv: nn.Conv2d) -> tuple[int, int]:
    return as_pair(conv.kernel_size, "kernel_size", 1)  # type: ignore[arg-type]


def _padding(label: str, conv: nn.Conv2d) -> tuple[int, int]:
    if conv.padding == "valid":
        return (0, 0)
    if conv.padding == "same":
        dilation = as_pair(conv.dilation, "dilation", 1)  # type: ignore[arg-type]
        rows, cols = (d * (k - 1) for d, k in zip(dilation, _kernel_size(conv), strict=True))
        if rows % 2 or cols % 2:
            refuse(
                label,
                "expected the same padding on both sides, got padding='same' with a kernel of "
                "even size",
                "use a kernel of odd size",
            )
        return rows // 2, cols // 2
    return as_pair(conv.padding, "padding", 0)  # type: ignore[arg-type]


def _locally_connected(leaf: Leaf, signal: Signal) -> dict[str, Any]:
    g = leaf.module.geometry
    if tuple(g.in_shape) != tuple(signal.shape):
        raise GeometryError(
            f"from_torch: {leaf.label} expects maps of shape {tuple(g.in_shape)}, but maps of "
            f"shape {tuple(signal.shape)} come in; check input_shape=(channels, rows, cols)"
        )
    kernel, bias = weight_and_bias(leaf)
    return {
        "out_channels": g.out_channels,
        "kernel_size": g.kernel_size,
        "stride": g.stride,
        "padding": g.padding,
        "dilation": g.dilation,
        "groups": g.groups,
        "weight_sharing": False,
        "kernel": kernel,
        "offset": bias,
    }


def _linear(leaf: Leaf, signal: Signal) -> dict[str, Any]:
    """Read it as a convolution whose kernel covers the whole map."""
    shape = signal.shape
    features = shape.channels * shape.rows * shape.cols
    _check_channels(leaf.label, leaf.module.in_features, features, "features")
    weight, bias = weight_and_bias(leaf)
    return {
        "out_channels": leaf.module.out_features,
        "kernel_size": (shape.rows, shape.cols),
        "kernel": weight.reshape(-1, *shape),
        "offset": bias,
    }


def _batch_norm(leaf: Leaf, signal: Signal) -> dict[str, Any]:
    """Read it in evaluation mode, ``gamma*(x - mean)/sqrt(var + eps) + beta``."""
    norm = leaf.module
    if norm.training:
        refuse(
            leaf.label,
            "expected evaluation mode, in which it is an affine map, got training mode, in which "
            "it normalises by the batch",
            "call module.eval()",
        )
    mean, variance = leaf.array("running_mean"), leaf.array("running_var")
    if mean is None or variance is None:
        refuse(
            leaf.label,
            "expected running statistics, got none, as after track_running_stats=False: it "
            "normalises by each batch",
            "train it with track_running_stats=True",
        )
    _check_channels(leaf.label, len(mean), signal.shape.channels)
    gamma, beta = leaf.array("weight"), leaf.array("bias")
    if variance.min() + norm.eps <= 0:
        raise ValueError(
            f"from_torch: {leaf.label}: expected a positive 'running_var' + eps, got "
            f"{variance.min() + norm.eps:.3g}"
        )
    scale = (1 if gamma is None else gamma) / np.sqrt(variance + norm.eps)
    return {"scale": scale, "offset": (0 if beta is None else beta) - mean * scale}


def _dropout(leaf: Leaf, signal: Signal) -> dict[str, Any]:
    if leaf.module.training and leaf.module.p > 0:
        refuse(
            leaf.label,
            "expected evaluation mode, in which it changes nothing, got training mode",
            "call module.eval()",
        )
    return {}


def _flatten(leaf: Leaf, signal: Signal) -> dict[str, Any]:
    if (leaf.module.start_dim, leaf.module.end_dim) not in ((1, -1), (1, 3)):
        refuse(
            leaf.label,
            f"expected each sample to be flattened, start_dim=1 and end_dim=-1, got "
            f"start_dim={leaf.module.start_dim} and end_dim={leaf.module.end_dim}",
            "use nn.Flatten()",
        )
    return {}


def _softmax(leaf: Leaf, signal: Signal) -> dict[str, Any]:
    if leaf.module.dim not in ((1, -3) if MAPS in signal.layouts else (1, -1)):
        refuse(
            leaf.label,
            f"expected a softmax over channels, dim=1, got dim={leaf.module.dim}",
            "use nn.Softmax(dim=1)",
        )
    return {"activity": "softmax", "output": "activity"}


def _winners(leaf: Leaf, signal: Signal) -> dict[str, Any]:
    activity = "graded" if leaf.module.graded else "winners"
    return {"activity": activity, "k": leaf.module.k, "output": "activity"}


def _soft_winners(leaf: Leaf, signal: Signal) -> dict[str, Any]:
    temperature = getattr(leaf.module, "temperature", 1.0)
    return {"activity": "softmax", "temperature": temperature, "output": "activity"}


def _average_pool(leaf: Leaf, signal: Signal) -> dict[str, Any]:
    fields = _pool(leaf, padding=0, ceil_mode=False)
    rows, cols = fields["pool_size"]
    divisor = leaf.module.divisor_override
    if divisor not in (None, 1, rows * cols):
        refuse(
            leaf.label,
            f"expected divisor_override to be None, an average, or 1, a sum, got {divisor}",
            "scale the next layer's kernel instead",
        )
    pooling = "sum" if divisor == 1 and rows * cols > 1 else "average"
    return {"pooling": pooling, **fields}


def _max_pool(leaf: Leaf, signal: Signal) -> dict[str, Any]:
    fields = _pool(leaf, padding=0, dilation=1, ceil_mode=False, return_indices=False)
    return {"pooling": "max", **fields}


def _pool(leaf: Leaf, **expected: Any) -> dict[str, Any]:
    for name, value in expected.items():
        found = getattr(leaf.module, name)
        if np.any(np.asarray(found) != value):
            refuse(
                leaf.label,
                f"expected {name}={value}, got {found}",
                "choose a window and stride that need none of it",
            )
    window = as_pair(leaf.module.kernel_size, "kernel_size", 1)
    return {"pool_size": window, "pool_stride": as_pair(leaf.module.stride, "stride", 1)}


def _meaning(role: str, read: Reader | dict[str, Any], *layouts: str) -> Meaning:
    reader = read if callable(read) else lambda leaf, signal: dict(read)
    return Meaning(role, reader, frozenset(layouts))


_MEANINGS: dict[type[nn.Module], Meaning] = {
    Standardize: _meaning("standardization", {"standardize": True}, MAPS),
    nn.Conv2d: _meaning("convolution", _conv2d, MAPS),
    LocallyConnected2d: _meaning("convolution", _locally_connected, MAPS),
    nn.Linear: _meaning("convolution", _linear, FLAT, VECTORS),
    nn.BatchNorm2d: _meaning("normalization", _batch_norm, MAPS),
    nn.BatchNorm1d: _meaning("normalization", _batch_norm, VECTORS),
    nn.SyncBatchNorm: _meaning("normalization", _batch_norm, MAPS, VECTORS),
    nn.ReLU: _meaning("activation", {"output": "rectified"}, MAPS, FLAT, VECTORS),
    Triangle: _meaning("activation", {"output": "triangle"}, MAPS),
    WinnerTakeAll: _meaning("activation", _winners, MAPS),
    SoftWinnerTakeAll: _meaning("activation", _soft_winners, MAPS),
    nn.Softmax2d: _meaning("activation", _soft_winners, MAPS),
    nn.Softmax: _meaning("activation", _softmax, MAPS, VECTORS),
    nn.AvgPool2d: _meaning("pooling", _average_pool, MAPS),
    nn.MaxPool2d: _meaning("pooling", _max_pool, MAPS),
    nn.Flatten: _meaning("flattening", _flatten, MAPS, FLAT, VECTORS),
    nn.Identity: _meaning("nothing", {}, MAPS, FLAT, VECTORS),
    nn.Dropout: _meaning("nothing", _dropout, MAPS, FLAT, VECTORS),
    nn.Dropout2d: _meaning("nothing", _dropout, MAPS),
}
