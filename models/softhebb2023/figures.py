"""Figures: what each layer knows, ablations, filters of the first layer, and norms."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from hebbsim.experiments.figures import COLOURS, GREY, hide_frame, mosaic, new_figure, show_mosaics
from models.common import Results
from models.softhebb2023.settings import NORM, Settings

__all__ = ["pictures"]


def pictures(settings: Settings, results: Sequence[Results]) -> Mapping[str, Figure]:
    """Draw all figures; filters and norms are the first seed's."""
    figures = {}
    if settings.schedules:
        figures = {"filters": _filters(results[0]), "norms": _norms(settings, results[0])}
    if settings.all_layers:
        figures["layers"] = _layers(settings, results)
    if settings.ablations:
        figures["ablations"] = _ablations(settings, results)
    return figures


def _values(results: Sequence[Results], name: str) -> list[float]:
    return [found.numbers[name] for found in results]


def _layers(settings: Settings, results: Sequence[Results]) -> Figure:
    figure = new_figure(5, 3.2)
    ax = figure.subplots()
    numbers = range(1, len(settings.channels) + 1)
    for schedule, style in zip(settings.schedules, ("o-", "s--"), strict=False):
        for how, colour in zip(("by gradients", "ridge"), COLOURS, strict=False):
            found = [_values(results, f"{schedule}, layer {n}, {how}") for n in numbers]
            means = [np.mean(values) for values in found]
            ax.plot(numbers, means, style, ms=4, color=colour, label=f"{how}, {schedule}")
    ax.set_xticks(list(numbers))
    ax.set_xlabel("layer that is read out")
    ax.set_ylabel("accuracy (%)")
    ax.legend(frameon=False)
    hide_frame(ax)
    return figure


def _ablations(settings: Settings, results: Sequence[Results]) -> Figure:
    names = ("trained", *settings.ablations)
    figure = new_figure(6, 0.6 + 0.28 * len(names))
    ax = figure.subplots()
    for place, name in enumerate(names):
        values = _values(results, f"ablation: {name}")
        colour = GREY if name in ("untrained", "Miconi") else COLOURS[place > 0]
        ax.barh(place, np.mean(values), height=0.6, color=colour)
        ax.plot(values, [place] * len(values), "k.", ms=3)
    labels = ["as published", *settings.ablations]
    ax.set_yticks(range(len(names)), labels)
    ax.invert_yaxis()
    ax.set_xlabel("accuracy of ridge regression on fewer images (%)")
    hide_frame(ax)
    return figure


def _filters(results: Results) -> Figure:
    image = mosaic(results.arrays["kernel"])
    figure = new_figure(5, 0.4 + 5 * image.shape[0] / image.shape[1])
    show_mosaics(figure, {"filters of layer 1": image}, [1])
    return figure


def _norms(settings: Settings, results: Results) -> Figure:
    figure = new_figure(5, 2.8)
    ax = figure.subplots()
    bins = np.linspace(0, 1.2 * NORM, 61).tolist()
    for number in range(1, len(settings.channels) + 1):
        values, colour = results.arrays[f"norms {number}"], COLOURS[number - 1]
        shares = np.full(len(values), 1 / len(values))
        ax.hist(
            values, bins, weights=shares, histtype="step", color=colour, label=f"layer {number}"
        )
    ax.axvline(1, color=GREY, lw=0.8, ls=":")
    ax.set_xlabel(f"norm of a filter, about {NORM:g} at the start")
    ax.set_ylabel("share of filters")
    ax.legend(frameon=False)
    hide_frame(ax)
    return figure
