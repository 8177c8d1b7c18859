"""Every number of the model, with its unit and its source."""

from dataclasses import dataclass, replace
from typing import ClassVar

from brian2 import Hz, Quantity, ms, mV, nA, nS, pF, second

from hebbsim.experiments.settings import SavedSettings

__all__ = ["FULL", "QUICK", "Settings"]


@dataclass(frozen=True)
class Settings(SavedSettings):
    """
    Hold what the full size and the quick one differ in.

    Parameters
    ----------
    data_root : str, optional
        Its folder ``natural`` holds the images; by default images of dead leaves are made.
    leaves, leaf_size : int
        Number of images of dead leaves, and pixels along each side.
    n_patches : int
        That are learned from.
    neurons : int
        Of each nonlinearity, in the rate model.
    steps, batch_size : int
        Of learning in the rate model, and patches in each.
    spiking_neurons, spiking_patches : int
        Neurons of each rule in the spiking model, and patches that they see.
    spiking_rate : float
        Their learning rate at the start.
    spiking_rules : tuple of str
        Names of `models.brito_gerstner2016.spiking.RULES`.
    at_once : int
        Patches that are shown side by side there.
    measured_for, measured_copies : Quantity, int
        How long, and on how many copies of each neuron, curves are measured.
    dt : Quantity
        Time step of the spiking model.
    filters, filter_steps : int
        Of the convolution with competition.
    n_pairs, other_steps : int
        Of pairs of patches of both eyes, as of responses of complex cells; steps of learning.
    """

    #: Other images give other numbers
    SAME_NUMBERS: ClassVar[tuple[str, ...]] = ()

    measured_for: Quantity
    dt: Quantity
    data_root: str | None = None
    leaves: int = 40
    leaf_size: int = 160
    n_patches: int = 100_000
    neurons: int = 8
    steps: int = 2500
    batch_size: int = 500
    spiking_neurons: int = 9
    spiking_patches: int = 18_000
    spiking_rate: float = 0.02
    spiking_rules: tuple[str, ...] = (
        "homeostatic",
        "with membrane",
        "fixed threshold",
        "sign flipped",
    )
    at_once: int = 40
    measured_copies: int = 100
    filters: int = 32
    filter_steps: int = 1000
    n_pairs: int = 60_000
    other_steps: int = 1500


FULL = Settings(measured_for=15 * second, dt=1 * ms)
QUICK = replace(
    FULL,
    leaves=12,
    n_patches=40_000,
    neurons=4,
    steps=800,
    measured_for=8 * second,
    dt=2 * ms,
    spiking_neurons=6,
    spiking_patches=12_000,
    spiking_rate=0.04,
    spiking_rules=("homeostatic", "sign flipped"),
    filters=16,
    filter_steps=800,
    n_pairs=10_000,
    other_steps=400,
)

# The images (sizes from memory or, where they are marked so, ours)
#: Of Olshausen and Field's filter, in cycles a pixel
F0 = 0.4
#: Pixels that the filter may have taken from the other side of an image (ours)
BORDER = 8
#: Pixels along each side of a patch, and directions along which it is seen (ours)
PATCH, COMPONENTS = 12, 40

#: A filter is a Gabor function if one explains so much of its power
IS_GABOR = 0.6

# The spiking model
#: Slope and threshold of the f-I curve
GAIN, CURRENT_THRESHOLD = 143 * Hz / nA, 0.08 * nA
#: Of an input one standard deviation from its mean (ours, as all that follows)
RATE_OF_INPUT = 40 * Hz
TAU_CURRENT = 20 * ms
#: Of a spike through a weight of 1: the current of a neuron that has learned has a standard
#: deviation of some 0.35 nA over patches
CHARGE = 8 * nA * ms
SHOWN_FOR = 200 * ms
TARGET_RATE, TAU_RATE = 15 * Hz, 3 * second
#: Of the membrane (of the order of Mensi et al. 2012 and Pozzorini et al. 2015, from memory)
CAPACITANCE, LEAK = 50 * pF, 7 * nS
V_REST, V_RESET, V_THRESHOLD = -70 * mV, -52 * mV, -50 * mV
SHARPNESS, RATE_AT_THRESHOLD, REFRACTORY = 1 * mV, 10 * Hz, 2 * ms
#: Adaptation: what a spike takes away sets the slope of the f-I curve
TAU_ADAPTATION, CHARGE_OF_ADAPTATION = 20 * ms, 6.4 * nA * ms
#: Currents at which the neuron is measured, in nA, and intensity of its inputs meanwhile
CURRENTS, INTENSITY = (0.1, 0.2, 0.3, 0.37, 0.45, 0.6, 0.75, 0.9, 1.05), 0.4

# The convolution with competition (all ours)
#: Crops in a step, pixels along their sides, and learning rate at the start
CROPS_A_STEP, CROP, FILTER_RATE = 20, 28, 0.5
#: Below it, in cycles a pixel, a filter has no orientation
LOWEST_FREQUENCY = 0.05
#: Directions of the responses of complex cells
COMPONENTS_OF_COMPLEX_CELLS = 60
