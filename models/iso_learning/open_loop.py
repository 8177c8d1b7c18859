"""The rules without a world: a pulse that predicts another, until the other stops."""

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from brian2 import Hz, Network, Quantity, StateMonitor, second

from models.common.standalone import standalone
from models.iso_learning.model import Circuit, resonator
from models.iso_learning.settings import Settings

__all__ = ["PROTOCOLS", "Protocol", "growth", "pairing_curve"]

#: Pulses of one step, on x1 and after an interval on x0, which stops at some time
PULSES = """
step = timestep(t, dt) : integer
x1 = int(step % period == pulse) : 1
x0 = int(step % period == pulse + interval)*int(step < pairs_until) : 1
cleared = 0 : 1
interval : integer (constant)
"""
PERIOD, PULSE, INTERVAL = 1000, 500, 25

#: In the bank of ten, the last resonator is the single one: 1 Hz, as the reflex's
FREQUENCY, BANK_SIZE = 1 * Hz, 10


class Protocol(NamedTuple):
    """Name a rule, its rate, and whether the bank learns or its last resonator alone."""

    rule: str
    mu: float
    bank: bool


PROTOCOLS = (
    *(Protocol(rule, mu, False) for rule in ("ICO", "ISO") for mu in (1e-6, 1e-5, 1e-4, 1e-3)),
    *(Protocol("ICO", 1e-4, True), Protocol("ISO", 1e-4, True), Protocol("ISO", 1e-3, True)),
)


def _circuit(
    rules: Sequence[str], frequencies: Quantity, pairs_until: int, quality: float, dt: Quantity
) -> Circuit:
    filters = [resonator(f, quality, dt, gain="published") for f in (FREQUENCY, frequencies)]
    constants = {"period": PERIOD, "pulse": PULSE, "pairs_until": pairs_until}
    return Circuit(rules, PULSES, *filters, rho_0=1, dt=dt, namespace=constants)


def growth(settings: Settings) -> dict[Protocol, np.ndarray]:
    """
    Present pairs of pulses to each of `PROTOCOLS`, then the first pulse alone, in one program.

    Returns
    -------
    dict of Protocol to array
        Weights ``(predictors, times)``, at the beginning and the end of each period.
    """
    s = settings
    return _growth(s.quality, float(s.dt), s.open_steps, s.open_pairs_until)


@cache  # there is no chance in it: the second seed finds it here
def _growth(quality: float, a_step: float, steps: int, until: int) -> dict[Protocol, np.ndarray]:
    frequencies = BANK_SIZE * FREQUENCY / np.arange(1, BANK_SIZE + 1)
    last = np.arange(BANK_SIZE) == BANK_SIZE - 1
    with standalone() as build:
        rules = [p.rule for p in PROTOCOLS]
        circuit = _circuit(rules, frequencies, until, quality, a_step * second)
        circuit.set_kernels("mu", np.array([p.mu * (last | p.bank) for p in PROTOCOLS]))
        circuit.neurons.interval = INTERVAL
        seen = StateMonitor(circuit.synapses, "rho", record=True, dt=PERIOD * a_step * second)
        Network(*circuit.objects, seen).run((steps + 1) * a_step * second)
        build()
        values = seen.rho.reshape(len(PROTOCOLS), BANK_SIZE, -1)
        return dict(zip(PROTOCOLS, np.array(values), strict=True))


def pairing_curve(intervals: np.ndarray, settings: Settings, rate: float = 1e-4) -> np.ndarray:
    """
    Return how one pair changes a weight by ICO learning, in the present mode of Brian2.

    Parameters
    ----------
    intervals : array of int
        Steps from the predictor's pulse to the reflex's.
    settings : Settings
        Of the model.
    rate : float
        Called mu in the rule; the weight is proportional to it.
    """
    circuit = _circuit(
        ["ICO"] * len(intervals), np.array([1]) * FREQUENCY, PERIOD, settings.quality, settings.dt
    )
    circuit.set_kernels("mu", rate)
    circuit.neurons.interval = intervals
    Network(*circuit.objects).run((PERIOD + PULSE) * settings.dt)
    return circuit.synapses.get_kernel("rho").ravel()
