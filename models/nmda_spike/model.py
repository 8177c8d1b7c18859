"""
The dendritic NMDA spike: a branch and a soma, as text for any group of Brian2.

A branch is one compartment with AMPA receptors, synaptic NMDA receptors, extrasynaptic ones that
glutamate reaches later and leaves slowly, and a potassium current that sets the ceiling of the
plateau; the soma is passive. The review has no such model: the equations are reconstructed here,
and only the block by magnesium is published. A neuron with one branch::

    neurons = NeuronGroup(10, TWO_COMPARTMENTS, namespace=SPIKE, method="euler")
    neurons.V_d = neurons.V_s = SPIKE["E_L"]
    synapses = Synapses(inputs, neurons, "w : 1", on_pre=glutamate(), delay=SPILLS_AFTER)

`dendritic_layer` makes neurons with several branches.
"""

from models.nmda_spike.settings import EXTRASYNAPTIC_DELAY

__all__ = ["BRANCH", "SOMA", "SPILLS_AFTER", "TWO_COMPARTMENTS", "glutamate"]

#: One dendritic branch; ``V_s`` is its soma's potential
BRANCH = """
dV_d/dt = (g_Ld*(E_L - V_d) + g_c*(V_s - V_d) + I_syn + I_K + I_d)/C_d : volt
I_syn = (g_A*s_A + nmda*unblocked*(g_N*s_N + g_X*s_X))*(E_syn - V_d) : amp
unblocked = 1/(1 + Mg/K_Mg*exp(-V_d/V_Mg)) : 1
I_K = g_K*m*(E_K - V_d) : amp
dm/dt = (1/(1 + exp((V_m - V_d)/k_m)) - m)/tau_m : 1
s_N = peak_N*(N_decay - N_rise) : 1
s_X = peak_X*(X_decay - X_rise) : 1
ds_A/dt = -s_A/tau_A : 1
dN_decay/dt = -N_decay/tau_N : 1
dN_rise/dt = -N_rise/tau_N_rise : 1
dX_decay/dt = -X_decay/tau_X : 1
dX_rise/dt = -X_rise/tau_X_rise : 1
"""

#: The soma; ``I_dendrites`` flows into it from its branches
SOMA = """
dV_s/dt = (g_Ls*(E_L - V_s) + I_dendrites + I_s)/C_s : volt
"""

#: A soma with one branch; ``I_d`` and ``I_s`` are injected
TWO_COMPARTMENTS = f"""{BRANCH}{SOMA}
I_dendrites = g_c*(V_d - V_s) : amp
I_d : amp
I_s : amp
"""

#: The second pathway of `glutamate` is late
SPILLS_AFTER = {"extrasynaptic": EXTRASYNAPTIC_DELAY}


def glutamate(inputs: str = "w") -> dict[str, str]:
    """Return what a spike releases, for ``on_pre``.

    Parameters
    ----------
    inputs : str
        An expression for how many standard inputs a connection counts as.
    """
    return {
        "synaptic": f"s_A_post += {inputs}\nN_decay_post += {inputs}\nN_rise_post += {inputs}",
        "extrasynaptic": f"X_decay_post += {inputs}\nX_rise_post += {inputs}",
    }
