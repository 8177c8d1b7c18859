"""The protocol: two layers learn one after the other, classifiers read them out, and controls."""

from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np
from brian2 import seed as seed_brian2
from scipy.ndimage import zoom  # type: ignore[import-untyped]

from hebbsim import load_dataset
from hebbsim.data.dataset import as_float
from hebbsim.data.latency_bins import NEVER
from models.common import Results
from models.common.model import Announce, silent
from models.kheradpisheh2018.model import LearningLayer, Variation, encoded, transformed
from models.kheradpisheh2018.readout import hinge, support_vectors
from models.kheradpisheh2018.settings import LAYERS, Settings

__all__ = ["CONTROLS", "run"]

#: By name; None does not learn
CONTROLS: dict[str, Variation | None] = {
    "trained": Variation(),
    "untrained": None,
    "without competition": Variation(competing=False),
    "without order": Variation(ordered=False),
    "sign flipped": Variation(sign=-1),
    "winners drawn at random": Variation(drawn=True),
}


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


def run(settings: Settings, seed: int, announce: Announce = silent) -> Results:
    """
    Run the network and its controls with one seed, which the first weights depend on.

    Returns
    -------
    Results
        Accuracies in percent, convergence and times; kernels and the confusion matrix.
    """
    start = perf_counter()
    seed_brian2(seed)
    announce("encoding")
    digits = _digits(settings)
    network = _network(digits, seed, settings, settings.epochs, Variation(), announce)
    announce("reading out")
    numbers, confusion = _read_out(network.outputs, settings)
    numbers["minutes"] = (perf_counter() - start) / 60
    for number, (convergence, took) in enumerate(
        zip(network.convergence, network.milliseconds, strict=True), start=1
    ):
        numbers[f"w(1 - w), layer {number}"] = convergence[-1]
        numbers[f"epochs, layer {number}"] = float(len(convergence))
        numbers[f"ms an image, layer {number}"] = took
    numbers |= _controls(digits, seed, settings, numbers["support vectors"], announce)
    arrays = {f"kernel {n}": kernel for n, kernel in enumerate(network.kernels, start=1)}
    arrays |= {f"convergence {n}": np.array(c) for n, c in enumerate(network.convergence, start=1)}
    return Results(numbers, {**arrays, "confusion": confusion})


def _controls(
    digits: Digits, seed: int, settings: Settings, accuracy: float, announce: Announce
) -> dict[str, float]:
    """Return the accuracy of each control, and how far it is behind a network of its size."""
    some, found = digits.first(settings.n_control), {}
    sizes = settings.n_control, settings.control_epochs
    for name, variation in CONTROLS.items():
        if name == "trained" and sizes == (settings.n_train, settings.epochs):
            found[name] = accuracy
            continue
        announce(f"control: {name}")
        control = _network(some, seed, settings, settings.control_epochs, variation, silent)
        found[name] = _accuracy(control.outputs, settings)
    behind = {
        f"trained - {name}": found["trained"] - value
        for name, value in found.items()
        if name != "trained"
    }
    return found | behind


def _digits(settings: Settings) -> Digits:
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
        splits += [encoded(chosen), labels[: n or len(labels)]]
    return Digits(*splits)


def _network(
    digits: Digits,
    seed: int,
    settings: Settings,
    epochs: tuple[int, int],
    variation: Variation | None,
    announce: Announce,
) -> Trained:
    """Let both layers learn, one after the other; the output of a fixed layer is computed once."""
    random = np.random.default_rng(seed)
    kernels, convergence, milliseconds = [], [], []
    for number, (layer, most) in enumerate(zip(LAYERS, epochs, strict=True), start=1):
        shape = (layer.channels, digits.train.shape[1], layer.kernel_size, layer.kernel_size)
        kernel = np.clip(random.normal(0.8, 0.05, shape), 0, 1)
        if variation is not None:
            announce(f"layer {number} learns")
            start = perf_counter()
            learning = LearningLayer(
                layer, digits.train, kernel, settings.doubling_every[number - 1], variation
            )
            convergence.append(learning.learn(most, settings.converged if number == 2 else 0))
            shown = len(convergence[-1]) * len(digits.train)
            milliseconds.append(1000 * (perf_counter() - start) / shown)
            kernel = learning.kernel
        announce(f"output of layer {number}")
        kernels.append(kernel)
        digits = replace(
            digits,
            train=transformed(layer, digits.train, kernel),
            test=transformed(layer, digits.test, kernel),
        )
    return Trained(kernels, convergence, digits, milliseconds)


def _read_out(digits: Digits, settings: Settings) -> tuple[dict[str, float], np.ndarray]:
    """Return accuracies in percent, and the confusion matrix of the better classifier."""
    train, known, test, labels = (
        digits.train,
        digits.train_labels,
        digits.test,
        digits.test_labels,
    )
    found = {
        "support vectors": support_vectors(train, known, test, settings.penalty),
        "hinge": hinge(train, known, test, settings.alpha),
    }
    numbers = {name: 100 * float((given == labels).mean()) for name, given in found.items()}
    best = max(numbers, key=lambda name: numbers[name])
    confusion = np.zeros((10, 10), dtype=int)
    np.add.at(confusion, (labels, found[best]), 1)
    numbers["accuracy"] = numbers[best]
    numbers["spikes an image"] = np.count_nonzero(train < NEVER) / len(train)
    return numbers, confusion


def _accuracy(digits: Digits, settings: Settings) -> float:
    given = support_vectors(digits.train, digits.train_labels, digits.test, settings.penalty)
    return 100 * float((given == digits.test_labels).mean())
