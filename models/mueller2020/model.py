r"""
The network: a content space C and two neural spaces V and U, all as Brian2 equations.

Each space is a stochastic winner-take-all circuit of excitatory and inhibitory cells (Jonke et al.
2017, J Neurosci 37:8511). With ``(x)+ = max(x, 0)``, and a space's switch ``disinhibited(t)``::

    du/dt = (-u + bias - 2*(1 - disinhibited))/tau_m      bias is 0 in inhibitory cells
    rate  = 1000 Hz*(exp(u + min(excitability, 0.5)) - 1)+     excitatory
    rate  = 10 Hz*(u)+                                         inhibitory
    spikes come with probability 1 - exp(-rate*dt), never within a random dead time after the last
    a spike sets u to 0, and raises excitability by 0.02 in neural spaces; that decays in 5 s
    u    += 0.03*w                                        when a spike arrives

Plastic synapses, ``K_plus`` and ``K_minus`` being traces of presynaptic and postsynaptic spikes::

    postsynaptic spike   w += eta*(K_plus - cost)
    presynaptic spike    w -= eta*cost                    inputs, and between spaces
                         w += eta*(K_minus - cost)        within a space

``w`` stays in [0, w_max]. Synapses learn while both their spaces are disinhibited, those of the
content space while it is trained alone. A postsynaptic spike takes a step to the synapse, as a
presynaptic one takes a step to the neuron (the authors' delays are dendritic). As all delays are
the same here, traces belong to the cells, which is faster than to keep them at synapses; a spike
changes them when all that it meets in its step is done.
All formulas are those of the authors' neuron and synapse models (``pp_psc_delta_mod.cpp``,
``stdp_connection_sem.h``).
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from brian2 import (
    Hz,
    Network,
    NeuronGroup,
    SpikeMonitor,
    StateMonitor,
    Subgroup,
    Synapses,
    TimedArray,
    defaultclock,
    device,
    ms,
)

from hebbsim import rules
from models.common.program import Built
from models.mueller2020 import settings as s
from models.mueller2020.protocol import BIN, MOST_BINS, SPACES

__all__ = ["BETWEEN", "TRACED", "WITHIN", "add_traces", "build", "values_of"]

#: A synapse between spaces learns while both are disinhibited
BOTH = "disinhibited(t, space_pre)*disinhibited(t, space_post)"

#: Between spaces, and from the input: every spike has a cost, and what came before is rewarded
BETWEEN = rules.Rule(
    equations="""w : 1
    cost : 1 (shared, constant)
    w_max : 1 (shared, constant)
    low : 1 (shared, constant)
    high : 1 (shared, constant)""",
    on_pre="w = clip(w - eta*learns*cost, 0, w_max)",
    on_post="w = clip(w + eta*learns*(r_out_pre - cost), 0, w_max)",
    pre_model="dr_out/dt = -r_out/tau_out : 1",
    pre_reset="r_out += 1",
    update="",
    reference="Mueller et al. 2020, eNeuro 7(3), stdp_connection_sem.h with alpha = 0",
)
#: Within a space: the order of the two spikes doesn't matter
WITHIN = replace(
    BETWEEN,
    on_pre="w = clip(w + eta*learns*(o_own_post - cost), 0, w_max)",
    on_post="w = clip(w + eta*learns*(r_own_pre - cost), 0, w_max)",
    pre_model="dr_own/dt = -r_own/tau_own : 1",
    pre_reset="r_own += 1",
    post_model="do_own/dt = -o_own/tau_minus : 1",
    post_reset="o_own += 1",
    reference="Mueller et al. 2020, eNeuro 7(3), stdp_connection_sem.h with alpha = -1",
)

INPUT = f"""
{BETWEEN.pre_model}
tau_out : second (shared, constant)
rate = input_rate(t, pattern) : Hz
pattern : integer (constant)  # the last one is of cells that no pattern has
"""
EXCITATORY = f"""
{WITHIN.pre_model}
{WITHIN.post_model}
{BETWEEN.pre_model}
tau_own : second (constant)
tau_minus : second (constant)
tau_out : second (constant)
du/dt = (-u + BIAS - SILENCE*(1 - disinhibited(t, space)))/TAU_M : 1
dexcitability/dt = -excitability/TAU_EXCITABILITY : 1
rate = RATE_E*clip(exp(u + clip(excitability, 0, EXCITABILITY_MAX)) - 1, 0, inf) : Hz
gain : 1 (shared, constant)  # of excitability at a spike
dead_time : second
space : integer (constant)
"""
INHIBITORY = """
du/dt = (-u - SILENCE*(1 - disinhibited(t, space)))/TAU_M : 1
rate = RATE_I*clip(u, 0, inf) : Hz
dead_time : second
space : integer (constant)
"""
SPIKES = "rand() < 1 - exp(-rate*dt)"
#: A spike as traces see it: once all synapses have had it
TRACED = {"traced": "lastspike == t"}
#: A gamma distribution of shape 4 is the sum of four exponential ones; half a step is rounded up
RESET = """
u = 0
product = 1 - rand()
product *= 1 - rand()
product *= 1 - rand()
product *= 1 - rand()
dead_time = 0.5*dt - DEAD_TIME/4*log(product)
"""
ADAPTS = "excitability += gain*int(space > 0)"

#: Depression and facilitation of Tsodyks and Markram; the numbers are those of Gupta et al. 2000
READOUT_SYNAPSE = """
dresource/dt = (1 - resource)/TAU_DEPRESSION : 1 (event-driven)
dutilisation/dt = -utilisation/TAU_FACILITATION : 1 (event-driven)
"""
RELEASES = """
utilisation += USE*(1 - utilisation)
release = utilisation*resource
resource -= release
released_post += release
I_post += READOUT_WEIGHT*release
"""
READOUT = """
dv/dt = (E_L - v)/TAU_READOUT + I/C_READOUT : volt
dI/dt = -I/TAU_PSC : amp
released : 1  # the sum of all that synapses released
"""


def build(n_excitatory: int, n_inhibitory: int) -> Built:
    """Make the network; each run needs the values that `values_of` and a protocol return."""
    defaultclock.dt = s.DT
    names = {name: value for name, value in vars(s).items() if name.isupper()} | _switches()
    inputs, excitatory, inhibitory = _cells(n_excitatory, n_inhibitory, names)
    content, neural = excitatory[:n_excitatory], excitatory[n_excitatory:]
    plastic = [
        _plastic(inputs, content, "X_to_C", names, BETWEEN, "trains(t)"),
        _plastic(content, content, "C_to_C", names, WITHIN, "trains(t)"),
        _plastic(neural, neural, "N_to_N", names, WITHIN, "disinhibited(t, space_pre)"),
        _plastic(content, neural, "C_to_N", names, BETWEEN, BOTH),
        _plastic(neural, content, "N_to_C", names, BETWEEN, BOTH),
    ]
    fixed = [
        _fixed(excitatory, inhibitory, "EI", names),
        _fixed(inhibitory, excitatory, "IE", names),
        _fixed(inhibitory, inhibitory, "II", names),
    ]
    readout, releases = _readout(content, names)
    # what a run says of the numbers counts from here: weights are drawn between its bounds
    device.apply_run_args()
    for synapses in plastic:
        synapses.w = "low + (high - low)*w"
    spikes = SpikeMonitor(excitatory, name="spikes")
    answers = SpikeMonitor(readout, name="answers")
    released = StateMonitor(readout, "released", record=True, dt=BIN, name="released")
    cells = (inputs, excitatory, inhibitory, readout)
    network = Network(*cells, *plastic, *fixed, releases, spikes, answers, released)
    # a spike resets its neuron before others arrive, so that none is lost
    network.schedule = ["start", "groups", "thresholds", "resets", "synapses", "end"]
    kept = {
        f"{synapses.name}.{name}": synapses.variables[variable]
        for synapses in plastic
        for name, variable in (("w", "w"), ("i", "_synaptic_pre"), ("j", "_synaptic_post"))
    }
    kept |= {f"{m.name}.{n}": m.variables[n] for m in (spikes, answers) for n in ("i", "t")}
    kept["released"] = released.variables["released"]
    return Built(network, kept, (content, neural))


def values_of(
    projections: Mapping[str, s.Projection], n: int, gain: float = s.EXCITABILITY_GAIN
) -> dict[str, Any]:
    """
    Return values of a run of the program.

    Parameters
    ----------
    projections : mapping of str to Projection
        By the names in `settings.PROJECTIONS`.
    n : int
        Excitatory cells of each space.
    gain : float
        Of excitability at a spike.
    """
    values: dict[str, Any] = {"E.gain": gain, "X.tau_out": projections["X_to_C"].tau_plus}
    for name, numbers in projections.items():
        for field in ("eta", "cost", "low", "high", "w_max"):
            values[f"{name}.{field}"] = getattr(numbers, field)
    n_neural = (len(SPACES) - 1) * n
    for trace, (content, neural), tau in (
        ("own", ("C_to_C", "N_to_N"), "tau_plus"),
        ("minus", ("C_to_C", "N_to_N"), "tau_minus"),
        ("out", ("C_to_N", "N_to_C"), "tau_plus"),
    ):
        times = [float(getattr(projections[name], tau)) for name in (content, neural)]
        values[f"E.tau_{trace}"] = np.repeat(times, (n, n_neural))
    return values


def _switches() -> dict[str, TimedArray]:
    """Return what the protocol says of each moment; a run has its own values."""
    return {
        "input_rate": TimedArray(
            np.zeros((MOST_BINS, s.N_PATTERNS + 1)) * Hz, BIN, name="input_rate"
        ),
        "disinhibited": TimedArray(np.zeros((MOST_BINS, len(SPACES))), BIN, name="disinhibited"),
        "trains": TimedArray(np.zeros(MOST_BINS), BIN, name="trains"),
        "keeps": TimedArray(np.zeros(MOST_BINS), BIN, name="keeps"),
    }


def _cells(
    n_excitatory: int, n_inhibitory: int, names: dict[str, Any]
) -> tuple[NeuronGroup, NeuronGroup, NeuronGroup]:
    """Make the input, and the excitatory and the inhibitory cells of all spaces."""
    inputs = NeuronGroup(
        s.N_INPUTS,
        INPUT,
        threshold=SPIKES,
        refractory=0 * ms,  # with it cells know their last spike
        events=dict(TRACED),
        method="exponential_euler",
        name="X",
        namespace=names,
    )
    add_traces(inputs, BETWEEN.pre_reset)
    inputs.pattern = f"clip(i//{s.PATTERN_CELLS}, 0, {s.N_PATTERNS})"
    common = {
        "threshold": SPIKES,
        "refractory": "dead_time",
        "method": "exponential_euler",
        "namespace": names,
    }
    excitatory = NeuronGroup(
        len(SPACES) * n_excitatory,
        EXCITATORY,
        reset=f"{RESET}\n{ADAPTS}",
        events=dict(TRACED),
        name="E",
        **common,
    )
    excitatory.space = f"i//{n_excitatory}"
    add_traces(excitatory, BETWEEN.pre_reset, WITHIN.pre_reset, WITHIN.post_reset)
    excitatory.run_regularly("excitability *= keeps(t)", dt=BIN, when="start")
    inhibitory = NeuronGroup(
        len(SPACES) * n_inhibitory, INHIBITORY, reset=RESET, name="I", **common
    )
    inhibitory.space = f"i//{n_inhibitory}"
    return inputs, excitatory, inhibitory


def add_traces(cells: NeuronGroup, *statements: str) -> None:
    """Let the event `TRACED` of cells change their traces, at the end of its step."""
    cells.set_event_schedule("traced", when="after_thresholds")
    cells.run_on_event("traced", "\n".join(statements), when="after_synapses")


def _plastic(
    source: NeuronGroup,
    target: NeuronGroup,
    name: str,
    names: dict[str, Any],
    rule: rules.Rule,
    learns: str,
) -> Synapses:
    """Connect cells by synapses that learn where an expression is 1; their numbers are a run's."""
    synapses = Synapses(
        source,
        target,
        f"{rule.synapse_model}\nlearns = {learns} : 1",
        on_pre=f"{rule.on_pre}\nu_post += PSP*w",
        on_post=rule.on_post,
        delay={"post": s.DT},
        name=name,
        namespace=names,
    )
    within = "space_pre == space_post and i != j"
    synapses.connect(within if rule is WITHIN else None, p=s.P[name])
    synapses.w = "rand()"
    return synapses


def _fixed(source: NeuronGroup, target: NeuronGroup, name: str, names: dict[str, Any]) -> Synapses:
    """Connect cells within each space by synapses of one weight."""
    synapses = Synapses(
        source, target, on_pre=f"u_post += PSP*W_{name}", name=name, namespace=names
    )
    synapses.connect("space_pre == space_post and i != j", p=s.P[name])
    return synapses


def _readout(content: Subgroup, names: dict[str, Any]) -> tuple[NeuronGroup, Synapses]:
    """Make the cells that compare, and their depressing synapses from the content space."""
    cells = NeuronGroup(
        s.N_READOUT,
        READOUT,
        threshold="v > V_THRESHOLD",
        reset="v = E_L",
        refractory=s.DEAD_TIME_READOUT,
        method="exact",
        name="readout",
        namespace=names,
    )
    cells.v = s.E_L
    synapses = Synapses(
        content, cells, READOUT_SYNAPSE, on_pre=RELEASES, name="releases", namespace=names
    )
    synapses.connect(p=s.P["readout"])
    synapses.resource = 1
    return cells, synapses
