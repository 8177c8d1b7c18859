r"""
A network whose layers carry forward kernels ``w`` and feedback kernels ``b``, all as equations.

A time step is a batch. Activity runs forward through ``w``, errors back through ``b``, and both
kernels learn from what they carried::

    z      = sum w*y below                      forward
    y      = (z)+,   in the last layer softmax(z)
    d      = err*int(z > 0),   in the last layer y - target
    err    = sum b*d above                      back
    w     -= eta*(<d_post*y_pre> + weight_decay*w)
    b     -= eta_b*(gradient of the rule's primitives)

With ``b = w`` it is backprop. What the primitives see of a layer is its activity, less its mean
over the batch, scaled to a mean square norm of `NORM` (``Alignments/alignment.py``: ``center``,
``normalise``).
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from brian2 import Network, StateMonitor, TimedArray, defaultclock

from hebbsim import (
    ConvSynapses,
    FeatureMap,
    PerChannel,
    PerMap,
    SoftWinnerTakeAll,
    StoredImages,
    WinnerTakeAll,
)
from models.kunin2020.rules import Rule

__all__ = ["NORM", "Network2020", "angles", "build"]

NORM = 10

FORWARD = """
w : 1
b : 1
z_post = w*y_pre : 1 (summed)
dw = d_post*y_pre/n_shared : 1 (summed)
"""
BACK = "err_pre = b*d_post : 1 (summed)"
LEARN = "w += -eta*learns*(dw + weight_decay*w)"

HIDDEN = """
z : 1
err : 1
y = clip(z, 0, inf) : 1
d = err*int(z > 0) : 1
"""
OUTPUT = """
z : 1
y : 1
target : 1
won : 1
d = y - target : 1
"""
#: What primitives see of a layer, and what comes of it
ALIGNED = """
centred = {seen} - mean : 1
x = centred*sqrt(NORM*batch/square) : 1
q : 1
"""
PROJECTED = "u : 1\np : 1\n"
MEAN = "mean = {seen}_map/map_size : 1 (summed)"
SQUARE = "square = centred_map**2 : 1 (summed)"


@dataclass(frozen=True)
class Network2020:
    """Hold what is run and looked at: the network, its connections, and hits in each step."""

    network: Network
    connections: list[ConvSynapses]
    hits: StateMonitor
    steps: int

    def run(self) -> None:
        """Show all that is to be learned and tested."""
        self.network.run(self.steps * defaultclock.dt, namespace={})


def build(
    sizes: tuple[int, ...],
    images: np.ndarray,
    targets: np.ndarray,
    order: np.ndarray,
    learns: np.ndarray,
    rule: Rule,
    rng: np.random.Generator,
    *,
    batch_size: int,
    eta: float,
    eta_b: float,
    weight_decay: float,
    noise: float = 0.0,
    frozen: bool = False,
) -> Network2020:
    """
    Build a dense network and all that it is shown.

    Parameters
    ----------
    sizes : tuple of int
        Units of each layer, input and output included.
    images, targets : array
        ``(n, inputs)`` and ``(n, outputs)``, one-hot.
    order : array of int
        Numbers of the images, batch after batch.
    learns : array
        For each batch whether kernels learn.
    rule : Rule
        How feedback learns.
    rng : Generator
        Draws the kernels.
    batch_size : int
        Images in a step.
    eta, eta_b, weight_decay : float
        Rates of ``w`` and ``b``, and the decay of ``w``.
    noise : float
        Standard deviation of what is added to the gradient of ``b``.
    frozen : bool
        Whether the last layer alone learns.
    """
    constants: dict[str, Any] = {
        "eta": eta,
        "eta_b": eta_b,
        "weight_decay": weight_decay,
        "noise": noise,
        "NORM": NORM,
        "batch": batch_size,
        "schedule": TimedArray(np.asarray(learns, dtype=float), dt=defaultclock.dt),
    }
    maps = [_layer(n, sizes, size, rule, batch_size, constants) for n, size in enumerate(sizes)]
    output, parts = maps[-1], []
    if rule.primitives:
        for layer in maps[1:-1]:
            parts += _aligned(layer, rule)
    parts += [SoftWinnerTakeAll(output, "z", "y"), WinnerTakeAll(output, "z", "won")]
    hits = PerMap(output, "hits = won_map*target_map : 1 (summed)")
    for layer, shown, name in ((maps[0], images, "y"), (output, targets, "target")):
        parts.append(StoredImages(layer, shown[:, :, None, None], name, order=order))
    connections = [
        _connect(source, target, rule, number > 0, rng, constants)
        for number, (source, target) in enumerate(pairwise(maps))
    ]
    if frozen:
        for conv in connections[:-1]:
            conv.learning = False
    monitor = StateMonitor(hits, "hits", record=True, when="after_end")
    return Network2020(
        Network(maps, parts, connections, hits, monitor), connections, monitor, len(learns)
    )


def _layer(
    number: int,
    sizes: tuple[int, ...],
    size: int,
    rule: Rule,
    batch_size: int,
    constants: dict[str, Any],
) -> FeatureMap:
    last = len(sizes) - 1
    text = {0: "y : 1", last: OUTPUT}.get(number, HIDDEN)
    if rule.primitives and number >= 1:
        text += PROJECTED
        if number < last:
            seen = "noise_in" if rule.sees_noise else "y"
            text += ALIGNED.format(seen=seen) + ("noise_in : 1" if rule.sees_noise else "")
    return FeatureMap(
        (size, 1, 1), text, batch_size=batch_size, namespace=constants, name=f"layer{number}"
    )


def _aligned(layer: FeatureMap, rule: Rule) -> list[Any]:
    seen = "y"
    if rule.sees_noise:
        seen = "noise_in"
        layer.run_regularly("noise_in = randn()", when="start")
    return [
        PerChannel(layer, MEAN.format(seen=seen), when="groups"),
        PerMap(layer, SQUARE, when="groups"),
    ]


def _connect(
    source: FeatureMap,
    target: FeatureMap,
    rule: Rule,
    has_feedback: bool,
    rng: np.random.Generator,
    constants: dict[str, Any],
) -> ConvSynapses:
    """Connect two layers; errors don't go back to the images."""
    equations, update = f"{FORWARD}learns = schedule(t) : 1 (shared)\n", [LEARN]
    if has_feedback:
        equations += f"{BACK}\n{rule.equations}"
        update += [rule.descent, rule.update]
        if constants["noise"]:
            update.append("b += eta_b*noise*learns*randn()")
    conv = ConvSynapses(
        source,
        target,
        equations,
        update="\n".join(filter(None, update)),
        kernel_size=1,
        namespace=constants,
    )
    # He's initialisation, of both kernels on their own
    for name in ("w", "b"):
        shape = conv.geometry.kernel_shape
        conv.set_kernel(name, rng.normal(0, np.sqrt(2 / shape[1]), shape))
    if rule.update == "b = w":
        conv.set_kernel("b", conv.get_kernel("w"))
    return conv


def angles(connections: list[ConvSynapses]) -> np.ndarray:
    """Return the angle between ``w`` and ``b`` of each layer with feedback, in degrees."""
    found = []
    for conv in connections[1:]:
        w, b = conv.get_kernel("w").ravel(), conv.get_kernel("b").ravel()
        found.append(np.degrees(np.arccos(w @ b / np.sqrt((w @ w) * (b @ b)))))
    return np.array(found)
