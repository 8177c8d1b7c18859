"""Figures: the catch in each condition, weights over a life, the rules alone, teams; and a film."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.animation import FuncAnimation
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hebbsim.experiments.figures import COLOURS, GREY, hide_frame, new_figure
from models.common import Results
from models.iso_learning.experiment import ENOUGH, EVERY, EVERY_SHARED, INTERVALS
from models.iso_learning.film import film
from models.iso_learning.foraging import CONDITIONS, TEAMS
from models.iso_learning.settings import Settings

__all__ = ["pictures"]


def pictures(
    settings: Settings, results: Sequence[Results]
) -> Mapping[str, Figure | FuncAnimation]:
    """Draw all figures, and the film of the first seed's robot."""
    return {
        "robot": film(results[0].arrays, settings),
        "catch": _catch(results),
        "weights": _weights(results),
        "rules": _rules(results[0].arrays),
        "teams": _teams(results, settings),
    }


def _pooled(results: Sequence[Results], name: str) -> np.ndarray:
    """Put the robots of all seeds together."""
    return np.concatenate([found.arrays[name] for found in results])


def _catch(results: Sequence[Results]) -> Figure:
    figure = new_figure(8, 4.5)
    ax = figure.subplots()
    names = list(CONDITIONS)[::-1]
    for height, name in enumerate(names):
        for when, colour, shift in (("early", GREY, 0.15), ("late", COLOURS[0], -0.15)):
            foods = _pooled(results, f"{when}, {name}")
            ax.plot(foods, np.full(len(foods), height + shift), ".", color=colour, alpha=0.4, ms=5)
            label = when if height == 0 else None
            ax.plot(foods.mean(), height + shift, "|", color=colour, ms=14, mew=2.5, label=label)
    ax.set_yticks(range(len(names)), names)
    ax.set_xlabel("foods in 10,000 steps; a dot is a robot, a line the mean")
    ax.legend(frameon=False)
    hide_frame(ax)
    return figure


def _weights(results: Sequence[Results]) -> Figure:
    figure = new_figure(8, 3.2)
    shown = (
        ("ISO3", "ISO", "ICO"),
        ("ISO3 bank", "ISO bank, slow", "ICO bank, slow"),
        ("ISO bank",),
    )
    titles = ("one filter", "a bank of five", "a bank, fast, no gate")
    for ax, names, title in zip(figure.subplots(1, 3), shown, titles, strict=True):
        for name, colour in zip(names, COLOURS, strict=False):
            rho = _pooled(results, f"rho, {name}")
            steps = np.arange(rho.shape[1]) * EVERY / 1000
            ax.plot(steps, rho.T, color=colour, alpha=0.15, linewidth=0.6)
            ax.plot(steps, rho.mean(0), color=colour, linewidth=2, label=name)
        ax.set_title(title, loc="left", fontsize=10)
        ax.set_xlabel("steps (thousands)")
        ax.axhline(0, color=GREY, linewidth=0.6)
        ax.legend(frameon=False, fontsize=8)
        hide_frame(ax)
        if len(names) == 1:
            ax.set_yscale("symlog", linthresh=1)
    figure.axes[0].set_ylabel("sum of the weights")
    return figure


def _rules(arrays: Mapping[str, np.ndarray]) -> Figure:
    figure = new_figure(8, 3)
    left, right = figure.subplots(1, 2)
    for rule, colour in (("ICO", COLOURS[0]), ("ISO", COLOURS[1])):
        for mu, style in ((1e-4, "-"), (1e-3, "--")):
            rho = arrays[f"open loop, {rule}, {mu:g}, False"][-1]
            left.plot(rho / mu, style, color=colour, label=f"{rule}, mu = {mu:g}")
    left.axvline(100, color=GREY, linewidth=0.6)
    left.set_xlabel("pairs; the reflex stops after 100")
    left.set_ylabel("weight / mu")
    left.legend(frameon=False, fontsize=8)
    right.plot(INTERVALS, arrays["curve"] * 1e3, color=COLOURS[0])
    right.axhline(0, color=GREY, linewidth=0.6)
    right.axvline(0, color=GREY, linewidth=0.6)
    right.set_xlabel("steps from predictor to reflex")
    right.set_ylabel("change of a pair, ICO (1e-3)")
    for ax in (left, right):
        hide_frame(ax)
    return figure


def _teams(results: Sequence[Results], settings: Settings) -> Figure:
    figure = new_figure(6, 3)
    ax = figure.subplots()
    alone = _pooled(results, "rho, ISO3")
    lines = {"alone": (alone, EVERY)}
    for name in TEAMS:
        sums = _pooled(results, f"team rho, {name}")
        lines[f"{settings.team} share, {name}"] = (sums, EVERY_SHARED)
    for (name, (rho, every)), colour in zip(lines.items(), COLOURS, strict=False):
        steps = np.arange(1, rho.shape[1]) * every
        _spread(ax, steps, rho[:, 1:], colour, name)
    ax.axhline(ENOUGH, color=GREY, linewidth=0.6)
    ax.set_xscale("log")
    ax.set_xlabel("steps")
    ax.set_ylabel("weight")
    ax.legend(frameon=False, fontsize=8)
    hide_frame(ax)
    return figure


def _spread(ax: Axes, x: np.ndarray, values: np.ndarray, colour: str, label: str) -> None:
    ax.fill_between(x, values.min(0), values.max(0), color=colour, alpha=0.15, linewidth=0)
    ax.plot(x, values.mean(0), color=colour, label=label)
