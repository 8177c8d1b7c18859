"""Equations and threshold in one pass: the numbers of two, where nothing between can tell."""

import numpy as np
import pytest
from brian2 import Network, linked_var, ms

from hebbsim import ConvSynapses, FeatureMap
from hebbsim.runs import fused_thresholds
from hebbsim.runs.fused_thresholds import FusedThreshold

NEURONS = 70  # one whole run of 64, and part of one


@pytest.fixture(autouse=True)
def _small_groups_too(monkeypatch):
    monkeypatch.setattr(fused_thresholds, "FEWEST_NEURONS", 1)


@pytest.fixture
def takes_place(monkeypatch):
    """Record for which groups equations and threshold were fused."""
    found = []
    original = FusedThreshold.takes_place

    def ask(self, chain):
        answer = original(self, chain)
        found.append((self.group.name, answer))
        return answer

    monkeypatch.setattr(FusedThreshold, "takes_place", ask)
    return found


def simulated(build, *, profile=False, durations=(20,)):
    """Run a network that `build` makes; return its group's values and its last spikes."""
    network = build()
    for duration in durations:
        network.run(duration * ms, profile=profile)
    group = network["layer"]
    found = {name: np.array(value) for name, value in group.get_states(units=False).items()}
    found["spikes"] = group.variables["_spikespace"].get_value()[: group.N].copy()
    return found


def layer(model="dv/dt = (1.2 + 0.01*i - v)/(5*ms) : 1 (unless refractory)", **kwds):
    kwds = {"threshold": "v > 0.9", "reset": "v = 0.1", "refractory": 1 * ms} | kwds
    return FeatureMap((NEURONS, 1, 1), model, method="exact", name="layer", dt=0.5 * ms, **kwds)


def assert_same(build, **kwds):
    one, two = simulated(build, **kwds), simulated(build, profile=True, **kwds)
    for name, value in two.items():
        np.testing.assert_array_equal(one[name], value, err_msg=name)
    return one


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_one_pass_gives_the_numbers_of_two(takes_place, dtype):
    found = assert_same(lambda: Network(layer(dtype=dtype)), durations=(7, 0.5, 20))
    assert ("layer", True) in takes_place
    assert (found["lastspike"] > 0).all()
    assert not found["not_refractory"].all()


def test_values_of_the_step_alone_are_computed_once_for_both(takes_place):
    model = "dv/dt = (1.2 + 0.01*i - v)/(5*ms) : 1"
    assert_same(
        lambda: Network(layer(model, refractory=False, threshold="v*(1 - dt/second) > 0.4"))
    )
    assert ("layer", True) in takes_place


def test_what_changes_the_potential_in_between_comes_first(takes_place):
    def build():
        group = layer()
        group.run_regularly("v += 0.05*(i % 3)", when="after_groups")
        return Network(group)

    assert_same(build)
    assert takes_place
    assert not any(answer for _, answer in takes_place)


def test_a_drive_that_is_summed_after_the_equations_comes_first(takes_place):
    def build():
        source = FeatureMap((1, 1, 1), "x = 0.3 : 1", name="source", dt=0.5 * ms)
        target = layer("dv/dt = -v/(5*ms) : 1\nu : 1", threshold="v + u > 0.25", reset="v = u")
        conv = ConvSynapses(
            source, target, "w : 1\nu_post = w*x_pre : 1 (summed)", kernel_size=1, name="conv"
        )
        conv.w = "0.02*i"
        return Network(source, target, conv)

    found = assert_same(build)
    assert takes_place
    assert not any(answer for _, answer in takes_place)
    assert (found["lastspike"] > 0).any()


def test_a_threshold_that_looks_at_neighbours_waits_for_them(takes_place):
    def build():
        group = layer(
            "dv/dt = (1.2 + 0.01*i - v)/(5*ms) : 1\nv_next : 1 (linked)",
            threshold="v_next > 0.9",
            refractory=False,
        )
        group.v_next = linked_var(group, "v", index=np.roll(np.arange(NEURONS), -1))
        return Network(group)

    assert_same(build)
    assert takes_place
    assert not any(answer for _, answer in takes_place)


def test_two_groups_are_each_fused(takes_place):
    def build():
        other = FeatureMap(
            (NEURONS, 1, 1),
            "dv/dt = (2 - v)/(3*ms) : 1",
            threshold="v > 1",
            reset="v = 0",
            method="exact",
            dt=0.5 * ms,
            name="other",
        )
        return Network(layer(), other)

    assert_same(build)
    assert {name for name, answer in takes_place if answer} == {"layer", "other"}


def test_code_is_kept_from_run_to_run_and_made_anew_where_a_value_changes():
    group = layer("dv/dt = (drive - v)/(5*ms) : 1", threshold="v > level", refractory=False)
    network = Network(group)
    network.run(5 * ms, namespace={"drive": 1.5, "level": 1.0})
    (fused,) = network._chains.fused.values()
    first = fused.codeobj
    network.run(5 * ms, namespace={"drive": 1.5, "level": 1.0})
    assert fused.codeobj is first
    network.run(5 * ms, namespace={"drive": 1.5, "level": 0.2})
    assert list(network._chains.fused.values()) == [fused]
    assert fused.codeobj is not first
    assert np.max(group.v) <= 0.2 + 1.3 * (1 - np.exp(-0.1))


def test_a_group_that_is_switched_off_is_left_alone(takes_place):
    group = layer()
    group.thresholder["spike"].active = False
    network = Network(group)
    network.run(10 * ms)
    assert np.min(group.v) > 0.9
    assert not any(answer for _, answer in takes_place)
