"""
The dendritic NMDA spike as a local state: Antic et al. 2010, J Neurosci Res 88:2991.

Run it with ``python -m models.nmda_spike``; ``--help`` lists the options. In code::

    from models.nmda_spike import BRANCH, SPIKE, TWO_COMPARTMENTS, dendritic_layer, glutamate

The paper is a review, and was not at hand. Amplitude and duration of its NMDA spikes are from
memory; what it reviews was read in abstracts: Schiller et al. 2000 (Nature 404:285), Major et al.
2008 (J Neurophysiol 99:2584), Oikonomou et al. 2012 (Front Neural Circuits 6:60), Gao et al. 2021
(J Neurophysiol 125:23). The block by magnesium is that of Jahr and Stevens 1990.

Replicated: threshold in the number of coactive inputs, plateau, a duration that grows with
glutamate, block by magnesium, the depolarisation of the soma. The two compartments, the layer, its
rule and its task are reconstructed here. Not replicated: cable properties of dendrites, where on a
branch inputs lie, sodium and calcium spikes, axonal spikes.
"""

from models.nmda_spike.experiment import run
from models.nmda_spike.layer import dendritic_layer, plateau_rule
from models.nmda_spike.model import BRANCH, SOMA, SPILLS_AFTER, TWO_COMPARTMENTS, glutamate
from models.nmda_spike.settings import FULL, QUICK, SPIKE, Settings

__all__ = [
    "BRANCH",
    "FULL",
    "QUICK",
    "SOMA",
    "SPIKE",
    "SPILLS_AFTER",
    "TWO_COMPARTMENTS",
    "Settings",
    "dendritic_layer",
    "glutamate",
    "plateau_rule",
    "run",
]
