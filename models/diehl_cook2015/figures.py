"""Figures: receptive fields, learning curve, controls, confusion, spikes of one image."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from hebbsim.experiments.figures import COLOURS, GREY, hide_frame, new_figure
from models.common import Results
from models.diehl_cook2015.experiment import CONTROLS, SHUFFLED
from models.diehl_cook2015.settings import SHOWN, Settings
from models.kheradpisheh2018.drawings import draw_confusion, draw_controls, laid_out

__all__ = ["pictures"]


def pictures(settings: Settings, results: Sequence[Results]) -> Mapping[str, Figure]:
    """Draw all figures; fields, confusion matrix and spikes are the first seed's."""
    return {
        "fields": _fields(results[0]),
        "learning": _learning(results, settings.every),
        "controls": draw_controls(results, ["trained", SHUFFLED, *CONTROLS], "accuracy"),
        "confusion": draw_confusion(results[0], "errors on images that weren't learned"),
        "spikes": _spikes(results[0]),
    }


def _fields(found: Results) -> Figure:
    """Lay the weights onto all neurons out in a square."""
    weights = found.arrays["weights"]
    weights = weights.reshape(-1, *weights.shape[-2:])
    image = laid_out(weights, int(np.ceil(np.sqrt(len(weights)))))
    figure = new_figure(7, 7)
    ax = figure.subplots()
    ax.imshow(image, cmap="Blues", interpolation="nearest")
    ax.set_title(f"weights onto {len(weights)} neurons", loc="left", fontsize=9)
    ax.set_axis_off()
    return figure


def _learning(results: Sequence[Results], every: int) -> Figure:
    figure = new_figure(6, 3.2)
    ax = figure.subplots()
    for found in results:
        curve = found.arrays["curve"]
        ax.plot(every * np.arange(2, len(curve) + 2) / 1000, curve, color=COLOURS[0])
    ax.set_xlabel("images shown (thousands)")
    ax.set_ylabel(f"right (%), labels from\nthe {every} images before")
    hide_frame(ax)
    return figure


def _spikes(found: Results) -> Figure:
    """Draw inputs and excitatory neurons while one image is shown, and the silence after it."""
    times, senders = 1000 * found.arrays["spike times"], found.arrays["spike senders"]
    figure = new_figure(6, 4)
    axes = figure.subplots(2, 1, sharex=True, height_ratios=[2, 1])
    inputs = senders < 784
    axes[0].plot(times[inputs], senders[inputs], ".", ms=1.5, color=GREY)
    axes[0].set_ylabel("input (pixel)")
    axes[1].plot(times[~inputs], senders[~inputs] - 784, "|", ms=6, color=COLOURS[1])
    axes[1].set_ylabel("neuron")
    axes[1].set_xlabel("time (ms); dashed: the image goes")
    for ax in axes:
        ax.axvline(float(1000 * SHOWN), color=GREY, linestyle="--", linewidth=1)
        hide_frame(ax)
    return figure
