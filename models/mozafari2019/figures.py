"""Figures: kernels, spikes of one image, learning curve, controls, what is taken for what."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from scipy.stats import skew  # type: ignore[import-untyped]

from hebbsim.experiments.figures import COLOURS, hide_frame, new_figure
from models.common import Results
from models.kheradpisheh2018.drawings import (
    draw_confusion,
    draw_controls,
    draw_kernels,
    draw_spikes,
)
from models.kheradpisheh2018.experiment import CONTROLS
from models.kheradpisheh2018.settings import N_BINS
from models.mozafari2019.experiment import SHUFFLED
from models.mozafari2019.settings import LAYERS, Settings

__all__ = ["pictures"]

#: Filters of a digit that are drawn
N_BEST = 6


def pictures(settings: Settings, results: Sequence[Results]) -> Mapping[str, Figure]:
    """Draw all figures; kernels, spikes and the confusion matrix are the first seed's."""
    first = results[0]
    names = [name for name in (*CONTROLS, SHUFFLED) if name in first.numbers]
    each = settings.deciding.each
    kernels = {
        "layer 1: weights of ON less those of OFF, over three sizes": first.arrays["kernel 1"],
        "layer 2: through the features of layer 1 (64 of 250)": first.arrays["kernel 2"],
        f"layer 3: through those of layer 2 ({N_BEST} of {each} for each digit)": (
            _learned_most(first.arrays["kernel 3"], each)
        ),
    }
    spikes = {
        "input: ON and OFF at three sizes": first.arrays["spikes 0"],
        "layer 1, pooled: 30 maps": first.arrays["spikes 1"],
        "layer 2, pooled: 250 maps": first.arrays["spikes 2"],
    }
    return {
        "kernels": draw_kernels(kernels, [layer.pool for layer in LAYERS]),
        "spikes": draw_spikes(spikes, N_BINS),
        "learning": _learning(results),
        "controls": draw_controls(results, names, "accuracy of the layer that decides"),
        "confusion": draw_confusion(first, "errors on validation images"),
    }


def _learned_most(kernel: np.ndarray, each: int) -> np.ndarray:
    """Return the filters of each digit of whose weights the fewest are large: many seldom win."""
    of_digits = kernel.reshape(-1, each, *kernel.shape[1:])
    best = np.argsort(-skew(of_digits, axis=(2, 3, 4)), axis=1)[:, :N_BEST]
    chosen = np.take_along_axis(of_digits, best[:, :, None, None, None], axis=1)
    return chosen.reshape(-1, *kernel.shape[1:])


def _learning(results: Sequence[Results]) -> Figure:
    figure = new_figure(6, 3.2)
    ax = figure.subplots()
    for number, name in enumerate(("training", "validation")):
        for n, found in enumerate(results):
            values = found.arrays[name]
            label = f"{name} images" if n == 0 else None
            epochs = np.arange(1, len(values) + 1)
            ax.plot(epochs, values, "o-", ms=3, color=COLOURS[number], label=label)
    ax.set_xlabel("epoch of the layer that decides")
    ax.set_ylabel("right decisions (%)")
    ax.legend(frameon=False)
    hide_frame(ax)
    return figure
