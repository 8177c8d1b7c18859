"""The network as equations: layers of binary stochastic units, taught by reward alone.

Each position of the maps is a network of its own: kernels of size 1 that are not shared over
positions connect all channels of a layer to all of the next. So many networks learn side by side,
each with its weights, pictures, noise and reward. One time step is one trial.

All formulas are reconstructed, see the package's docstring.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from brian2 import Network, StateMonitor, linked_var

from hebbsim import Assign, ConvSynapses, FeatureMap, PerPosition, WinnerTakeAll
from hebbsim.rules import RewardGated, Rule
from models.vasilaki2009.protocol import Protocol

__all__ = ["HEBB", "Network2009", "build", "teach"]

# --- the changes that a reward teaches; s and J are in [0, 1] -----------------------------------

#: Pre- and postsynaptic activity, each against its mean: the favoured rule
COVARIANCE = "dw = 4*(y_post - mean_post)*(y_pre - 0.5) : 1 (summed)"
#: Without means; and so that the changes of all weights have the mean size of those above
PLAIN = "dw = y_post*y_pre : 1 (summed)"
PLAIN_FASTER = "dw = 4*y_post*y_pre : 1 (summed)"
#: One side alone
PRE_ONLY = "dw = 2*(y_pre - 0.5) : 1 (summed)"
POST_ONLY = "dw = 2*(y_post - mean_post) : 1 (summed)"

HEBB = {
    "covariance": COVARIANCE,
    "plain": PLAIN,
    "plain faster": PLAIN_FASTER,
    "pre only": PRE_ONLY,
    "post only": POST_ONLY,
}

#: Errors always teach; success only those neurons that it doesn't find decided already
STOP_LEARNING = "reward_post < 0 or decided_post < stop"

# --- the layers ---------------------------------------------------------------------------------

#: What each bit of the picture looks like in this trial
INPUT = """picture = bits(shown(t, i // n_channels)*trial, i) : 1
draw : 1
y = picture + int(draw < flip)*(1 - 2*picture) : 1"""

#: A unit is active with probability 1/(1 + exp(-(h - median)/T)); the median is of its layer
HIDDEN = """h : 1
above : 1
below : 1
draw : 1
y : 1
mean = 0.5 : 1
centred = h - median : 1
decided = (2*y - 1)*centred : 1
reward : 1 (linked)
modulator = reward : 1"""

#: Half the sum of the two values in the middle, of an even number of units
MEDIAN = "median = h_map*(above_map - below_map)/2 : 1 (summed)"

#: A choice has the probability of the softmax of h/T (Gumbel's trick: the largest of
#: h/T - log(-log(draw)) wins)
OUTPUT = """h : 1
draw : 1
y : 1
runner_up : 1
mean = 1/n_actions : 1
wanted = int(i % n_actions == action(t, i // n_actions)) : 1
decided = abs(lead) : 1"""

#: What the choice earns, unless the trial is one of a false punishment
CHOICE = """hit = y_map*wanted_map : 1 (summed)
lead = h_map*(y_map - runner_up_map) : 1 (summed)"""
REWARD = "(2*hit - 1)*(1 - lie(t, i)) - lie(t, i)"

#: The drive of each unit, with weights between 0 and 1
FORWARD = "w : 1\nh_post = 4/fan_in*w*(y_pre - 0.5) : 1 (summed)"


@dataclass(frozen=True)
class Network2009:
    """Hold what is run and looked at: the network, its connections, and the choices."""

    network: Network
    connections: list[ConvSynapses]
    choices: StateMonitor


def teach(
    hebb: str, learning_rate: float, stop: float | None, reward: str = "", **constants: Any
) -> RewardGated:
    """
    Return the rule of a layer: a change, when it stops, what rewards make of it, within bounds.

    Parameters
    ----------
    hebb : str
        One of `HEBB`.
    learning_rate : float
        ``eta``.
    stop : float or None
        Drive beyond which success teaches no more; None never stops.
    reward : str
        An expression for the reward, in the layer that chooses.
    **constants
        Further names in the equations.
    """
    rule = Rule(learning_rate, HEBB[hebb], constants={"stop": stop or 0.0, **constants})
    if stop is not None:
        rule = rule.learn_if(STOP_LEARNING)
    # a choice is right or wrong at once: no trace has to wait, and each network has its reward
    return RewardGated(rule, tau_e=None, per_sample=True, reward=reward).soft_bounded(0, 1)


def build(
    protocol: Protocol,
    *,
    depth: int,
    n_hidden: int,
    temperature: float,
    flip: float,
    hebb: str = "covariance",
    learning_rate: float = 0.03,
    stop: float | None = 0.1,
    draws: str = "rand()",
    names: dict[str, Any] | None = None,
) -> Network2009:
    """
    Build the networks, all with weights drawn from ``U(0, 1)``.

    Parameters
    ----------
    protocol : Protocol
        What will be shown; one network for each of its second axis.
    depth, n_hidden : int
        Hidden layers and their even number of units.
    temperature, flip : float
        ``T``, and the probability of a wrong input bit.
    hebb, learning_rate, stop
        Of the rule, see `teach`.
    draws : str
        An expression for the uniform random numbers of inputs, units and choices, and `names` for
        what it names: for runs that have to repeat on every device.
    names : dict, optional
        See `draws`.
    """
    _, n_networks, n_inputs = protocol.bits.shape
    known = {**protocol.names, "T": temperature, "flip": flip, **(names or {})}

    def layer(n: int, model: str, name: str) -> FeatureMap:
        own = {**known, "n_channels": n}
        units = FeatureMap((n, n_networks, 1), model, namespace=own, name=name)
        units.run_regularly(f"draw = {draws}", when="start", name=f"{name}_draws")
        return units

    layers = [layer(n_inputs, INPUT, "input")]
    layers += [layer(n_hidden, HIDDEN, f"hidden{number}") for number in range(1, depth + 1)]
    layers.append(layer(protocol.n_actions, OUTPUT, "output"))
    at_output = teach(hebb, learning_rate, stop, REWARD)
    parts = [*_choose(layers[-1], at_output, known)]
    for hidden in layers[1:-1]:
        parts += _stochastic_units(hidden)
        positions = np.arange(len(hidden)) // n_hidden
        hidden.reward = linked_var(parts[0], "reward", index=positions)
    rules = [teach(hebb, learning_rate, stop)] * depth + [at_output]
    connections = [
        _connect(source, target, rule)
        for source, target, rule in zip(layers[:-1], layers[1:], rules, strict=True)
    ]
    choices = StateMonitor(parts[0], ["hit", "lead"], record=True, when="end", order=100)
    return Network2009(Network(layers, parts, connections, choices), connections, choices)


def _connect(source: FeatureMap, target: FeatureMap, rule: RewardGated) -> ConvSynapses:
    """Connect all channels to all, at each position with weights of its own."""
    conv = ConvSynapses(
        source,
        target,
        FORWARD,
        rule=rule,
        kernel_size=1,
        weight_sharing=False,
        namespace={"fan_in": source.shape.channels},
        name=f"to_{target.name}",
    )
    conv.w = "rand()"
    return conv


def _stochastic_units(hidden: FeatureMap) -> list[Any]:
    half = hidden.shape.channels // 2
    return [
        WinnerTakeAll(hidden, "h", "above", k=half + 1),
        WinnerTakeAll(hidden, "h", "below", k=half - 1),
        PerPosition(hidden, MEDIAN, when="groups", name=f"{hidden.name}_median"),
        Assign(hidden, "int(draw < 1/(1 + exp(-centred/T)))", "y"),
    ]


def _choose(output: FeatureMap, rule: RewardGated, names: dict[str, Any]) -> list[Any]:
    outcome = PerPosition(
        output,
        f"{CHOICE}\n{rule.post_samples}",
        when="groups",
        namespace={**names, **rule.parameters},
        name="outcome",
    )
    return [
        outcome,
        WinnerTakeAll(output, "h/T - log(-log(draw))", "y"),
        WinnerTakeAll(output, "h - 1000*y", "runner_up"),
    ]
