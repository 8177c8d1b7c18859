"""What a run is asked to do, and every number of the network with its source.

"Authors' code" is IGITUGraz/structured_information_representation at deb1bc5; its files are named.
"""

from dataclasses import dataclass, replace

from brian2 import Hz, Quantity, ms, mV, nA, pF, second

from hebbsim.experiments.settings import SavedSettings

__all__ = ["FULL", "PROJECTIONS", "QUICK", "Projection", "Settings"]


@dataclass(frozen=True)
class Settings(SavedSettings):
    """
    Hold the sizes of the network and of the protocol.

    Parameters
    ----------
    n_excitatory, n_inhibitory : int
        Neurons of each space. The authors' neural spaces have 2000 and 500.
    n_presentations : int
        Of patterns while the content space is trained; the authors' 200 are in random order, these
        show each pattern equally often.
    n_recalls, n_copies : int
        How often a content is loaded and recalled, or copied to the other neural space.
    n_comparisons : int
        Of the contents of two spaces; in half of them they are the same.
    delay : Quantity
        Between loading and recalling (``variable_binding.py``: 5000 ms).
    noise : tuple of float
        Standard deviations of the factors on the parameters of the neural space.
    noise_recalls : int
        Recalls for each of these.
    noise_delay : Quantity
        Between loading and recalling there.
    """

    n_excitatory: int
    n_inhibitory: int
    n_presentations: int
    n_recalls: int
    n_copies: int
    n_comparisons: int
    delay: Quantity
    noise: tuple[float, ...]
    noise_recalls: int
    noise_delay: Quantity


#: Neural spaces have 1000 excitatory cells, as the content space has
FULL = Settings(
    n_excitatory=1000,
    n_inhibitory=250,
    n_presentations=75,
    n_recalls=10,
    n_copies=10,
    n_comparisons=20,
    delay=5 * second,
    noise=(0.1, 0.3, 0.5),
    noise_recalls=5,
    noise_delay=1 * second,
)
#: The same network with a shorter protocol
QUICK = replace(
    FULL,
    n_presentations=50,
    n_recalls=5,
    n_copies=3,
    n_comparisons=6,
    delay=1 * second,
    noise=(0.1,),
    noise_recalls=2,
)

# Input, ``inpop.py`` and ``final_config.json``
N_PATTERNS = 5
PATTERN_CELLS = 25
N_INPUTS = 200
RATE_ON = 100 * Hz
RATE_OFF = 0.1 * Hz
#: Where no pattern is shown all cells have the mean rate
RATE_CLEAR = RATE_OFF + (RATE_ON - RATE_OFF) * PATTERN_CELLS / N_INPUTS

# Neurons, ``neuron_parameters.py``; u is 100 times the authors' membrane potential in mV
DT = 1 * ms  # the authors' 0.1 ms
TAU_M = 10 * ms
#: (2*mu - 1)/(2*variance*gamma) of Jonke et al. 2017 with mu = 1, variance = 5, gamma = 1
BIAS = 0.1
SILENCE = 2.0  # step current of -2 pA
RATE_E = 1000 * Hz
RATE_I = 10 * Hz
#: What a spike adds to u, for each unit of the weight: 3e-4 mV
PSP = 0.03
DEAD_TIME = 3.5 * ms  # mean of a gamma distribution of shape 4
TAU_EXCITABILITY = 5 * second
EXCITABILITY_GAIN = 0.02  # 0.0002 mV
EXCITABILITY_MAX = 0.5  # 0.005 mV

# Connections, ``swta.py`` and ``neural_space.py``
#: Probability that two cells are connected
P = {
    "X_to_C": 1,
    "C_to_C": 0.1,
    "N_to_N": 0.1,
    "C_to_N": 0.1,
    "N_to_C": 0.1,
    "EI": 0.575,
    "IE": 0.6,
    "II": 0.55,
    "readout": 0.1,
}
W_EI = 10 / P["EI"]
W_IE = -1 / (5 * P["IE"])
W_II = -10 / P["IE"]  # the authors' code divides by the probability of IE too

# Read-out of COMPARE, ``variable_binding.py``; its synapses are those of Gupta et al. 2000
N_READOUT = 50
E_L = -60 * mV
V_THRESHOLD = -20 * mV
TAU_READOUT = 20 * ms
C_READOUT = 500 * pF
TAU_PSC = 3 * ms
DEAD_TIME_READOUT = 5 * ms
READOUT_WEIGHT = 10 * nA  # chosen here: at the authors' 50, in pA, no cell fires
USE = 0.25
TAU_DEPRESSION = 0.706 * second
TAU_FACILITATION = 0.021 * second


@dataclass(frozen=True)
class Projection:
    """
    Hold the numbers of plastic synapses, ``final_config.json`` and ``main_train_content_space.py``.

    Parameters
    ----------
    eta : float
        Learning rate.
    cost : float
        What each spike takes from the weight, relative to what a pair adds (authors' ``A_minus``).
    tau_plus, tau_minus : Quantity
        Time constants of the traces of presynaptic and postsynaptic spikes.
    low, high : float
        Between which weights begin.
    w_max : float
        Above it no weight grows.
    """

    eta: float
    cost: float
    tau_plus: Quantity
    tau_minus: Quantity
    low: float
    high: float
    w_max: float


#: By the names of the synapses: X input, C content space, N neural space
PROJECTIONS = {
    "X_to_C": Projection(0.01, 0.4, 25 * ms, 25 * ms, 0, 0.8, 0.8),
    "C_to_C": Projection(0.0025, 0.5, 25 * ms, 25 * ms, 0, 0.01, 0.6),
    "N_to_N": Projection(0.0054135, 0.51823, 33.106 * ms, 45.423 * ms, 0.42055, 0.91010, 1.04061),
    "C_to_N": Projection(0.00312222, 0.28320, 19.616 * ms, 25 * ms, 0.48377, 0.85674, 1.24902),
    "N_to_C": Projection(0.00605105, 0.44844, 28.353 * ms, 25 * ms, 0.19214, 0.38446, 0.86900),
}
