"""Digits as first spikes, and layers that learn from them one after the other."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Protocol

import numpy as np
from scipy.ndimage import zoom  # type: ignore[import-untyped]

from hebbsim import load_dataset
from hebbsim.data.dataset import as_float
from models.common.model import Announce
from models.kheradpisheh2018.model import LearningLayer, Variation, encoded, transformed
from models.kheradpisheh2018.settings import Layer

__all__ = ["Digits", "Shown", "Source", "Trained", "learn_layers", "load_digits"]


class Source(Protocol):
    """Settings that say which images are shown."""

    @property
    def data(self) -> str:
        """Name of the data set; scikit-learn's digits are enlarged from 8x8 to 28x28."""
        ...

    @property
    def data_root(self) -> str | None:
        """Folder of data sets."""
        ...

    @property
    def n_train(self) -> int:
        """How many training images, the first of all; 0 for all."""
        ...

    @property
    def n_test(self) -> int:
        """How many images of the other split."""
        ...


@dataclass(frozen=True)
class Digits:
    """Hold first spikes ``(n, channels, rows, cols)`` and classes of both splits."""

    train: np.ndarray
    train_labels: np.ndarray
    test: np.ndarray
    test_labels: np.ndarray

    def first(self, n: int) -> "Digits":
        """Return the first images of each split."""
        return Digits(self.train[:n], self.train_labels[:n], self.test[:n], self.test_labels[:n])


@dataclass(frozen=True)
class Trained:
    """Hold what a network learned, and the first spikes of its second layer."""

    kernels: list[np.ndarray]
    convergence: list[list[float]]
    outputs: Digits
    milliseconds: list[float]


@dataclass(frozen=True)
class Shown:
    """Say how long a layer learns.

    Parameters
    ----------
    epochs : int
        At most.
    doubling_every : int
        Images after which rates double; 0: never.
    converged : float
        Mean of w(1 - w) below which it stops before.
    """

    epochs: int
    doubling_every: int
    converged: float = 0.0


def load_digits(settings: Source, windows: Sequence[tuple[int, float, float]]) -> Digits:
    """Load and encode the images."""
    found = load_dataset(settings.data, settings.data_root)
    splits = []
    for images, labels, n in (
        (found.train_images, found.train_labels, settings.n_train),
        (found.test_images, found.test_labels, settings.n_test),
    ):
        chosen = images[: n or len(images)]
        if settings.data == "digits":
            size = 28 / chosen.shape[-1]
            chosen = np.clip(zoom(as_float(chosen), (1, 1, size, size), order=1), 0, 1)
        splits += [encoded(chosen, windows), labels[: n or len(labels)]]
    return Digits(*splits)


def learn_layers(
    digits: Digits,
    layers: Sequence[Layer],
    seed: int,
    shown: Sequence[Shown],
    variation: Variation | None,
    announce: Announce,
) -> Trained:
    """Let layers learn, one after the other; the output of a fixed layer is computed once.

    Without a `variation` kernels stay as they were drawn.
    """
    random = np.random.default_rng(seed)
    kernels, convergence, milliseconds = [], [], []
    for number, (layer, how) in enumerate(zip(layers, shown, strict=True), start=1):
        shape = (layer.channels, digits.train.shape[1], layer.kernel_size, layer.kernel_size)
        kernel = np.clip(random.normal(0.8, 0.05, shape), 0, 1)
        if variation is not None:
            announce(f"layer {number} learns")
            start = perf_counter()
            learning = LearningLayer(layer, digits.train, kernel, how.doubling_every, variation)
            convergence.append(learning.learn(how.epochs, how.converged))
            n_shown = len(convergence[-1]) * len(digits.train)
            milliseconds.append(1000 * (perf_counter() - start) / n_shown)
            kernel = learning.kernel
            del learning  # with the images that it stores
        announce(f"output of layer {number}")
        kernels.append(kernel)
        digits = replace(
            digits,
            train=transformed(layer, digits.train, kernel),
            test=transformed(layer, digits.test, kernel),
        )
    return Trained(kernels, convergence, digits, milliseconds)
