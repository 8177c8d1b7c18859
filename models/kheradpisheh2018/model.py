"""The network: neurons that add up, spike once and learn by the order of spikes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from brian2 import Network, Quantity, StateMonitor, defaultclock
from brian2.core.base import BrianObject

from hebbsim import (
    ConvSynapses,
    EarliestSpike,
    FeatureMap,
    FirstWinners,
    LateralInhibition,
    OrderPlasticity,
    StoredImages,
    conv_output_shape,
    pool_output_shape,
    rules,
)
from hebbsim.data.dataset import as_float
from hebbsim.data.dog_bank import dog_bank, normalize_locally
from hebbsim.data.latency_bins import NEVER, latency_bins
from hebbsim.geometry import MapShape
from models.kheradpisheh2018.settings import N_BINS, RADIUS, Layer

__all__ = [
    "LearningLayer",
    "Variation",
    "as_bits",
    "encoded",
    "handed_on_shape",
    "learning_rule",
    "presentation",
    "transformed",
]

#: An image lasts until its last bin's spikes have passed a layer and its pooling, one step each
STEPS = N_BINS + 2
#: An input spikes in its bin
INPUT = "bin : integer\nsilenced : 1"
INPUT_THRESHOLD = f"bin == t_in_timesteps % {STEPS} and silenced < 1"
#: v adds up without a leak until it is above the threshold; each neuron spikes once an image
NEURON = "v : 1\nfired : boolean\ndrawn : boolean"
#: A neuron of a pooled map hands on the earliest spike of its window
POOLED = "arrived : boolean\nfired : boolean\nfirst : integer"
#: Images that are passed through a layer in one run: what is recorded of more takes much memory
CHUNK = 1000
#: Images that are encoded at once: their floats stay in a cache
ENCODED = 100


def encoded(images: np.ndarray, windows: Sequence[tuple[int, float, float]]) -> np.ndarray:
    """Return when each filter spikes at each pixel: ``(n, len(windows), rows, cols)`` bytes."""
    found = np.empty((len(images), len(windows), *images.shape[2:]), dtype=np.uint8)
    for start in range(0, len(images), ENCODED):
        floats = as_float(images[start : start + ENCODED])
        part = latency_bins(normalize_locally(dog_bank(floats, windows), RADIUS), N_BINS)
        found[start : start + ENCODED] = part
    return found


def presentation() -> Quantity:
    """Return how long an image lasts."""
    duration: Quantity = STEPS * defaultclock.dt
    return duration


def learning_rule(layer: Layer, doubling_every: int, sign: int = 1) -> rules.OrderSTDP:
    """Return a layer's rule: STDP by order, which fades towards both bounds, 0 and 1."""
    rule = rules.OrderSTDP(layer.a_plus, layer.a_minus)
    if doubling_every:
        rule = rule.doubling(doubling_every, until=0.15)
    if sign > 0:
        return rule
    return replace(
        rule, a_plus=f"-({rule.a_plus})", a_minus=f"{layer.a_minus / layer.a_plus}*a_plus"
    )


def _input(
    bins: np.ndarray, one_a_position: bool
) -> tuple[FeatureMap, StoredImages, list[BrianObject]]:
    """Return a map that spikes as stored, what it shows, and what else it needs."""
    source = FeatureMap(bins.shape[1:], INPUT, INPUT_THRESHOLD, reset="", name="input")
    images = StoredImages(source, bins, "bin", duration=presentation(), name="images")
    if not one_a_position:
        return source, images, []
    # the earliest; ties go to the lowest channel
    inhibition = LateralInhibition(source, "silenced = 1", source="-channel")
    source.run_regularly("silenced = 0", dt=presentation(), when="before_start")
    return source, images, [inhibition]


def _shape(layer: Layer, shape: MapShape) -> MapShape:
    return conv_output_shape(shape, layer.channels, layer.kernel_size, padding=layer.padding)


def handed_on_shape(layer: Layer, shape: MapShape) -> MapShape:
    """Return the shape of a layer's pooled map, given that of its input."""
    return pool_output_shape(_shape(layer, shape), layer.pool, padding=layer.pool_padding)


def _neurons(
    layer: Layer, source: FeatureMap, model: str, condition: str = ""
) -> tuple[FeatureMap, ConvSynapses]:
    """Return the layer's map and the convolution onto it; a control adds to the threshold."""
    neurons = FeatureMap(
        _shape(layer, source.shape),
        NEURON,
        threshold=f"v > {layer.threshold} and not fired{condition}",
        reset="fired = True",
        name="layer",
    )
    neurons.run_regularly("v = 0; fired = False", dt=presentation(), when="before_start")
    conv = ConvSynapses(
        source,
        neurons,
        model,
        on_pre="v_post += w",
        kernel_size=layer.kernel_size,
        padding=layer.padding,
        name="conv",
    )
    return neurons, conv


@dataclass(frozen=True)
class Variation:
    """
    Say how a control differs from the network.

    Parameters
    ----------
    sign : int
        -1: what is potentiated is depressed, and the other way round.
    competing : bool
        Whether winners exclude channels and surroundings, and are k at most; else each channel
        learns, at the first place where it is the first.
    ordered : bool
        Whether neurons spike when they cross; else all do in the last step, by when all inputs have
        spiked that ever will, and winners are those of the largest potential.
    drawn : bool
        Whether winners are drawn at random: before each image as many neurons as may win, on the
        average, of which those learn that spike.
    """

    sign: int = 1
    competing: bool = True
    ordered: bool = True
    drawn: bool = False

    @property
    def condition(self) -> str:
        """What is asked of a neuron that spikes while it learns."""
        at_end = "" if self.ordered else f" and t_in_timesteps % {STEPS} == {STEPS - 1}"
        return at_end + " and drawn" * self.drawn


class LearningLayer:
    """
    Build a layer that learns from stored first spikes.

    Parameters
    ----------
    layer : Layer
        Sizes.
    bins : array of uint8
        ``(n, channels, rows, cols)``: when each input spikes.
    kernel : array
        ``(out_channels, in_channels, rows, cols)``, the first weights.
    doubling_every : int
        Images after which rates double; 0: never.
    variation : Variation
        Of a control.
    """

    def __init__(
        self,
        layer: Layer,
        bins: np.ndarray,
        kernel: np.ndarray,
        doubling_every: int,
        variation: Variation = Variation(),
    ) -> None:
        self.n_images = len(bins)
        rule = learning_rule(layer, doubling_every, variation.sign)
        source, images, inhibition = _input(bins, layer.one_a_position)
        neurons, self.conv = _neurons(layer, source, rule.model, variation.condition)
        if variation.drawn:
            draw = f"drawn = rand() < {layer.k / len(neurons)}"
            neurons.run_regularly(draw, dt=presentation(), when="before_start")
        self.conv.set_kernel("w", kernel)
        k, radius = (layer.k, layer.radius) if variation.competing else (layer.channels, 0)
        winners = FirstWinners(neurons, k, radius=radius, duration=presentation())
        learning = OrderPlasticity(self.conv, rule, duration=presentation())
        self.network = Network(source, images, *inhibition, neurons, self.conv, winners, learning)

    def learn(self, epochs: int, converged: float = 0.0) -> list[float]:
        """Show all images in their order, `epochs` times at most; return the means of w(1 - w)."""
        found: list[float] = []
        while len(found) < epochs and not (found and found[-1] < converged):
            self.network.run(self.n_images * presentation(), namespace={})
            w = self.kernel
            found.append(float((w * (1 - w)).mean()))
        return found

    @property
    def kernel(self) -> np.ndarray:
        """The weights, ``(out_channels, in_channels, rows, cols)``."""
        return self.conv.get_kernel("w")


def as_bits(bins: np.ndarray) -> np.ndarray:
    """Return whether each neuron spikes at all, a bit each: ``(n, bytes)``."""
    return np.packbits(bins.reshape(len(bins), -1) < NEVER, axis=1)


def transformed(
    layer: Layer,
    bins: np.ndarray,
    kernel: np.ndarray,
    kept: Callable[[np.ndarray], np.ndarray] = np.asarray,
) -> np.ndarray:
    """Return when each neuron of the layer's pooled map spikes: ``(n, channels, rows, cols)``.

    Or what `kept` makes of that, part by part.
    """
    if not len(bins):
        raise ValueError("transformed: expected at least one image, got none")
    size = min(CHUNK, len(bins))  # all images, stored at once, would need twice as much memory
    network, images, pooled, before = _passing(layer, bins[:size], kernel)
    found = np.empty((0,))
    for start in range(0, len(bins), size):
        shown = bins[start : start + size]
        if len(shown) < size:  # those beyond are not shown
            images.set_images(np.concatenate([shown, bins[: size - len(shown)]]))
        elif start:
            images.set_images(shown)
        network.run(len(shown) * presentation(), namespace={})
        part = kept(_first_spikes(pooled, before))
        if not start:  # parts that are put together at the end would, too
            found = np.empty((len(bins), *part.shape[1:]), dtype=part.dtype)
        found[start : start + len(part)] = part
        before.resize(0)
    return found


def _passing(
    layer: Layer, bins: np.ndarray, kernel: np.ndarray
) -> tuple[Network, StoredImages, FeatureMap, StateMonitor]:
    """Return a network that shows images, these, its pooled map, and what records first spikes."""
    source, images, _ = _input(bins, one_a_position=False)
    neurons, conv = _neurons(layer, source, "w : 1")
    conv.set_kernel("w", kernel)
    pooled = FeatureMap(
        handed_on_shape(layer, source.shape),
        POOLED,
        threshold="arrived and not fired",
        # a step each for the layer and for pooling
        reset=f"fired = True; first = t_in_timesteps % {STEPS} - 2",
        name="pooled",
    )
    forget = f"arrived = False; fired = False; first = {NEVER}"
    pooled.run_regularly(forget, dt=presentation(), when="before_start")
    hands_on = EarliestSpike(neurons, pooled, layer.pool, padding=layer.pool_padding)
    # what each image leaves is read when the next one begins
    before = StateMonitor(
        pooled, "first", record=True, dt=presentation(), when="before_start", order=-1
    )
    network = Network(source, images, neurons, conv, pooled, hands_on, before)
    return network, images, pooled, before


def _first_spikes(pooled: FeatureMap, before: StateMonitor) -> np.ndarray:
    """Return the first spikes of the images of a run: ``(n, channels, rows, cols)``."""
    found = np.vstack([before.first.T[1:].astype(np.uint8), pooled.first[:].astype(np.uint8)])
    channels, rows, cols = pooled.shape
    return np.ascontiguousarray(np.moveaxis(found.reshape(-1, rows, cols, channels), -1, 1))
