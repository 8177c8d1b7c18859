"""Figures: kernels of the first layer, convergence, controls, and what is taken for what."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from hebbsim.experiments.figures import COLOURS, GREY, hide_frame, mosaic, new_figure, show_mosaics
from models.common import Results
from models.kheradpisheh2018.experiment import CONTROLS
from models.kheradpisheh2018.settings import Settings

__all__ = ["draw_confusion", "draw_controls", "pictures"]


def pictures(settings: Settings, results: Sequence[Results]) -> Mapping[str, Figure]:
    """Draw all figures; kernels and the confusion matrix are the first seed's."""
    return {
        "kernels": _kernels(results[0]),
        "convergence": _convergence(results),
        "controls": draw_controls(
            results,
            [name for name in CONTROLS if name in results[0].numbers],
            "accuracy of the linear support vector machine",
        ),
        "confusion": draw_confusion(results[0], "errors of the better classifier"),
    }


def _kernels(found: Results) -> Figure:
    """Show ON less OFF weights of layer 1, and the stimuli that drive layer 2 best."""
    first = found.arrays["kernel 1"]
    drawn = first[:, :1] - first[:, 1:]
    figure = new_figure(8, 3.9)
    second = _preferred(found.arrays["kernel 2"], drawn)
    show_mosaics(
        figure,
        {
            "layer 1: weights of ON less those of OFF": mosaic(drawn),
            "layer 2: the same, through the features of layer 1 (64 of 150)": mosaic(second),
        },
        [2, 4],
        fontsize=9,
    )
    return figure


def _preferred(kernel: np.ndarray, features: np.ndarray) -> np.ndarray:
    """Add up the features of layer 1 where layer 2 weighs them; pooling steps two pixels."""
    n_out, _, rows, cols = kernel.shape
    size = features.shape[-1]
    drawn = np.zeros((n_out, 1, size + 2 * (rows - 1), size + 2 * (cols - 1)))
    for row, col in np.ndindex(rows, cols):
        part = np.tensordot(kernel[:, :, row, col], features[:, 0], axes=1)
        drawn[:, 0, 2 * row : 2 * row + size, 2 * col : 2 * col + size] += part
    return drawn


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


def draw_controls(results: Sequence[Results], names: Sequence[str], what: str) -> Figure:
    """Draw a dot for each seed of the network and its controls."""
    figure = new_figure(7, 3)
    ax = figure.subplots()
    names = list(names)[::-1]
    for height, name in enumerate(names):
        values = [found.numbers[name] for found in results]
        colour = COLOURS[0] if name == "trained" else GREY
        ax.plot(values, [height] * len(values), "o", color=colour, alpha=0.7)
    ax.set_yticks(range(len(names)), names)
    ax.set_xlabel(f"{what} (%); a dot is a seed")
    hide_frame(ax)
    return figure


def draw_confusion(found: Results, title: str) -> Figure:
    """Draw how many images of each digit are taken for each other."""
    confusion = found.arrays["confusion"]
    errors = confusion - np.diag(np.diag(confusion))
    figure = new_figure(5, 4.5)
    ax = figure.subplots()
    ax.imshow(errors, cmap="Blues")
    for place, count in np.ndenumerate(errors):
        if count:
            ax.text(place[1], place[0], str(count), ha="center", va="center", fontsize=7)
    ax.set_xticks(range(10))
    ax.set_yticks(range(10))
    ax.set_xlabel("taken for")
    ax.set_ylabel("digit")
    ax.set_title(title, loc="left", fontsize=9)
    return figure
