"""The protocol: two layers learn without labels, the third from reward; and controls."""

import math
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import numpy as np
from brian2 import seed as seed_brian2

from hebbsim import PackedBits
from hebbsim.networks.own_random_numbers import seed_by_place
from models.common import Results
from models.common.model import Announce, silent
from models.common.progress import Progress
from models.kheradpisheh2018.experiment import CONTROLS, behind
from models.kheradpisheh2018.layers import (
    Digits,
    Shown,
    learn_layers,
    load_digits,
    spikes_of_one,
)
from models.kheradpisheh2018.model import Variation
from models.mozafari2019.model import DecidingLayer, reward_rule
from models.mozafari2019.settings import LAYERS, WINDOWS, Deciding, Settings

__all__ = ["SHUFFLED", "run"]

SHUFFLED = "reward shuffled"


def run(
    settings: Settings, seed: int, announce: Announce = silent, state: Path | None = None
) -> Results:
    """
    Run the network and its controls with one seed, which the first weights depend on.

    Parameters
    ----------
    settings : Settings
        Sizes.
    seed : int
        Of the first weights.
    announce : callable
        Told what is being done.
    state : path, optional
        File that is written after each part and each epoch, and gone on from.

    Returns
    -------
    Results
        Accuracies in percent, convergence and times; kernels, the first test image's
        spikes, learning curve, confusion matrix.
    """
    seed_brian2(seed)
    progress = Progress.of(state)
    network = _unsupervised(progress, seed, settings, announce)
    numbers, decided = _rewarded(progress, network, seed, settings, announce)
    for name in progress.done:
        if name.startswith(("w(1 - w)", "ms an image")):
            numbers[name] = float(progress.done[name])
    some = load_digits(settings.of_controls, WINDOWS)
    numbers |= _controls(some, network, numbers["accuracy"], seed, settings, announce)
    confusion = np.zeros((10, 10), dtype=int)
    np.add.at(confusion, (network.test_labels, decided), 1)
    arrays = {f"kernel {n}": progress.done[f"kernel {n}"] for n in (1, 2)}
    arrays |= spikes_of_one(some.test[:1], LAYERS, list(arrays.values()))
    arrays |= {"kernel 3": progress.done["kernel"], "confusion": confusion}
    arrays |= {name: progress.done[name] for name in ("training", "validation")}
    return Results(numbers, arrays)


def _unsupervised(progress: Progress, seed: int, settings: Settings, announce: Announce) -> Digits:
    """Return whether each neuron of layer 2's pooled map spikes, learned or read."""
    if "train" not in progress.done:
        announce("encoding")
        shown = _shown(settings.epochs, settings)
        found = learn_layers(
            load_digits(settings, WINDOWS), LAYERS, seed, shown, Variation(), announce
        )
        progress.add(
            train=found.spiked.train,
            train_labels=found.spiked.train_labels,
            test=found.spiked.test,
            test_labels=found.spiked.test_labels,
            shape=np.array(found.shape),
            **{f"kernel {n}": kernel for n, kernel in enumerate(found.kernels, start=1)},
            **{
                f"w(1 - w), layer {n}": np.array(of[-1])
                for n, of in enumerate(found.convergence, start=1)
            },
            **{
                f"ms an image, layer {n}": np.array(of)
                for n, of in enumerate(found.milliseconds, start=1)
            },
        )
    done = progress.done
    spiked = Digits(*(done[name] for name in ("train", "train_labels", "test", "test_labels")))
    return _unpacked(spiked, tuple(done["shape"]))


def _rewarded(
    progress: Progress, spiked: Digits, seed: int, settings: Settings, announce: Announce
) -> tuple[dict[str, float], np.ndarray]:
    """Let layer 3 learn as many epochs as are left; return accuracies, and what it decides."""
    learning = _deciding(spiked, seed, settings)
    curves = {name: progress.done.get(name, np.array([])) for name in ("training", "validation")}
    if len(curves["training"]):
        learning.state = progress.done
    start, begun = perf_counter(), len(curves["training"])
    for epoch in range(begun, settings.rewarded):
        announce(f"layer 3 learns, epoch {epoch + 1} of {settings.rewarded}")
        seed_by_place(seed, 4, epoch)  # the same, whether it was stopped or not
        learning.rate_factor = settings.rate_factor(epoch)
        right = _share(learning.show(), spiked.train_labels)
        validated = _share(_decided(spiked, learning.kernel, settings.deciding), spiked.test_labels)
        curves["training"] = np.append(curves["training"], right)
        curves["validation"] = np.append(curves["validation"], validated)
        progress.add(**learning.state, **curves)
    numbers = {"training": curves["training"][-1], "accuracy": curves["validation"][-1]}
    for epoch in (1, 5):
        numbers[f"accuracy, epoch {epoch}"] = curves["validation"][epoch - 1]
    if begun < settings.rewarded:
        shown = (settings.rewarded - begun) * len(spiked.train)
        progress.add(**{"ms an image, layer 3": np.array(1000 * (perf_counter() - start) / shown)})
    return numbers, _decided(spiked, progress.done["kernel"], settings.deciding)


def _controls(
    some: Digits,
    network: Digits,
    accuracy: float,
    seed: int,
    settings: Settings,
    announce: Announce,
) -> dict[str, float]:
    """Return the accuracy of each control, and how far it is behind a network of its size."""
    found: dict[str, float] = {}
    for name, variation in CONTROLS.items():
        if not (settings.all_controls or name in ("trained", "untrained")):
            continue
        announce(f"control: {name}")
        if name == "trained" and settings.controls_are_whole:
            spiked, found[name] = network, accuracy
        else:
            shown = _shown(settings.control_epochs, settings)
            learned = learn_layers(some, LAYERS, seed, shown, variation, silent)
            spiked = _unpacked(learned.spiked, learned.shape)
            found[name] = _learned(spiked, spiked.train_labels, seed, settings)
        if name == "trained":
            announce(f"control: {SHUFFLED}")
            others = np.random.default_rng([seed, 1]).permutation(spiked.train_labels)
            found[SHUFFLED] = _learned(spiked, others, seed, settings)
    return found | behind(found)


def _unpacked(spiked: Digits, shape: tuple[int, ...]) -> Digits:
    """Return which neurons spike as maps, of a bit for each."""
    train, test = (
        PackedBits(bits, math.prod(shape))[:].reshape(-1, *shape)
        for bits in (spiked.train, spiked.test)
    )
    return replace(spiked, train=train, test=test)


def _learned(spiked: Digits, labels: np.ndarray, seed: int, settings: Settings) -> float:
    """Return the accuracy after the epochs of a control, rewarded by the labels given."""
    learning = _deciding(replace(spiked, train_labels=labels), seed, settings)
    for epoch in range(settings.control_rewarded):
        seed_by_place(seed, 5, epoch)
        learning.rate_factor = settings.rate_factor(epoch)
        learning.show()
    return _share(_decided(spiked, learning.kernel, settings.deciding), spiked.test_labels)


def _shown(epochs: tuple[int, int], settings: Settings) -> list[Shown]:
    return [Shown(*how) for how in zip(epochs, settings.doubling_every, strict=True)]


def _deciding(spiked: Digits, seed: int, settings: Settings) -> DecidingLayer:
    """Return layer 3 before it has learned."""
    layer = settings.deciding
    shape = (layer.channels, spiked.train.shape[1], layer.kernel_size, layer.kernel_size)
    kernel = np.random.default_rng([seed, 3]).normal(0.8, 0.05, shape)
    rule = reward_rule(layer, settings.block)
    return DecidingLayer(layer, spiked.train, spiked.train_labels, kernel, rule)


def _decided(spiked: Digits, kernel: np.ndarray, layer: Deciding) -> np.ndarray:
    return DecidingLayer(layer, spiked.test, spiked.test_labels, kernel).show()


def _share(decided: np.ndarray, labels: np.ndarray) -> float:
    return 100 * float((decided == labels).mean())
