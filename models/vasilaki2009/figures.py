"""One figure for each finding."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hebbsim.experiments.figures import COLOURS, GREY, hide_frame, mosaic, new_figure
from models.common.model import Results
from models.vasilaki2009.claims import SCALES
from models.vasilaki2009.experiment import NOISES, SHIFTS
from models.vasilaki2009.settings import Settings

__all__ = ["figures"]


def figures(settings: Settings, results: Sequence[Results]) -> Mapping[str, Figure]:
    """Draw all figures: means over seeds, with the range of seeds as a band."""
    return {
        "relearning": _relearning(results),
        "failures": _failures(results),
        "punishment": _punishment(settings, results),
        "scaling": _scaling(results),
        "pictures": _pictures(results),
    }


def _band(ax: Axes, x: Sequence[float] | np.ndarray, values: np.ndarray, **line: Any) -> None:
    """Draw a mean over seeds, `(seeds, points)`, and the range in which they lie."""
    ax.plot(x, values.mean(axis=0), **line)
    ax.fill_between(
        x, values.min(axis=0), values.max(axis=0), color=line["color"], alpha=0.15, lw=0
    )


def _curves(ax: Axes, results: Sequence[Results], names: Mapping[str, str]) -> None:
    """Draw the choices that are right at each presentation after a reversal."""
    for colour, (name, label) in zip((*COLOURS, GREY, "black"), names.items(), strict=False):
        values = np.stack([found.arrays[f"curve {name}"] for found in results])
        _band(ax, np.arange(1, values.shape[1] + 1), values, color=colour, label=label)
    ax.set_xlabel("presentation of a picture after the reversal")
    ax.set_ylabel("choices that are right")
    ax.set_ylim(0, 1.02)
    ax.legend(frameon=False, fontsize=8)
    hide_frame(ax)


def _relearning(results: Sequence[Results]) -> Figure:
    figure = new_figure(6, 3.6)
    names = ("no hidden layer", "1 hidden layer", "2 hidden layers", "3 hidden layers")
    labels = {name: name for name in names}
    _curves(figure.subplots(), results, labels | {"slow": "1 hidden layer, slow rate"})
    return figure


def _failures(results: Sequence[Results]) -> Figure:
    figure = new_figure(9, 3.6)
    rules, noise = figure.subplots(1, 2)
    changes = ("no stop", "plain", "pre only", "post only")
    _curves(
        rules, results, {"1 hidden layer": "reward, covariance, stop"} | {c: c for c in changes}
    )
    temperatures = ("T = 0.05", "T = 0.2", "T = 0.5")
    _curves(noise, results, {"1 hidden layer": "T = 0.02"} | {t: t for t in temperatures})
    return figure


def _punishment(settings: Settings, results: Sequence[Results]) -> Figure:
    figure = new_figure(6, 3.2)
    ax = figure.subplots()
    labels = {"lies": "stop at 0.1", "lies, on the edge": "stop at 0.03, faster, 2 hidden layers"}
    _curves(ax, results, labels)
    ax.axvline(settings.lie_at, color=GREY, linestyle="--", linewidth=1)
    ax.annotate("false punishment", (settings.lie_at - 0.5, 0.05), ha="right", color=GREY)
    return figure


def _scaling(results: Sequence[Results]) -> Figure:
    figure = new_figure(9, 3.6)
    curves, growth = figure.subplots(1, 2)
    names = {"1 hidden layer": "2 pictures, 2 actions"} | {name: name for name in SCALES}
    _curves(curves, results, names)
    numbers = {
        actions: {
            int(label.split()[0]): [r.numbers[f"{name}: trials to relearn"] for r in results]
            for name, label in names.items()
            if label.endswith(f"{actions} actions")
        }
        for actions in (2, 4)
    }
    for colour, (actions, found) in zip(COLOURS, numbers.items(), strict=False):
        x = list(found)
        means = [
            np.nanmean(values) if np.isfinite(values).any() else np.nan for values in found.values()
        ]
        growth.plot(x, means, marker="o", color=colour, label=f"{actions} actions")
    growth.set_xlabel("pictures")
    growth.set_ylabel("trials to relearn")
    growth.set_xticks((2, 4, 8))
    growth.set_ylim(0)
    growth.legend(frameon=False)
    hide_frame(growth)
    return figure


def _pictures(results: Sequence[Results]) -> Figure:
    figure = new_figure(9, 5)
    parts: Any = figure.subfigures(2, 1, height_ratios=(1, 1.5))
    shown, drawn = parts
    arrays = results[0].arrays
    axes = shown.subplots(1, 5, width_ratios=(1, 1, 1, 1, 1))
    titles = ("picture 1", "picture 2", "as shown", "as shown")
    for ax, image, title in zip(axes, arrays["pictures"].reshape(4, 32, 32), titles, strict=False):
        ax.imshow(image, cmap="gray")
        ax.set_title(title, fontsize=8)
    rows = [mosaic(four) for four in np.split(arrays["kernels"], 4)]
    gap = np.full((1, rows[0].shape[1]), np.nan)
    kernels = np.concatenate([part for row in rows for part in (row, gap)])
    axes[-1].imshow(kernels, cmap="RdBu_r", vmin=-1, vmax=1)
    axes[-1].set_title("kernels", fontsize=8)
    for ax in axes:
        ax.set_axis_off()
    curve, shift, noise = drawn.subplots(1, 3)
    _curves(curve, results, {"features": "features", "pixels": "pixels"})
    for colour, kind in zip(COLOURS, ("features", "pixels"), strict=False):
        values = np.stack([found.arrays[f"unseen {kind}"] for found in results])
        _band(shift, SHIFTS, values[:, : len(SHIFTS)], color=colour)
        _band(noise, NOISES, values[:, len(SHIFTS) :], color=colour)
    shift.set_xlabel("largest shift (pixels)")
    noise.set_xlabel("noise (standard deviations)")
    for ax in (shift, noise):
        ax.set_ylim(0, 1.02)
        ax.set_ylabel("right, unseen versions")
        hide_frame(ax)
    return figure
