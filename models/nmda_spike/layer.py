"""
A layer of neurons with several branches, whose plateaus gate what their synapses learn.

Branches are a feature map, channel ``neuron*n_branches + branch``, and somata another one. A
branch with a plateau inhibits the others of its neuron, and its synapses learn from what their
axons did shortly before. Reconstructed here: the review gives no equations.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from brian2 import BrianObject, Group, Quantity

from hebbsim import ConvSynapses, FeatureMap
from hebbsim.rules import RewardGated, Rule
from models.nmda_spike.model import BRANCH, SOMA, SPILLS_AFTER, glutamate

__all__ = ["DendriticLayer", "dendritic_layer", "plateau_rule"]

#: A branch of the layer: also a plateau as a state, glutamate that spills over where more inputs
#: are active at once than transporters take up, inhibition, and a teacher's current
LAYER_BRANCH = f"""{BRANCH}
plateau = int(V_d > V_plateau) : 1
dglutamate/dt = -glutamate/tau_glutamate : 1
dspilled/dt = (1 - spilled)*clip(glutamate - uptake, 0, inf)/tau_bind - spilled/tau_spilled : 1
I_spilled = nmda*unblocked*g_spilled*spilled*(E_syn - V_d) : amp
I_d = I_spilled + g_I*(E_L - V_d) + teacher*teaching(t, i) : amp
g_I : siemens
V_s : volt
gain : 1
rate : 1
"""

LAYER_SOMA = f"""{SOMA}
I_s = g_Ls*noise : amp
dnoise/dt = -noise/tau_noise + sigma*sqrt(2/tau_noise)*xi : volt
I_dendrites : amp
"""

#: Everything that a branch remembers of the trial before
REST = """
V_d = E_L
m = 0
s_A = 0
N_decay = 0
N_rise = 0
X_decay = 0
X_rise = 0
glutamate = 0
spilled = 0
"""


def plateau_rule(tau_x: Quantity, x_0: float, tau_e: Quantity) -> RewardGated:
    """
    Return the rule: a plateau moves weights towards the axons that were active before it.

    ``x`` follows the spikes of an axon; what exceeds `x_0` makes its synapses eligible to grow, and
    what lacks to shrink. Each branch's plateau says which synapses change.
    """
    presynaptic = Rule(
        1,
        equations="dw = x_pre - x_0 : 1 (summed)",
        update="w += eta*dw*dt/tau_e",
        pre_model="dx/dt = -x/tau_x : 1",
        pre_reset="x += 1",
        constants={"tau_x": tau_x, "x_0": x_0},
    )
    rule = presynaptic.hard_bounded(0, 1)
    return RewardGated(rule, tau_e=tau_e, reward="rate_post*plateau_post")


@dataclass(frozen=True)
class DendriticLayer:
    """
    Hold a layer's Brian2 objects.

    Parameters
    ----------
    branches, somata : FeatureMap
        ``(neurons*branches, 1, 1)`` and ``(neurons, 1, 1)``.
    synapses : ConvSynapses
        From every axon to every branch; kernel ``w``, 0 to 1.
    coupling : sequence of ConvSynapses
        Between a neuron's branches and its soma, and among its branches.
    """

    branches: FeatureMap
    somata: FeatureMap
    synapses: ConvSynapses
    coupling: tuple[ConvSynapses, ...]

    def __iter__(self) -> Iterator[BrianObject]:
        return iter((self.branches, self.somata, self.synapses, *self.coupling))

    def rest_every(self, duration: Quantity) -> None:
        """Put the neurons to rest at the start of each trial, as if trials were far apart."""
        self.branches.run_regularly(REST, dt=duration, when="before_start")
        self.somata.run_regularly("V_s = E_L", dt=duration, when="before_start")


def dendritic_layer(
    axons: Group,
    n_axons: int,
    n_neurons: int,
    n_branches: int,
    namespace: dict[str, Any],
    *,
    rule: Rule | None = None,
    batch_size: int = 1,
) -> DendriticLayer:
    """
    Make neurons whose branches each have a synapse from every axon.

    Parameters
    ----------
    axons : Group
        What spikes: ``batch_size*n_axons`` neurons, sample by sample.
    n_axons, n_neurons, n_branches : int
        Sizes; a neuron of one branch has all synapses in one place, as a point neuron has.
    namespace : dict
        Values of the names in the equations.
    rule : Rule, optional
        How weights learn; by default they don't.
    batch_size : int
        Trials side by side.
    """
    n_all = n_neurons * n_branches
    made: dict[str, Any] = {"method": "euler", "namespace": namespace, "batch_size": batch_size}
    # names of their own: the compiled loops are then the same in every network
    branches = FeatureMap((n_all, 1, 1), LAYER_BRANCH, name="branches", **made)
    somata = FeatureMap((n_neurons, 1, 1), LAYER_SOMA, name="somata", **made)
    branches.V_d = branches.V_s = somata.V_s = namespace["E_L"]
    branches.rate = branches.gain = 1
    synapses = ConvSynapses(
        axons,
        branches,
        "w : 1",
        on_pre=glutamate("gain_post*w") | {"pool": "glutamate_post += gain_post*w"},
        delay=SPILLS_AFTER,
        source_shape=(n_axons, 1, 1),
        kernel_size=1,
        rule=rule,
        namespace=namespace,
        name="inputs",
    )
    joined: dict[str, Any] = {"kernel_size": 1, "groups": n_neurons, "namespace": namespace}
    to_soma = ConvSynapses(
        branches,
        somata,
        "I_dendrites_post = g_c*(V_d_pre - V_s_post) : amp (summed)",
        name="to_soma",
        **joined,
    )
    to_branches = ConvSynapses(
        somata, branches, "V_s_post = V_s_pre : volt (summed)", name="to_branches", **joined
    )
    among = ConvSynapses(
        branches,
        branches,
        "other : 1\ng_I_post = g_inhibition*other*plateau_pre : siemens (summed)",
        name="among_branches",
        **joined,
    )
    among.other = f"int(out_channel % {n_branches} != in_channel)"
    return DendriticLayer(branches, somata, synapses, (to_soma, to_branches, among))
