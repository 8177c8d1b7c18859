"""The protocol: two layers learn one after the other, classifiers read them out, and controls."""

from time import perf_counter

import numpy as np
from brian2 import seed as seed_brian2

from hebbsim.data.latency_bins import NEVER
from models.common import Results
from models.common.model import Announce, silent
from models.kheradpisheh2018.layers import Digits, Shown, learn_layers, load_digits
from models.kheradpisheh2018.model import Variation
from models.kheradpisheh2018.readout import hinge, support_vectors
from models.kheradpisheh2018.settings import LAYERS, WINDOWS, Settings

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
    digits = load_digits(settings, WINDOWS)
    network = learn_layers(
        digits, LAYERS, seed, _shown(settings, settings.epochs), Variation(), announce
    )
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
        control = learn_layers(
            some, LAYERS, seed, _shown(settings, settings.control_epochs), variation, silent
        )
        found[name] = _accuracy(control.outputs, settings)
    behind = {
        f"trained - {name}": found["trained"] - value
        for name, value in found.items()
        if name != "trained"
    }
    return found | behind


def _shown(settings: Settings, epochs: tuple[int, int]) -> list[Shown]:
    converged = (0.0, settings.converged)
    return [Shown(*how) for how in zip(epochs, settings.doubling_every, converged, strict=True)]


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
