"""What each of torch's modules means in a layer."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
from torch import nn

from hebbsim.bridge.torch_kernels import (
    read_batch_norm,
    read_conv2d,
    read_linear,
    read_local,
)
from hebbsim.bridge.torch_leaves import Leaf, refuse
from hebbsim.bridge.torch_modules import (
    LocallyConnected2d,
    SoftWinnerTakeAll,
    Standardize,
    Triangle,
    WinnerTakeAll,
)
from hebbsim.bridge.torch_signal import FLAT, MAPS, VECTORS, Signal
from hebbsim.geometry import as_pair

__all__ = ["Meaning", "meaning_of"]

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
    activity = "signed_softmax" if getattr(leaf.module, "signed", False) else "softmax"
    return {"activity": activity, "temperature": temperature, "output": "activity"}


def _triangle(leaf: Leaf, signal: Signal) -> dict[str, Any]:
    return {"output": "triangle", "power": leaf.module.power}


def _average_pool(leaf: Leaf, signal: Signal) -> dict[str, Any]:
    fields, pool = _pool(leaf), leaf.module
    rows, cols = fields["pool_size"]
    divisor = pool.divisor_override
    if divisor is None and not pool.count_include_pad and any(fields["pool_padding"]):
        refuse(
            leaf.label,
            "expected count_include_pad=True, an average that counts its padding, got False",
            "use count_include_pad=True, or padding=0",
        )
    # windows beyond the padding are smaller, which a divisor of the whole window doesn't know
    if divisor not in (None, 1, *([] if pool.ceil_mode else [rows * cols])):
        refuse(
            leaf.label,
            f"expected divisor_override to be None, an average, or 1, a sum, got {divisor}",
            "scale the next layer's kernel instead",
        )
    pooling = "sum" if divisor == 1 and rows * cols > 1 else "average"
    return {"pooling": pooling, **fields}


def _max_pool(leaf: Leaf, signal: Signal) -> dict[str, Any]:
    return {"pooling": "max", **_pool(leaf, dilation=1, return_indices=False)}


def _pool(leaf: Leaf, **expected: Any) -> dict[str, Any]:
    pool = leaf.module
    for name, value in expected.items():
        found = getattr(pool, name)
        if np.any(np.asarray(found) != value):
            refuse(leaf.label, f"expected {name}={value}, got {found}", f"use {name}={value}")
    return {
        "pool_size": as_pair(pool.kernel_size, "kernel_size", 1),
        "pool_stride": as_pair(pool.stride, "stride", 1),
        "pool_padding": as_pair(pool.padding, "padding", 0),
        "pool_ceil_mode": bool(pool.ceil_mode),
    }


def _meaning(role: str, read: Reader | dict[str, Any], *layouts: str) -> Meaning:
    reader = read if callable(read) else lambda leaf, signal: dict(read)
    return Meaning(role, reader, frozenset(layouts))


_MEANINGS: dict[type[nn.Module], Meaning] = {
    Standardize: _meaning("standardization", {"standardize": True}, MAPS),
    nn.Conv2d: _meaning("convolution", read_conv2d, MAPS),
    LocallyConnected2d: _meaning("convolution", read_local, MAPS),
    nn.Linear: _meaning("convolution", read_linear, FLAT, VECTORS),
    nn.BatchNorm2d: _meaning("normalization", read_batch_norm, MAPS),
    nn.BatchNorm1d: _meaning("normalization", read_batch_norm, VECTORS),
    nn.SyncBatchNorm: _meaning("normalization", read_batch_norm, MAPS, VECTORS),
    nn.ReLU: _meaning("activation", {"output": "rectified"}, MAPS, FLAT, VECTORS),
    Triangle: _meaning("activation", _triangle, MAPS),
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
