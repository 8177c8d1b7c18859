"""The layer that decides and learns from reward; those before it are `kheradpisheh2018`'s."""

from collections.abc import Mapping

import numpy as np
from brian2 import Network, Quantity, StateMonitor, defaultclock, linked_var

from hebbsim import (
    ConvSynapses,
    Decision,
    FeatureMap,
    FirstWinners,
    OrderPlasticity,
    StoredImages,
    rules,
)
from models.mozafari2019.settings import Deciding

__all__ = ["DecidingLayer", "presentation", "reward_rule"]

#: Nothing depends on when an input spikes: all do in one step, and in the next one decides
STEPS = 2
INPUT = "present : boolean"
INPUT_THRESHOLD = f"present and t_in_timesteps % {STEPS} == 0"
#: Without a threshold of the potential: all compete in the last step, and the largest v decides
LAST_STEP = f"t_in_timesteps % {STEPS} == {STEPS - 1}"
#: What a kernel knows of its last block
_KEPT = ("n_stimuli", "n_right", "share_right")


def presentation() -> Quantity:
    """Return how long an image lasts."""
    duration: Quantity = STEPS * defaultclock.dt
    return duration


def reward_rule(layer: Deciding, block: int) -> rules.OrderSTDP:
    """Return the rule, whose rates follow the decisions of the last block."""
    bounds = layer.w_min, layer.w_max
    rule = rules.OrderSTDP(layer.a_plus, layer.a_minus, layer.soft, *bounds)
    return rule.rewarded(layer.a_plus_wrong, layer.a_minus_wrong, block)


class DecidingLayer:
    """
    Build the layer that decides, on stored spikes.

    Parameters
    ----------
    layer : Deciding
        Sizes.
    spiked : array of bool
        ``(n, channels, rows, cols)``: whether each input spikes.
    labels : array of int
        ``(n,)``, the digits.
    kernel : array
        ``(out_channels, in_channels, rows, cols)``, the first weights.
    rule : OrderSTDP, optional
        How its kernel learns; without one it stays.
    """

    def __init__(
        self,
        layer: Deciding,
        spiked: np.ndarray,
        labels: np.ndarray,
        kernel: np.ndarray,
        rule: rules.OrderSTDP | None = None,
    ) -> None:
        self.n_images = len(spiked)
        source = FeatureMap(spiked.shape[1:], INPUT, INPUT_THRESHOLD, reset="", name="input")
        images = StoredImages(source, spiked, "present", duration=presentation(), name="images")
        rows, cols = (n + 2 * layer.padding - layer.kernel_size + 1 for n in spiked.shape[2:])
        neurons = FeatureMap(
            (layer.channels, rows, cols), "v : 1", LAST_STEP, reset="", name="deciding"
        )
        neurons.run_regularly("v = 0", dt=presentation(), when="before_start")
        self.conv = ConvSynapses(
            source,
            neurons,
            "w : 1" if rule is None else rule.model,
            on_pre="v_post += w",
            kernel_size=layer.kernel_size,
            padding=layer.padding,
            name="conv",
        )
        self.conv.set_kernel("w", kernel)
        strongest = FirstWinners(neurons, 1, duration=presentation())
        classes = np.arange(layer.channels) // layer.each
        self.decision = Decision(neurons, classes, labels, duration=presentation(), name="decision")
        # what each image leaves is read when the next one begins
        self._before = StateMonitor(
            self.decision,
            "decision",
            record=True,
            dt=presentation(),
            when="before_start",
            order=-1,
            name="decided",
        )
        objects = [source, images, neurons, self.conv, strongest, self.decision, self._before]
        if rule is not None:
            self.conv.reward = linked_var(self.decision, "reward")
            objects.append(OrderPlasticity(self.conv, rule, duration=presentation()))
        self.network = Network(*objects)

    def show(self) -> np.ndarray:
        """Show all images in their order, once; return what is decided: ``(n,)``."""
        earlier = len(self._before.t)
        self.network.run(self.n_images * presentation(), namespace={})
        found = self._before.decision[0, earlier + 1 :]
        return np.append(found, self.decision.decision[0]).astype(int)

    @property
    def kernel(self) -> np.ndarray:
        """The weights, ``(out_channels, in_channels, rows, cols)``."""
        return self.conv.get_kernel("w")

    @property
    def state(self) -> dict[str, np.ndarray]:
        """All that the next pass depends on, where the kernel learns by a rule with a block."""
        kept = {name: np.asarray(getattr(self.conv, name)) for name in _KEPT}
        return {"kernel": self.kernel, **kept}

    @state.setter
    def state(self, state: Mapping[str, np.ndarray]) -> None:
        self.conv.set_kernel("w", state["kernel"])
        for name in _KEPT:
            setattr(self.conv, name, state[name].item())
