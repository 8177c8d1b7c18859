"""Every number of the model, with its unit and its source."""

from dataclasses import dataclass, replace

from brian2 import Hz, Quantity, mmolar, ms, mV, nS, pA, pF

from hebbsim.experiments.settings import SavedSettings

__all__ = [
    "EXTRASYNAPTIC_DELAY",
    "FULL",
    "LAYER",
    "QUICK",
    "SPIKE",
    "Settings",
    "peak_factor",
]


def peak_factor(rise: Quantity, decay: Quantity) -> float:
    """Return the factor that brings exp(-t/decay) - exp(-t/rise) to a peak of 1."""
    ratio = float(decay / rise)
    return float(1 / (ratio ** (-1 / (ratio - 1)) - ratio ** (-ratio / (ratio - 1))))


#: The two compartments. The block by magnesium is published, all else reconstructed here, so that
#: threshold, plateau and duration become those of the recordings
SPIKE = {
    "C_d": 25 * pF,
    "g_Ld": 1 * nS,
    "g_c": 2 * nS,  # between branch and soma
    "C_s": 200 * pF,
    "g_Ls": 10 * nS,
    "E_L": -70 * mV,
    "E_K": -80 * mV,
    "E_syn": 0 * mV,
    # what an input of weight 1 opens: AMPA, synaptic NMDA and extrasynaptic NMDA receptors
    "g_A": 0.15 * nS,
    "tau_A": 2 * ms,
    "g_N": 1.2 * nS,
    "tau_N_rise": 3 * ms,
    "tau_N": 60 * ms,
    "peak_N": peak_factor(3 * ms, 60 * ms),
    "g_X": 0.1 * nS,
    "tau_X_rise": 5 * ms,
    "tau_X": 250 * ms,
    "peak_X": peak_factor(5 * ms, 250 * ms),
    "nmda": 1.0,  # 0: all NMDA receptors are blocked
    # block by magnesium: Jahr and Stevens 1990, J Neurosci 10:3178
    "Mg": 1 * mmolar,
    "K_Mg": 3.57 * mmolar,
    "V_Mg": mV / 0.062,
    # dendritic potassium: sets the ceiling of the plateau
    "g_K": 12 * nS,
    "V_m": -22 * mV,
    "k_m": 4 * mV,
    "tau_m": 2 * ms,
}
#: Glutamate reaches extrasynaptic receptors so much later (Antic lab's code, ModelDB 249705)
EXTRASYNAPTIC_DELAY = 5 * ms
#: Volleys onto a single branch: the first one, and the interval in a train (50 Hz)
VOLLEY, TRAIN_INTERVAL = 50 * ms, 20 * ms

#: What the layer has beside: reconstructed here, chosen on seeds from 100 on
LAYER = {
    "V_plateau": -45 * mV,  # a branch above it has a plateau
    "g_inhibition": 10 * nS,  # of each branch with a plateau onto the others of its neuron
    # spillover needs many neighbours at once: as in Front Cell Neurosci 2023, 17:1196182
    "tau_glutamate": 10 * ms,
    "uptake": 6.0,  # standard inputs that transporters can take up
    "tau_bind": 1 * ms,
    "g_spilled": 20 * nS,
    "tau_spilled": 667 * ms,  # unbinding outside of synapses (Antic lab's code, ModelDB 249705)
    # the somatic potential fluctuates
    "sigma": 0.3 * mV,
    "tau_noise": 20 * ms,
    "teacher": 40 * pA,  # into each branch of the neurons that shall learn a pair
}
#: The rule: trace of an axon's spikes, what inactive ones lose, and how long synapses are eligible
TAU_X, X_0, TAU_E = 20 * ms, 0.1, 50 * ms
#: Axons fire once for an active item, at that time and with that jitter, and at random besides
VOLLEY_AT, JITTER, BACKGROUND = 20 * ms, 2 * ms, 1 * Hz
#: After the volley the input is gone
INPUT_ENDS = 30 * ms
#: Weights at first
FIRST_WEIGHTS = (0.0, 0.6)


@dataclass(frozen=True)
class Settings(SavedSettings):
    """
    Hold what a run is asked to do; all of it is reconstructed here.

    Parameters
    ----------
    dt, task_dt : Quantity
        Time steps, of Euler's method, for single branches and in the task.
    learning_trial : Quantity
        Duration of a trial in which the layer learns.
    largest_input : int
        Inputs onto one branch: 1 to this number.
    n_items : int
        Items of each of two kinds; as many symbols and, of each symbol, pairs.
    axons : int
        Of each item.
    fires : float
        Probability that an axon of an active item fires.
    n_branches : int
        Of a neuron of the layer.
    neurons : int
        Of each symbol.
    gain : float
        Standard inputs of a synapse of weight 1.
    rate : float
        Learning rate, per second of plateau.
    point_gains, point_rates : tuple of float
        Among which the point neuron has its best, relative to the layer's.
    n_learning, n_choice, n_test : int
        Trials to learn from, to choose thresholds and the point neuron's settings on, and to test.
    delays : tuple of int
        At which it is read out after the input, in ms.
    """

    dt: Quantity
    task_dt: Quantity
    learning_trial: Quantity
    largest_input: int = 60
    n_items: int = 2
    axons: int = 20
    fires: float = 0.9
    n_branches: int = 4
    neurons: int = 2
    gain: float = 0.33
    rate: float = 30.0
    point_gains: tuple[float, ...] = (0.1, 0.2, 0.3, 0.45, 0.7, 1.0)
    point_rates: tuple[float, ...] = (0.3, 1.0)
    n_learning: int = 40
    n_choice: int = 48
    n_test: int = 100
    delays: tuple[int, ...] = (0, 50, 100, 200, 300, 400, 500)


FULL = Settings(dt=0.05 * ms, task_dt=0.1 * ms, learning_trial=150 * ms)
QUICK = replace(FULL, dt=0.1 * ms, n_choice=24, n_test=40, delays=(0, 50, 100, 200, 300))
