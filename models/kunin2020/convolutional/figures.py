"""Accuracy of each rule on each data set."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from hebbsim.experiments.figures import COLOURS, GREY, hide_frame, new_figure
from models.common.model import Results
from models.kunin2020.convolutional.settings import Settings, suffix
from models.kunin2020.rules import RULES

__all__ = ["figures"]


def figures(settings: Settings, results: Sequence[Results]) -> dict[str, Figure]:
    """Draw a panel for each data set, a bar for each rule, and a dot for each seed."""
    figure = new_figure(4 * len(settings.data), 3)
    names = (*settings.rules, "frozen")
    axes = figure.subplots(1, len(settings.data), squeeze=False)[0]
    for number, (ax, data) in enumerate(zip(axes, settings.data, strict=True)):
        for place, name in enumerate(names):
            key = f"{name}: accuracy{suffix(settings, number)}"
            values = [100 * found.numbers[key] for found in results]
            colour = {"BP": "black", "frozen": GREY}.get(name, COLOURS[0])
            ax.barh(place, np.nanmean(values), color=colour)
            ax.plot(values, np.full(len(values), place), "o", color=COLOURS[4], markersize=3)
        labels = [RULES[name].name if name in RULES else "hidden layers frozen" for name in names]
        ax.set_yticks(range(len(names)), labels)
        ax.invert_yaxis()
        ax.set_title(data, loc="left")
        ax.set_xlabel("test accuracy (%)")
        hide_frame(ax)
    return {"accuracy": figure}
