"""The dendritic NMDA spike: its table, its layer, its rule, and the quick run."""

import numpy as np
import pytest
from brian2 import (
    Network,
    NeuronGroup,
    SpikeGeneratorGroup,
    StateMonitor,
    Synapses,
    TimedArray,
    defaultclock,
    device,
    ms,
    mV,
    nS,
    second,
    set_device,
)

from models.common.claim import failing
from models.nmda_spike import (
    QUICK,
    SPIKE,
    SPILLS_AFTER,
    TWO_COMPARTMENTS,
    dendritic_layer,
    glutamate,
    plateau_rule,
    reference,
    run,
)
from models.nmda_spike.claims import CLAIMS
from models.nmda_spike.settings import LAYER, peak_factor
from models.nmda_spike.spikes import Cells, steepest, stimulate
from models.nmda_spike.task import accuracies, show_pairs


@pytest.mark.usefixtures("brian2_in_numpy")
def test_peaks_and_durations_are_those_of_an_independent_program():
    """Steps of 0.1 ms change a peak by 0.02 mV."""
    found = stimulate(Cells.of(reference.INPUTS) + Cells.of(reference.INPUTS, nmda=0))
    control, blocked = found.of(slice(0, 11)), found.of(slice(11, None))
    np.testing.assert_allclose(control.peak, reference.PEAK, atol=0.5)
    np.testing.assert_allclose(control.duration, reference.DURATION, atol=3)
    np.testing.assert_allclose(control.somatic, reference.SOMA, atol=0.5)
    np.testing.assert_allclose(blocked.peak, reference.PEAK_BLOCKED, atol=0.5)


def test_the_factor_brings_the_conductance_to_one():
    t = np.linspace(0, 50, 50001)
    course = peak_factor(3 * ms, 60 * ms) * (np.exp(-t / 60) - np.exp(-t / 3))
    assert course.max() == pytest.approx(1, abs=1e-7)


def test_the_threshold_is_the_steepest_step():
    inputs = np.arange(1.0, 6)
    assert steepest(inputs, np.array([1, 2, 8, 9, 10.0])) == (2.5, 6)
    assert steepest(inputs, np.array([5, 9, 12, 14, 15.0])) == (0.5, 1)


def test_pairs_are_balanced_and_symbols_share_their_items():
    trials = show_pairs(QUICK, 8, 0.1, np.random.default_rng(3))
    kinds, counts = np.unique(trials.pairs, axis=0, return_counts=True)
    assert (len(kinds), set(counts)) == (4, {2})
    active = trials.times < 0.03
    axons = [set(trials.axon[active & (trials.trial == k)]) for k in range(8)]
    assert min(len(fired) for fired in axons) > 25  # of 40, and of all 80 few at random
    assert trials.times.max() < 0.1


def test_a_threshold_is_chosen_on_other_trials():
    is_member = np.array([[True], [False], [True], [False]])
    choice = np.array([3.0, 1.0, 4.0, 2.0])[:, None, None]
    on_choice, on_test = accuracies(choice, is_member, choice - 1, is_member)
    assert on_choice == 1
    assert on_test == 0.75  # 3 - 1 is below the threshold of 2.5


def layer_of_two(**kwds):
    """A neuron of two branches and four axons: 0 and 1 fire, each as strong as twelve."""
    axons = SpikeGeneratorGroup(4, [0, 1], [5, 5] * ms, name="axons")
    teaching = TimedArray(np.zeros((1, 2)), dt=1 * second, name="teaching")
    names = {**SPIKE, **LAYER, "sigma": 0 * mV, "teaching": teaching}
    layer = dendritic_layer(axons, 4, 1, 2, names, **kwds)
    layer.branches.gain, layer.branches.rate = 12, 30
    layer.synapses.set_kernel("w", np.array([[1, 1, 0.5, 0], [0.2, 0, 0.5, 1]])[..., None, None])
    return axons, layer


def simulate_layer():
    axons, layer = layer_of_two(rule=plateau_rule(20 * ms, 0.1, 50 * ms))
    cell = NeuronGroup(1, TWO_COMPARTMENTS, namespace=SPIKE, method="euler")
    cell.V_d = cell.V_s = SPIKE["E_L"]
    synapses = Synapses(axons, cell, "w : 1", on_pre=glutamate(), delay=SPILLS_AFTER)
    synapses.connect()
    synapses.w = 6
    monitors = [StateMonitor(layer.somata, "V_s", record=True, dt=1 * ms)]
    monitors.append(StateMonitor(layer.branches, ("V_d", "g_I"), record=True, dt=1 * ms))
    monitors.append(StateMonitor(cell, ("V_d", "V_s"), record=True, dt=1 * ms))
    Network(axons, *layer, cell, synapses, *monitors).run(60 * ms)
    soma, branches, alone = monitors
    traces = [*soma.V_s, *branches.V_d, branches.g_I[1] / nS, *alone.V_d, *alone.V_s]
    return np.array([np.asarray(trace) for trace in traces]), layer.synapses.get_kernel("w")


@pytest.mark.slow
def test_standalone_equals_runtime_and_a_plateau_gates_learning(tmp_path):
    defaultclock.dt = 0.1 * ms
    traces, kernel = simulate_layer()
    soma, first, second_branch, inhibition, *_ = traces
    assert first.max() > -0.045 > second_branch.max()  # one has a plateau
    assert inhibition.max() == pytest.approx(LAYER["g_inhibition"] / nS)
    assert soma.max() > -0.068
    before = np.array([[1, 1, 0.5, 0], [0.2, 0, 0.5, 1]])
    np.testing.assert_array_equal(kernel[1, :, 0, 0], before[1])  # no plateau: nothing learned
    assert kernel[0, :2, 0, 0] == pytest.approx(1)
    assert kernel[0, 2, 0, 0] < 0.45  # an axon that did not fire
    set_device("cpp_standalone", directory=str(tmp_path / "program"))
    standalone, learned = simulate_layer()
    device.reinit()
    set_device("runtime")
    np.testing.assert_allclose(standalone, traces, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(learned, kernel, rtol=1e-9, atol=1e-12)


@pytest.mark.usefixtures("brian2_in_numpy")
def test_branches_are_coupled_as_ordinary_synapses_couple_them():
    """One step of the layer's sums against the formula, from arbitrary potentials."""
    axons, layer = layer_of_two()
    layer.branches.V_d, layer.somata.V_s = [-40, -60] * mV, -65 * mV
    monitor = StateMonitor(layer.somata, "I_dendrites", record=True, when="end")
    branch = StateMonitor(layer.branches, ("V_s", "V_d", "g_I"), record=True, when="end")
    soma = StateMonitor(layer.somata, "V_s", record=True, when="end")
    Network(axons, *layer, monitor, branch, soma).run(2 * defaultclock.dt)
    expected = SPIKE["g_c"] * (branch.V_d - soma.V_s).sum(axis=0)
    np.testing.assert_allclose(monitor.I_dendrites[0], expected, rtol=0.05)
    np.testing.assert_allclose(branch.g_I / nS, [[0, 0], [10, 10]])
    np.testing.assert_allclose(branch.V_s[0], soma.V_s[0], rtol=1e-2)


@pytest.mark.slow
def test_quick_run():
    results = run(QUICK, 0)
    assert failing(CLAIMS, [dict(results.numbers)], quick=True) == []
