"""The layer that decides and learns from reward; those before it are `kheradpisheh2018`'s."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from brian2 import Network, Quantity, StateMonitor, defaultclock, linked_var

from hebbsim import (
    ConvSynapses,
    Decision,
    FeatureMap,
    FirstWinners,
    OrderPlasticity,
    PerChannel,
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
#: An image is shown again while the decision is wrong, in as many steps
OUTCOME = "outcome : 1 (linked)"
REPEAT_WHILE = "outcome < 0 and n_repeats < {}"
#: Channels that can't decide
DROPPED = "dropped = rand() < {}"
#: What a kernel knows of its last block
_KEPT = ("n_stimuli", "n_shown_first", "n_right", "share_right")


def presentation() -> Quantity:
    """Return how long an image lasts."""
    duration: Quantity = STEPS * defaultclock.dt
    return duration


def reward_rule(layer: Deciding, block: int) -> rules.OrderSTDP:
    """Return the rule: rates follow the decisions of the last block, times ``rate_factor``."""
    rule = rules.OrderSTDP(
        layer.a_plus, layer.a_minus, soft=None, w_min=layer.w_min, w_max=layer.w_max
    ).rewarded(layer.a_plus_wrong, layer.a_minus_wrong, block, repeated=layer.repeats > 0)
    return replace(
        rule, a_plus=f"rate_factor*({rule.a_plus})", a_minus=f"rate_factor*({rule.a_minus})"
    )


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
        learns = rule is not None
        repeats, dropout = learns and layer.repeats > 0, learns and layer.dropout > 0
        source = FeatureMap(
            spiked.shape[1:],
            f"{INPUT}\n{OUTCOME}" if repeats else INPUT,
            INPUT_THRESHOLD,
            reset="",
            name="input",
        )
        images = StoredImages(
            source,
            spiked,
            "present",
            duration=presentation(),
            repeat_while=REPEAT_WHILE.format(layer.repeats) if repeats else None,
            name="images",
        )
        rows, cols = (n + 2 * layer.padding - layer.kernel_size + 1 for n in spiked.shape[2:])
        neurons = FeatureMap(
            (layer.channels, rows, cols),
            "v : 1",
            f"{LAST_STEP} and not dropped" if dropout else LAST_STEP,
            reset="",
            name="deciding",
        )
        neurons.run_regularly("v = 0", dt=presentation(), when="before_start")
        self.conv = ConvSynapses(
            source,
            neurons,
            "w : 1" if rule is None else f"{rule.model}\nrate_factor : 1 (shared)",
            on_pre="v_post += w",
            kernel_size=layer.kernel_size,
            padding=layer.padding,
            name="conv",
        )
        self.conv.set_kernel("w", kernel)
        strongest = FirstWinners(neurons, 1, duration=presentation())
        classes = np.arange(layer.channels) // layer.each
        decision = Decision(
            neurons, classes, labels, images=images, duration=presentation(), name="decision"
        )
        # what each presentation leaves is read when the next one begins
        reading = {"record": True, "dt": presentation(), "when": "before_start", "order": -1}
        self._decision, self._images = decision, images
        self._before = StateMonitor(decision, "decision", name="decided", **reading)
        objects = [source, images, neurons, self.conv, strongest, decision, self._before]
        if images.repetition is not None:
            source.outcome = linked_var(decision, "reward")
            self._repeats = StateMonitor(images.repetition, "n_repeats", name="repeats", **reading)
            objects.append(self._repeats)
        if dropout:
            dropped = PerChannel(neurons, "dropped : boolean", name="dropped")
            dropped.run_regularly(
                DROPPED.format(layer.dropout), dt=presentation(), when="before_start"
            )
            objects.append(dropped)
        if rule is not None:
            self.rate_factor = 1.0
            self.conv.reward = linked_var(decision, "reward")
            if images.repetition is not None:
                self.conv.n_shown_before = linked_var(images.repetition, "n_repeats")
            objects.append(OrderPlasticity(self.conv, rule, duration=presentation()))
        self.network = Network(*objects)

    @property
    def rate_factor(self) -> float:
        """What all rates are multiplied by."""
        return float(self.conv.rate_factor[:])

    @rate_factor.setter
    def rate_factor(self, factor: float) -> None:
        self.conv.rate_factor = factor

    def show(self) -> np.ndarray:
        """Show all images in their order, once; return what is decided of them first: ``(n,)``."""
        earlier = len(self._before.t)
        self._images.show(self.network, self.n_images, namespace={})
        found = self._before.decision[0, earlier + 1 :]
        found = np.append(found, self._decision.decision[0]).astype(int)
        if self._images.repetition is not None:
            found = found[self._repeats.n_repeats[0, earlier:] == 0]
        return found

    @property
    def kernel(self) -> np.ndarray:
        """The weights, ``(out_channels, in_channels, rows, cols)``."""
        return self.conv.get_kernel("w")

    @property
    def state(self) -> dict[str, np.ndarray]:
        """All that the next pass depends on, where the kernel learns by a rule with a block."""
        kept = {name: np.asarray(getattr(self.conv, name)) for name in self._kept}
        return {"kernel": self.kernel, **kept}

    @state.setter
    def state(self, state: Mapping[str, np.ndarray]) -> None:
        self.conv.set_kernel("w", state["kernel"])
        for name in self._kept:
            setattr(self.conv, name, state[name].item())

    @property
    def _kept(self) -> list[str]:
        return [name for name in _KEPT if name in self.conv.variables]
