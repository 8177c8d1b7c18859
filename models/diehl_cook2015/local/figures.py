"""Figures: the weights of both networks, and their learning curves."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from hebbsim.experiments.figures import COLOURS, hide_frame, new_figure
from models.common import Results
from models.diehl_cook2015.local.model import VARIANTS
from models.diehl_cook2015.settings import Settings
from models.kheradpisheh2018.drawings import laid_out

__all__ = ["pictures"]


def pictures(settings: Settings, results: Sequence[Results]) -> Mapping[str, Figure]:
    """Draw all figures; weights are the first seed's."""
    return {"fields": _fields(results[0]), "learning": _learning(results, settings.every)}


def _fields(found: Results) -> Figure:
    figure = new_figure(8, 5)
    for ax, variant in zip(figure.subplots(1, 2, width_ratios=[2, 1]), VARIANTS, strict=True):
        weights = found.arrays[f"{variant}: weights"]
        weights = weights.reshape(-1, *weights.shape[-2:])
        image = laid_out(weights, int(np.ceil(np.sqrt(len(weights)))))
        ax.imshow(image, cmap="Blues", interpolation="nearest")
        ax.set_title(f"{variant}: {len(weights)} kernels", loc="left", fontsize=9)
        ax.set_axis_off()
    return figure


def _learning(results: Sequence[Results], every: int) -> Figure:
    figure = new_figure(6, 3.2)
    ax = figure.subplots()
    for colour, variant in zip(COLOURS, VARIANTS, strict=False):
        for n, found in enumerate(results):
            curve = found.arrays[f"{variant}: curve"]
            shown = every * np.arange(2, len(curve) + 2) / 1000
            ax.plot(shown, curve, color=colour, label=None if n else variant)
    ax.set_xlabel("images shown (thousands)")
    ax.set_ylabel(f"right (%), labels from\nthe {every} images before")
    ax.legend(frameon=False)
    hide_frame(ax)
    return figure
