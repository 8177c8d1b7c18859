"""What torch's convolutions, linear layers and batch norms multiply with and add."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from hebbsim.bridge.torch_leaves import Leaf, refuse
from hebbsim.bridge.torch_modules import LocallyConnected2d
from hebbsim.bridge.torch_signal import Signal
from hebbsim.geometry import GeometryError, as_pair

__all__ = [
    "read_batch_norm",
    "read_conv2d",
    "read_linear",
    "read_local",
    "statistics_of",
    "weight_and_bias",
]

type Array = NDArray[np.float64]


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


def read_conv2d(leaf: Leaf, signal: Signal) -> dict[str, Any]:
    """Return the fields of a `ConvLayer`, ``kernel`` and ``offset`` of a convolution."""
    conv = leaf.module
    _check_channels(leaf.label, conv.in_channels, signal.shape.channels)
    kernel, bias = weight_and_bias(leaf)
    return {
        "out_channels": conv.out_channels,
        "kernel_size": _kernel_size(conv),
        "stride": as_pair(conv.stride, "stride", 1),
        "padding": _padding(leaf.label, conv),
        "dilation": as_pair(conv.dilation, "dilation", 1),
        "groups": conv.groups,
        "padding_mode": conv.padding_mode,
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


def read_local(leaf: Leaf, signal: Signal) -> dict[str, Any]:
    """Return the fields of a `ConvLayer`, ``kernel`` and ``offset`` of local connections."""
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
        "padding_mode": g.padding_mode,
        "kernel": kernel,
        "offset": bias,
    }


def read_linear(leaf: Leaf, signal: Signal) -> dict[str, Any]:
    """Return those of a convolution whose kernel covers the whole map."""
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


def read_batch_norm(leaf: Leaf, signal: Signal) -> dict[str, Any]:
    """Return ``scale`` and ``offset`` of ``gamma*(x - mean)/sqrt(var + eps) + beta``.

    And ``statistics``, mean and variance, if that is what a layer's own normalisation computes.
    """
    norm = leaf.module
    mean, variance = statistics_of(leaf)
    _check_channels(leaf.label, len(mean), signal.shape.channels)
    gamma, beta = leaf.array("weight"), leaf.array("bias")
    if variance.min() + norm.eps <= 0:
        raise ValueError(
            f"from_torch: {leaf.label}: expected a positive 'running_var' + eps, got "
            f"{variance.min() + norm.eps:.3g}"
        )
    scale = (1 if gamma is None else gamma) / np.sqrt(variance + norm.eps)
    read = {"scale": scale, "offset": (0 if beta is None else beta) - mean * scale}
    plain = gamma is None and beta is None and (norm.eps, norm.momentum) == (1e-5, 0.1)
    if plain and variance.min() >= 0 and signal.shape[1:] != (1, 1):
        read["statistics"] = (mean, variance)
    return read


def statistics_of(leaf: Leaf) -> tuple[Array, Array]:
    """Return the running mean and variance that a batch norm normalises by.

    Raises
    ------
    ValueError
        If it normalises by the batch.
    """
    if leaf.module.training:
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
    return mean, variance
