"""
The effective nonlinearity of the spiking neuron: predicted, and measured.

The mean change of a weight is that of the rule at the neuron's rate, ``f(I) = h(rate(I))``.
Predictions come from the numbers of neuron and rule, or from its measured f-I curve and plasticity
curve; what is measured is the change itself, while inputs fire.
"""

from dataclasses import dataclass

import numpy as np
from brian2 import Network, Quantity, amp, second

from hebbsim import ConvSynapses, rules
from models.brito_gerstner2016.neurons import NAMES, Neuron, make_neurons
from models.brito_gerstner2016.settings import CHARGE, GAIN, RATE_OF_INPUT, TAU_CURRENT
from models.brito_gerstner2016.spiking import balanced, make_axons, triplet

__all__ = ["Responses", "drift", "drift_by_fluctuations", "f_i_curve", "respond", "threshold"]

#: To measure what a rule does to weights, others bring the current
FIXED_CURRENT = "I_post += charge*w_fixed/tau"
MEASURED_SYNAPSE = """
w : 1
w_fixed : 1 (constant)
"""


def threshold(rule: rules.TripletSTDP) -> Quantity:
    """Return the rate `b` between depression and potentiation."""
    return rule.A2_minus * rule.tau_minus / (rule.A3_plus * rule.tau_plus * rule.tau_y)


def drift(rule: rules.TripletSTDP, x: Quantity, y: Quantity) -> Quantity:
    """Return the mean ``dw/dt`` of uncorrelated spikes at the rates `x` and `y`."""
    return rule.A3_plus * rule.tau_plus * rule.tau_y * x * y * (y - threshold(rule))


def drift_by_fluctuations(rule: rules.TripletSTDP, x: Quantity) -> Quantity:
    """
    Return what is added to the drift as the current fluctuates with the inputs' spikes.

    Of weights of norm 1 and inputs at the rate `x` it has the variance
    ``charge**2*x/(2*tau)`` and the correlation ``exp(-s/tau)``: the neuron's rate and its slow
    trace, ``exp(-s/tau_y)``, have the share ``tau/(tau + tau_y)`` of it in common.
    """
    variance = GAIN**2 * CHARGE**2 * x / (2 * TAU_CURRENT)
    shared = variance * TAU_CURRENT / (TAU_CURRENT + rule.tau_y)
    return rule.A3_plus * rule.tau_plus * rule.tau_y * x * shared


def f_i_curve(
    currents: np.ndarray, neuron: Neuron, *, copies: int, duration: Quantity, dt: Quantity
) -> np.ndarray:
    """
    Measure a neuron's mean rate over a step of current from rest.

    Parameters
    ----------
    currents : array
        In nA.
    neuron : Neuron
        How it fires.
    copies : int
        Of each neuron, side by side.
    duration, dt : Quantity
        Of the step of current, and time step.

    Returns
    -------
    array
        Rates in Hz, as `currents`.
    """
    neurons = make_neurons(len(currents), triplet(1.0), copies, dt, neuron)
    neurons.injected = np.tile(currents, copies) * 1e-9 * amp
    Network(neurons).run(duration, namespace={})
    return np.asarray(neurons.get_maps("fired")).mean(axis=(0, 2, 3)) / float(duration / second)


@dataclass(frozen=True)
class Responses:
    """
    Hold what neurons did at each current.

    Parameters
    ----------
    currents : array
        In nA.
    rates : array
        In Hz, `(2, currents)`: without inputs, and with the noise that their spikes bring.
    drifts : array
        Mean ``dw/dt`` in 1/s at a learning rate of 1, as `rates`.
    input_rate : Quantity
        Of each axon.
    """

    currents: np.ndarray
    rates: np.ndarray
    drifts: np.ndarray
    input_rate: Quantity


def respond(
    currents: np.ndarray,
    rng: np.random.Generator,
    *,
    intensity: float,
    duration: Quantity,
    copies: int,
    dt: Quantity,
    size: int = 6,
) -> Responses:
    """
    Inject currents into neurons, and measure their rates and what the rule does to weights.

    Half of the neurons get no input: their spikes are uncorrelated, and give the plasticity curve.
    The others get that of weights of norm 1 and mean 0, whose spikes bring noise as while learning.

    Parameters
    ----------
    currents : array
        In nA.
    rng : Generator
        Draws the weights.
    intensity : float
        Of all inputs, in standard deviations.
    duration : Quantity
        Of the measurement.
    copies : int
        Of each neuron, side by side.
    dt : Quantity
        Time step.
    size : int
        Of the patch; with the weights' norm fixed it hardly matters.
    """
    n, rule = len(currents), triplet(1.0)
    axons = make_axons(size, rule, copies, dt)
    axons.x = intensity
    neurons = make_neurons(2 * n, rule, copies, dt)
    neurons.injected = np.tile(currents, 2 * copies) * 1e-9 * amp
    synapses = ConvSynapses(
        axons,
        neurons,
        MEASURED_SYNAPSE,
        on_pre=FIXED_CURRENT,
        rule=rule,
        kernel_size=size,
        namespace=NAMES,
        dt=dt,
    )
    fixed = balanced(rng.normal(size=(2 * n, 2, size, size)))
    fixed[:n] = 0
    synapses.set_kernel("w_fixed", fixed)
    Network(axons, neurons, synapses).run(duration, namespace={})
    seconds = float(duration / second)
    rates = np.asarray(neurons.get_maps("fired")).reshape(copies, 2, n).mean(axis=0) / seconds
    changes = np.asarray(synapses.get_kernel("w")).mean(axis=(1, 2, 3)).reshape(2, n)
    drifts = changes / (copies * seconds)
    return Responses(currents, rates, drifts, intensity * RATE_OF_INPUT)
