"""The protocol: a network learns without labels, neurons get them, and it is tested; controls."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import process_time

import numpy as np
from scipy.ndimage import zoom  # type: ignore[import-untyped]

from hebbsim.data.dataset import as_float
from hebbsim.data.load import load_dataset
from hebbsim.networks.own_random_numbers import seed_by_place
from hebbsim.whole_file import whole_file
from models.common import Results
from models.common.model import Announce, silent
from models.diehl_cook2015.model import DigitNetwork, Variation
from models.diehl_cook2015.readout import labels_of, predicted
from models.diehl_cook2015.settings import Settings

__all__ = ["CONTROLS", "run"]

NOTHING_LEFT_OUT = Variation()
#: What is left out; nothing learns in the first
CONTROLS = {
    "untrained": Variation(stdp=False, theta=False),
    "without STDP": Variation(stdp=False),
    "without theta": Variation(theta=False),
    "without timer": Variation(timer=False),
}
SHUFFLED = "weights shuffled"


@dataclass(frozen=True)
class Digits:
    """Hold images of bytes, ``(n, 784)``, and which digits they are."""

    train: np.ndarray
    train_labels: np.ndarray
    test: np.ndarray
    test_labels: np.ndarray


#: Makes a network of neurons, images and random numbers
type Make = Callable[..., DigitNetwork]


def run(
    settings: Settings,
    seed: int,
    announce: Announce = silent,
    state: Path | None = None,
    make: Make = DigitNetwork,
) -> Results:
    """
    Run the network and its controls with one seed.

    Parameters
    ----------
    settings : Settings
        Sizes.
    seed : int
        Of first weights, delays and the inputs' spikes.
    announce : callable
        Told what is being done.
    state : path, optional
        File that is written after each block of images. What goes on from it has the same weights,
        delays and thresholds, and sees the same images; the neurons start from rest.
    make : callable
        Makes the network.

    Returns
    -------
    Results
        Accuracies in percent and times; weights, learning curve, confusion matrix, spikes.
    """
    digits = load_digits(settings)
    done = _trained(digits, settings, seed, announce, state, make)
    announce("labels and test")
    some = slice(-settings.n_labelled, None)
    decided = _decided(digits, some, done, settings, seed, make)
    confusion = np.zeros((10, 10), dtype=int)
    np.add.at(confusion, (digits.test_labels, decided), 1)
    numbers = {
        "accuracy": _share(decided, digits.test_labels),
        "accuracy while learning": float(done["curve"][-1]) if len(done["curve"]) else np.nan,
        "spikes an image": float(done["spikes"]),
        "repeats an image": float(done["repeats"]),
        "ms an image": float(done["milliseconds"]),
    }
    numbers |= _controls(digits, settings, seed, announce, make)
    times, senders = _spikes_of_one(digits.test[0], done, settings, seed, make)
    arrays = {"weights": done["w"], "curve": done["curve"], "confusion": confusion}
    return Results(numbers, arrays | {"spike times": times, "spike senders": senders})


def load_digits(settings: Settings) -> Digits:
    """Load the images."""
    found = load_dataset(settings.data, settings.data_root)
    splits = []
    for images, labels, n in (
        (found.train_images, found.train_labels, settings.n_train),
        (found.test_images, found.test_labels, settings.n_test),
    ):
        chosen = images[: n or len(images)]
        if chosen.shape[-1] != 28:
            size = 20 / chosen.shape[-1]  # with a margin, as in MNIST
            enlarged = zoom(as_float(chosen), (1, 1, size, size), order=1)
            framed = np.pad(np.clip(enlarged, 0, 1), ((0, 0), (0, 0), (4, 4), (4, 4)))
            chosen = np.round(255 * framed).astype(np.uint8)
        splits += [chosen.reshape(len(chosen), -1), labels[: n or len(labels)]]
    return Digits(*splits)


def _trained(
    digits: Digits,
    settings: Settings,
    seed: int,
    announce: Announce,
    state: Path | None,
    make: Make,
) -> dict[str, np.ndarray]:
    """Show all training images as often as is asked; go on where a state was left."""
    network = make(settings.n_neurons, digits.train, _first_draws(seed))
    n, every = len(digits.train), settings.every
    done: dict[str, np.ndarray] = {"shown": np.array(0), "curve": np.array([])}
    done |= {name: np.array(0.0) for name in ("spikes", "repeats", "milliseconds")}
    if state is not None and state.exists():
        with np.load(state) as file:
            done = {name: file[name] for name in file.files}
        network.set_learned(done)
        network.go_on_from(int(done["shown"]))
    total = settings.passes * n
    while (shown := int(done["shown"])) < total:
        announce(f"learning, image {shown} of {total}")
        chosen = np.arange(shown, min(shown + every, total)) % n
        seed_by_place(seed, 2, shown)  # the same, whether it was stopped or not
        start = process_time()
        counts = network.show(len(chosen))
        spent, labels = 1000 * (process_time() - start), digits.train_labels[chosen]
        if "labels" in done:  # a digit is told by what the block before was answered with
            right = _share(predicted(counts, done["labels"]), labels)
            done["curve"] = np.append(done["curve"], right)
        so_far = shown + len(chosen)
        for name, value in (
            ("spikes", counts.sum()),
            ("repeats", network.repeats),
            ("milliseconds", spent),
        ):
            done[name] = (done[name] * shown + value) / so_far
        done |= {"shown": np.array(so_far), "labels": labels_of(counts, labels)}
        done |= network.learned
        if state is not None:
            state.parent.mkdir(exist_ok=True)
            with whole_file(state) as file:
                np.savez(file, allow_pickle=False, **done)
    return done


def _first_draws(seed: int) -> np.random.Generator:
    """Return what draws first weights and delays."""
    return np.random.default_rng([seed, 0])


def _fixed(
    images: np.ndarray,
    learned: Mapping[str, np.ndarray] | None,
    settings: Settings,
    seed: int,
    make: Make,
    variation: Variation = NOTHING_LEFT_OUT,
) -> DigitNetwork:
    """Return the network that is tested, untrained if nothing was learned."""
    random = _first_draws(seed)
    network = make(settings.n_neurons, images, random, learning=False, variation=variation)
    if learned is not None:
        network.set_learned(learned)
    return network


def _decided(
    digits: Digits,
    labelled: slice,
    learned: Mapping[str, np.ndarray] | None,
    settings: Settings,
    seed: int,
    make: Make,
    n_test: int | None = None,
    variation: Variation = NOTHING_LEFT_OUT,
) -> np.ndarray:
    """Return what the network takes the test images for, its labels from some training images."""
    labels, tested = digits.train_labels[labelled], digits.test[:n_test]
    images = np.concatenate([digits.train[labelled], tested])
    network = _fixed(images, learned, settings, seed, make, variation)
    seed_by_place(seed, 3)
    of_neurons = labels_of(network.show(len(labels)), labels)
    return predicted(network.show(len(tested)), of_neurons)


def _controls(
    digits: Digits, settings: Settings, seed: int, announce: Announce, make: Make
) -> dict[str, float]:
    """Return the accuracy of each control, and how far it is behind a network of its size."""
    some, n_test = slice(settings.n_control), settings.n_control
    found = {}

    def test(name: str, learned: Mapping[str, np.ndarray] | None, how: Variation) -> None:
        decided = _decided(digits, some, learned, settings, seed, make, n_test, how)
        found[name] = _share(decided, digits.test_labels[:n_test])

    for name, variation in {"trained": NOTHING_LEFT_OUT, **CONTROLS}.items():
        announce(f"control: {name}")
        if not (variation.stdp or variation.theta):
            test(name, None, variation)
            continue
        images, random = digits.train[some], _first_draws(seed)
        network = make(settings.n_neurons, images, random, variation=variation)
        seed_by_place(seed, 2, 0)
        network.show(len(images))
        learned = network.learned
        test(name, learned, variation)
        if name == "trained":
            announce(f"control: {SHUFFLED}")
            random = np.random.default_rng([seed, 1])
            shape = learned["w"].shape
            weights = learned["w"].reshape(-1, math.prod(shape[-3:]))
            shuffled = random.permuted(weights, axis=1).reshape(shape)
            test(SHUFFLED, {**learned, "w": shuffled}, variation)
    behind = {
        f"trained - {name}": found["trained"] - value
        for name, value in found.items()
        if name != "trained"
    }
    return found | behind


def _spikes_of_one(
    image: np.ndarray,
    learned: Mapping[str, np.ndarray],
    settings: Settings,
    seed: int,
    make: Make,
) -> tuple[np.ndarray, np.ndarray]:
    """Return when inputs and neurons spike while an image is shown; inputs come first."""
    network = _fixed(image[None], learned, settings, seed, make)
    monitors = network.record()
    seed_by_place(seed, 4)
    network.show(1)
    times = [np.asarray(monitor.t[:]) for monitor in monitors]
    senders = [
        np.asarray(monitor.i[:]) + first for monitor, first in zip(monitors, (0, 784), strict=True)
    ]
    return np.concatenate(times), np.concatenate(senders)


def _share(decided: np.ndarray, labels: np.ndarray) -> float:
    return 100 * float((decided == labels).mean())
