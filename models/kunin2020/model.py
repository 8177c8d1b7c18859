r"""
A network whose layers carry forward kernels ``w`` and feedback kernels ``b``, all as equations.

A time step is a batch. Activity runs forward through ``w``, errors back through ``b``, and both
kernels learn from what they carried::

    z      = sum w*y below                      forward
    y      = (z)+,   in the last layer softmax(z)
    d      = err*int(z > 0),   in the last layer y - target
    err    = sum b*d above                      back
    v      = momentum*v + <sum d_post*y_pre> + weight_decay*w
    w     -= eta*rate*v
    b     -= eta_b*rate*(gradient of the rule's primitives)

The mean <> is over the batch, the sum over the positions that share a kernel element. With
``b = w`` it is backprop. What the primitives see of a layer is its activity, less each channel's
mean over batch and positions, scaled so that what a neuron of the next layer sees of it has a mean
square norm of `NORM` (``Alignments/alignment.py``: ``center``, ``normalise``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from brian2 import Network, StateMonitor, TimedArray, defaultclock

from hebbsim import (
    Assign,
    ConvSynapses,
    FeatureMap,
    PerChannel,
    PerMap,
    Rectify,
    SoftWinnerTakeAll,
    StoredImages,
    WinnerTakeAll,
    conv_output_shape,
)
from models.kunin2020.rules import Rule

__all__ = ["NORM", "Layer", "Network2020", "Rates", "angles", "build", "draw_kernels"]

NORM = 10

FORWARD = """
w : 1
b : 1
v : 1
z_post = w*y_pre : 1 (summed)
dw = d_post*y_pre/batch : 1 (summed)
rate = schedule(t) : 1 (shared)
eta : 1 (shared)
"""
BACK = "err_pre = b*d_post : 1 (summed)\neta_b : 1 (shared)"
LEARN = "v = momentum*v + dw + weight_decay*w\nw += -eta*rate*v"

HIDDEN = "z : 1\nerr : 1\ny : 1\nd : 1\n"
HIDDEN_ERROR = "err*int(z > 0)"
OUTPUT = "z : 1\ntarget : 1\ny : 1\nwon : 1\nd : 1\n"
OUTPUT_ERROR = "y - target"
#: What primitives see of a layer, and what comes of it
ALIGNED = "centred = {seen} - mean : 1\nx : 1\nq : 1\n"
MEAN = "mean = {seen}_map/map_size : 1 (summed)"
SQUARE = "square = centred_map**2 : 1 (summed)"
SCALED = "centred*sqrt(NORM*batch*windows/square)"
PROJECTED = "u : 1\np : 1\n"


@dataclass(frozen=True)
class Layer:
    """
    Describe a layer.

    Parameters
    ----------
    channels : int
        Its feature maps.
    kernel_size, stride, padding : int
        Of the convolution that it is the target of; a kernel as large as the map below it makes
        it a dense layer.
    """

    channels: int
    kernel_size: int = 1
    stride: int = 1
    padding: int = 0


@dataclass(frozen=True)
class Rates:
    """
    Hold how fast kernels learn.

    Parameters
    ----------
    eta, eta_b : float
        Rates of ``w`` and of ``b``.
    weight_decay, momentum : float
        Of ``w``; of ``b`` too, where it gets what ``w`` gets.
    noise : float
        Standard deviation of what is added to the gradient of ``b``.
    """

    eta: float
    eta_b: float = 0.1
    weight_decay: float = 1e-4
    momentum: float = 0.0
    noise: float = 0.0


@dataclass(frozen=True)
class Network2020:
    """Hold what is run and looked at: the network, its connections, and hits in each step."""

    network: Network
    connections: list[ConvSynapses]
    hits: StateMonitor

    def run(self, steps: int) -> None:
        """Show the next batches."""
        self.network.run(steps * defaultclock.dt, namespace={})


def build(
    layers: Sequence[Layer],
    images: np.ndarray,
    targets: np.ndarray,
    order: np.ndarray,
    schedule: np.ndarray,
    rule: Rule,
    rates: Rates,
    rng: np.random.Generator,
    *,
    batch_size: int,
    frozen: bool = False,
) -> Network2020:
    """
    Build a network and all that it is shown.

    Parameters
    ----------
    layers : sequence of Layer
        From the first one above the images to the output, which has one position.
    images, targets : array
        ``(n, channels, rows, cols)`` and ``(n, classes)``, one-hot.
    order : array of int
        Numbers of the images, batch after batch.
    schedule : array
        Factor of all rates in each batch; 0 where nothing learns.
    rule : Rule
        How feedback learns.
    rates : Rates
        How fast.
    rng : Generator
        Draws the kernels.
    batch_size : int
        Images in a step.
    frozen : bool
        Whether the last layer alone learns.
    """
    constants: dict[str, Any] = {
        "weight_decay": rates.weight_decay,
        "momentum": rates.momentum,
        "noise": rates.noise,
        "NORM": NORM,
        "batch": batch_size,
        # a name of its own would be compiled anew
        "schedule": TimedArray(
            np.asarray(schedule, dtype=float), dt=defaultclock.dt, name="schedule_of_rates"
        ),
    }
    _, channels, rows, cols = images.shape
    maps = _maps(layers, (channels, rows, cols), rule, batch_size, constants)
    output, parts = maps[-1], []
    for feature_map in maps[1:-1]:
        parts += [Rectify(feature_map, "z", "y"), Assign(feature_map, HIDDEN_ERROR, "d")]
        if rule.sees_input:
            parts += _aligned(feature_map, rule)
    parts += [SoftWinnerTakeAll(output, "z", "y"), Assign(output, OUTPUT_ERROR, "d")]
    parts.append(WinnerTakeAll(output, "z", "won"))
    hits = PerMap(output, "hits = won_map*target_map : 1 (summed)")
    parts.append(StoredImages(maps[0], images, "y", order=order))
    parts.append(StoredImages(output, targets[:, :, None, None], "target", order=order))
    drawn = draw_kernels(layers, channels, rng)
    connections = [
        _connect(*pair, layer, rule, rates, kernels, number > 0, constants)
        for number, (pair, layer, kernels) in enumerate(
            zip(pairwise(maps), layers, drawn, strict=True)
        )
    ]
    if frozen:
        for conv in connections[:-1]:
            conv.learning = False
    monitor = StateMonitor(hits, "hits", record=True, when="after_end")
    return Network2020(Network(maps, parts, connections, hits, monitor), connections, monitor)


def _maps(
    layers: Sequence[Layer],
    shape: tuple[int, int, int],
    rule: Rule,
    batch_size: int,
    constants: dict[str, Any],
) -> list[FeatureMap]:
    """Make the map of the images and those of the layers."""
    maps = [FeatureMap(shape, "y : 1", batch_size=batch_size, name="images")]
    for number, layer in enumerate(layers):
        text, own = OUTPUT if layer is layers[-1] else HIDDEN, dict(constants)
        shape = conv_output_shape(
            shape, layer.channels, layer.kernel_size, stride=layer.stride, padding=layer.padding
        )
        if rule.sees_input:
            text += PROJECTED
            if layer is not layers[-1]:
                text += ALIGNED.format(seen="noise_in" if rule.sees_noise else "y")
                text += "noise_in : 1" if rule.sees_noise else ""
                own["windows"] = shape[1] * shape[2] / layers[number + 1].kernel_size ** 2
        maps.append(
            FeatureMap(shape, text, batch_size=batch_size, namespace=own, name=f"layer{number + 1}")
        )
    return maps


def _aligned(feature_map: FeatureMap, rule: Rule) -> list[Any]:
    seen = "y"
    if rule.sees_noise:
        seen = "noise_in"
        feature_map.run_regularly("noise_in = randn()", when="start")
    return [
        PerChannel(feature_map, MEAN.format(seen=seen), when="groups"),
        PerMap(feature_map, SQUARE, when="groups"),
        Assign(feature_map, SCALED, "x"),
    ]


def _connect(
    source: FeatureMap,
    target: FeatureMap,
    layer: Layer,
    rule: Rule,
    rates: Rates,
    kernels: tuple[np.ndarray, np.ndarray],
    has_feedback: bool,
    constants: dict[str, Any],
) -> ConvSynapses:
    """Connect two layers; errors don't go back to the images."""
    equations, update = FORWARD, [LEARN]
    if has_feedback:
        equations += f"{BACK}\n{rule.equations}"
        update += [rule.descent, rule.update]
        if rates.noise:
            update.append("b += eta_b*noise*rate*randn()")
    conv = ConvSynapses(
        source,
        target,
        equations,
        update="\n".join(filter(None, update)),
        kernel_size=layer.kernel_size,
        stride=layer.stride,
        padding=layer.padding,
        namespace=constants,
    )
    # what is tuned are variables, as a new constant would be compiled anew
    conv.eta = rates.eta
    if has_feedback:
        conv.eta_b = rates.eta_b
        for gain, value in rule.gains.items():
            setattr(conv, gain, value)
    conv.set_kernel("w", kernels[0])
    conv.set_kernel("b", kernels[0 if rule.update == "b = w" else 1])
    return conv


def draw_kernels(
    layers: Sequence[Layer], channels: int, rng: np.random.Generator
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Draw ``w`` and ``b`` of each layer, both of He's initialisation and on their own."""
    drawn = []
    for layer in layers:
        shape = (layer.channels, channels, layer.kernel_size, layer.kernel_size)
        scale, channels = np.sqrt(2 / np.prod(shape[1:])), layer.channels
        drawn.append((rng.normal(0, scale, shape), rng.normal(0, scale, shape)))
    return drawn


def angles(connections: list[ConvSynapses]) -> np.ndarray:
    """Return the angle between ``w`` and ``b`` of each layer with feedback, in degrees."""
    found = []
    for conv in connections[1:]:
        # of size 1 first, as squares of what is diverging overflow
        w, b = (k / np.abs(k).max() for k in (conv.get_kernel("w"), conv.get_kernel("b")))
        cosine = (w * b).sum() / np.sqrt((w**2).sum() * (b**2).sum())
        found.append(np.degrees(np.arccos(np.clip(cosine, -1, 1))))
    return np.array(found)
