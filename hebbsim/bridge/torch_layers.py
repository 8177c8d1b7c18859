"""A sequence of torch's modules read as layers: in which order they may follow."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from hebbsim.bridge.torch_leaves import Leaf, leaves, refuse
from hebbsim.bridge.torch_readers import Meaning, meaning_of
from hebbsim.bridge.torch_signal import FLAT, MAPS, VECTORS, Signal
from hebbsim.geometry import GeometryError, MapShape
from hebbsim.networks.conv_layer import ConvLayer

__all__ = ["ReadLayer", "read_layers"]

type Array = NDArray[np.float64]

#: Settings of an imported layer that a module sets only where it says something about them
_PLAIN: dict[str, Any] = {
    "rule": None,
    "activity": "linear",
    "output": "linear",
    "standardize": False,
    "normalize": None,
}


@dataclass
class ReadLayer:
    """A layer as far as it is read."""

    settings: dict[str, Any] = field(default_factory=lambda: dict(_PLAIN))
    #: ``geometry.kernel_shape``
    kernel: Array = field(default_factory=lambda: np.zeros(0))
    #: ``(out_channels,)``, or None without one
    bias: Array | None = None
    #: Running mean and variance of the input's channels, ``(in_channels,)``, or None
    statistics: tuple[Array, Array] | None = None

    @property
    def layer(self) -> ConvLayer:
        """The declaration."""
        norm = self.statistics is not None
        return ConvLayer(**self.settings, bias=self.bias is not None, batch_norm=norm)

    def scale(self, scale: Array, offset: Array) -> None:
        """Multiply each channel of the drive, and add to it."""
        self.kernel = self.kernel * scale[:, None, None, None]  # channels are the fourth from last
        self.bias = offset if self.bias is None else self.bias * scale + offset


def read_layers(module: nn.Module, input_shape: MapShape) -> list[ReadLayer]:
    """Read a module of convolutions as layers, on images of `input_shape`.

    Raises
    ------
    ValueError
        If a module can't be expressed by a `ConvLayer`, with its name.
    """
    sequence = _Sequence(input_shape)
    for leaf in leaves(module):
        sequence.add(leaf)
    sequence.check_end()
    return sequence.layers


class _Sequence:
    """The layers read so far, and in which form the signal leaves them."""

    def __init__(self, input_shape: MapShape) -> None:
        self.layers: list[ReadLayer] = []
        self.into = input_shape  # what comes into the last layer
        # images of one position may be vectors: the first module to care decides
        layouts = {MAPS, VECTORS} if input_shape[1:] == (1, 1) else {MAPS}
        self.signal = Signal(input_shape, frozenset(layouts))
        self.previous = "start"
        self.flatten: Leaf | None = None  # the last one
        #: A batch normalisation, of which what follows decides where it belongs
        self.waiting: tuple[Leaf, dict[str, Any]] | None = None

    def add(self, leaf: Leaf) -> None:
        """Read the next module."""
        meaning = meaning_of(leaf)
        if meaning.role not in ("convolution", "nothing"):
            self._settle()
        self.signal = _entered(leaf, meaning, self.signal)
        role, shape = meaning.role, self.signal.shape
        if role in _MAY_FOLLOW:
            _check_order(leaf.label, role, self.previous)
        read = meaning.read(leaf, self.signal)
        if role == "flattening":
            self.flatten = leaf
            layout = VECTORS if shape[1:] == (1, 1) else FLAT
            self.signal = Signal(shape, frozenset({layout}))
        elif role == "normalization" and self.previous == "convolution":
            self.layers[-1].scale(read["scale"], read["offset"])
        elif role == "normalization" and "statistics" in read:
            self.waiting = leaf, read
        elif role == "normalization":
            self._extend(leaf, "convolution", _channelwise(read))
        elif role != "nothing":
            self._extend(leaf, role, read)

    def _settle(self) -> None:
        """Make a layer of a normalisation that no convolution follows."""
        if self.waiting is not None:
            (leaf, read), self.waiting = self.waiting, None
            self._extend(leaf, "convolution", _channelwise(read))

    def _extend(self, leaf: Leaf, role: str, read: dict[str, Any]) -> None:
        """Add what a module says to the last layer, or open the next."""
        convolves = role == "convolution"
        if role == "standardization" or (convolves and self.previous != "standardization"):
            self.layers.append(ReadLayer())
            self.into = self.signal.shape
        last = self.layers[-1]
        if convolves:
            last.kernel, last.bias = read.pop("kernel"), read.pop("offset")
            if self.waiting is not None:
                last.statistics, self.waiting = self.waiting[1]["statistics"], None
        last.settings |= read
        if role != "standardization":
            try:
                shape = last.layer.output_shape(self.into)
            except GeometryError as error:
                raise GeometryError(
                    f"from_torch: {leaf.label} on maps of {tuple(self.into)}: {error}"
                ) from None
            flat = convolves and MAPS not in self.signal.layouts
            self.signal = Signal(shape, frozenset({VECTORS}) if flat else self.signal.layouts)
        self.previous = role

    def check_end(self) -> None:
        """Check that the last layer is whole, and hands on maps."""
        self._settle()
        if self.previous in ("start", "standardization"):
            where = "after the last Standardize" if self.layers else "in the module"
            raise ValueError(
                f"from_torch: expected a convolution {where}, nn.Conv2d or LocallyConnected2d, "
                "got none; add one, or leave the rest out"
            )
        if FLAT in self.signal.layouts and self.flatten is not None:
            refuse(
                self.flatten.label,
                "expected nn.Linear after it, as a layer hands on maps, got none",
                "leave it out: network.transform(images).reshape(len(images), -1) does the same",
            )


def _entered(leaf: Leaf, meaning: Meaning, signal: Signal) -> Signal:
    """Check in which form the signal comes to a module."""
    layouts = signal.layouts & meaning.layouts
    if not layouts:
        refuse(
            leaf.label,
            f"expected {' or '.join(sorted(meaning.layouts))} to come in, got "
            f"{' or '.join(sorted(signal.layouts))}",
            "put an nn.Flatten() before it"
            if MAPS in signal.layouts
            else "put it before the nn.Flatten(), or leave it out",
        )
    return Signal(signal.shape, layouts)


def _channelwise(read: dict[str, Any]) -> dict[str, Any]:
    """Return a normalization as a 1x1 convolution of each channel by itself."""
    channels = len(read["scale"])
    return {
        "out_channels": channels,
        "kernel_size": (1, 1),
        "groups": channels,
        "kernel": read["scale"].reshape(channels, 1, 1, 1),
        "offset": read["offset"],
    }


def _check_order(label: str, role: str, previous: str) -> None:
    if previous not in _MAY_FOLLOW[role]:
        refuse(
            label,
            f"expected {_WITH_ARTICLE[role]} after {' or '.join(_MAY_FOLLOW[role])}, got it "
            f"after {previous}",
            _WAYS_OUT[role],
        )


_MAY_FOLLOW = {
    "standardization": ("start", "convolution", "activation", "pooling"),
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
