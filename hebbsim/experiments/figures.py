"""What figures share: kernels as images, accuracies over layers, films. Drawn without pyplot."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from matplotlib.animation import Animation
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from hebbsim.whole_file import whole_file

__all__ = [
    "COLOURS",
    "GREY",
    "draw_pixels",
    "finish_accuracies",
    "hide_frame",
    "mosaic",
    "new_figure",
    "outside_legend",
    "save_figure",
    "save_picture",
    "show_mosaics",
]

MAX_FILTERS = 64
FILTERS_A_ROW = 16

#: Okabe and Ito's palette, which colour-blind readers tell apart
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
#: Of random kernels
GREY = "#767676"


def new_figure(width: float, height: float) -> Figure:
    """Make an empty figure of a size in inches."""
    return Figure(figsize=(width, height), dpi=200, layout="constrained")


def save_figure(figure: Figure, path: str | Path) -> None:
    """Write a figure as a PNG of 200 dots an inch."""
    with whole_file(Path(path)) as file:
        FigureCanvasAgg(figure).print_png(file)


def save_picture(picture: Figure | Animation, path: Path) -> None:
    """Write a figure as ``path.png``, or an animation as ``path.gif``."""
    if isinstance(picture, Figure):
        save_figure(picture, path.with_name(path.name + ".png"))
        return
    with TemporaryDirectory() as folder:  # matplotlib writes to a name, not to a file
        drawn = Path(folder, "animation.gif")
        picture.save(drawn, writer="pillow")
        content = drawn.read_bytes()
    with whole_file(path.with_name(path.name + ".gif")) as file:
        file.write(content)


def mosaic(kernel: np.ndarray) -> np.ndarray:
    """
    Lay the filters of a kernel out side by side, 16 in a row.

    Parameters
    ----------
    kernel : array
        `(out_channels, in_channels, rows, cols)`.

    Returns
    -------
    array
        `(height, width)`, weights in [-1, 1] and NaN between filters; for three input channels
        `(height, width, 4)`, RGBA in [0, 1], where a weight of 0 is middle grey.
    """
    filters = np.asarray(kernel, dtype=float)[:MAX_FILTERS]
    in_colour = filters.shape[1] == 3
    if not in_colour:
        filters = filters.mean(axis=1, keepdims=True)
    largest = np.abs(filters).max(axis=(1, 2, 3), keepdims=True)
    filters = filters / np.where(largest > 0, largest, 1)
    n, channels, rows, cols = filters.shape
    n_cols = min(n, FILTERS_A_ROW)
    n_rows = -(-n // n_cols)
    image = np.full((n_rows * (rows + 1) - 1, n_cols * (cols + 1) - 1, channels), np.nan)
    for number, values in enumerate(filters):
        top, left = number // n_cols * (rows + 1), number % n_cols * (cols + 1)
        image[top : top + rows, left : left + cols] = np.moveaxis(values, 0, -1)
    if not in_colour:
        return image[..., 0]
    shown = ~np.isnan(image[..., :1])
    return np.concatenate([np.nan_to_num(0.5 + image / 2), shown], axis=-1)


def show_mosaics(
    figure: Figure, mosaics: Mapping[str, np.ndarray], heights: Sequence[float], **title: Any
) -> list[Axes]:
    """
    Show what `mosaic` returned, one below the other.

    Parameters
    ----------
    figure : Figure
        Where; it is empty.
    mosaics : mapping of str to array
        By title.
    heights : sequence of float
        How high they are, relative to each other.
    **title
        Properties of the titles.

    Returns
    -------
    list of Axes
        One for each.
    """
    axes = figure.subplots(len(mosaics), 1, squeeze=False, height_ratios=heights)[:, 0]
    for ax, (text, image) in zip(axes, mosaics.items(), strict=True):
        # what separates the filters is transparent
        ax.imshow(image, cmap="RdBu_r", vmin=-1, vmax=1, interpolation="nearest")
        ax.set_title(text, loc="left", **title)
        ax.set_axis_off()
    return list(axes)


def draw_pixels(ax: Axes, accuracy: float, label: str = "raw pixels") -> None:
    """Draw the accuracy of raw pixels, in [0, 1], as a dashed line."""
    ax.axhline(100 * accuracy, color="black", linestyle="--", linewidth=1, label=label)


def finish_accuracies(ax: Axes, layers: Sequence[int]) -> None:
    """Label the axes of accuracies in percent over layers."""
    ax.set_xticks(layers)
    ax.set_xlabel("layer")
    ax.set_ylabel("test accuracy (%)")
    hide_frame(ax)


def hide_frame(ax: Axes) -> None:
    """Leave the two axes alone of the frame."""
    ax.spines[["top", "right"]].set_visible(False)


def outside_legend(figure: Figure) -> None:
    """Write the legend beside the axes."""
    figure.legend(loc="outside right upper", frameon=False)
