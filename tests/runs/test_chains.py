"""Steps that run without Python between them: the same numbers, in the same order."""

import gc
import signal
import subprocess
import sys
import time
import weakref

import numpy as np
import pytest
from brian2 import (
    Clock,
    EventClock,
    Network,
    NetworkOperation,
    SpikeGeneratorGroup,
    SpikeMonitor,
    ms,
    second,
)

from hebbsim import ConvSynapses, FeatureMap, rules
from hebbsim.runs import chains
from hebbsim.synapses.update import NonFiniteWeightsError

RULE = rules.PairSTDP(0.05)


class Model:
    """A layer that learns, in which nothing needs Python."""

    def __init__(self, dt=1 * ms, seed=1):
        self.clock = Clock(dt, name="steps")
        rng = np.random.default_rng(seed)
        steps, neurons = np.nonzero(rng.random((40, 25)) < 0.2)
        self.source = SpikeGeneratorGroup(
            25, neurons, steps * dt, period=40 * dt, clock=self.clock, name="source"
        )
        self.layer = FeatureMap(
            (2, 3, 3),
            f"dv/dt = -v/(10*ms) : 1\nu : 1\n{RULE.post_model}",
            threshold="v > 0.3",
            reset=f"v = 0\n{RULE.post_reset}",
            method="exact",
            clock=self.clock,
            name="layer",
        )
        self.conv = ConvSynapses(
            self.source,
            self.layer,
            rule=RULE,
            on_pre={"transmit": "v_post += w"},
            kernel_size=3,
            source_shape=(1, 5, 5),
            clock=self.clock,
            name="conv",
        )
        self.conv.set_kernel("w", np.linspace(0.05, 0.2, 18).reshape(2, 1, 3, 3))
        self.network = Network(self.source, self.layer, self.conv)

    @property
    def numbers(self):
        variables = {**self.conv.get_states(units=False), **self.layer.get_states(units=False)}
        numbers = {k: np.array(v) for k, v in variables.items()}
        numbers["timestep"] = int(self.clock.variables["timestep"].get_value()[0])
        return numbers


def profiled(model, duration):
    """Run with Python between all objects, as where times are taken."""
    model.network.run(duration, profile=True)
    return model.numbers


def assert_same(one, other):
    assert one.keys() == other.keys()
    for name, value in one.items():
        np.testing.assert_array_equal(value, other[name], err_msg=name)


@pytest.fixture
def calls(monkeypatch):
    """Record how many steps each call of compiled steps runs."""
    steps = []
    original = chains._Chain.run

    def run(self, n):
        steps.append(n)
        original(self, n)

    monkeypatch.setattr(chains._Chain, "run", run)
    return steps


def test_many_steps_are_one_call_with_the_numbers_of_single_ones(calls):
    model, single = Model(), Model()
    model.network.run(100 * ms)
    assert sum(calls) == 100
    assert len(calls) < 20
    calls.clear()
    expected = profiled(single, 100 * ms)
    assert calls == []
    assert_same(model.numbers, expected)
    assert np.abs(expected["w"] - Model().numbers["w"]).max() > 0.02
    assert model.network.t == single.network.t == 100 * ms


def test_runs_in_parts_end_where_one_run_ends():
    parts, whole = Model(), Model()
    for duration in (1, 2, 40, 7, 0, 50):
        parts.network.run(duration * ms)
    whole.network.run(100 * ms)
    assert_same(parts.numbers, whole.numbers)


def test_a_monitor_sees_each_step(calls):
    model = Model()
    model.network.add(SpikeMonitor(model.layer, name="spikes"))
    single = Model()
    single.network.add(SpikeMonitor(single.layer, name="spikes"))
    model.network.run(50 * ms)
    assert set(calls) == {1}
    single.network.run(50 * ms, profile=True)
    for one, other in zip(*(m.network["spikes"].it_ for m in (model, single)), strict=True):
        np.testing.assert_array_equal(one, other)
    assert len(model.network["spikes"].i) > 10
    assert_same(model.numbers, single.numbers)


def looker(model, seen, **when):
    """Return an operation that notes what it sees, and changes it."""

    def look():
        seen.append((float(model.network.t), float(np.sum(model.layer.v)), model.conv.w[0]))
        model.layer.v += 0.1

    return NetworkOperation(look, **when)


@pytest.mark.parametrize("period", [2.5, 10, 7])
@pytest.mark.parametrize("when", ["start", "synapses", "end"])
def test_another_clock_is_waited_for(calls, period, when):
    found = []
    for profile in (False, True):
        model, seen = Model(dt=0.5 * ms), []

        model.network.add(looker(model, seen, clock=Clock(period * ms), when=when))
        model.network.run(40 * ms, profile=profile)
        found.append((seen, model.numbers))
    assert found[0][0] == found[1][0]
    assert len(found[0][0]) == -(-40 // period)
    assert_same(found[0][1], found[1][1])
    assert max(calls) > 1
    assert sum(calls) < 80 + 4 * len(found[0][0])


def test_two_clocks_that_are_both_compiled(calls):
    found = []
    for profile in (False, True):
        model = Model(dt=0.5 * ms)
        slow = FeatureMap((1, 2, 2), "x : 1\ny : 1", clock=Clock(3 * ms), name="slow")
        slow.run_regularly("y += x*i + t/second", when="synapses")
        model.network.add(slow)
        model.network.run(31 * ms, profile=profile)
        found.append(model.numbers | {"y": np.array(slow.y)})
    assert_same(*found)


def test_a_clock_of_events_is_waited_for():
    found = []
    for profile in (False, True):
        model, seen = Model(), []
        events = EventClock([3 * ms, 11 * ms, 12 * ms], name="events")
        model.network.add(looker(model, seen, clock=events))
        model.network.run(20 * ms, profile=profile)
        found.append((seen, model.numbers))
    assert found[0][0] == found[1][0]
    assert len(found[0][0]) == 3
    assert_same(found[0][1], found[1][1])


@pytest.mark.filterwarnings("ignore:(overflow|invalid value):RuntimeWarning")  # numpy says so too
def test_an_error_names_its_step_and_leaves_the_clock_there(calls):
    found = []
    for profile in (False, True):
        x = FeatureMap((1, 4, 4), "x : 1", name="x")
        y = FeatureMap((2, 2, 2), "y : 1", name="y")
        conv = ConvSynapses(
            x,
            y,
            "w : 1\ny_post = w*x_pre : 1 (summed)",
            rule=rules.Oja(30.0),
            kernel_size=3,
            name="conv",
        )
        x.x, conv.w = "0.1*(i + 1)", 0.5
        network = Network(x, y, conv)
        with pytest.raises(NonFiniteWeightsError) as error:
            network.run(10 * second, profile=profile)
        found.append((str(error.value), int(x.clock.timestep[:]), np.array(y.y)))
        conv.w = 0.0
        network.run(1 * ms)  # as if nothing had been
    assert found[0][:2] == found[1][:2]
    assert found[0][1] > 1
    np.testing.assert_array_equal(found[0][2], found[1][2])
    assert max(calls) > 1


def test_objects_at_rest_and_changes_between_runs_are_seen():
    found = []
    for profile in (False, True):
        model = Model()
        model.network.run(20 * ms, profile=profile)
        model.conv.learning = False
        before = model.numbers["w"]
        model.network.run(20 * ms, profile=profile)
        np.testing.assert_array_equal(model.numbers["w"], before)
        model.conv.learning = True
        model.layer.v = 0.2
        model.network.run(20 * ms, profile=profile)
        model.clock.dt = 0.5 * ms
        model.network.run(5 * ms, profile=profile)
        found.append(model.numbers)
    assert_same(*found)


def test_progress_is_reported_and_a_stop_is_obeyed():
    model, reports = Model(), []

    def report(elapsed, completed, start, duration):
        reports.append(completed)
        if len(reports) == 4:
            model.network.stop()

    model.network.run(1000 * second, report=report, report_period=30 * ms)
    assert len(reports) == 5
    assert 0 < reports[3] < 1
    assert 0 < float(model.network.t) < 1000
    assert model.layer.__dict__.get("run") is None


INTERRUPTED = """
from brian2 import Network, ms, second
from hebbsim import FeatureMap

layer = FeatureMap((1, 4, 4), "dv/dt = (1 - v)/(10*ms) : 1", method="exact")
network = Network(layer)
network.run(1*ms)
print("ready", flush=True)
network.run(1e6*second)
print(int(layer.clock.timestep[:]))
"""


def test_ctrl_c_ends_a_run_soon():
    python = [sys.executable, "-W", "ignore", "-c", INTERRUPTED]
    with subprocess.Popen(python, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)  # Brian2 stops the run in good order
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert int(said) > 100


def test_nothing_holds_a_network_that_ran():
    def run():
        model = Model()
        model.network.run(5 * ms)
        return weakref.ref(model.network)

    network = run()
    gc.collect()
    assert network() is None
