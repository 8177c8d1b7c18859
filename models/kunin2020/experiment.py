"""What is run with each seed: all rules at all depths, and with noise on what feedback learns."""

import numpy as np
from brian2 import seed
from sklearn.datasets import load_digits

from hebbsim.synapses.update import NonFiniteWeightsError
from models.common.model import Announce, Results, silent
from models.kunin2020.model import Layer, angles, build
from models.kunin2020.rules import RULES, Rule
from models.kunin2020.settings import Settings

__all__ = ["run"]

#: Rules whose robustness the paper compares
NOISY = ("SA", "KP", "WM", "AA")
#: Accuracy below which noise has undone what was learned
FAILS_BELOW = 0.9


def run(settings: Settings, number: int, announce: Announce = silent) -> Results:
    """
    Train each rule at each depth, and some with noise.

    Parameters
    ----------
    settings : Settings
        Sizes.
    number : int
        The seed of kernels, split and order.
    announce : callable
        Told what is being done.

    Returns
    -------
    Results
        Accuracies on test images and mean angles in degrees, NaN for what diverged; the arrays
        are the angles of each layer.
    """
    numbers: dict[str, float] = {}
    arrays: dict[str, np.ndarray] = {}
    for depth in settings.depths:
        for name in settings.rules:
            announce(f"seed {number}: {name}, depth {depth}")
            found, between = _train(settings, RULES[name], depth, number)
            numbers[f"{name}, depth {depth}: accuracy"] = found
            if name != "BP":
                numbers[f"{name}, depth {depth}: angle"] = float(between.mean())
                numbers[f"{name}, depth {depth}: largest angle"] = float(between.max())
                arrays[f"{name}, depth {depth}"] = between
        announce(f"seed {number}: frozen, depth {depth}")
        frozen, _ = _train(settings, RULES["FA"], depth, number, frozen=True)
        numbers[f"frozen, depth {depth}: accuracy"] = frozen
    for noise in settings.noise:
        for name in (name for name in NOISY if name in settings.rules):
            announce(f"seed {number}: {name} with noise {noise:g}")
            found, _ = _train(settings, RULES[name], settings.noise_depth, number, noise=noise)
            numbers[f"{name}, noise {noise:g}: accuracy"] = found
            numbers[f"{name}, noise {noise:g}: fails"] = float(not found >= FAILS_BELOW)
    return Results(numbers | _differences(settings, numbers), arrays)


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


def _train(
    settings: Settings,
    rule: Rule,
    depth: int,
    number: int,
    *,
    noise: float = 0.0,
    frozen: bool = False,
) -> tuple[float, np.ndarray]:
    """Return the accuracy on test images, and the angles between the kernels."""
    s, rng = settings, np.random.default_rng(number)
    seed(number)
    digits = load_digits()
    train, test = np.split(rng.permutation(len(digits.data)), [s.n_train])
    images = digits.data / 16
    images -= images[train].mean(axis=0)
    epochs = np.concatenate([rng.permutation(train) for _ in range(s.epochs)])
    n_test = len(test) // s.batch_size * s.batch_size
    n_batches = len(epochs) // s.batch_size, n_test // s.batch_size
    network = build(
        [*[Layer(s.hidden)] * (depth - 1), Layer(10)],
        images[:, :, None, None],
        np.eye(10)[digits.target],
        np.concatenate([epochs, test[:n_test]]),
        np.repeat([1, 0], n_batches),
        rule,
        rng,
        batch_size=s.batch_size,
        eta=s.eta_deep if depth == max(s.depths) > s.noise_depth else s.eta,
        eta_b=s.eta_b,
        weight_decay=s.weight_decay,
        noise=noise,
        frozen=frozen,
    )
    try:
        network.run()
    except NonFiniteWeightsError:
        return float("nan"), np.full(depth - 1, np.nan)
    return network.hits.hits[0][-n_batches[1] :].sum() / n_test, angles(network.connections)
