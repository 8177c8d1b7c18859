"""The matrix of primitives, beside what each set of them gives."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from hebbsim.experiments.figures import COLOURS, GREY, hide_frame, new_figure
from models.common.model import Results
from models.kunin2020.rules import PRIMITIVES
from models.kunin2020.subsets.experiment import SETS, name_of
from models.kunin2020.subsets.settings import TRACKS, Settings

__all__ = ["figures"]


def figures(settings: Settings, results: Sequence[Results]) -> dict[str, Figure]:
    """Draw a line for each set: its primitives as dots, its accuracy as a bar; the best first."""
    accuracies = {
        s: np.array([100 * found.numbers[f"{name_of(s)}: accuracy"] for found in results])
        for s in SETS
        if f"{name_of(s)}: accuracy" in results[0].numbers
    }
    # chance, where a run diverged
    accuracies = {s: np.nan_to_num(values, nan=10) for s, values in accuracies.items()}
    ranked = sorted(accuracies, key=lambda s: -accuracies[s].mean())
    backprop = 100 * np.mean([found.numbers["BP: accuracy"] for found in results])
    figure = new_figure(7, 1 + 0.2 * len(ranked))
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(1, 3))
    for place, primitives in enumerate(ranked):
        for column, primitive in enumerate(PRIMITIVES):
            colour = "black" if primitive in primitives else "#dddddd"
            left.plot(column, place, "o", color=colour, markersize=6)
        values = accuracies[primitives]
        tracks = values.mean() >= backprop - 100 * TRACKS
        right.barh(place, values.mean(), color=COLOURS[0] if tracks else GREY)
        right.plot(values, np.full(len(values), place), "k.", markersize=3)
    right.axvline(backprop, color="black", linestyle="--")
    left.set_xticks(range(len(PRIMITIVES)), list(PRIMITIVES), rotation=90)
    left.set_yticks([])
    left.invert_yaxis()
    right.set_xlabel("test accuracy (%); dashed: backprop")
    right.set_xlim(0, 100)
    for ax in (left, right):
        hide_frame(ax)
    left.spines[:].set_visible(False)
    return {"matrix": figure}
