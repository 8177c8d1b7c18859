"""One figure for each claim."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from hebbsim.experiments.figures import COLOURS, GREY, hide_frame, new_figure, outside_legend
from models.common.model import Results
from models.kunin2020.experiment import NOISY
from models.kunin2020.rules import RULES
from models.kunin2020.settings import Settings

__all__ = ["figures"]

_COLOURS = dict(zip(RULES, ("black", *COLOURS), strict=True))


def figures(settings: Settings, results: Sequence[Results]) -> dict[str, Figure]:
    """Draw accuracy and angles over depth, accuracy over noise, and that with turned primitives."""
    drawn = {"noise": _noise(settings, results), "turned": _turned(settings, results)}
    if len(settings.depths) > 1:
        drawn["depth"] = _depth(settings, results)
    return drawn


def _mean(results: Sequence[Results], key: str) -> float:
    values = np.array([found.numbers[key] for found in results])
    return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")


def _percent(results: Sequence[Results], keys: Sequence[str]) -> np.ndarray:
    """Return a row for each seed; what diverged is at chance."""
    values = np.array([[found.numbers[key] for key in keys] for found in results])
    return 100 * np.where(np.isfinite(values), values, 0.1)


def _depth(settings: Settings, results: Sequence[Results]) -> Figure:
    figure = new_figure(8, 3.4)
    left, right = figure.subplots(1, 2)
    for name in (*settings.rules, "frozen"):
        style = {
            "color": _COLOURS.get(name, GREY),
            "linestyle": "--" if name == "frozen" else "-",
            "marker": "o",
            "label": RULES[name].name if name in RULES else "hidden layers frozen",
        }
        means = [_mean(results, f"{name}, depth {n}: accuracy") for n in settings.depths]
        left.plot(settings.depths, [100 * mean for mean in means], **style)
        if name not in ("BP", "frozen"):
            means = [_mean(results, f"{name}, depth {n}: angle") for n in settings.depths]
            right.plot(settings.depths, means, **style | {"label": None})
    left.set_ylabel("test accuracy (%)")
    right.set_ylabel("angle between w and b (°)")
    for ax in (left, right):
        ax.set_xlabel("layers")
        ax.set_xticks(settings.depths)
        hide_frame(ax)
    outside_legend(figure)
    return figure


def _noise(settings: Settings, results: Sequence[Results]) -> Figure:
    figure = new_figure(5.5, 3.2)
    ax = figure.subplots()
    levels = [0, *settings.noise]
    for name in (name for name in NOISY if name in settings.rules):
        keys = [f"{name}, depth {settings.middle_depth}: accuracy"]
        keys += [f"{name}, noise {noise:g}: accuracy" for noise in settings.noise]
        values = _percent(results, keys)
        ax.plot(values.mean(axis=0), "o-", color=_COLOURS[name], label=RULES[name].name)
        ax.plot(values.T, ".", color=_COLOURS[name], markersize=3)
    ax.set_xticks(range(len(levels)), [f"{level:g}" for level in levels])
    ax.set_xlabel("standard deviation of the noise on feedback's gradient")
    ax.set_ylabel("test accuracy (%)")
    ax.legend(frameon=False)
    hide_frame(ax)
    return figure


def _turned(settings: Settings, results: Sequence[Results]) -> Figure:
    bars = []
    for name in settings.turned:
        bars.append((name, f"{name}, depth {settings.middle_depth}", RULES[name].name))
        bars += [
            (name, f"{name}, {primitive} turned", f"{primitive} turned")
            for primitive in RULES[name].primitives
        ]
    figure = new_figure(6.5, 0.9 + 0.22 * len(bars))
    ax = figure.subplots()
    for place, (name, key, _) in enumerate(bars):
        if f"{key}: accuracy" in results[0].numbers:
            values = _percent(results, [f"{key}: accuracy"])
            ax.barh(place, values.mean(), color=GREY if "turned" in key else _COLOURS[name])
            ax.plot(values, np.full(len(values), place), "k.", markersize=3)
    ax.set_yticks(range(len(bars)), [label for _, _, label in bars])
    ax.invert_yaxis()
    ax.set_xlabel("test accuracy (%); 10 is chance, and stands for what diverged")
    hide_frame(ax)
    return figure
