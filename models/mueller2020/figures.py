"""One figure for each claim."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hebbsim.experiments.figures import COLOURS, GREY, hide_frame, new_figure
from models.common.model import Results
from models.mueller2020.settings import N_PATTERNS, Settings

__all__ = ["figures"]

#: What a raster shows: a few cells that belong to no assembly beside those that do
N_OTHERS = 60
NAMES = {"C": "content space", "V": "neural space V", "U": "neural space U"}


def figures(settings: Settings, results: Sequence[Results]) -> Mapping[str, Figure]:
    """Draw all figures; rasters and weights are of the first seed."""
    return {
        "recall": _operation(results[0].arrays, "recall", "CV"),
        "copy": _operation(results[0].arrays, "copy", "CVU"),
        "controls": _controls(settings, results),
        "comparison": _comparison(results),
        "assemblies": _assemblies(results[0].arrays),
    }


def _operation(arrays: Mapping[str, np.ndarray], kind: str, spaces: str) -> Figure:
    """Show the spikes of an operation, from the load on, cells sorted by their assembly."""
    load, loaded, start, stop = arrays[f"{kind}, phases"]
    figure = new_figure(8, 1.9 * len(spaces))
    # the load beside the end, without the silence between; COPY is short enough to be shown whole
    spans = [(load, loaded), (start, stop)] if kind == "recall" else [(load, stop)]
    axes = figure.subplots(len(spaces), len(spans), squeeze=False, sharex="col", sharey="row")
    for row, space in zip(axes, spaces, strict=True):
        for ax, (first, last) in zip(row, spans, strict=True):
            _raster(ax, arrays, kind, space, (first, last))
        row[0].set_ylabel(f"{NAMES[space]}\ncell, sorted")
    for ax in axes[-1]:
        ax.set_xlabel("time (ms)")
    titles = ["LOAD", f"RECALL, {start - loaded:g} s later"]
    for ax, title in zip(axes[0], titles, strict=False):
        ax.set_title(title if kind == "recall" else "LOAD, COPY, RECALL from U", loc="left")
    if kind == "copy":
        _shade(axes[:, 0], [(0, loaded - load), (0.6, 0.75), (start - load, stop - load)])
    return figure


def _shade(axes: Iterable[Axes], spans: Sequence[tuple[float, float]]) -> None:
    for ax in axes:
        for first, last in spans:
            ax.axvspan(1000 * first, 1000 * last, color=GREY, alpha=0.15, linewidth=0)


def _raster(
    ax: Axes,
    arrays: Mapping[str, np.ndarray],
    kind: str,
    space: str,
    span: tuple[float, float],
) -> None:
    t, cells = arrays[f"{kind}, {space}, t"], arrays[f"{kind}, {space}, cell"]
    here = (t >= span[0]) & (t < span[1])
    t, cells = 1000 * (t[here] - span[0]), cells[here]
    members = [arrays[f"assembly {number} of {space}"] for number in range(N_PATTERNS)]
    largest = max(int(cells.max(initial=0)), *(int(m.max(initial=0)) for m in members))
    others = np.setdiff1d(np.arange(largest + 1), np.concatenate(members))[:N_OTHERS]
    bottom = 0
    for group, colour in zip([*members, others], [*COLOURS[:N_PATTERNS], GREY], strict=True):
        place = np.full(largest + 1, -1)
        place[group] = bottom + np.arange(len(group))
        shown = place[cells] >= 0
        ax.plot(t[shown], place[cells][shown], "|", color=colour, markersize=1.5)
        bottom += len(group)
    ax.set_xlim(0, 1000 * (span[1] - span[0]))
    ax.set_ylim(0, bottom)
    hide_frame(ax)


def _controls(settings: Settings, results: Sequence[Results]) -> Figure:
    """Show how often recall succeeds, with its controls, and over the noise."""
    figure = new_figure(8, 3)
    bars, noise = figure.subplots(1, 2)
    names = {
        "RECALL": "recall",
        "no excitability": "recall without excitability",
        "no plasticity": "recall without plasticity",
        "COPY": "copy",
    }
    for place, (label, name) in enumerate(names.items()):
        values = [100 * r.numbers[name] for r in results]
        colour = GREY if label.startswith("no ") else COLOURS[0]
        bars.bar(place, np.mean(values), color=colour, width=0.6)
        bars.plot(np.full(len(values), place), values, "k.", markersize=4)
    bars.set_xticks(range(len(names)), list(names), fontsize=8)
    bars.set_ylabel("success (%)")
    found = np.array(
        [
            [100 * r.numbers[name] for r in results]
            for name in ("recall", *(f"recall, noise {sd:g}" for sd in settings.noise))
        ]
    )
    levels = (0, *settings.noise)
    noise.plot(levels, found.mean(axis=1), "o-", color=COLOURS[0])
    noise.plot(levels, found, "k.", markersize=4)
    noise.set_xlabel("standard deviation of the factors on parameters")
    noise.set_ylabel("recalls that succeed (%)")
    for ax in (bars, noise):
        ax.set_ylim(-3, 105)
        hide_frame(ax)
    return figure


def _comparison(results: Sequence[Results]) -> Figure:
    """Show the distributions of the second response."""
    figure = new_figure(8, 3)
    titles = {"comparison": "COMPARE", "comparison without plasticity": "without plasticity"}
    axes = figure.subplots(1, 2, sharey=True)
    for ax, (name, title) in zip(axes, titles.items(), strict=True):
        values = {
            kind: np.concatenate([r.arrays[f"{name}, {kind}"] for r in results])
            for kind in ("same", "different")
        }
        bins = np.linspace(0, max(v.max() for v in values.values()), 25)
        for (kind, found), colour in zip(values.items(), COLOURS, strict=False):
            ax.hist(found, bins, color=colour, alpha=0.6, label=f"{kind} content")
        area = np.mean([r.numbers[name] for r in results])
        ax.set_title(f"{title}: area under the curve {area:.2f}", loc="left", fontsize=9)
        hide_frame(ax)
    axes[0].set_ylabel("comparisons")
    axes[0].legend(frameon=False, fontsize=8)
    figure.supxlabel("synaptic resource released in the second recall", fontsize=10)
    return figure


def _assemblies(arrays: Mapping[str, np.ndarray]) -> Figure:
    """Show the weights that bind cells into assemblies, and contents to neural assemblies."""
    figure = new_figure(8, 3.4)
    titles = {
        "weights": "within the content space",
        "projected": "from the content space to V",
    }
    axes = figure.subplots(1, 2)
    for ax, (name, title) in zip(axes, titles.items(), strict=True):
        image = ax.imshow(arrays[name], cmap="viridis", vmin=0)
        for (row, column), value in np.ndenumerate(arrays[name]):
            colour = "black" if value > 0.6 * arrays[name].max() else "white"
            ax.text(column, row, f"{value:.2f}", ha="center", va="center", color=colour, fontsize=8)
        ax.set_title(title, loc="left", fontsize=9)
        ax.set_xlabel("from the assembly of content")
        ax.set_ylabel("to the assembly of content")
        figure.colorbar(image, ax=ax, label="mean weight", shrink=0.8)
    return figure
