"""Figures: the learning curve, controls, and what is taken for what."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from hebbsim.experiments.figures import COLOURS, hide_frame, new_figure
from models.common import Results
from models.kheradpisheh2018.experiment import CONTROLS
from models.kheradpisheh2018.figures import draw_confusion, draw_controls
from models.mozafari2019.experiment import SHUFFLED
from models.mozafari2019.settings import Settings

__all__ = ["pictures"]


def pictures(settings: Settings, results: Sequence[Results]) -> Mapping[str, Figure]:
    """Draw all figures; the confusion matrix is the first seed's."""
    names = [name for name in (*CONTROLS, SHUFFLED) if name in results[0].numbers]
    return {
        "learning": _learning(results),
        "controls": draw_controls(results, names, "accuracy of the layer that decides"),
        "confusion": draw_confusion(results[0], "errors on validation images"),
    }


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
