"""Figures: traces, input and output, duration, and what is still known after a delay."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hebbsim.experiments.figures import COLOURS, GREY, hide_frame, new_figure
from models.common import Results
from models.nmda_spike.settings import Settings

__all__ = ["draw"]


def draw(settings: Settings, results: Sequence[Results]) -> Mapping[str, Figure]:
    """Draw all figures; a branch is the same in all seeds."""
    first = results[0].arrays
    return {
        "traces": _traces(first),
        "inputs": _inputs(first),
        "duration": _duration(first),
        "accuracy": _accuracy(results),
    }


def _labelled(ax: Axes, x: str, y: str) -> None:
    ax.set_xlabel(x)
    ax.set_ylabel(y)
    hide_frame(ax)


def _traces(arrays: Mapping[str, np.ndarray]) -> Figure:
    figure = new_figure(8, 3.2)
    left, right = figure.subplots(1, 2)
    shades = np.linspace(0.75, 0.0, len(arrays["shown"]))
    for ax, name, title in ((left, "dendrite", "branch"), (right, "soma", "soma")):
        for n, trace, shade in zip(arrays["shown"], arrays[name], shades, strict=True):
            ax.plot(arrays["times"], trace, color=str(shade), label=f"{n}", linewidth=1.2)
        ax.set_xlim(-20, 300)
        ax.set_title(title, loc="left")
        _labelled(ax, "time after the volley (ms)", "potential (mV)")
    right.legend(title="inputs", frameon=False, fontsize="small")
    return figure


def _inputs(arrays: Mapping[str, np.ndarray]) -> Figure:
    figure = new_figure(8, 3.2)
    left, right = figure.subplots(1, 2)
    kinds = {
        "control": ("control", COLOURS[0]),
        "blocked": ("NMDA receptors blocked", GREY),
        "no magnesium": ("no magnesium", COLOURS[4]),
    }
    for kind, (label, colour) in kinds.items():
        left.plot(arrays["inputs"], arrays[f"peak, {kind}"], color=colour, label=label)
    rests = {"rest -75": "-75", "control": "-70", "rest -65": "-65", "rest -60": "-60"}
    for (kind, rest), colour in zip(rests.items(), COLOURS, strict=False):
        right.plot(arrays["inputs"], arrays[f"peak, {kind}"], color=colour, label=f"{rest} mV")
    right.set_xlim(0, 20)
    left.legend(frameon=False)
    right.legend(title="resting potential", frameon=False)
    for ax in (left, right):
        _labelled(ax, "synchronous inputs", "depolarisation of the branch (mV)")
    return figure


def _duration(arrays: Mapping[str, np.ndarray]) -> Figure:
    figure = new_figure(8, 3.2)
    left, right = figure.subplots(1, 2, sharey=True)
    left.plot(arrays["inputs"], arrays["duration"], color=COLOURS[0])
    _labelled(left, "synchronous inputs", "plateau above -50 mV (ms)")
    for n, durations, colour in zip((10, 6), arrays["trains"], COLOURS, strict=False):
        right.plot(arrays["pulses"], durations, "o-", color=colour, label=f"{n} inputs")
    right.legend(frameon=False)
    _labelled(right, "volleys at 50 Hz", "")
    return figure


def _accuracy(results: Sequence[Results]) -> Figure:
    figure = new_figure(5.5, 3.4)
    ax = figure.subplots()
    delays = results[0].arrays["delays"]
    kinds = {
        "layer": ("neurons with branches", COLOURS[0]),
        "point": ("point neuron, its best settings", COLOURS[1]),
        "blocked": ("branches, NMDA receptors blocked", GREY),
    }
    for kind, (label, colour) in kinds.items():
        found = np.array([r.arrays[f"accuracy, {kind}"] for r in results])
        ax.fill_between(delays, found.min(axis=0), found.max(axis=0), color=colour, alpha=0.2)
        ax.plot(delays, found.mean(axis=0), "o-", color=colour, label=label)
    ax.axhline(0.75, color="black", linestyle="--", linewidth=1, label="best sum over inputs")
    ax.set_ylim(0.2, 1.02)
    ax.legend(frameon=False, fontsize="small", loc="lower left")
    _labelled(ax, "time since the input ended (ms)", "accuracy on new trials")
    return figure
