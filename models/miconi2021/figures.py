"""The figures of a run, drawn from its folder: receptive fields, weights, accuracy over layers."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from hebbsim.experiments.figures import (
    COLOURS,
    GREY,
    draw_pixels,
    finish_accuracies,
    hide_frame,
    mosaic,
    new_figure,
    outside_legend,
    save_figure,
    show_mosaics,
)
from hebbsim.experiments.tables import deviation

if TYPE_CHECKING:
    from models.miconi2021.results import Results, Row

__all__ = ["accuracy_figure", "receptive_fields", "save_figures", "weight_figure"]

# conditions may lie on top of each other: with binary winners Oja's rule is the instar
_STYLES = ("-", "-", "-", "-", "--", ":")
_BINS = 81


def save_figures(results: "Results", rows: Sequence["Row"]) -> None:
    """Draw and write all figures; kernels are those of each condition's first seed."""
    seeds: dict[str, int] = {}
    for row in rows:
        if row.layer:
            seeds.setdefault(row.condition, row.seed)
    last = max(row.layer for row in rows)
    for name, seed in seeds.items():
        kernels = [results.kernel(name, seed, layer) for layer in range(1, last + 1)]
        figure = receptive_field_figure(receptive_fields(kernels))
        save_figure(figure, results.receptive_fields(name))
    weights = {name: results.kernel(name, seed, last) for name, seed in seeds.items()}
    save_figure(weight_figure(weights), results.histogram)
    save_figure(accuracy_figure(rows), results.accuracy)


def receptive_fields(kernels: Sequence[np.ndarray], pool: int = 2) -> list[np.ndarray]:
    r"""
    Project each layer's filters back to the whitened image, through the layers below.

    Linearly, as if every layer handed on its drive: with :math:`P` the average pooling and
    :math:`W_l` the convolution of layer :math:`l`, the receptive field of a unit of layer 3 is
    :math:`W_1^T P^T W_2^T P^T w`.

    Parameters
    ----------
    kernels : sequence of array
        Of each layer, `(out_channels, in_channels, rows, cols)`.
    pool : int
        Window and step of the pooling between layers.

    Returns
    -------
    list of array
        Of each layer, `(out_channels, image channels, rows, cols)`: 5x5, 10x10 and 20x20 pixels at
        the published sizes.
    """
    import torch
    from torch.nn.functional import conv_transpose2d

    tensors = [torch.from_numpy(np.ascontiguousarray(kernel)) for kernel in kernels]
    fields = []
    for number, field in enumerate(tensors):
        for below in reversed(tensors[:number]):
            spread = field.repeat_interleave(pool, 2).repeat_interleave(pool, 3) / pool**2
            field = conv_transpose2d(spread, below)
        fields.append(field.numpy())
    return fields


def receptive_field_figure(fields: Sequence[np.ndarray]) -> Figure:
    """
    Show receptive fields, a panel for each layer, each field scaled by its own largest value.

    Parameters
    ----------
    fields : sequence of array
        Of each layer, `(n, image channels, rows, cols)`; the first 64 are shown, images of three
        channels in colour with 0 as middle grey.
    """
    mosaics = {
        f"layer {number}, {field.shape[2]}x{field.shape[3]} pixels": mosaic(field)
        for number, field in enumerate(fields, start=1)
    }
    heights = [6.4 * image.shape[0] / image.shape[1] for image in mosaics.values()]
    figure = new_figure(6.6, sum(heights) + 0.35 * len(mosaics))
    show_mosaics(figure, mosaics, heights, fontsize=9)
    return figure


def weight_figure(kernels: Mapping[str, np.ndarray]) -> Figure:
    """
    Show how the weights of the last layer are distributed, on a logarithmic axis.

    Parameters
    ----------
    kernels : mapping of str to array
        The last layer's kernel of each condition; weights that are 0 are left out, which are those
        that were pruned.
    """
    figure = new_figure(6.4, 3.4)
    ax = figure.subplots()
    largest = max(float(np.abs(kernel).max()) for kernel in kernels.values())
    bins = np.linspace(-largest, largest, _BINS)
    for number, (name, kernel) in enumerate(kernels.items()):
        ax.hist(
            kernel[kernel != 0],
            bins=bins.tolist(),
            density=True,
            log=True,
            histtype="step",
            linestyle=_STYLES[number % len(_STYLES)],
            color=_colour(name, number),
            label=name,
        )
    ax.set_xlabel("weight of the last layer, filters of unit norm")
    ax.set_ylabel("density")
    hide_frame(ax)
    outside_legend(figure)
    return figure


def accuracy_figure(rows: Iterable["Row"]) -> Figure:
    """Show what a read-out tells from each layer: mean over seeds, bars are standard deviations."""
    rows = [row for row in rows if row.computed_by != "torch"]
    figure = new_figure(6.4, 3.4)
    ax = figure.subplots()
    names = list(dict.fromkeys(row.condition for row in rows if row.layer))
    layers = sorted({row.layer for row in rows if row.layer})
    for row in rows:
        if row.features == "pixels":
            draw_pixels(ax, row.accuracy)
    for number, name in enumerate(names):
        values = [
            [100 * row.accuracy for row in rows if (row.condition, row.layer) == (name, layer)]
            for layer in layers
        ]
        several = len(values[0]) > 1
        ax.errorbar(
            np.array(layers) + 0.03 * (number - (len(names) - 1) / 2),
            [np.mean(v) for v in values],
            [deviation(v) for v in values] if several else None,
            color=_colour(name, number),
            marker="os^DvPX"[number % 7],
            linestyle=_STYLES[number % len(_STYLES)],
            markersize=5,
            capsize=3,
            label=name,
        )
    finish_accuracies(ax, layers)
    outside_legend(figure)
    return figure


def _colour(name: str, number: int) -> str:
    return GREY if name == "untrained" else COLOURS[number % len(COLOURS)]
