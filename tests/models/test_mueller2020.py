"""Mueller et al. 2020: the rule against its closed form, protocol, analysis, and the findings."""

import numpy as np
import pytest
from brian2 import Network, NeuronGroup, Synapses, TimedArray, ms, prefs, second

from models.common.claim import failing
from models.mueller2020 import experiment
from models.mueller2020.analysis import Recording, area_under_curve, memberships, succeeds
from models.mueller2020.claims import CLAIMS
from models.mueller2020.experiment import run
from models.mueller2020.model import BETWEEN, TRACED, WITHIN, add_traces, values_of
from models.mueller2020.protocol import SPACES, Protocol
from models.mueller2020.settings import PROJECTIONS, QUICK


@pytest.mark.parametrize("rule", [BETWEEN, WITHIN], ids=["between", "within"])
def test_plasticity_is_the_sum_over_all_pairs(rule):
    prefs.codegen.target = "numpy"
    rng = np.random.default_rng(5)
    trains = (rng.random((40, 2)) < 0.2).astype(float)
    fires = TimedArray(trains, 1 * ms)
    cells = NeuronGroup(
        2,
        f"""{BETWEEN.pre_model}
        {WITHIN.pre_model}
        {WITHIN.post_model}""",
        threshold="fires(t, i) > 0.5",
        refractory=0 * ms,
        events=dict(TRACED),
        method="exact",
        dt=1 * ms,
        namespace={"tau_own": 25 * ms, "tau_out": 25 * ms, "tau_minus": 45 * ms, "fires": fires},
    )
    add_traces(cells, BETWEEN.pre_reset, WITHIN.pre_reset, WITHIN.post_reset)
    synapses = Synapses(
        cells,
        cells,
        f"{rule.synapse_model}\nlearns = 1 : 1",
        on_pre=rule.on_pre,
        on_post=rule.on_post,
        delay={"post": 1 * ms},
        dt=1 * ms,
    )
    synapses.connect(i=0, j=1)
    synapses.w, synapses.w_max, synapses.eta, synapses.cost = 50, 100, 0.1, 0.3
    network = Network(cells, synapses)
    network.schedule = ["start", "groups", "thresholds", "resets", "synapses", "end"]
    network.run(41 * ms)

    before, after = (np.flatnonzero(train) for train in trains.T)
    w = 50 - 0.1 * 0.3 * (len(before) + len(after))
    # a postsynaptic spike is at the synapse a step later: what fired with it came before it there
    w += 0.1 * sum(np.exp(-(b + 1 - a) / 25) for b in after for a in before if a <= b)
    if rule is WITHIN:
        w += 0.1 * sum(np.exp(-(a - b) / 45) for a in before for b in after if b < a)
    assert len(before) > 4 < len(after)
    np.testing.assert_allclose(synapses.w[0], w, rtol=1e-12)


def test_values_of_a_run_belong_to_the_cells_of_each_space():
    values = values_of(PROJECTIONS, 3)
    np.testing.assert_allclose(values["E.tau_own"], [0.025] * 3 + [0.033106] * 6)
    np.testing.assert_allclose(values["E.tau_out"], [0.019616] * 3 + [0.028353] * 6)
    assert values["C_to_N.w_max"] == 1.24902


def test_the_protocol_says_what_is_open_shown_and_measured():
    protocol = Protocol()
    protocol.load_and_recall(2, 100 * ms)
    protocol.compare(1, 3)
    load, recall, second_load, compare = protocol.windows
    assert (load.kind, load.pattern) == ("load", 2)
    found = [load.start, load.stop, recall.start, recall.stop]
    np.testing.assert_allclose(found, [1, 1.2, 1.3, 1.5])
    assert second_load.pattern == 1
    assert (compare.pattern, compare.other) == (1, 3)
    assert float(protocol.duration / second) == pytest.approx(compare.stop)
    values = protocol.values()
    opened = ["".join(np.array(list(SPACES))[o > 0]) for o in values["disinhibited.values"][18:31]]
    assert opened == ["C", "C", "CV", "CV", "CV", "CV", "", "", "V", "CV", "CV", "CV", "C"]
    assert values["input_rate.values"][20].tolist() == [0.1, 0.1, 100, 0.1, 0.1, 0.1]
    np.testing.assert_allclose(values["input_rate.values"][19], 12.5875)
    assert np.flatnonzero(values["keeps.values"] == 0).tolist() == [20, 50]


def test_a_protocol_that_is_too_long_is_refused():
    with pytest.raises(ValueError, match="raise MOST_BINS"):
        Protocol().phase(1000 * second, "")


def test_assemblies_are_the_cells_that_fire_fast_in_the_second_half():
    protocol = Protocol()
    protocol.measure("recall", 0, protocol.phase(200 * ms, "C"))
    # cell 1 fires six times in the second half, cell 2 in the first, cell 3 five times, 4 is of V
    cells = np.repeat([1, 2, 3, 4 + 10], [6, 6, 5, 9])
    t = np.concatenate(
        [np.arange(n) * 0.015 + at for n, at in ((6, 0.1), (6, 0), (5, 0.1), (9, 0))]
    )
    order = np.argsort(t)
    recording = Recording(protocol, {"spikes.t": t[order], "spikes.i": cells[order]}, 10)
    assert recording.assemblies("recall", "C")[0].tolist() == [1]
    overlaps = recording.overlaps("recall", [np.array([1, 7])])
    assert overlaps.tolist() == [[0.5, 0]]
    assert not succeeds(overlaps)[0]
    assert succeeds(np.array([[0.81, 0.2], [0.8, 0], [1, 0.21]])).tolist() == [True, False, False]


def test_responses_of_comparisons_are_what_was_released_in_their_window():
    protocol = Protocol()
    protocol.compare(1, 1)
    protocol.compare(1, 2)
    n_bins = round(float(protocol.duration / (50 * ms)))
    total = np.cumsum(np.ones(n_bins))
    released = np.repeat(total[:, None], 50, axis=1)
    record = {"released": released.ravel(), "answers.t": np.array([1.75, 1.8, 3.7])}
    recording = Recording(protocol, record, 10)
    same, different = recording.responses()
    np.testing.assert_allclose(same, [4 / 0.1])
    np.testing.assert_allclose(different, [3 / 0.1])  # nothing was seen after the last bin
    assert area_under_curve(np.array([1, 2]), np.array([2, 3])) == 0.875


def test_memberships_count_assemblies():
    assert memberships([np.array([0, 2]), np.array([2])], 4).tolist() == [1, 0, 2, 0]


@pytest.mark.slow
def test_the_findings_hold_in_the_quick_mode():
    prefs.devices.cpp_standalone.openmp_threads = 2
    experiment.program.cache_clear()
    results = run(QUICK, 6)
    assert failing(CLAIMS, [dict(results.numbers)], quick=True) == []
    assert len(results.arrays["comparison, same"]) == QUICK.n_comparisons / 2
