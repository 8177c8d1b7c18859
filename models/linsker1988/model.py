r"""
Layers that learn from noise: Linsker's rule, averaged over stimuli and live, as equations.

A cell has `N` synapses, scattered around its own place with a Gaussian density; several may share
a place of the grid, so that a kernel element stands for `n` synapses of one weight. With ``x`` the
activity of the layer below, of mean 1 and covariance `Q`, and ``F`` that of the cell::

    dw_i/dt  = k1 + (1/N)*sum_j (Q_ij + k2)*w_j          averaged; Linsker 1986, MacKay and Miller
    F        = (1/N)*sum_j w_j*x_j
    dw_i/dt  = k1 + <F*(x_i - theta)>,   theta = 1 - k2  live; reconstructed
    -w_max <= w_i <= w_max

The live rule is Hebb's with a threshold, written so that its mean over stimuli is the averaged
equation with the same `k1` and `k2`: ``<x_j*(x_i - theta)> = Q_ij + 1 - theta``.

Live, the layer below is a map of noise, and the kernel is a receptive field: shared by all places
of a layer, or grown by each place alone. Averaged, the weights of a cell are themselves a map, in
which each sees the others through a kernel that is the covariance; one map holds many cells, each
with its own `k1` and `k2`, side by side as samples.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from brian2 import Network, defaultclock, linked_var

from hebbsim import Assign, ConvSynapses, FeatureMap, PerChannel, PerSample
from models.linsker1988.settings import W_MAX

__all__ = [
    "add_lateral",
    "averaged_cells",
    "gaussian",
    "live_layer",
    "noise_layers",
    "scattered",
]

AVERAGED = """
w : 1
n : 1 (constant)
field : 1
k1 : 1 (constant)
k2 : 1 (constant)
"""
TOTAL = "total = n_map*w_map/n_synapses : 1 (summed)"
COVARIANCE = """
q : 1 (constant)
field_post = q*n_pre*w_pre/n_synapses : 1 (summed)
"""
AVERAGED_STEP = "clip(w + eta*(k1 + field + k2*total), -w_max, w_max)"

LIVE = """
w : 1
n : 1 (constant)
k1 : 1 (constant)
theta : 1 (constant)
F_post = n*w*x_pre/n_synapses : 1 (summed)
hebb = {drive}_post*(x_pre - theta)/n_shared : 1 (summed)
"""
LIVE_STEP = "w = clip(w + eta*(k1 + hebb), -w_max, w_max)"
LATERAL = """
g : 1 (constant)
drive_post = g*F_pre : 1 (summed)
"""

#: White noise; half of the stimuli of a step are the other half's negatives: what a finite number
#: adds to the mean of F*(x - theta) in proportion to a stimulus, most of all as theta is large, is
#: then 0, and the weights of all synapses don't shake together
NOISE = """
x : 1
drawn : 1 (linked)
"""
DRAWS = "x = randn()"
PAIRS = "x = drawn*(1 - 2*int(sample >= n_pairs))"

#: What a layer shows the next: its activity with mean 1 and variance 1, over the stimuli of a step
LAYER = """
F : 1
drive : 1
x = 1 + (F - mean)/sqrt(square - mean**2) : 1
"""
STATISTICS = """
mean = F_map/map_size : 1 (summed)
square = F_map**2/map_size : 1 (summed)
"""


# --- where synapses are -----------------------------------------------------------------------


def gaussian(radius: float, reach: int) -> np.ndarray:
    """Return exp(-r^2/radius^2) at the places at most `reach` away, `(2*reach + 1,)*2`."""
    rows, cols = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    return np.exp(-(rows**2 + cols**2) / radius**2)


def scattered(rng: np.random.Generator, n: int, radius: float, reach: int) -> np.ndarray:
    """
    Scatter synapses with the density exp(-r^2/radius^2), and count them at each place.

    Parameters
    ----------
    rng : Generator
        What draws.
    n : int
        Number of synapses.
    radius : float
        In places; the standard deviation of each coordinate is radius/sqrt(2).
    reach : int
        Synapses that fall farther away are drawn again.

    Returns
    -------
    array
        `(2*reach + 1, 2*reach + 1)`, of sum `n`.
    """
    counts = np.zeros((2 * reach + 1, 2 * reach + 1))
    left = n
    while left:
        places = np.rint(rng.normal(0, radius / np.sqrt(2), (left, 2))).astype(int)
        places = places[np.abs(places).max(axis=1) <= reach]
        np.add.at(counts, tuple(places.T + reach), 1)
        left -= len(places)
    return counts


# --- averaged ---------------------------------------------------------------------------------


def averaged_cells(
    counts: np.ndarray,
    covariance: np.ndarray,
    k1: Sequence[float] | np.ndarray,
    k2: Sequence[float] | np.ndarray,
    weights: np.ndarray,
    *,
    eta: float,
    steps: int,
) -> np.ndarray:
    """
    Let cells grow by the averaged equation.

    Parameters
    ----------
    counts : array
        Synapses at each place, `(cells, size, size)` or `(size, size)` for all.
    covariance : array
        Of the layer below at all distances, `(2*size - 1, 2*size - 1)`.
    k1, k2 : sequence of float
        Of each cell.
    weights : array
        At the start, `(cells, size, size)` or `(size, size)`.
    eta : float
        Step of Euler's method.
    steps : int
        How many.

    Returns
    -------
    array
        The weights, `(cells, size, size)`.
    """
    n_cells, size = len(k1), counts.shape[-1]
    constants = {"n_synapses": counts.sum((-2, -1)).max(), "eta": eta, "w_max": W_MAX}
    cells = FeatureMap((1, size, size), AVERAGED, batch_size=n_cells, namespace=constants)
    total = PerSample(cells, TOTAL, when="groups", namespace=constants)
    among = ConvSynapses(
        cells,
        cells,
        COVARIANCE,
        kernel_size=2 * size - 1,
        padding=size - 1,
        namespace=constants,
    )
    step = Assign(cells, AVERAGED_STEP, "w")
    values = {"n": counts, "w": weights, "k1": _each(k1), "k2": _each(k2)}
    for name, value in values.items():
        shown = np.broadcast_to(value, (n_cells, size, size))
        cells.set_maps(name, shown[:, None])
    among.set_kernel("q", covariance[None, None])
    Network(cells, total, among, step).run(steps * defaultclock.dt, namespace={})
    return np.asarray(cells.get_maps("w"))[:, 0]


def _each(values: Sequence[float] | np.ndarray) -> np.ndarray:
    return np.asarray(values, dtype=float)[:, None, None]


# --- live -------------------------------------------------------------------------------------


def noise_layers(
    size: int, batch_size: int, kernel: np.ndarray
) -> tuple[FeatureMap, FeatureMap, ConvSynapses]:
    """
    Build layer A, white noise, and a layer that sees it through a kernel.

    Parameters
    ----------
    size : int
        Places along each side of both maps, which are tori.
    batch_size : int
        Stimuli side by side, an even number: half of them are the negatives of the other half.
    kernel : array
        `(odd, odd)`; its norm doesn't matter. With a Gaussian exp(-r^2/r_B^2) the layer is B, of
        covariance exp(-r^2/(2*r_B^2)).

    Returns
    -------
    (FeatureMap, FeatureMap, ConvSynapses)
        A, the layer, whose ``x`` has mean 1 and variance 1, and what joins them.

    Raises
    ------
    ValueError
        If the number of stimuli is odd.
    """
    if batch_size % 2:
        raise ValueError(f"stimuli come in pairs: expected an even batch_size, got {batch_size}")
    n_pairs = {"n_pairs": batch_size // 2}
    noise = FeatureMap((1, size, size), NOISE, batch_size=batch_size, namespace=n_pairs, name="A")
    noise.drawn = linked_var(noise, "x", index=np.arange(noise.N) % (noise.N // 2))
    noise.run_regularly(DRAWS, when="start", order=0)
    noise.run_regularly(PAIRS, when="start", order=1)
    layer = FeatureMap((1, size, size), "F : 1\nx = 1 + F : 1", batch_size=batch_size, name="B")
    joined = ConvSynapses(
        noise,
        layer,
        "w : 1 (constant)\nF_post = w*x_pre : 1 (summed)",
        kernel_size=len(kernel),
        padding=len(kernel) // 2,
        padding_mode="circular",
        name="A_to_B",
    )
    joined.set_kernel("w", (kernel / np.sqrt((kernel**2).sum()))[None, None])
    return noise, layer, joined


def live_layer(
    below: FeatureMap,
    name: str,
    counts: np.ndarray,
    k1: Sequence[float],
    k2: Sequence[float],
    weights: np.ndarray,
    *,
    eta: float,
    shared: bool = True,
    drive: str = "F",
) -> tuple[FeatureMap, ConvSynapses, PerChannel]:
    """
    Build a layer that learns from the activity of the layer below, a channel for each pair of k's.

    Parameters
    ----------
    below : FeatureMap
        Of one channel, with an ``x``.
    name : str
        Of the layer.
    counts, weights : array
        Synapses at each place and their weights at the start, `(size, size)`, or in the shape of
        the kernel.
    k1, k2 : sequence of float
        Of each channel.
    eta : float
        Learning rate.
    shared : bool
        One kernel for all places, which see the map below as a torus; else each place, as far as
        its synapses fit on the map, grows its own.
    drive : {'F', 'drive'}
        The cell's activity in the rule: what its synapses bring, or what `add_lateral` makes of it.

    Returns
    -------
    (FeatureMap, ConvSynapses, PerChannel)
        The layer, its synapses, and the mean and mean square of what they bring.
    """
    size, channels = counts.shape[-1], len(k1)
    _, rows, cols = below.shape
    cut = 0 if shared else size - 1
    layer = FeatureMap(
        (channels, rows - cut, cols - cut), LAYER, batch_size=below.batch_size, name=name
    )
    statistics = PerChannel(layer, STATISTICS, when="groups")
    around: dict[str, Any] = {"padding": size // 2, "padding_mode": "circular"}
    conv = ConvSynapses(
        below,
        layer,
        LIVE.format(drive=drive),
        update=LIVE_STEP,
        kernel_size=size,
        namespace={"n_synapses": counts.sum((-2, -1)).max(), "eta": eta, "w_max": W_MAX},
        name=f"{below.name}_to_{name}",
        **(around if shared else {"weight_sharing": False}),
    )
    shape = conv.geometry.kernel_shape
    each = [channels if axis == len(shape) - 4 else 1 for axis in range(len(shape))]
    first = {"n": counts, "w": weights}
    first |= {"k1": np.reshape(k1, each), "theta": 1 - np.reshape(k2, each)}
    for variable, values in first.items():
        conv.set_kernel(variable, np.broadcast_to(values, shape))
    return layer, conv, statistics


def add_lateral(layer: FeatureMap, weight: float, radius: float) -> ConvSynapses:
    """
    Let cells excite their neighbours: ``drive`` is what a cell's own synapses bring, and theirs.

    Parameters
    ----------
    layer : FeatureMap
        Of one channel.
    weight : float
        Sum of the weights of what reaches a cell from its neighbours.
    radius : float
        Standard deviation of the Gaussian that they follow, in cells.
    """
    reach = int(np.ceil(3 * radius))
    kernel = gaussian(np.sqrt(2) * radius, reach)
    kernel[reach, reach] = 0
    kernel *= weight / kernel.sum()
    kernel[reach, reach] = 1
    lateral = ConvSynapses(
        layer, layer, LATERAL, kernel_size=len(kernel), padding=reach, name=f"lateral_{layer.name}"
    )
    lateral.set_kernel("g", kernel[None, None])
    return lateral
