"""What is run with each seed: all rules at all depths, with noise, and turned around."""

from dataclasses import replace

import numpy as np
from sklearn.datasets import load_digits

from models.common.model import Announce, Results, silent
from models.kunin2020.model import Layer, Rates
from models.kunin2020.rules import RULES, Rule
from models.kunin2020.settings import DEEP, N_TEST, DenseSettings, Settings
from models.kunin2020.training import Course, Task, Trained, Training

__all__ = ["FAILS_BELOW", "NOISY", "dense", "digits", "run"]

#: Rules whose robustness the paper compares
NOISY = ("SA", "KP", "WM", "AA")
#: Accuracy below which a rule has failed; that of frozen layers is 0.85 at depth 4
FAILS_BELOW = 0.9


def run(settings: Settings, number: int, announce: Announce = silent) -> Results:
    """
    Train each rule at each depth, some with noise, and some with a primitive turned around.

    Parameters
    ----------
    settings : Settings
        Sizes.
    number : int
        The seed of kernels, split, order and noise.
    announce : callable
        Told what is being done.

    Returns
    -------
    Results
        Accuracies on test images and angles in degrees, NaN for what diverged, and shares of what
        failed. The arrays are the angles of each layer.
    """
    numbers: dict[str, float] = {}
    arrays: dict[str, np.ndarray] = {}
    task = digits(number)

    def trained(
        text: str, rule: Rule, depth: int, *, noise: float = 0.0, frozen: bool = False
    ) -> Trained:
        announce(f"seed {number}: {text}")
        eta = settings.eta if depth < DEEP else settings.eta_deep
        training = dense(replace(settings, eta=eta), task, depth, number, noise=noise)
        found = training.run(rule, frozen=frozen)
        numbers[f"{text}: accuracy"] = found.accuracy
        return found

    for depth in settings.depths:
        for name in settings.rules:
            found = trained(f"{name}, depth {depth}", RULES[name], depth)
            numbers[f"{name}, depth {depth}: angle"] = float(found.angles.mean())
            numbers[f"{name}, depth {depth}: largest angle"] = float(found.angles.max())
            arrays[f"{name}, depth {depth}"] = found.angles
        trained(f"frozen, depth {depth}", RULES["FA"], depth, frozen=True)
    depth = settings.middle_depth
    for name in (name for name in NOISY if name in settings.rules):
        for noise in settings.noise:
            text = f"{name}, noise {noise:g}"
            found = trained(text, RULES[name], depth, noise=noise)
            numbers[f"{text}: fails"] = float(_fails(found))
    for name in settings.turned:
        failed = [
            _fails(trained(f"{name}, {primitive} turned", RULES[name].turned(primitive), depth))
            for primitive in RULES[name].primitives
        ]
        numbers[f"{name}, turned: fails"] = float(np.mean(failed))
    return Results(numbers | _differences(settings, numbers), arrays)


def _fails(found: Trained) -> bool:
    return not found.accuracy >= FAILS_BELOW


def digits(number: int) -> Task:
    """Split the digits of scikit-learn at random, less the mean of the training images."""
    data = load_digits()
    order = np.random.default_rng(number).permutation(len(data.data))
    learned, test = order[N_TEST:], order[:N_TEST]
    images = data.data / 16
    images -= images[learned].mean(axis=0)
    return Task(images[:, :, None, None], data.target, learned, test)


def dense(
    settings: DenseSettings, task: Task, depth: int, number: int, *, noise: float = 0.0
) -> Training:
    """Describe a dense network: pixels are channels, and kernels have one element in space."""
    s = settings
    layers = [*[Layer(s.hidden)] * (depth - 1), Layer(10)]
    rates = Rates(s.eta, s.eta_b, weight_decay=s.weight_decay, noise=noise)
    return Training(task, layers, rates, Course(s.epochs, s.batch_size), number)


def _differences(settings: Settings, numbers: dict[str, float]) -> dict[str, float]:
    """Compare rules with backprop and with frozen layers, of the same seed."""
    found = {}
    for depth in settings.depths:
        of = {
            name: numbers[f"{name}, depth {depth}: accuracy"]
            for name in (*settings.rules, "frozen")
        }
        found[f"SA - BP, depth {depth}"] = of["SA"] - of["BP"]
        for name in (name for name in ("FA", "IA") if name in of):
            found[f"BP - {name}, depth {depth}"] = of["BP"] - of[name]
            found[f"{name} - frozen, depth {depth}"] = of[name] - of["frozen"]
    return found
