r"""
The spiking model: Poisson inputs, a neuron with the paper's f-I curve, triplet STDP.

An input's ON and OFF axon fire at a rate in proportion to its positive and its negative part.
Each spike through a weight `w` adds ``charge*w/tau`` to the neuron's current; how the neuron fires
then is in `neurons.py`.

Weights, which may have both signs, follow the minimal triplet rule of Pfister and Gerstner 2006
(visual cortex), whose mean over uncorrelated spikes at the rates `x` and `y` is::

    dw/dt ~ x*h(y),   h(y) = y*(y - b),   b = A2_minus*tau_minus/(A3_plus*tau_plus*tau_y)

Together: ``f(I) = h(rate(I)) ~ (I - 0.08 nA)+ * (I - 0.08 nA - b/gain)``. With homeostasis
depression goes with the square of the neuron's own mean rate, and so does `b`.

Several patches are shown side by side, each to a copy of the neurons, and all copies share the
weights. Weights lose their mean and are brought to norm 1 as often as if patches came one by one:
without it, what is learned within a patch would run away.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from brian2 import Network, Quantity

from hebbsim import ConvSynapses, PoissonEncoder, StoredImages, rules
from hebbsim.data.filters import on_off_channels
from models.brito_gerstner2016.neurons import (
    ALONG_THE_CURVE,
    NAMES,
    WITH_MEMBRANE,
    Neuron,
    make_neurons,
)
from models.brito_gerstner2016.settings import RATE_OF_INPUT, TARGET_RATE, TAU_RATE

__all__ = [
    "RULES",
    "Condition",
    "balanced",
    "learn_spiking",
    "make_axons",
    "on_and_off",
    "triplet",
]

CURRENT = "I_post += charge*w/tau"
SYNAPSE = """
w : 1
mean_w = w : 1 (mean over filter)
"""
BALANCES = "w = w - mean_w"


@dataclass(frozen=True)
class Condition:
    """
    Say how neurons learn.

    Parameters
    ----------
    sign : int
        -1 turns potentiation into depression, and the other way round.
    homeostatic : bool
        Whether depression follows the neuron's own rate.
    neuron : Neuron
        How the neuron fires.
    """

    sign: int = 1
    homeostatic: bool = True
    neuron: Neuron = ALONG_THE_CURVE


RULES = {
    "homeostatic": Condition(),
    "fixed threshold": Condition(homeostatic=False),
    "sign flipped": Condition(sign=-1),
    "with membrane": Condition(neuron=WITH_MEMBRANE),
}


def triplet(learning_rate: float | str, *, homeostatic: bool = False) -> rules.TripletSTDP:
    """Return the minimal triplet rule; a learning rate may name the ``duration`` of a run."""
    adaptive = {"target_rate": TARGET_RATE, "tau_rate": TAU_RATE} if homeostatic else {}
    return rules.TripletSTDP.visual_cortex(minimal=True, learning_rate=learning_rate, **adaptive)


def on_and_off(shown: np.ndarray) -> np.ndarray:
    """
    Return the ON and the OFF parts of patches in standard deviations.

    Parameters
    ----------
    shown : array
        `(n, size, size)`.

    Returns
    -------
    array
        `(n, 2, size, size)`.
    """
    return on_off_channels(shown[:, None] / shown.std())


def make_axons(size: int, rule: rules.TripletSTDP, batch_size: int, dt: Quantity) -> PoissonEncoder:
    """Make the ON and OFF axons of patches, whose intensity ``x`` is in standard deviations."""
    return PoissonEncoder(
        (2, size, size),
        RATE_OF_INPUT,
        model=rule.pre_model,
        reset=rule.pre_reset,
        batch_size=batch_size,
        dt=dt,
        method="exact",
    )


def balanced(weights: np.ndarray) -> np.ndarray:
    """Return weights ``(neurons, 2, size, size)`` of mean 0 and norm 1."""
    centred = weights - weights.mean(axis=(1, 2, 3), keepdims=True)
    return centred / np.sqrt((centred**2).sum(axis=(1, 2, 3), keepdims=True))


def learn_spiking(
    inputs: np.ndarray,
    start: np.ndarray,
    conditions: Mapping[str, Condition],
    *,
    learning_rate: float,
    at_once: int,
    shown_for: Quantity,
    dt: Quantity,
) -> dict[str, np.ndarray]:
    """
    Let spiking neurons learn from patches, in all conditions from the same spikes.

    Parameters
    ----------
    inputs : array
        `(n, 2, size, size)`, what `on_and_off` returns.
    start : array
        First weights, `(neurons, 2, size, size)`; they are balanced first.
    conditions : mapping of str to Condition
        By name.
    learning_rate : float
        At the start; it falls to 0 in proportion to the time that is left.
    at_once : int
        Patches side by side.
    shown_for : Quantity
        How long each is shown.
    dt : Quantity
        Time step of the spikes.

    Returns
    -------
    dict of str to array
        The weights, as `start`.
    """
    size, start = inputs.shape[-1], balanced(start)
    duration = len(inputs) // at_once * shown_for
    axons = make_axons(size, triplet(learning_rate), at_once, dt)
    StoredImages(axons, inputs, duration=shown_for)
    network, learned = Network(axons), {}
    for name, condition in conditions.items():
        schedule = f"{condition.sign * learning_rate}*clip(1 - t/duration, 0, 1)"
        rule = triplet(schedule, homeostatic=condition.homeostatic)
        neurons = make_neurons(len(start), rule, at_once, dt, condition.neuron)
        synapses = ConvSynapses(
            axons,
            neurons,
            SYNAPSE,
            on_pre=CURRENT,
            rule=rule,
            update=BALANCES,
            normalize="L2",
            kernel_size=size,
            namespace={**NAMES, "duration": duration},
            dt=shown_for / at_once,
        )
        synapses.set_kernel("w", start)
        network.add(neurons, synapses)
        learned[name] = synapses
    network.run(duration, namespace={})
    return {name: np.asarray(synapses.get_kernel("w")) for name, synapses in learned.items()}
