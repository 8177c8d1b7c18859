"""One figure for each claim."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from brian2 import Hz, nA
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hebbsim.experiments.figures import (
    COLOURS,
    GREY,
    hide_frame,
    mosaic,
    new_figure,
    show_mosaics,
)
from models.brito_gerstner2016.model import CONTROLS, NONLINEARITIES
from models.brito_gerstner2016.settings import (
    CURRENT_THRESHOLD,
    CURRENTS,
    GAIN,
    IS_GABOR,
    LOWEST_FREQUENCY,
    Settings,
)
from models.common.model import Results

__all__ = ["figures"]

NAMES = (*NONLINEARITIES, *CONTROLS, "untrained")
CANDIDATES = ("Gabor", "pixel", "grating", "random")


def figures(settings: Settings, results: Sequence[Results]) -> dict[str, Figure]:
    """Draw what the runs gave: fields of the first seed, numbers of all."""
    first = results[0].arrays
    return {
        "fields": _fields(first),
        "fits": _fits(results),
        "objectives": _objectives(results),
        "spiking": _spiking(settings, first),
        "effective": _effective(results),
        "competition": _competition(results),
        "other-inputs": _other_inputs(results),
    }


def _show(ax: Axes, field: np.ndarray, largest: float | None = None) -> None:
    largest = largest or np.abs(field).max()
    ax.imshow(field, cmap="RdBu_r", vmin=-largest, vmax=largest, interpolation="nearest")
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[:].set_visible(False)


def _rows_of_fields(rows: Mapping[str, np.ndarray], most: int) -> Figure:
    """Show some filters of each kind in a row."""
    most = min(most, *(len(filters) for filters in rows.values()))
    figure = new_figure(0.8 * most + 1.6, 0.85 * len(rows))
    axes = figure.subplots(len(rows), most, squeeze=False)
    for line, (name, filters) in zip(axes, rows.items(), strict=True):
        line[0].set_ylabel(name, fontsize=8, rotation=0, ha="right", va="center")
        for ax, field in zip(line, filters, strict=False):
            _show(ax, field)
    return figure


def _fields(first: Mapping[str, np.ndarray]) -> Figure:
    """Show the filters that neurons of each nonlinearity learned from the same starts."""
    return _rows_of_fields({name: first[f"filters, {name}"] for name in NAMES}, 8)


def _fits(results: Sequence[Results]) -> Figure:
    """Draw the fit of a Gabor function to each filter, and the drives' kurtosis."""
    figure = new_figure(9, 3.4)
    fits, sparse = figure.subplots(1, 2)
    for place, name in enumerate(NAMES):
        colour = COLOURS[0] if name in NONLINEARITIES else GREY
        r2 = np.concatenate([found.arrays[f"tuning, {name}"][:, 0] for found in results])
        fits.plot(place + np.linspace(-0.25, 0.25, len(r2)), r2, ".", color=colour, markersize=4)
        values = [found.numbers[f"{name}: kurtosis"] for found in results]
        sparse.plot([place] * len(values), values, "o", color=colour, markersize=4, alpha=0.6)
    fits.set_ylabel("R² of a Gabor function")
    fits.set_ylim(0, 1)
    sparse.set_ylabel("excess kurtosis of the drive")
    for ax in (fits, sparse):
        ax.set_xticks(range(len(NAMES)), NAMES, rotation=40, ha="right", fontsize=8)
        hide_frame(ax)
    return figure


def _objectives(results: Sequence[Results]) -> Figure:
    """Draw what each kind of field gains over a Gaussian drive, relative to the Gabor function."""
    figure = new_figure(7, 3.2)
    ax = figure.subplots()
    found = np.stack([r.arrays["objectives"] for r in results])
    relative = (found / found[..., :1]).mean(axis=0)
    width = 0.8 / len(CANDIDATES)
    places = np.arange(len(NONLINEARITIES))
    for number, (name, colour) in enumerate(zip(CANDIDATES, COLOURS, strict=False)):
        ax.bar(
            places + (number - 1.5) * width, relative[:, number], width, color=colour, label=name
        )
    ax.set_xticks(places, NONLINEARITIES, fontsize=8)
    ax.set_ylabel("objective, relative to a Gabor's")
    ax.legend(frameon=False, ncols=4, fontsize=8)
    hide_frame(ax)
    return figure


def _spiking(settings: Settings, first: Mapping[str, np.ndarray]) -> Figure:
    """Show the filters that spiking neurons learned from the same starts by each rule."""
    names = (*settings.spiking_rules, "untrained")
    return _rows_of_fields({name: first[f"spiking filters, {name}"] for name in names}, 9)


def _effective(results: Sequence[Results]) -> Figure:
    """Draw f-I curve, plasticity curve and effective nonlinearity: measured and predicted."""
    figure = new_figure(9.5, 3)
    response, plasticity, effective = figure.subplots(1, 3)
    currents = np.array(CURRENTS)
    slope, threshold = float(GAIN / (Hz / nA)), float(CURRENT_THRESHOLD / nA)
    response.plot(currents, slope * np.maximum(currents - threshold, 0), color="black", linewidth=1)
    for found in results:
        rates, drifts = (1000 * found.arrays[name] for name in ("rates", "drifts"))
        for ax, x, y in (
            (response, currents, rates[1] / 1000),
            (plasticity, rates[0] / 1000, drifts[0]),
            (effective, currents, drifts[1]),
        ):
            ax.plot(x, y, "o", color=COLOURS[0], markersize=4, alpha=0.6)
    theory = 1000 * results[0].arrays["drifts of the theory"]
    plasticity.plot(slope * np.maximum(currents - threshold, 0), theory, color="black", linewidth=1)
    effective.plot(currents, theory, color="black", linewidth=1, label="theory")
    predicted = 1000 * results[0].arrays["predicted drifts"]
    effective.plot(currents, predicted, color=COLOURS[1], linewidth=1, label="of both curves")
    effective.legend(frameon=False)
    response.set_ylabel("rate (Hz)")
    plasticity.set_xlabel("rate (Hz)")
    for ax in (response, effective):
        ax.set_xlabel("current (nA)")
    for ax in (plasticity, effective):
        ax.axhline(0, color="black", linewidth=0.5)
        ax.set_ylabel("drift of a weight (1/1000 s)")
    for ax in (response, plasticity, effective):
        hide_frame(ax)
    return figure


def _competition(results: Sequence[Results]) -> Figure:
    """Show filters that compete and filters that don't, and how filters part what there is."""
    figure = new_figure(9.5, 5.2)
    parts: Any = figure.subfigures(2, 1, height_ratios=(1, 1.3))
    top, bottom = parts
    first = results[0].arrays
    show_mosaics(
        top,
        {
            f"with {name}" if name == "competition" else name: mosaic(filters)
            for name in ("competition", "no competition")
            for filters in [first[f"{name}: filters"][:, None]]
        },
        (1, 1),
        fontsize=9,
    )
    kinds = {
        "convolution with competition": ["competition: tuning"],
        "without": ["no competition: tuning"],
        "rate model, alone": [f"tuning, {name}" for name in NONLINEARITIES],
    }
    axes = bottom.subplots(1, 3, subplot_kw={"projection": "polar"})
    for ax, (title, names), colour in zip(axes, kinds.items(), COLOURS, strict=False):
        found = np.concatenate([run.arrays[name] for run in results for name in names])
        shown = found[(found[:, 0] > IS_GABOR) & (found[:, 2] > LOWEST_FREQUENCY)]
        _, orientation, frequency = shown.T
        seen = np.pi - orientation  # rows count downwards
        ax.plot(seen, frequency, ".", color=colour, markersize=4, alpha=0.7)
        ax.set_thetamax(180)
        ax.set_rlim(0, 0.4)
        ax.set_rticks([0.1, 0.2, 0.3])
        ax.set_title(f"{title}: {len(shown)} of {len(found)}", fontsize=9)
    axes[0].set_xlabel("orientation of the bars, and cycles a pixel", fontsize=8)
    return figure


def _other_inputs(results: Sequence[Results]) -> Figure:
    """Show what the same rule learns from pairs of eyes, and from complex cells."""
    figure = new_figure(9.5, 5)
    parts: Any = figure.subfigures(1, 2, width_ratios=(1.1, 1))
    eyes, cells = parts
    names = ("aligned eyes", "strabismus")
    upper, lower = eyes.subfigures(2, 1, height_ratios=(1.6, 1))
    shown = {name: results[0].arrays[f"{name}: filters"][:6] for name in names}
    axes = upper.subplots(4, len(shown["strabismus"]))
    for kind, (name, pairs) in enumerate(shown.items()):
        for number, pair in enumerate(pairs):
            largest = np.abs(pair).max()
            for eye, field in enumerate(pair):
                _show(axes[2 * kind + eye, number], field, largest)
        for eye, side in enumerate(("left", "right")):
            axes[2 * kind + eye, 0].set_ylabel(f"{name},\n{side}", fontsize=7)
    ax = lower.subplots()
    for name, colour in zip(names, COLOURS, strict=False):
        values = np.concatenate([found.arrays[f"{name}: monocularity"] for found in results])
        ax.hist(values, np.linspace(0, 1, 21), color=colour, alpha=0.7, label=name)
    ax.set_xlabel("difference of both eyes' power over its sum")
    ax.set_ylabel("neurons")
    ax.legend(frameon=False)
    hide_frame(ax)
    cells.suptitle("second layer, on complex cells", fontsize=9)
    fields = results[0].arrays["second layer: fields"][:6]
    grid = cells.subplots(-(-len(fields) // 2), 2)
    for ax, field in zip(grid.flat, fields, strict=False):
        _show_bars(ax, field)
    return figure


def _show_bars(ax: Axes, field: np.ndarray) -> None:
    """Draw a bar for each complex cell: red where it excites, blue where it inhibits."""
    weights = field / field.flat[np.abs(field).argmax()]
    for (number, row, col), weight in np.ndenumerate(weights):
        bar = np.pi * number / len(field)
        ax.plot(
            col + 0.42 * np.array([-1, 1]) * np.cos(bar),
            row + 0.42 * np.array([-1, 1]) * np.sin(bar),
            color=COLOURS[1] if weight > 0 else COLOURS[0],
            alpha=float(min(abs(weight), 1)),
            linewidth=2.5,
        )
    ax.set_aspect("equal")
    ax.invert_yaxis()
    ax.set_axis_off()
