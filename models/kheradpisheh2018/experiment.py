"""The protocol: two layers learn one after the other, classifiers read them out, and controls."""

from collections.abc import Mapping
from dataclasses import replace
from math import prod
from time import perf_counter

import numpy as np
from brian2 import seed as seed_brian2

from hebbsim import PackedBits
from models.common import Results
from models.common.model import Announce, silent
from models.kheradpisheh2018.layers import (
    Digits,
    Shown,
    Trained,
    learn_layers,
    load_digits,
    spikes_of_one,
)
from models.kheradpisheh2018.model import Variation
from models.kheradpisheh2018.readout import chosen, fitted, hinge, support_vectors
from models.kheradpisheh2018.settings import LAYERS, WINDOWS, Settings

__all__ = ["ASKED", "CONTROLS", "behind", "run"]

#: By name; None does not learn
CONTROLS: dict[str, Variation | None] = {
    "trained": Variation(),
    "untrained": None,
    "without competition": Variation(competing=False),
    "without order": Variation(ordered=False),
    "sign flipped": Variation(sign=-1),
    "winners drawn at random": Variation(drawn=True),
}
#: Those of which something is asked, at any size
ASKED = ("trained", "untrained", "sign flipped")


def run(settings: Settings, seed: int, announce: Announce = silent) -> Results:
    """
    Run the network and its controls with one seed, which the first weights depend on.

    Returns
    -------
    Results
        Accuracies in percent, convergence and times; kernels, the first test image's
        spikes, confusion matrix.
    """
    start = perf_counter()
    seed_brian2(seed)
    announce("encoding")
    shown = _shown(settings, settings.epochs)
    network = learn_layers(
        load_digits(settings, WINDOWS),
        LAYERS,
        seed,
        shown,
        _of_network(CONTROLS["trained"], settings),
        announce,
    )
    announce("reading out")
    numbers, confusion = _read_out(network, settings)
    numbers["minutes"] = (perf_counter() - start) / 60
    for number, (convergence, took) in enumerate(
        zip(network.convergence, network.milliseconds, strict=True), start=1
    ):
        numbers[f"w(1 - w), layer {number}"] = convergence[-1]
        numbers[f"epochs, layer {number}"] = float(len(convergence))
        numbers[f"ms an image, layer {number}"] = took
    some = load_digits(settings.of_controls, WINDOWS)
    numbers |= _controls(some, seed, settings, numbers["support vectors"], announce)
    arrays = {f"kernel {n}": kernel for n, kernel in enumerate(network.kernels, start=1)}
    arrays |= {f"convergence {n}": np.array(c) for n, c in enumerate(network.convergence, start=1)}
    arrays |= spikes_of_one(some.test[:1], LAYERS, network.kernels)
    return Results(numbers, {**arrays, "confusion": confusion})


def _controls(
    some: Digits, seed: int, settings: Settings, accuracy: float, announce: Announce
) -> dict[str, float]:
    """Return the accuracy of each control, and how far it is behind a network of its size."""
    found: dict[str, float] = {}
    for name, variation in CONTROLS.items():
        if not (settings.all_controls or name in ASKED):
            continue
        if name == "trained" and settings.controls_are_whole:
            found[name] = accuracy
            continue
        announce(f"control: {name}")
        control = learn_layers(
            some,
            LAYERS,
            seed,
            _shown(settings, settings.control_epochs),
            _of_network(variation, settings),
            silent,
        )
        found[name] = _known_to_machine(control, settings)
    return found | behind(found)


def _of_network(variation: Variation | None, settings: Settings) -> Variation | None:
    """Return a control of the network that the settings describe."""
    if variation is None:
        return None
    return replace(variation, competing=variation.competing and settings.competing)


def behind(found: Mapping[str, float]) -> dict[str, float]:
    """Return how far each control is behind the trained network."""
    return {
        f"trained - {name}": found["trained"] - value
        for name, value in found.items()
        if name != "trained"
    }


def _shown(settings: Settings, epochs: tuple[int, int]) -> list[Shown]:
    converged = (0.0, settings.converged)
    return [Shown(*how) for how in zip(epochs, settings.doubling_every, converged, strict=True)]


def _read_out(network: Trained, settings: Settings) -> tuple[dict[str, float], np.ndarray]:
    """Return accuracies in percent, and the confusion matrix of the better classifier."""
    train, test = _packed(network)
    labels, asked = network.spiked.train_labels, network.spiked.test_labels
    given, numbers = {}, {}
    for name, read_out, strengths in (
        ("support vectors", support_vectors, settings.penalties),
        ("hinge", hinge, settings.alphas),
    ):
        strength = chosen(read_out, train, labels, strengths)
        given[name] = fitted(read_out, strength, train, labels).predict(test)
        numbers[name] = _percent(given[name], asked)
        numbers[f"strength, {name}"] = strength
    best = max(given, key=lambda name: numbers[name])
    confusion = np.zeros((10, 10), dtype=int)
    np.add.at(confusion, (asked, given[best]), 1)
    numbers["accuracy"] = numbers[best]
    numbers["spikes an image"] = int(np.bitwise_count(train.bits).sum()) / len(train)
    return numbers, confusion


def _known_to_machine(network: Trained, settings: Settings) -> float:
    (train, test), labels = _packed(network), network.spiked.train_labels
    penalty = chosen(support_vectors, train, labels, settings.penalties)
    told = fitted(support_vectors, penalty, train, labels)
    return _percent(told.predict(test), network.spiked.test_labels)


def _packed(network: Trained) -> tuple[PackedBits, PackedBits]:
    """Return which neurons of the last pooled map spiked, for training and for tested images."""
    spiked, n_neurons = network.spiked, prod(network.shape)
    return PackedBits(spiked.train, n_neurons), PackedBits(spiked.test, n_neurons)


def _percent(given: np.ndarray, labels: np.ndarray) -> float:
    return 100 * float((given == labels).mean())
