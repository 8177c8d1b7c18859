"""Figures: kernels, convergence, controls, spikes of one image, and what is taken for what."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from hebbsim.experiments.figures import COLOURS, GREY, hide_frame, new_figure
from models.common import Results
from models.kheradpisheh2018.drawings import (
    draw_confusion,
    draw_controls,
    draw_kernels,
    draw_spikes,
)
from models.kheradpisheh2018.experiment import CONTROLS
from models.kheradpisheh2018.settings import LAYERS, N_BINS, Settings

__all__ = ["pictures"]


def pictures(settings: Settings, results: Sequence[Results]) -> Mapping[str, Figure]:
    """Draw all figures; kernels, spikes and the confusion matrix are the first seed's."""
    first = results[0]
    kernels = {
        "layer 1: weights of ON less those of OFF": first.arrays["kernel 1"],
        "layer 2: the same, through the features of layer 1 (64 of 150)": first.arrays["kernel 2"],
    }
    spikes = {
        "input: ON and OFF": first.arrays["spikes 0"],
        "layer 1, pooled: 32 maps": first.arrays["spikes 1"],
        "layer 2, pooled: 150 maps": first.arrays["spikes 2"],
    }
    return {
        "kernels": draw_kernels(kernels, [LAYERS[0].pool]),
        "spikes": draw_spikes(spikes, N_BINS),
        "convergence": _convergence(results),
        "controls": draw_controls(
            results,
            [name for name in CONTROLS if name in first.numbers],
            "accuracy of the linear support vector machine",
        ),
        "confusion": draw_confusion(first, "errors of the better classifier"),
    }


def _convergence(results: Sequence[Results]) -> Figure:
    figure = new_figure(6, 3.2)
    ax = figure.subplots()
    for number in (1, 2):
        for n, found in enumerate(results):
            values = found.arrays[f"convergence {number}"]
            label = f"layer {number}" if n == 0 else None
            epochs = np.arange(1, len(values) + 1)
            ax.plot(epochs, values, "o-", ms=3, color=COLOURS[number - 1], label=label)
    ax.axhline(0.01, color=GREY, linestyle="--", linewidth=1)
    ax.set_yscale("log")
    ax.set_xlabel("epoch")
    ax.set_ylabel("mean of w(1 - w)")
    ax.legend(frameon=False)
    hide_frame(ax)
    return figure
