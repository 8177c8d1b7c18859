"""The figures of a comparison: learned kernels as images, accuracies over layers."""

from collections.abc import Iterable, Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from hebbsim.compare.curves import CurveRow
from hebbsim.compare.results import PIXELS, RANDOM, Row
from hebbsim.compare.tables import Summary, label, summarize
from hebbsim.experiments.figures import (
    COLOURS,
    GREY,
    draw_pixels,
    finish_accuracies,
    mosaic,
    new_figure,
    outside_legend,
    show_mosaics,
)

__all__ = ["accuracy_figure", "filter_figure", "learning_figure"]

_MARKERS = ("o", "s", "^", "D", "v", "P")
_SPREAD = 0.7


def filter_figure(kernels: Mapping[str, np.ndarray]) -> Figure:
    """
    Show kernels as images, a panel for each rule.

    Parameters
    ----------
    kernels : mapping of str to array
        For each rule the kernel `(out_channels, in_channels, rows, cols)`. With three input
        channels it is shown in colour, with any other number as the mean over them. The first
        64 filters are shown, each scaled by its own largest weight.

    Returns
    -------
    Figure
        An axes for each rule, and for kernels without colour one for the scale.
    """
    mosaics = {label(rule): mosaic(kernel) for rule, kernel in kernels.items()}
    in_colour = next(iter(mosaics.values())).ndim == 3
    heights = [len(image) for image in mosaics.values()]
    scale = 6.0 / max(image.shape[1] for image in mosaics.values())
    height = scale * sum(heights) + 0.32 * len(mosaics) + (0.2 if in_colour else 0.65)
    figure = new_figure(7.0, height)
    axes = show_mosaics(figure, mosaics, heights)
    if not in_colour:
        scale_bar = figure.colorbar(
            ScalarMappable(Normalize(-1, 1), "RdBu_r"),
            ax=axes,
            location="bottom",
            fraction=0.05,
            aspect=40,
            shrink=0.5,
        )
        scale_bar.set_label("weight / largest weight of the filter")
        scale_bar.set_ticks([-1, 0, 1])
    return figure


def accuracy_figure(rows: Iterable[Row]) -> Figure:
    """
    Show accuracies over layers: mean and standard deviation, and each seed as a dot.

    Parameters
    ----------
    rows : iterable of Row
        The results; raw pixels are drawn as a dashed line.

    Returns
    -------
    Figure
        With a single axes.
    """
    summaries = summarize(rows)
    layers = sorted({s.layer for s in summaries if s.rule != PIXELS})
    rules = list(dict.fromkeys(s.rule for s in summaries if s.rule != PIXELS))
    figure = new_figure(max(4.0, 1.6 + 0.42 * len(rules) * len(layers)), 3.4)
    ax = figure.subplots()
    for summary in summaries:
        if summary.rule == PIXELS:
            draw_pixels(ax, summary.mean, label(PIXELS))
        else:
            number = rules.index(summary.rule)
            offset = _SPREAD * ((number + 0.5) / len(rules) - 0.5)
            _draw(ax, summary, summary.layer + offset, number, first=summary.layer == layers[0])
    finish_accuracies(ax, layers)
    ax.set_xlim(layers[0] - 0.5, layers[-1] + 0.5)
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    outside_legend(figure)
    return figure


def learning_figure(curves: Iterable[CurveRow]) -> Figure:
    """
    Show how much kernels change from epoch to epoch: the mean over the seeds, a panel for a layer.

    Parameters
    ----------
    curves : iterable of CurveRow
        The learning curves.

    Returns
    -------
    Figure
        With an axes for each layer.
    """
    points: dict[tuple[int, str, int], list[float]] = {}
    for row in curves:
        points.setdefault((row.layer, row.rule, row.epoch), []).append(row.change)
    layers = sorted({layer for layer, _, _ in points})
    rules = list(dict.fromkeys(rule for _, rule, _ in points))
    figure = new_figure(max(4.0, 1.2 + 2.6 * len(layers)), 3.2)
    axes = figure.subplots(1, len(layers), sharey=True, squeeze=False)[0]
    for ax, layer in zip(axes, layers, strict=True):
        for number, rule in enumerate(rules):
            epochs = sorted(epoch for n, r, epoch in points if (n, r) == (layer, rule))
            ax.plot(
                epochs,
                [np.mean(points[layer, rule, epoch]) for epoch in epochs],
                color=COLOURS[number % len(COLOURS)],
                marker=_MARKERS[number % len(_MARKERS)],
                markersize=4,
                label=rule if ax is axes[0] else None,
            )
        ax.set(title=f"layer {layer}", xlabel="epoch")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.set_ylim(bottom=0)
    axes[0].set_ylabel("relative change of the kernel")
    outside_legend(figure)
    return figure


def _draw(ax: Axes, summary: Summary, x: float, number: int, *, first: bool) -> None:
    is_random = summary.rule == RANDOM
    # random kernels come first, and have a colour of their own
    colour = GREY if is_random else COLOURS[(number - 1) % len(COLOURS)]
    values = 100 * np.array(summary.accuracies)
    ax.errorbar(
        x - 0.02,
        100 * summary.mean,
        None if np.isnan(summary.deviation) else 100 * summary.deviation,
        color=colour,
        marker="x" if is_random else _MARKERS[(number - 1) % len(_MARKERS)],
        markersize=6,
        capsize=3,
        linestyle="none",
        label=label(summary.rule) if first else None,
    )
    if len(values) > 1:
        ax.plot(np.full(len(values), x + 0.05), values, ".", color=colour, markersize=4, alpha=0.7)
