"""What is measured of ours: a single layer, and the network of three."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from brian2 import Network

from hebbsim import rules
from hebbsim.benchmark.sizes import Sizes
from hebbsim.benchmark.timing import TIMED_TOGETHER, Stamped
from hebbsim.brian2_private import mark_as_used
from hebbsim.competition.winners import WinnerTakeAll
from hebbsim.geometry import conv_output_shape
from hebbsim.maps.feature_map import FeatureMap
from hebbsim.networks.conv_layer import ConvLayer
from hebbsim.networks.conv_network import ConvNetwork
from hebbsim.synapses.conv_synapses import ConvSynapses

__all__ = [
    "FORWARD",
    "RATE",
    "THRESHOLD_STEP",
    "Layer",
    "conv_network",
    "images",
    "random_kernel",
    "stamped",
    "steps",
]

FORWARD = "w : 1\nu_post = w*x_pre : 1 (summed)"
FEEDBACK = "w : 1\nd_pre = w*y_post : 1 (summed)"
RATE = 1e-4
THRESHOLD_STEP = 3.0

_MODELS = {
    "forward": "u : 1",
    "feedback": "y : 1",
    "linear": "u : 1\ny = u : 1",
    "winner": "u : 1\ny : 1",
}


@dataclass
class Layer:
    """
    Hold two maps and the convolution between them, with random input and kernel.

    Parameters
    ----------
    source, target : FeatureMap
        The maps, with the variables ``x`` and ``u``, or ``d`` and ``y`` where there is feedback.
    conv : ConvSynapses
        From one to the other.
    initial : array
        The kernel before learning, ``(out_channels, in_channels, rows, cols)``.
    rate : float
        The learning rate.
    """

    source: FeatureMap
    target: FeatureMap
    conv: ConvSynapses
    initial: np.ndarray
    rate: float

    @classmethod
    def build(
        cls,
        in_shape: tuple[int, int, int],
        maps: int,
        kernel_size: int,
        *,
        batch: int = 1,
        padding: int = 0,
        learning: str = "forward",
        rate: float = RATE,
    ) -> "Layer":
        """
        Build a layer that learns in one of two ways, or not.

        Parameters
        ----------
        in_shape, maps, kernel_size, batch, padding
            Input `(channels, rows, cols)`, filters and their size, samples, zeros around.
        learning : {'forward', 'feedback', 'linear', 'winner'}
            Not at all, and the target map is computed, or the source from it; by Oja's rule; by the
            instar of the one winner at each position, with filters of L2 norm 1.
        rate : float
            The learning rate.
        """
        shape = conv_output_shape(in_shape, maps, kernel_size, padding=padding)
        model = "x : 1\nd : 1" if learning == "feedback" else "x : 1"
        source = FeatureMap(in_shape, model, batch_size=batch, name="source")
        target = FeatureMap(shape, _MODELS[learning], batch_size=batch, name="layer")
        rules_of: dict[str, dict[str, Any]] = {
            "forward": {"model": FORWARD},
            "feedback": {"model": FEEDBACK},
            "linear": {"rule": rules.Oja(rate)},
            "winner": {"rule": rules.Instar(rate), "normalize": "L2"},
        }
        conv = ConvSynapses(
            source,
            target,
            kernel_size=kernel_size,
            padding=padding,
            name="conv",
            **rules_of[learning],
        )
        if learning == "winner":
            WinnerTakeAll(target, "u", "y", condition="u > 0", name="winners")
        rng = np.random.default_rng(0)
        source.set_maps("x", rng.standard_normal((batch, *in_shape)).astype(np.float32))
        kernel = random_kernel(rng, conv.geometry.kernel_shape)
        conv.set_kernel("w", kernel)
        if learning == "feedback":
            target.set_maps("y", rng.standard_normal((batch, *shape)).astype(np.float32))
        return cls(source, target, conv, kernel, rate)

    @property
    def input(self) -> np.ndarray:
        """The input, ``(batch, channels, rows, cols)``."""
        return self.source.get_maps("x")

    @property
    def drive(self) -> np.ndarray:
        """The result of the convolution, ``(batch, out_channels, rows, cols)``."""
        return self.target.get_maps("u")

    @property
    def kernel(self) -> np.ndarray:
        """The kernel, ``(out_channels, in_channels, rows, cols)``."""
        return self.conv.get_kernel("w")

    def network(self, synapses: Any = None) -> Network:
        """Return the network of the layer, with `synapses` in place of the convolution."""
        if synapses is None:
            return Network(self.source, self.target, self.conv)
        network = Network(self.source, self.target, synapses)
        for item in (self.conv, synapses):  # the convolution is replaced, not forgotten
            mark_as_used(item, network.id)
        return network

    def stamped(self, threads: int, synapses: Any = None) -> Stamped:
        """Return `network` to be timed."""
        return Stamped(self.network(synapses), threads, every=TIMED_TOGETHER)


def random_kernel(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Draw filters of L2 norm 1, ``(out_channels, in_channels, rows, cols)``."""
    kernel = rng.standard_normal(shape)
    norm = np.sqrt((kernel**2).sum(axis=(1, 2, 3), keepdims=True))
    return (kernel / norm).astype(np.float32)


def conv_network(sizes: Sizes, *, seed: int = 0, pruned: float = 0.0) -> ConvNetwork:
    """Build the network: one winner, adaptive thresholds, triangles, average pooling, instar.

    A share of the weights may be `pruned`, of all layers but the first.
    """
    layers = [
        ConvLayer(
            filters,
            kernel,
            rules.Instar(RATE),
            activity="winners",
            threshold_step=THRESHOLD_STEP,
            output="triangle",
            pooling="average",
            pruned=pruned if number > 0 else 0.0,
        )
        for number, (filters, kernel) in enumerate(zip(sizes.filters, sizes.kernels, strict=True))
    ]
    return ConvNetwork(sizes.image, layers, batch_size=sizes.batch, seed=seed)


def steps(network: ConvNetwork, batch: np.ndarray, n: int) -> None:
    """Learn from the same batch of images for `n` steps, all layers at once."""
    learning = [True] * len(network.stages)
    network.present((batch for _ in range(n)), n, learning=learning)


def images(sizes: Sizes) -> np.ndarray:
    """Draw a batch of images, ``(batch, channels, rows, cols)``."""
    rng = np.random.default_rng(1)
    return rng.standard_normal((sizes.batch, *sizes.image)).astype(np.float32)


def stamped(network: ConvNetwork, batch: np.ndarray, threads: int) -> Stamped:
    """Return a network that learns from a batch, to be timed."""
    return Stamped(network.brian2, threads, network.clock, partial(steps, network, batch))
