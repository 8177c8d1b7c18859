"""Digits as first spikes, and layers that learn from them one after the other."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np
from scipy.ndimage import zoom  # type: ignore[import-untyped]

from hebbsim import load_dataset
from hebbsim.data.dataset import as_float
from hebbsim.geometry import MapShape
from models.common.model import Announce
from models.kheradpisheh2018.model import (
    LearningLayer,
    Variation,
    as_bits,
    encoded,
    handed_on_shape,
    transformed,
)
from models.kheradpisheh2018.settings import DigitSettings, Layer

__all__ = ["Digits", "Shown", "Trained", "learn_layers", "load_digits", "spikes_of_one"]


@dataclass(frozen=True)
class Digits:
    """Hold first spikes ``(n, channels, rows, cols)`` and classes of both splits."""

    train: np.ndarray
    train_labels: np.ndarray
    test: np.ndarray
    test_labels: np.ndarray


@dataclass(frozen=True)
class Trained:
    """Hold what a network learned, and which neurons of its last layer's pooled map spike.

    Parameters
    ----------
    kernels : list of array
        Of each layer, ``(out_channels, in_channels, rows, cols)``.
    convergence : list of list of float
        Mean of w(1 - w) of each layer that has learned, after each epoch.
    milliseconds : list of float
        That an image took each of these.
    spiked : Digits
        A bit a neuron, as `numpy.packbits` makes them of each image: first spikes of 50,000 images
        would not fit into 2 GB beside what they are made of.
    shape : MapShape
        Of that map, ``(channels, rows, cols)``.
    """

    kernels: list[np.ndarray]
    convergence: list[list[float]]
    milliseconds: list[float]
    spiked: Digits
    shape: MapShape


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


def load_digits(settings: DigitSettings, windows: Sequence[tuple[int, float, float]]) -> Digits:
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

    Without a `variation` kernels stay as they were drawn. Digits that nobody else keeps, 282 MB
    of six filters, are gone when layer 2 learns.
    """
    random = np.random.default_rng(seed)
    _, *image = digits.train.shape
    shape = MapShape(*image)
    kernels, convergence, milliseconds = [], [], []
    for number, (layer, how) in enumerate(zip(layers, shown, strict=True), start=1):
        size = (layer.channels, shape.channels, layer.kernel_size, layer.kernel_size)
        kernel = np.clip(random.normal(0.8, 0.05, size), 0, 1)
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
        shape = handed_on_shape(layer, shape)
        handed_on = as_bits if number == len(layers) else np.asarray
        digits = replace(
            digits,
            train=transformed(layer, digits.train, kernel, handed_on),
            test=transformed(layer, digits.test, kernel, handed_on),
        )
    return Trained(kernels, convergence, milliseconds, digits, shape)


def spikes_of_one(
    bins: np.ndarray, layers: Sequence[Layer], kernels: Sequence[np.ndarray]
) -> dict[str, np.ndarray]:
    """Return when the inputs of one image spike, and the neurons of each pooled map.

    Parameters
    ----------
    bins : array of uint8
        ``(1, channels, rows, cols)``.
    layers : sequence of Layer
        Sizes.
    kernels : sequence of array
        One of each layer.

    Returns
    -------
    dict of str to array
        ``(channels, rows, cols)``, by ``"spikes 0"`` (the inputs), ``"spikes 1"`` and so on.
    """
    found = {"spikes 0": bins[0]}
    for number, (layer, kernel) in enumerate(zip(layers, kernels, strict=True), start=1):
        bins = transformed(layer, bins, kernel)
        found[f"spikes {number}"] = bins[0]
    return found
