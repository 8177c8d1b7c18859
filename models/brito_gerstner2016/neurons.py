r"""
Spiking neurons: spikes drawn along the paper's f-I curve, and a membrane that has that curve.

An input's current is filtered, ``tau dI/dt = -I``. The first kind of neuron is reduced to what
learning depends on, with neither reset nor adaptation::

    rate = gain*(I - I_0)+,     gain = 143 Hz/nA,  I_0 = 0.08 nA     (Brito and Gerstner 2016)

The other is a generalised integrate-and-fire neuron (the form is Mensi et al. 2012's and Pozzorini
et al. 2015's, from memory), with a leak, an escape rate and an adaptation current::

    C dV/dt                = g_leak*(V_rest - V) + I - I_adaptation      but for the refractory time
    tau_a dI_adaptation/dt = -I_adaptation
    rate                   = rate_0*exp((V - V_threshold)/sharpness)
    at a spike:              V = V_reset,  I_adaptation += charge_a/tau_a

Its numbers are ours, of the order of theirs but for a smaller capacitance: so much charge is taken
away at each spike that the f-I curve over steps of 500 ms is nearly straight, with a slope of
144 Hz/nA from a threshold of 0.07 nA, near the paper's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from brian2 import Quantity

from hebbsim import FeatureMap, rules
from models.brito_gerstner2016 import settings as s

__all__ = ["ALONG_THE_CURVE", "NAMES", "WITH_MEMBRANE", "Neuron", "make_neurons"]

CURVE = """
dI/dt = -I/tau : amp
injected : amp (constant)
firing = gain*clip(I + injected - I_0, 0*amp, inf*amp) : Hz
fired : 1
"""
MEMBRANE = """
dV/dt = (g_leak*(V_rest - V) + I + injected - I_adaptation)/C : volt (unless refractory)
dI/dt = -I/tau : amp
dI_adaptation/dt = -I_adaptation/tau_a : amp
injected : amp (constant)
firing = rate_0*exp(clip((V - V_threshold)/sharpness, -20, 20)) : Hz
fired : 1
"""
#: What rules and synapses know of the neurons
NAMES: dict[str, Any] = {"tau": s.TAU_CURRENT, "charge": s.CHARGE}


@dataclass(frozen=True)
class Neuron:
    """
    Say how a neuron fires.

    Parameters
    ----------
    equations : str
        With a current ``I``, one that is ``injected``, and a count of spikes, ``fired``.
    fires : str
        The threshold.
    resets : str
        What a spike does, beside being counted.
    names : mapping of str to value
        What the equations name.
    start : mapping of str to Quantity
        First values that aren't 0.
    refractory : Quantity or bool
        How long a spike is followed by none.
    """

    equations: str
    fires: str
    resets: str = ""
    names: Mapping[str, Any] = field(default_factory=dict)
    start: Mapping[str, Quantity] = field(default_factory=dict)
    refractory: Quantity | bool = False


ALONG_THE_CURVE = Neuron(
    CURVE, "rand() < firing*dt", names={"gain": s.GAIN, "I_0": s.CURRENT_THRESHOLD}
)
WITH_MEMBRANE = Neuron(
    MEMBRANE,
    "rand() < 1 - exp(-firing*dt)",
    "V = V_reset\nI_adaptation += charge_a/tau_a",
    names={
        "C": s.CAPACITANCE,
        "g_leak": s.LEAK,
        "V_rest": s.V_REST,
        "V_reset": s.V_RESET,
        "V_threshold": s.V_THRESHOLD,
        "sharpness": s.SHARPNESS,
        "rate_0": s.RATE_AT_THRESHOLD,
        "tau_a": s.TAU_ADAPTATION,
        "charge_a": s.CHARGE_OF_ADAPTATION,
    },
    start={"V": s.V_REST},
    refractory=s.REFRACTORY,
)


def make_neurons(
    n: int,
    rule: rules.TripletSTDP,
    batch_size: int,
    dt: Quantity,
    neuron: Neuron = ALONG_THE_CURVE,
) -> FeatureMap:
    """Make neurons, a channel each, with the traces of the rule."""
    neurons = FeatureMap(
        (n, 1, 1),
        f"{neuron.equations}\n{rule.post_model}",
        neuron.fires,
        f"fired += 1\n{neuron.resets}\n{rule.post_reset}",
        refractory=neuron.refractory,
        batch_size=batch_size,
        namespace={**NAMES, **neuron.names},
        dt=dt,
        method="exact",
    )
    for name, value in neuron.start.items():
        setattr(neurons, name, value)
    if rule.target_rate is not None:
        neurons.rate = rule.target_rate
    return neurons
