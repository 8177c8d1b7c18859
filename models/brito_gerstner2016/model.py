r"""
The rate model: a neuron's drive, an effective nonlinearity, and weights of norm 1.

With ``x`` the whitened input and ``u = w.x`` (Brito and Gerstner 2016)::

    dw_i ~ <x_i*f(u)>,   f(u) = h(g(u)),   |w| = 1

where `g` is the neuron's response and `h` the dependence of plasticity on it. Learning climbs
``<F(w.x)>`` with ``F' = f``: a search for the projection of the input that is least Gaussian.

Names and parameters of the nonlinearities are the paper's; their algebra is from memory.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from brian2 import Network, Quantity, defaultclock

from hebbsim import ConvSynapses, FeatureMap, StoredImages, rules

__all__ = ["CONTROLS", "NONLINEARITIES", "Nonlinearity", "learn_fields", "nonlinear_hebb"]


@dataclass(frozen=True)
class Nonlinearity:
    """
    Hold an effective nonlinearity and its integral.

    Parameters
    ----------
    f : str
        Expression of Brian2 in ``y``, the neuron's drive.
    objective : callable
        ``F(y)`` of an array, with ``F' = f``.
    rate : float
        Learning rate at the start; it falls to 0 in proportion to the time that is left (ours).
    """

    f: str
    objective: Callable[[np.ndarray], np.ndarray]
    rate: float


NONLINEARITIES = {
    # thresholds 1 and 2: that of the f-I curve and that between depression and potentiation
    "quadratic rectifier": Nonlinearity(
        "clip(y - 1, 0, inf)*(y - 2)",
        lambda y: np.maximum(y - 1, 0) ** 3 / 3 - np.maximum(y - 1, 0) ** 2 / 2,
        rate=0.05,
    ),
    "linear rectifier": Nonlinearity(
        "clip(y - 3, 0, inf)", lambda y: np.maximum(y - 3, 0) ** 2 / 2, rate=0.2
    ),
    "Cauchy": Nonlinearity(
        "y - 3*y/(1 + y**2)", lambda y: y**2 / 2 - 1.5 * np.log(1 + y**2), rate=0.1
    ),
    "L0": Nonlinearity("y*int(abs(y) > 3)", lambda y: np.maximum(y**2 - 9, 0) / 2, rate=0.05),
    "negative sigmoid": Nonlinearity("-tanh(y)", lambda y: -np.log(np.cosh(y)), rate=0.5),
}
#: Those that find nothing: a neuron of theirs climbs to where white input is the same all around,
#: or to what is most Gaussian
CONTROLS = {
    "linear": Nonlinearity("y", lambda y: y**2 / 2, rate=0.2),
    "positive sigmoid": Nonlinearity("tanh(y)", lambda y: np.log(np.cosh(y)), rate=0.5),
}

#: Each neuron is a channel, and so is each component of the input
NEURON = "y : 1"
DRIVE = "w : 1\ny_post = w*x_pre : 1 (summed)"


def nonlinear_hebb(nonlinearity: Nonlinearity, duration: Quantity) -> rules.NonlinearHebb:
    """Return the rule: the mean over the inputs of a step, at a rate that falls to 0."""
    return rules.NonlinearHebb(
        nonlinearity=nonlinearity.f,
        learning_rate=f"{nonlinearity.rate}*clip(1 - t/duration, 0, 1)/n_shared",
        constants={"duration": duration},
    )


def learn_fields(
    inputs: np.ndarray,
    starts: Mapping[str, np.ndarray],
    nonlinearities: Mapping[str, Nonlinearity],
    order: np.ndarray,
    batch_size: int,
) -> dict[str, np.ndarray]:
    """
    Let neurons of each nonlinearity learn, side by side, from the same inputs.

    The input's components, not its pixels, carry the weights: an anti-Hebbian rule, such as the
    negative sigmoid's, turns away from all that varies, and would end along directions of pixels
    that were left out, in which rounding alone leaves something.

    Parameters
    ----------
    inputs : array
        White, `(n, components)`.
    starts : mapping of str to array
        First weights by nonlinearity, `(neurons, components)`.
    nonlinearities : mapping of str to Nonlinearity
        Of the same names.
    order : array of int
        Numbers of the inputs as they are shown.
    batch_size : int
        How many of them make a step.

    Returns
    -------
    dict of str to array
        The weights, as `starts`.
    """
    shape = (inputs.shape[1], 1, 1)
    source = FeatureMap(shape, "x : 1", batch_size=batch_size, name="input")
    StoredImages(source, inputs[:, :, None, None], order=order)
    duration = len(order) // batch_size * defaultclock.dt
    network, learned = Network(source), {}
    for name, start in starts.items():
        neurons = FeatureMap((len(start), 1, 1), NEURON, batch_size=batch_size)
        rule = nonlinear_hebb(nonlinearities[name], duration)
        synapses = ConvSynapses(source, neurons, DRIVE, rule=rule, kernel_size=1, normalize="L2")
        synapses.set_kernel("w", start[:, :, None, None])
        network.add(neurons, synapses)
        learned[name] = synapses
    network.run(duration, namespace={})
    return {name: synapses.get_kernel("w")[:, :, 0, 0] for name, synapses in learned.items()}
