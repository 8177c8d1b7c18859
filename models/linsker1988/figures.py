"""One figure for each claim."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hebbsim.experiments.figures import COLOURS, GREY, hide_frame, new_figure
from models.common.model import Results
from models.linsker1988.experiment import NOISE, VARIANCES
from models.linsker1988.infomax import critical_noise, predicted_share
from models.linsker1988.settings import REGIMES, W_MAX, Settings

__all__ = ["figures"]


def figures(settings: Settings, results: Sequence[Results]) -> dict[str, Figure]:
    """Draw what the runs gave: fields of the first seed, numbers of all."""
    first = results[0].arrays
    drawn = {
        "live": _live(first),
        "covariances": _covariances(settings, results),
        "oriented": _oriented(results),
        "information": _information(results),
    }
    if "plane" in first:
        drawn["plane"] = _plane(settings, first["plane"])
    if "angles with" in first:
        drawn["columns"] = _columns(results)
    return drawn


def _show(ax: Axes, field: np.ndarray) -> None:
    ax.imshow(field, cmap="RdBu_r", vmin=-W_MAX, vmax=W_MAX, interpolation="nearest")
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[:].set_visible(False)


def _live(first: Mapping[str, np.ndarray]) -> Figure:
    """Show the fields of layer C by regime: averaged, and live with shared and local kernels."""
    rows = {"averaged": first["regimes"], "live, shared kernel": first["live shared"]}
    if "live local" in first:
        rows["live, local kernel"] = first["live local"]
    figure = new_figure(1.3 * len(REGIMES), 1.4 * len(rows) + 0.5)
    axes = figure.subplots(len(rows), len(REGIMES))
    for line, (text, fields) in zip(axes, rows.items(), strict=True):
        line[0].set_ylabel(text, fontsize=8)
        for ax, field in zip(line, fields, strict=True):
            _show(ax, field)
    for ax, (name, (k1, k2)) in zip(axes[0], REGIMES.items(), strict=True):
        ax.set_title(f"{name.partition(',')[0]}\n({k1:g}, {k2:g})", fontsize=8)
    return figure


def _plane(settings: Settings, plane: np.ndarray) -> Figure:
    """Show the field that grows at each (k1, k2) in its place."""
    n_k2, n_k1, size, _ = plane.shape
    gap = np.full((n_k2, n_k1, size + 4, size + 4), np.nan)
    gap[..., 2:-2, 2:-2] = plane
    image = np.block([[gap[i, j] for j in range(n_k1)] for i in range(n_k2)])
    figure = new_figure(9, 7)
    ax = figure.subplots()
    shown = ax.imshow(image, cmap="RdBu_r", vmin=-W_MAX, vmax=W_MAX, interpolation="nearest")
    centres = (np.arange(max(n_k1, n_k2)) + 0.5) * (size + 4)
    ax.set_xticks(centres[:n_k1], [f"{k:g}" for k in settings.plane_k1])
    ax.set_yticks(centres[:n_k2], [f"{k:g}" for k in settings.plane_k2[::-1]])
    ax.set_xlabel("k1")
    ax.set_ylabel("k2")
    ax.spines[:].set_visible(False)
    figure.colorbar(shown, ax=ax, label="weight", shrink=0.6)
    return figure


def _covariances(settings: Settings, results: Sequence[Results]) -> Figure:
    """Draw the covariance of each layer over distance."""
    figure = new_figure(5.5, 3.5)
    ax = figure.subplots()
    sections = np.stack([found.arrays["covariances"] for found in results]).mean(axis=0)
    distance = np.arange(sections.shape[1]) / settings.per_radius
    for name, section, colour in zip("BCDEF", sections, (GREY, *COLOURS), strict=False):
        ax.plot(distance, section, color=colour, label=f"layer {name}")
    ax.axhline(0, color="black", linewidth=0.5)
    ax.set_xlabel("distance (radii of layer B)")
    ax.set_ylabel("covariance of activity")
    ax.legend(frameon=False)
    hide_frame(ax)
    return figure


def _oriented(results: Sequence[Results]) -> Figure:
    """Show fields of layer G, and selectivity on the covariance of F, of B and at the start."""
    figure = new_figure(9, 3.2)
    fields = results[0].arrays["oriented"]
    columns = len(fields) // 2
    grid = figure.add_gridspec(2, columns + 3)
    for number, field in enumerate(fields[: 2 * columns]):
        _show(figure.add_subplot(grid[number // columns, number % columns]), field)
    figure.suptitle("cells of layer G, and how selective they are", fontsize=9)
    ax = figure.add_subplot(grid[:, columns:])
    tuning = np.concatenate([found.arrays["tuning"] for found in results], axis=1)
    names = ("start", "on F", "on B")
    for place, (values, colour) in enumerate(zip(tuning[..., 0], (GREY, *COLOURS), strict=False)):
        spread = place + np.linspace(-0.2, 0.2, len(values))
        ax.plot(spread, values, ".", color=colour, markersize=4)
    ax.set_xticks(range(len(names)), names)
    ax.set_ylabel("orientation selectivity")
    hide_frame(ax)
    return figure


def _columns(results: Sequence[Results]) -> Figure:
    """Show maps of preferred orientations, and how alike they are over distance."""
    figure = new_figure(9.5, 3.2)
    axes = figure.subplots(1, 3)
    for ax, name in zip(axes, ("with", "without"), strict=False):
        angles = np.degrees(results[0].arrays[f"angles {name}"])
        shown = ax.imshow(angles, cmap="hsv", vmin=0, vmax=180, interpolation="nearest")
        ax.set_title(f"{name} lateral excitation", fontsize=9)
        ax.set_xticks([])
        ax.set_yticks([])
    figure.colorbar(shown, ax=axes[:2], label="preferred orientation (°)", shrink=0.8)
    for name, colour in zip(("with", "without"), COLOURS, strict=False):
        curves = np.stack([found.arrays[f"similarity {name}"] for found in results])
        distance = np.arange(1, curves.shape[1] + 1)
        axes[2].plot(distance, curves.T, color=colour, linewidth=0.5, alpha=0.5)
        axes[2].plot(distance, curves.mean(axis=0), color=colour, label=name)
    axes[2].axhline(0, color="black", linewidth=0.5)
    axes[2].set_xlabel("distance (cells)")
    axes[2].set_ylabel("mean of cos 2(a - b)")
    axes[2].legend(frameon=False)
    hide_frame(axes[2])
    return figure


def _information(results: Sequence[Results]) -> Figure:
    """Draw the angles of the two best cells over noise, beside the theory."""
    l1, l2 = VARIANCES
    figure = new_figure(5, 3.2)
    ax = figure.subplots()
    noise = np.linspace(0, 2.2, 200)
    ax.plot(noise, predicted_share(noise, l1, l2), color="black", linewidth=1, label="theory")
    for found in results:
        ax.plot(NOISE, found.arrays["sin2"], "o", color=COLOURS[0], markersize=4, alpha=0.6)
    ax.axvline(critical_noise(l1, l2), color=GREY, linestyle="--", linewidth=1, label="Bc")
    ax.set_xlabel("variance of the noise, B")
    ax.set_ylabel("sin² of the angle to the first component")
    ax.legend(frameon=False)
    hide_frame(ax)
    return figure
