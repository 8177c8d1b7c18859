"""Figures: receptive fields, learning curve, controls, confusion, spikes of one image."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hebbsim.experiments.figures import COLOURS, GREY, hide_frame, new_figure
from models.common import Results
from models.diehl_cook2015.experiment import CONTROLS, SHUFFLED
from models.diehl_cook2015.settings import SHOWN, Settings
from models.kheradpisheh2018.drawings import draw_confusion, draw_controls, laid_out

__all__ = ["draw_fields", "draw_learning", "pictures"]


def pictures(settings: Settings, results: Sequence[Results]) -> Mapping[str, Figure]:
    """Draw all figures; fields, confusion matrix and spikes are the first seed's."""
    first = results[0]
    return {
        "fields": _fields(first),
        "learning": draw_learning({"": [r.arrays["curve"] for r in results]}, settings.every),
        "controls": draw_controls(results, ["trained", SHUFFLED, *CONTROLS], "accuracy"),
        "confusion": draw_confusion(first, "errors on images that weren't learned"),
        "spikes": _spikes(first),
    }


def _fields(found: Results) -> Figure:
    figure = new_figure(7, 7)
    draw_fields(figure.subplots(), found.arrays["weights"], "weights onto {} neurons")
    return figure


def draw_fields(ax: Axes, weights: np.ndarray, title: str) -> None:
    """Lay kernels out in a square; the `title` has a place for their number."""
    kernels = weights.reshape(-1, *weights.shape[-2:])
    ax.imshow(laid_out(kernels), cmap="Blues", interpolation="nearest")
    ax.set_title(title.format(len(kernels)), loc="left", fontsize=9)
    ax.set_axis_off()


def draw_learning(curves: Mapping[str, Sequence[np.ndarray]], every: int) -> Figure:
    """Draw the curves of each network's seeds, by its name, over the images shown."""
    figure = new_figure(6, 3.2)
    ax = figure.subplots()
    for colour, (name, seeds) in zip(COLOURS, curves.items(), strict=False):
        for n, curve in enumerate(seeds):
            shown = every * np.arange(2, len(curve) + 2) / 1000
            ax.plot(shown, curve, color=colour, label=None if n else name)
    ax.set_xlabel("images shown (thousands)")
    ax.set_ylabel(f"right (%), labels from\nthe {every} images before")
    if len(curves) > 1:
        ax.legend(frameon=False)
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
