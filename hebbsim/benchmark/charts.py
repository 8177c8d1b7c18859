"""Figure of a benchmark: ratios with their targets, and curves over sizes."""

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from hebbsim.benchmark.rows import Row, Series
from hebbsim.experiments.figures import COLOURS, hide_frame, new_figure

__all__ = ["benchmark_figure"]

_OURS, _THEIRS = COLOURS[:2]
_COLUMNS = 3
_PLAIN = FuncFormatter(lambda value, _: f"{value:g}")


def benchmark_figure(rows: Sequence[Row], series: Sequence[Series]) -> Figure:
    """
    Draw the ratios as bars, and each quantity over a size in a panel of its own.

    Parameters
    ----------
    rows, series
        What was measured.

    Returns
    -------
    Figure
        An axes for the bars, if a row has a ratio, and one for each x axis of the series.
    """
    bars = [row for row in rows if math.isfinite(row.ratio)]
    panels: dict[tuple[str, str], list[Series]] = {}
    for one in series:
        panels.setdefault((one.part, one.x_label), []).append(one)
    n_rows = -(-len(panels) // _COLUMNS)
    heights = [0.8 + 0.42 * len(bars) if bars else 0.0, 2.8 * n_rows]
    figure = new_figure(10.0, max(sum(heights), 1.0))
    parts = iter(
        figure.subfigures(
            sum(h > 0 for h in heights) or 1,
            1,
            squeeze=False,
            height_ratios=[h for h in heights if h] or None,
        )[:, 0]
    )
    if bars:
        _draw_bars(next(parts).subplots(), bars)
    if panels:
        axes = next(parts).subplots(n_rows, _COLUMNS, squeeze=False).ravel()
        for ax, shown in zip(axes, panels.values(), strict=False):
            _draw_series(ax, shown)
        for ax in axes[len(panels) :]:
            ax.set_axis_off()
    return figure


def _draw_bars(ax: Axes, rows: Sequence[Row]) -> None:
    """Draw a bar for each ratio, and a black line where it should end at least."""
    places = range(len(rows))
    colours = [_THEIRS if row.met is False else _OURS for row in rows]
    ax.barh(places, [row.ratio - 1 for row in rows], left=1, color=colours, height=0.7)
    for place, row in zip(places, rows, strict=True):
        ax.text(max(row.ratio, 1), place, f" {row.ratio:.3g}", va="center", fontsize=8)
        if row.target is not None and row.target.of == "ratio":
            ax.plot([row.target.low] * 2, [place - 0.42, place + 0.42], color="black", linewidth=2)
    ax.set_yticks(places, [f"{r.part}: {r.what}\n{r.rival}" for r in rows], fontsize=7)
    ax.invert_yaxis()
    ax.set_xscale("log")
    ax.xaxis.set_major_formatter(_PLAIN)
    ax.margins(x=0.1)
    ax.axvline(1, color="0.6", linewidth=0.8, zorder=0)
    ax.set_xlabel("rival's time over ours (black: target; orange: not reached)")
    hide_frame(ax)


def _draw_series(ax: Axes, series: Sequence[Series]) -> None:
    """Draw curves over the same size, with the exponents of their power laws."""
    for one, colour, marker in zip(series, (_OURS, _THEIRS), "os", strict=False):
        name = one.name if len(series) > 1 else ""
        # where a constant part is the most of it, there is no power law
        has_power = one.part != "e" and math.isfinite(one.exponent)
        fitted = f"exponent {one.exponent:.2f}" if has_power else ""
        label = ", ".join(filter(None, (name, fitted)))
        ax.plot(one.x, one.y, marker=marker, color=colour, label=label)
    ax.set_xscale("log")
    ax.set_yscale("log")
    if all(one.part != "e" for one in series):
        ax.set_xticks(list(series[0].x), [f"{x:g}" for x in series[0].x])
        ax.xaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter(_PLAIN)
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.tick_params(which="both", labelsize=8)
    ax.set_xlabel(series[0].x_label)
    ax.set_ylabel(series[0].y_label)
    if ax.get_legend_handles_labels()[1]:
        ax.legend(frameon=False, fontsize=8)
    hide_frame(ax)
