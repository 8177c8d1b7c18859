"""Figures: learned kernels as images, accuracies over layers. Drawn without pyplot's state."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from hebbsim.compare.results import PIXELS, RANDOM, Row
from hebbsim.compare.tables import Summary, label, summarize

__all__ = ["accuracy_figure", "filter_figure", "mosaic", "save_figure"]

MAX_FILTERS = 64
FILTERS_A_ROW = 16

_GREY = "#767676"
# Okabe and Ito's palette, which colour-blind readers tell apart
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
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
    mosaics = {rule: mosaic(kernel) for rule, kernel in kernels.items()}
    in_colour = next(iter(mosaics.values())).ndim == 3
    heights = [len(image) for image in mosaics.values()]
    scale = 6.0 / max(image.shape[1] for image in mosaics.values())
    height = scale * sum(heights) + 0.32 * len(mosaics) + (0.2 if in_colour else 0.65)
    figure = _figure(7.0, height)
    axes = figure.subplots(len(mosaics), 1, squeeze=False, height_ratios=heights)[:, 0]
    for ax, (rule, image) in zip(axes, mosaics.items(), strict=True):
        # what separates the filters is transparent
        ax.imshow(image, cmap="RdBu_r", vmin=-1, vmax=1, interpolation="nearest")
        ax.set_title(label(rule), loc="left")
        ax.set_axis_off()
    if not in_colour:
        scale_bar = figure.colorbar(
            ScalarMappable(Normalize(-1, 1), "RdBu_r"),
            ax=list(axes),
            location="bottom",
            fraction=0.05,
            aspect=40,
            shrink=0.5,
        )
        scale_bar.set_label("weight / largest weight of the filter")
        scale_bar.set_ticks([-1, 0, 1])
    return figure


def mosaic(kernel: np.ndarray) -> np.ndarray:
    """
    Lay the filters of a kernel out side by side, 16 in a row.

    Parameters
    ----------
    kernel : array
        `(out_channels, in_channels, rows, cols)`.

    Returns
    -------
    array
        `(height, width)`, weights in [-1, 1] and NaN between filters; for three input channels
        `(height, width, 4)`, RGBA in [0, 1], where a weight of 0 is middle grey.
    """
    filters = np.asarray(kernel, dtype=float)[:MAX_FILTERS]
    in_colour = filters.shape[1] == 3
    if not in_colour:
        filters = filters.mean(axis=1, keepdims=True)
    largest = np.abs(filters).max(axis=(1, 2, 3), keepdims=True)
    filters = filters / np.where(largest > 0, largest, 1)
    n, channels, rows, cols = filters.shape
    n_cols = min(n, FILTERS_A_ROW)
    n_rows = -(-n // n_cols)
    image = np.full((n_rows * (rows + 1) - 1, n_cols * (cols + 1) - 1, channels), np.nan)
    for number, values in enumerate(filters):
        top, left = number // n_cols * (rows + 1), number % n_cols * (cols + 1)
        image[top : top + rows, left : left + cols] = np.moveaxis(values, 0, -1)
    if not in_colour:
        return image[..., 0]
    shown = ~np.isnan(image[..., :1])
    return np.concatenate([np.nan_to_num(0.5 + image / 2), shown], axis=-1)


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
    figure = _figure(max(4.0, 1.6 + 0.42 * len(rules) * len(layers)), 3.4)
    ax = figure.subplots()
    for summary in summaries:
        if summary.rule == PIXELS:
            ax.axhline(
                100 * summary.mean, color="black", linestyle="--", linewidth=1, label=label(PIXELS)
            )
        else:
            number = rules.index(summary.rule)
            offset = _SPREAD * ((number + 0.5) / len(rules) - 0.5)
            _draw(ax, summary, summary.layer + offset, number, first=summary.layer == layers[0])
    ax.set_xticks(layers)
    ax.set_xlim(layers[0] - 0.5, layers[-1] + 0.5)
    ax.set_xlabel("layer")
    ax.set_ylabel("test accuracy (%)")
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside right upper", frameon=False)
    return figure


def _draw(ax: Axes, summary: Summary, x: float, number: int, *, first: bool) -> None:
    is_random = summary.rule == RANDOM
    # random kernels come first, and have a colour of their own
    colour = _GREY if is_random else _COLOURS[(number - 1) % len(_COLOURS)]
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


def save_figure(figure: Figure, path: str | Path) -> None:
    """Write a figure as a PNG of 200 dots an inch."""
    FigureCanvasAgg(figure).print_png(Path(path))


def _figure(width: float, height: float) -> Figure:
    return Figure(figsize=(width, height), dpi=200, layout="constrained")
