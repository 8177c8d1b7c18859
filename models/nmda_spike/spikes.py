"""What one branch does: volleys of synchronous inputs onto neurons with different properties."""

from dataclasses import dataclass

import numpy as np
from brian2 import (
    Network,
    NeuronGroup,
    SpikeGeneratorGroup,
    StateMonitor,
    Synapses,
    mmolar,
    ms,
    mV,
)

from models.nmda_spike.model import SPILLS_AFTER, TWO_COMPARTMENTS, glutamate
from models.nmda_spike.settings import SPIKE, TRAIN_INTERVAL, VOLLEY

__all__ = ["Cells", "Responses", "steepest", "stimulate"]

RECORDED_EVERY = 0.5 * ms
DURATION = 600 * ms
#: Peaks count from so long after the volley: what AMPA receptors alone do is over
PEAK_FROM = 10 * ms
#: A branch above it has a plateau
PLATEAU_ABOVE = -50 * mV

#: A neuron that differs from others in rest, magnesium and receptors
CELL = f"""{TWO_COMPARTMENTS}
E_L : volt
Mg : mmolar
nmda : 1
"""


@dataclass(frozen=True)
class Cells:
    """
    Describe neurons, each of them stimulated once; all arrays have one value for each.

    Parameters
    ----------
    inputs : array
        Synchronous inputs onto the branch.
    pulses : array of int
        Volleys, at 50 Hz.
    rest : array
        Resting potential in mV.
    magnesium : array
        In mM.
    nmda : array
        0 where NMDA receptors are blocked.
    """

    inputs: np.ndarray
    pulses: np.ndarray
    rest: np.ndarray
    magnesium: np.ndarray
    nmda: np.ndarray

    @classmethod
    def of(
        cls,
        inputs: np.ndarray | list[float],
        *,
        pulses: float | np.ndarray = 1,
        rest: float = -70,
        magnesium: float = 1,
        nmda: float = 1,
    ) -> "Cells":
        """Make neurons that differ in the number of inputs."""
        n = np.asarray(inputs, dtype=float)
        return cls(n, *(np.broadcast_to(a, n.shape) for a in (pulses, rest, magnesium, nmda)))

    def __add__(self, other: "Cells") -> "Cells":
        return Cells(*(np.concatenate(pair) for pair in zip(self._all, other._all, strict=True)))

    @property
    def _all(self) -> tuple[np.ndarray, ...]:
        return self.inputs, self.pulses, self.rest, self.magnesium, self.nmda


@dataclass(frozen=True)
class Responses:
    """
    Hold potentials in mV over time.

    Parameters
    ----------
    times : array
        In ms after the first volley.
    dendrite, soma : array
        ``(neurons, times)``.
    rest : array
        Of each neuron.
    """

    times: np.ndarray
    dendrite: np.ndarray
    soma: np.ndarray
    rest: np.ndarray

    @property
    def peak(self) -> np.ndarray:
        """Dendritic depolarisation, in mV."""
        late = self.times >= PEAK_FROM / ms
        return self.dendrite[:, late].max(axis=1) - self.rest

    @property
    def somatic(self) -> np.ndarray:
        """Somatic depolarisation, in mV."""
        return self.soma.max(axis=1) - self.rest

    @property
    def duration(self) -> np.ndarray:
        """Time that the branch has a plateau, in ms."""
        above = self.dendrite > PLATEAU_ABOVE / mV
        return above.sum(axis=1) * float(RECORDED_EVERY / ms)

    def of(self, which: slice) -> "Responses":
        """Return those of some neurons."""
        parts = (a[which] for a in (self.dendrite, self.soma, self.rest))
        return Responses(self.times, *parts)


def stimulate(cells: Cells) -> Responses:
    """Give each neuron its volleys, with the time step of ``defaultclock``."""
    n = len(cells.inputs)
    parameters = {k: v for k, v in SPIKE.items() if k not in ("E_L", "Mg", "nmda")}
    neurons = NeuronGroup(n, CELL, namespace=parameters, method="euler", name="cells")
    neurons.E_L = neurons.V_d = neurons.V_s = cells.rest * mV
    neurons.Mg = cells.magnesium * mmolar
    neurons.nmda = cells.nmda
    # one generator for each number of pulses
    kinds, kind = np.unique(cells.pulses, return_inverse=True)
    indices = np.repeat(np.arange(len(kinds)), kinds.astype(int))
    number = np.concatenate([np.arange(int(pulses)) for pulses in kinds])
    axons = SpikeGeneratorGroup(len(kinds), indices, VOLLEY + number * TRAIN_INTERVAL)
    synapses = Synapses(axons, neurons, "w : 1", on_pre=glutamate(), delay=SPILLS_AFTER)
    synapses.connect(i=kind, j=np.arange(n))
    synapses.w = cells.inputs
    monitor = StateMonitor(neurons, ("V_d", "V_s"), record=True, dt=RECORDED_EVERY)
    Network(axons, neurons, synapses, monitor).run(DURATION)
    times = (monitor.t - VOLLEY) / ms
    return Responses(times, monitor.V_d / mV, monitor.V_s / mV, cells.rest)


def steepest(inputs: np.ndarray, peak: np.ndarray) -> tuple[float, float]:
    """
    Find where the peak rises most steeply over the number of inputs.

    Returns
    -------
    number : float
        Of inputs, in the middle of the steepest step.
    ratio : float
        How many times steeper than at the first input; 1 without a threshold.
    """
    rise = np.diff(peak, prepend=0) / np.diff(inputs, prepend=0)
    largest = int(rise.argmax())
    before = inputs[largest - 1] if largest else 0.0
    return float((inputs[largest] + before) / 2), float(rise[largest] / rise[0])
