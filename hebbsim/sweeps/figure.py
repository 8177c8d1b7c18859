"""The figure of a sweep: each number over a setting, a line for each of the other settings."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hebbsim.experiments.figures import COLOURS, hide_frame, new_figure, outside_legend
from hebbsim.experiments.tables import deviation
from hebbsim.sweeps.summary import Found, Group, found_numbers, groups
from hebbsim.sweeps.unit import settings_label

__all__ = ["sweep_figure"]

_MOST_PANELS = 6
_PANELS_A_ROW = 3


def sweep_figure(found: Found) -> Figure:
    """
    Show each number over the setting that has most numeric values, else over the first one.

    Parameters
    ----------
    found : sequence of tuple of Unit and Result
        What there is.

    Returns
    -------
    Figure
        With an axes for each of the first six numbers: means and standard deviations over seeds.
    """
    made, names = groups(found), found_numbers(found)[:_MOST_PANELS]
    axis = _axis(made)
    n_cols = min(_PANELS_A_ROW, max(1, len(names)))
    n_rows = -(-len(names) // n_cols) or 1
    figure = new_figure(1.8 + 3.0 * n_cols, 0.4 + 2.6 * n_rows)
    axes = figure.subplots(n_rows, n_cols, squeeze=False).ravel()
    for ax, name in zip(axes, names, strict=False):
        _draw(ax, made, name, axis, labelled=ax is axes[0])
    for ax in axes[len(names) :]:
        ax.set_axis_off()
    if len(_lines(made, axis)) > 1:
        outside_legend(figure)
    return figure


def _axis(made: Sequence[Group]) -> str | None:
    """Choose the setting of the horizontal axis."""
    values: dict[str, list[Any]] = {}
    for group in made:
        for name, value in group.varied.items():
            if value not in values.setdefault(name, []):
                values[name].append(value)
    varying = {name: some for name, some in values.items() if len(some) > 1}
    numeric = {name: some for name, some in varying.items() if all(map(_is_number, some))}
    return max(numeric or varying, key=lambda name: len(values[name]), default=None)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _lines(made: Sequence[Group], axis: str | None) -> dict[str, list[Group]]:
    """Put the groups that differ in the axis alone together."""
    lines: dict[str, list[Group]] = {}
    for group in made:
        rest = {name: value for name, value in group.varied.items() if name != axis}
        lines.setdefault(settings_label(rest), []).append(group)
    return lines


def _draw(ax: Axes, made: Sequence[Group], name: str, axis: str | None, *, labelled: bool) -> None:
    places = _places(made, axis)
    for number, (label, line) in enumerate(_lines(made, axis).items()):
        line = [group for group in line if group.values(name)]
        ax.errorbar(
            [places[_key(group, axis)] for group in line],
            [np.mean(group.values(name)) for group in line],
            [np.nan_to_num(deviation(group.values(name))) for group in line],
            color=COLOURS[number % len(COLOURS)],
            marker="o",
            markersize=4,
            capsize=2,
            label=label if labelled else None,
        )
    if not all(_is_number(group.varied.get(axis or "")) for group in made):
        ax.set_xticks(list(places.values()), [str(key) for key in places])
    elif _is_logarithmic(list(places.values())):
        ax.set_xscale("log")
    ax.set(title=name, xlabel=axis or "")
    hide_frame(ax)


def _key(group: Group, axis: str | None) -> Any:
    value = group.varied.get(axis) if axis else ""
    return value if _is_number(value) else str(value)


def _places(made: Sequence[Group], axis: str | None) -> dict[Any, float]:
    keys = dict.fromkeys(_key(group, axis) for group in made)
    if all(map(_is_number, keys)):
        return {key: float(key) for key in sorted(keys)}
    return {key: float(place) for place, key in enumerate(keys)}


def _is_logarithmic(places: Sequence[float]) -> bool:
    return len(places) > 1 and min(places) > 0 and max(places) / min(places) >= 10
