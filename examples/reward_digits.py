"""Ten digits learned from right and wrong alone, by spikes: no labels in the rule, no read-out.

The first layer learns features of its ON and OFF inputs by pair STDP. The second has channels that
stand for the classes. The first of its neurons to fire makes the choice and silences the others;
what STDP would have changed waits in an eligibility trace, of each sample its own, until the reward
at the end of the stimulus: 1 if the choice was right, -1 if not, minus the mean of the last rewards
(`RewardGated`; Izhikevich 2007, Mozafari et al. 2018).
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from brian2 import ms, prefs, second
from rich.console import Console
from rich.table import Table
from scipy.ndimage import zoom

from hebbsim import SpikingLayer, SpikingNetwork, load_dataset, rules
from hebbsim.data.dataset import as_float
from hebbsim.data.filters import difference_of_gaussians, on_off_channels

CHANNELS, KERNEL = 32, 5  # of the first layer
SIZE = 12  # of its map
PER_CLASS = 1


def load(n_train: int | None = None) -> tuple[np.ndarray, ...]:
    """Return digits, enlarged to 16x16, as ON and OFF intensities from 0 to 1, and the labels."""
    data = load_dataset("digits").subset(n_train)
    train, test = (
        on_off_channels(
            difference_of_gaussians(zoom(as_float(images), (1, 1, 2, 2), order=1), 1.0, 2.0)
        )
        for images in (data.train_images, data.test_images)
    )
    strongest = np.quantile(train[train > 0], 0.995)
    train, test = (np.clip(images / strongest, 0, 1) for images in (train, test))
    return train, data.train_labels, test, data.test_labels


def shifted(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Move each image by up to one pixel, half a pixel of the original."""
    padded = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)))
    rows, cols = images.shape[2:]
    places = rng.integers(0, 3, (len(images), 2))
    return np.stack(
        [p[:, r : r + rows, c : c + cols] for p, (r, c) in zip(padded, places, strict=True)]
    )


def build(seed: int) -> SpikingNetwork:
    """Return the network, before it learns."""
    n_weights = 2 * KERNEL**2
    total = 0.36 * n_weights
    features = SpikingLayer(
        CHANNELS,
        KERNEL,
        rules.PairSTDP(A_plus=0.03, A_minus=0.012, mu=0.6),
        threshold=f"v > {0.3 * total} + theta",
        theta_plus=0.03 * total,
        tau_theta=20,
        normalize="L1",
        norm=total,
        initial_weights=(0.0, 2 * total / n_weights),
    )
    stdp = rules.PairSTDP(A_plus=0.01, A_minus=0.003, mu=1, tau_plus=50 * ms, tau_minus=50 * ms)
    reward = rules.RewardGated(
        stdp, tau_e=10 * second, tau_reward=100 * ms, trial_by_trial=True, per_sample=True
    )
    choice = SpikingLayer(
        10 * PER_CLASS,
        SIZE,
        reward,
        model="v : 1",
        threshold=f"v > {0.9 * 0.5 * SIZE**2}",
        inhibition="all",
        inhibition_radius="all",
        initial_weights=(0.4, 0.6),
    )
    return SpikingNetwork(
        (2, 16, 16),
        [features, choice],
        duration=35 * ms,
        latest=30 * ms,
        batch_size=20,
        seed=seed,
    )


def run(seed: int, epochs: int, data: tuple[np.ndarray, ...]) -> tuple[list[float], float]:
    """Learn; return the accuracy on the training images on the way, and on the test images."""
    train, train_labels, test, test_labels = data
    network = build(seed)
    network.fit(train, layers=[0], epochs=3)
    on_the_way = [float(np.mean(network.predict(train, 10) == train_labels))]
    for _ in range(5):
        network.fit(
            train, labels=train_labels, layers=[1], epochs=max(1, epochs // 5), augment=shifted
        )
        on_the_way.append(float(np.mean(network.predict(train, 10) == train_labels)))
    return on_the_way, float(np.mean(network.predict(test, 10) == test_labels))


def main() -> None:
    """Learn with each seed, print and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--images", type=int, help="of the training images, by default all 1346")
    parser.add_argument("--output", type=Path, default=Path("reward_digits.png"))
    options = parser.parse_args()
    prefs.core.default_float_dtype = np.float32
    data = load(options.images)
    table = Table(title=f"digits from reward alone, {options.epochs} epochs: accuracy (%)")
    for column in ("seed", "training", "test"):
        table.add_column(column, justify="right")
    tests = []
    figure, axis = plt.subplots(figsize=(5, 3.2), layout="constrained")
    for seed in range(options.seeds):
        on_the_way, test = run(seed, options.epochs, data)
        tests.append(test)
        table.add_row(str(seed), f"{100 * on_the_way[-1]:.2f}", f"{100 * test:.2f}")
        axis.plot(
            np.arange(6) * max(1, options.epochs // 5), on_the_way, "o-", label=f"seed {seed}"
        )
    if len(tests) > 1:
        table.add_row("mean", "", f"{100 * np.mean(tests):.2f} ± {100 * np.std(tests, ddof=1):.2f}")
    Console(width=90).print(table)
    axis.axhline(0.1, color="0.7", ls=":")
    axis.set(xlabel="epochs", ylabel="right choices, training images", ylim=(0, 1))
    axis.legend(frameon=False)
    figure.savefig(options.output, dpi=150)


if __name__ == "__main__":
    main()
