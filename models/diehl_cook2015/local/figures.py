"""Figures: the weights of both networks, and their learning curves."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from hebbsim.experiments.figures import new_figure
from models.common import Results
from models.diehl_cook2015.figures import draw_fields, draw_learning
from models.diehl_cook2015.local.model import VARIANTS
from models.diehl_cook2015.settings import Settings

__all__ = ["pictures"]


def pictures(settings: Settings, results: Sequence[Results]) -> Mapping[str, Figure]:
    """Draw all figures; weights are the first seed's."""
    curves = {name: [found.arrays[f"{name}: curve"] for found in results] for name in VARIANTS}
    return {"fields": _fields(results[0]), "learning": draw_learning(curves, settings.every)}


def _fields(found: Results) -> Figure:
    figure = new_figure(8, 5)
    for ax, name in zip(figure.subplots(1, 2, width_ratios=[2, 1]), VARIANTS, strict=True):
        draw_fields(ax, found.arrays[f"{name}: weights"], f"{name}: {{}} kernels")
    return figure
