"""What the figures of all networks of spiking digits share."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from hebbsim.data.latency_bins import NEVER
from hebbsim.experiments.figures import COLOURS, GREY, hide_frame, mosaic, new_figure, show_mosaics
from models.common import Results

__all__ = ["draw_confusion", "draw_controls", "draw_kernels", "draw_spikes", "laid_out"]

#: Maps of a layer that are drawn in a row; few leave room at its end
MAPS_A_ROW, FEWEST_A_ROW = 25, 6


def draw_kernels(kernels: Mapping[str, np.ndarray], pools: Sequence[int]) -> Figure:
    """
    Draw the stimulus that drives each feature best: weights of ON less those of OFF.

    Parameters
    ----------
    kernels : mapping of str to array
        Of each layer, by title, ``(out_channels, in_channels, rows, cols)``; channels of the first
        one's input are ON and OFF in turns.
    pools : sequence of int
        Steps of the pooling of each layer but the last.
    """
    first, *deeper = kernels.values()
    drawn = [(first[:, 0::2] - first[:, 1::2]).sum(axis=1, keepdims=True)]
    for kernel, step in zip(deeper, np.cumprod(pools), strict=True):
        drawn.append(_preferred(kernel, drawn[-1], int(step)))
    mosaics = dict(zip(kernels, map(mosaic, drawn), strict=True))
    # rows of filters, and a title
    heights = [image.shape[0] / image.shape[1] for image in mosaics.values()]
    figure = new_figure(8, 8 * sum(heights) + 0.3 * len(heights))
    show_mosaics(figure, mosaics, heights, fontsize=9)
    return figure


def _preferred(kernel: np.ndarray, features: np.ndarray, step: int) -> np.ndarray:
    """Add up features where a layer weighs them, `step` pixels apart."""
    n_out, _, rows, cols = kernel.shape
    size = features.shape[-1]
    drawn = np.zeros((n_out, 1, size + step * (rows - 1), size + step * (cols - 1)))
    for row, col in np.ndindex(rows, cols):
        part = np.tensordot(kernel[:, :, row, col], features[:, 0], axes=1)
        top, left = step * row, step * col
        drawn[:, 0, top : top + size, left : left + size] += part
    return drawn


def draw_spikes(spikes: Mapping[str, np.ndarray], n_bins: int) -> Figure:
    """
    Draw when the neurons of each map spike while one image is shown.

    Parameters
    ----------
    spikes : mapping of str to array
        Bins of the first spikes, by title, ``(channels, rows, cols)``.
    n_bins : int
        Bins of an image.
    """
    drawn = {
        title: laid_out(
            np.where(bins == NEVER, np.nan, bins.astype(float)),
            min(MAPS_A_ROW, max(FEWEST_A_ROW, len(bins))),
        )
        for title, bins in spikes.items()
    }
    heights = [image.shape[0] / image.shape[1] for image in drawn.values()]
    figure = new_figure(8, 7.3 * sum(heights) + 0.3 * len(heights))
    axes = figure.subplots(len(drawn), 1, squeeze=False, height_ratios=heights)[:, 0]
    for ax, (title, image) in zip(axes, drawn.items(), strict=True):
        shown = ax.imshow(image, cmap="viridis_r", vmin=0, vmax=n_bins - 1, interpolation="nearest")
        ax.set_facecolor("white")
        ax.set_xticks([])
        ax.set_yticks([])
        ax.spines[:].set_visible(False)
        ax.set_title(title, loc="left", fontsize=9)
    figure.colorbar(shown, ax=list(axes), label="first spike (bin)", shrink=0.6, pad=0.01)
    return figure


def laid_out(maps: np.ndarray, in_a_row: int | None = None) -> np.ndarray:
    """Lay maps ``(n, rows, cols)`` out, in a square by default.

    There is NaN between them, and where there is none.
    """
    n, rows, cols = maps.shape
    in_a_row = in_a_row or math.ceil(math.sqrt(n))
    n_rows = -(-n // in_a_row)
    laid = np.full((n_rows * in_a_row, rows + 1, cols + 1), np.nan)
    laid[:n, :rows, :cols] = maps
    image = laid.reshape(n_rows, in_a_row, rows + 1, cols + 1).swapaxes(1, 2)
    return image.reshape(n_rows * (rows + 1), -1)


def draw_controls(results: Sequence[Results], names: Sequence[str], what: str) -> Figure:
    """Draw a dot for each seed of the network and its controls."""
    figure = new_figure(7, 3)
    ax = figure.subplots()
    names = list(names)[::-1]
    for height, name in enumerate(names):
        values = [found.numbers[name] for found in results]
        colour = COLOURS[0] if name == "trained" else GREY
        ax.plot(values, [height] * len(values), "o", color=colour, alpha=0.7)
    ax.set_yticks(range(len(names)), names)
    ax.set_xlabel(f"{what} (%); a dot is a seed")
    hide_frame(ax)
    return figure


def draw_confusion(found: Results, title: str) -> Figure:
    """Draw how many images of each digit are taken for each other."""
    confusion = found.arrays["confusion"]
    errors = confusion - np.diag(np.diag(confusion))
    figure = new_figure(5, 4.5)
    ax = figure.subplots()
    ax.imshow(errors, cmap="Blues")
    for place, count in np.ndenumerate(errors):
        if count:
            ax.text(place[1], place[0], str(count), ha="center", va="center", fontsize=7)
    ax.set_xticks(range(10))
    ax.set_yticks(range(10))
    ax.set_xlabel("taken for")
    ax.set_ylabel("digit")
    ax.set_title(title, loc="left", fontsize=9)
    return figure
