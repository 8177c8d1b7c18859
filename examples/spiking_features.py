"""Features that one spiking layer learns from images by STDP, and what they are worth.

An image becomes ON and OFF maps (difference of Gaussians), each pixel one spike, the earlier the
stronger it is. At each position the first of the layer's neurons to fire silences the others, and
pair STDP moves its kernel, which all positions share, towards what made it fire. A linear read-out
of the spike counts is compared with that of the same layer with other kernels, whose thresholds
adapt in the same way:

- random: the kernels before learning, also with the threshold that suits them best;
- shuffled: the learned kernels, the weights of each in random order.

``--data fashion-mnist --data-root FOLDER`` reads the data from a folder as torchvision lays it out.
"""

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from brian2 import ms, prefs
from rich.console import Console
from rich.table import Table

from hebbsim import SpikingLayer, SpikingNetwork, decode, load_dataset, rules
from hebbsim.data.dataset import as_float
from hebbsim.data.filters import difference_of_gaussians, on_off_channels
from hebbsim.experiments.features import quadrants


@dataclass(frozen=True)
class Setting:
    """What was chosen for a data set, on a part of its training images."""

    out_channels: int
    kernel_size: int
    stride: int
    epochs: int
    sigmas: tuple[float, float]
    threshold: float  # as a share of a kernel's sum, 0.3 or 0.375 for each weight on average
    threshold_random: float
    density: float
    batch_size: int
    whole_maps: bool


SETTINGS = {
    "digits": Setting(32, 4, 1, 3, (0.7, 1.4), 0.35, 0.2, 0.375, 20, True),
    "fashion-mnist": Setting(16, 7, 2, 2, (1.0, 2.0), 0.25, 0.15, 0.3, 50, False),
}
N_IMAGES = {"digits": (None, None), "fashion-mnist": (5000, 2000)}  # training and test


def build_layer(setting: Setting, threshold: float) -> SpikingLayer:
    """Return the layer, with a threshold given as a share of the sum of a kernel."""
    n_weights = 2 * setting.kernel_size**2
    total = setting.density * n_weights
    return SpikingLayer(
        setting.out_channels,
        setting.kernel_size,
        rules.PairSTDP(A_plus=0.03, A_minus=0.012, mu=0.6),
        stride=setting.stride,
        model="dv/dt = -v/(20*ms) : 1",
        threshold=f"v > {threshold * total} + theta",
        theta_plus=0.1 * threshold * total,
        tau_theta=20,
        normalize="L1",
        norm=total,
        initial_weights=(0.0, 2 * total / n_weights),
    )


def load(
    name: str, root: str | None, setting: Setting, n_train: int | None
) -> tuple[np.ndarray, ...]:
    """Return training and test images as ON and OFF intensities from 0 to 1, and the labels."""
    of_training, of_test = N_IMAGES[name]
    n_train = of_training if n_train is None else n_train
    data = load_dataset(name, root).subset(n_train, of_test)
    train, test = (
        on_off_channels(difference_of_gaussians(as_float(images), *setting.sigmas))
        for images in (data.train_images, data.test_images)
    )
    strongest = np.quantile(train[train > 0], 0.995)
    train, test = (np.clip(images / strongest, 0, 1) for images in (train, test))
    return train, data.train_labels, test, data.test_labels


def accuracy(network: SpikingNetwork, data: tuple[np.ndarray, ...], setting: Setting) -> float:
    """Return the test accuracy of a linear read-out of spike counts."""
    train, train_labels, test, test_labels = data
    counts = [network.transform(images) for images in (train, test)]
    features = counts if setting.whole_maps else [quadrants(c) for c in counts]
    return decode(features[0], train_labels, features[1], test_labels)


def run(setting: Setting, data: tuple[np.ndarray, ...], seed: int) -> tuple[dict, np.ndarray]:
    """Return the accuracy under each condition, and the learned kernels."""

    def network(threshold: float) -> SpikingNetwork:
        return SpikingNetwork(
            data[0].shape[1:],
            [build_layer(setting, threshold)],
            duration=25 * ms,
            batch_size=setting.batch_size,
            seed=seed,
        )

    def untaught(threshold: float, kernel: np.ndarray | None = None) -> float:
        other = network(threshold)
        if kernel is not None:
            other.stages[0].conv.set_kernel("w", kernel)
        other.fit(data[0], burn_in=len(data[0]), progress=False)  # thresholds alone adapt
        return accuracy(other, data, setting)

    learned = network(setting.threshold)
    learned.fit(data[0], epochs=setting.epochs)
    kernel = learned.stages[0].conv.get_kernel("w")
    rng = np.random.default_rng(seed)
    shuffled = rng.permuted(kernel.reshape(len(kernel), -1), axis=1).reshape(kernel.shape)
    return {
        "learned": accuracy(learned, data, setting),
        "random": untaught(setting.threshold),
        "random, its own threshold": untaught(setting.threshold_random),
        "shuffled": untaught(setting.threshold, shuffled),
    }, kernel


def draw(kernel: np.ndarray, path: Path) -> None:
    """Draw ON minus OFF weights of each kernel."""
    fields = kernel[:, 0] - kernel[:, 1]
    figure, axes = plt.subplots(-(-len(fields) // 8), 8, layout="constrained", squeeze=False)
    figure.set_size_inches(8, 1.05 * len(axes) + 0.4)
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, field in zip(axes.flat, fields, strict=False):
        axis.imshow(field, cmap="RdBu_r", vmin=-1, vmax=1)
    figure.suptitle("Kernels learned by pair STDP: ON (red) and OFF (blue) inputs")
    figure.savefig(path, dpi=150)


def main() -> None:
    """Learn with each seed, compare, draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", choices=SETTINGS, default="digits")
    parser.add_argument("--data-root", default=os.environ.get("HEBBSIM_DATA_ROOT"))
    parser.add_argument(
        "--images", type=int, help="training images; else all digits, or 5000 of Fashion-MNIST"
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--output", type=Path, default=Path("spiking_features.png"))
    options = parser.parse_args()
    prefs.core.default_float_dtype = np.float32
    setting = SETTINGS[options.data]
    data = load(options.data, options.data_root, setting, options.images)
    rows = []
    for seed in range(options.seeds):
        row, kernel = run(setting, data, seed)
        rows.append(row)
        if seed == 0:
            draw(kernel, options.output)
    what = "the whole map" if setting.whole_maps else "its quadrants"
    table = Table(title=f"{options.data}: test accuracy (%), ridge on spike counts of {what}")
    table.add_column("kernels")
    for seed in range(options.seeds):
        table.add_column(f"seed {seed}", justify="right")
    table.add_column("mean", justify="right")
    for condition in rows[0]:
        values = [100 * row[condition] for row in rows]
        table.add_row(condition, *(f"{v:.2f}" for v in values), f"{np.mean(values):.2f}")
    Console(width=90).print(table)
    for row in rows:
        assert row["learned"] > max(value for name, value in row.items() if name != "learned")


if __name__ == "__main__":
    main()
