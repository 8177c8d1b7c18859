"""Resonators, the three rules, and the neuron that they act on, as equations."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from brian2 import BrianObject, Quantity, linked_var

from hebbsim import ConvSynapses, FeatureMap

__all__ = [
    "BANK",
    "LEARN",
    "LEARNING",
    "NEURON",
    "RESONATOR",
    "TEACHERS",
    "Circuit",
    "resonator",
    "teacher",
]

#: A damped oscillator, whose response to an impulse is h(t) = exp(-damping*t) sin(turning*t), as
#: in all three papers; ``gain`` says in which units. Brian2 solves it exactly from step to step.
RESONATOR = """
dp/dt = -damping*p - turning*q : 1
dq/dt = -damping*q + turning*p : 1
damping : Hz (constant)                                     # pi f/Q
turning : Hz (constant)                                     # sqrt((2 pi f)**2 - damping**2)
gain : 1 (constant)
"""

#: A predictor's filtered signal u_j; the same signal x1 of a robot reaches all of its resonators
BANK = (
    RESONATOR
    + """
u = gain*q : 1
x1 : 1 (linked)
cleared : 1 (linked)
"""
)
#: The neuron: the reflex's resonator, and v = rho_0 u_0 + sum_j rho_j u_j
NEURON = (
    RESONATOR
    + """
u0 = gain*q : 1
predicted : 1                                               # sum_j rho_j u_j
v = reflex*u0 + predicted : 1
u0_before : 1
v_before : 1
slope_u0 = (u0 - u0_before)/dt : Hz                         # u_0'
slope_v = (v - v_before)/dt : Hz                            # v'
"""
)

#: In each step an impulse of the input's size; food that is eaten clears the filters
INPUT = "p = p*(1 - cleared) + {}; q = q*(1 - cleared)"

#: What multiplies u_j in each rule. r(t), the third factor, is the world's
TEACHERS = {
    "ISO": "slope_v",  # Porr and Wörgötter 2003
    "ICO": "slope_u0",  # Porr and Wörgötter 2006
    "ISO3": "r*slope_v",  # Porr and Wörgötter 2007
}

#: rho_j' = mu u_j times the teacher; the change of a step is the mean of the correlations at its
#: two ends, as in the author's icolearning.cpp
LEARNING = """
rho : 1
mu : 1 (constant)
predicted_post = rho*u_pre : 1 (summed)
correlation = u_pre*teacher_post : Hz (summed)
correlation_before : Hz
"""
LEARN = """
rho += mu*(correlation + correlation_before)/2*dt
correlation_before = correlation
"""


def resonator(
    f: Quantity | np.ndarray, quality: float, dt: Quantity, *, gain: str
) -> dict[str, np.ndarray]:
    """
    Return the constants of resonators.

    Parameters
    ----------
    f : Quantity
        Frequencies.
    quality : float
        Q, above 0.5.
    dt : Quantity
        The step.
    gain : {'published', 'unity'}
        That of the author's code, whose impulse response is
        ``exp(-damping*(n - 1)*dt)*sin(n*turning*dt)/sin(turning*dt)`` after n steps; or the one
        that passes a constant input on as it is.

    Returns
    -------
    dict of str to array
        ``damping``, ``turning`` (both with units) and ``gain``.
    """
    damping = np.pi * f / quality
    turning = np.sqrt((2 * np.pi * f) ** 2 - damping**2)
    decay, angle = np.exp(-damping * dt), turning * dt
    if gain == "published":
        factor = 1 / (decay * np.sin(angle))
    else:
        factor = (1 - 2 * decay * np.cos(angle) + decay**2) / (decay * np.sin(angle))
    return {"damping": damping, "turning": turning, "gain": np.asarray(factor)}


def teacher(rules: Sequence[str]) -> str:
    """Write the teacher's equation, for neurons of which ``rule`` says whose rule they have."""
    if len(rules) == 1:
        return f"teacher = {TEACHERS[rules[0]]} : Hz"
    terms = " + ".join(f"int(rule == {n})*{TEACHERS[name]}" for n, name in enumerate(rules))
    return f"teacher = {terms} : Hz\nrule : integer (constant)"


class Circuit:
    """
    Connect resonators to neurons that learn, many side by side.

    Each position of the maps is a controller: a bank, a neuron, and weights of its own. A team of
    robots (the samples of a batch) shares it: each robot has its own filters, and what all of them
    experience is summed into the same weights.

    Parameters
    ----------
    rules : sequence of str
        Rule of each controller, a name of `TEACHERS`.
    inputs : str
        Equations of each robot: ``x0``, ``x1``, ``cleared`` and for ISO3 ``r``, and what they need.
    reflex : resonator
        What `resonator` returned for the reflex.
    predictors : resonator
        For the bank.
    rho_0 : float
        Weight of the reflex.
    dt : Quantity
        The step.
    team : int
        Robots that share a controller.
    namespace : mapping
        Constants of `inputs`.
    """

    def __init__(
        self,
        rules: Sequence[str],
        inputs: str,
        reflex: Mapping[str, np.ndarray],
        predictors: Mapping[str, np.ndarray],
        *,
        rho_0: float,
        dt: Quantity,
        team: int = 1,
        namespace: Mapping[str, Any] | None = None,
    ) -> None:
        names = sorted(set(rules))
        size, n = len(predictors["gain"]), len(rules)
        constants = {**(namespace or {}), "reflex": rho_0}
        self.neurons = FeatureMap(
            (1, 1, n),
            "\n".join([NEURON, teacher(names), inputs]),
            batch_size=team,
            method="exact",
            namespace=constants,
            dt=dt,
        )
        self.bank = FeatureMap(
            (size, 1, n), BANK, batch_size=team, method="exact", namespace=constants, dt=dt
        )
        owner = np.arange(team * n * size) // size
        for name in ("x1", "cleared"):
            setattr(self.bank, name, linked_var(self.neurons, name, index=owner))
        self.synapses = ConvSynapses(
            self.bank,
            self.neurons,
            LEARNING,
            update=LEARN,
            kernel_size=1,
            weight_sharing=False,
            weight="rho",
            dt=dt,
        )
        # v(t) and its slope are of this step's u(t), as in the author's code
        self.synapses.sums["predicted_post"].order = 1
        for name, value in reflex.items():
            setattr(self.neurons, name, value)
        for name, value in predictors.items():
            self.bank.set_maps(name, value[:, None, None] * np.ones((1, 1, n)))
        if len(names) > 1:
            self.neurons.rule = np.tile([names.index(rule) for rule in rules], team)
        after_the_world = {"dt": dt, "when": "start", "order": 1}
        self.bank.run_regularly(INPUT.format("x1"), **after_the_world)
        self.neurons.run_regularly(INPUT.format("x0"), **after_the_world)
        self.neurons.run_regularly("u0_before = u0; v_before = v", dt=dt, when="after_end")

    def set_kernels(self, name: str, values: np.ndarray | float) -> None:
        """Set weights or rates of each controller, ``(controllers, resonators)`` or a column."""
        shape = np.shape(self.synapses.get_kernel(name))  # (1, controllers, 1, resonators, 1, 1)
        full = np.broadcast_to(values, (shape[1], shape[3]))
        self.synapses.set_kernel(name, full.reshape(shape))

    @property
    def objects(self) -> tuple[BrianObject, ...]:
        """All that a network must hold of it."""
        return self.neurons, self.bank, self.synapses
