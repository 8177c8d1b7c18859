"""Code objects that stay from run to run, and what makes new ones."""

import numpy as np
import pytest
from brian2 import (
    Function,
    Network,
    NeuronGroup,
    PopulationRateMonitor,
    SpikeGeneratorGroup,
    SpikeMonitor,
    StateMonitor,
    Synapses,
    TimedArray,
    ms,
    mV,
    prefs,
    run,
    start_scope,
)
from brian2.codegen.runtime.numpy_rt import NumpyCodeObject
from brian2.groups.group import CodeRunner

from hebbsim import Assign, ConvSynapses, FeatureMap, rules

#: What is kept is kept whatever it is compiled with, and Cython takes two seconds for each object
pytestmark = pytest.mark.usefixtures("brian2_in_numpy")

RULE = rules.PairSTDP(0.05)


def parts(items):
    for item in items:
        yield item
        yield from parts(item.contained_objects)


class Model:
    """Neurons of Brian2's and of this project's, joined by synapses of both."""

    def __init__(self, *, late=True):
        self.source = SpikeGeneratorGroup(
            25, np.arange(50) % 25, np.repeat([1, 3], 25) * ms, period=5 * ms, name="source"
        )
        self.layer = FeatureMap(
            (2, 3, 3),
            f"dv/dt = (drive - v)/tau : 1\ndrive : 1\n{RULE.post_model}",
            threshold="v > theta",
            reset=f"v = 0\n{RULE.post_reset}",
            method="exact",
            name="layer",
        )
        self.layer.run_regularly("drive = gain*sin(i + 1)**2", dt=1 * ms)
        self.conv = ConvSynapses(
            self.source,
            self.layer,
            rule=RULE,
            on_pre={"transmit": "v_post += w"},
            kernel_size=3,
            source_shape=(1, 5, 5),
            name="conv",
        )
        self.conv.set_kernel("w", np.linspace(0.05, 0.2, 18).reshape(2, 1, 3, 3))
        self.out = NeuronGroup(
            4,
            "dv/dt = -v/leak : 1\nleak : second (shared, constant)",
            threshold="v > 1",
            reset="v = 0",
            method="exact",
            name="out",
        )
        self.out.leak = 10 * ms
        self.synapses = Synapses(
            self.layer,
            self.out,
            "dx/dt = -x/(20*ms) : 1 (event-driven)",
            on_pre="x += 1\nv_post += 0.1*x",
            name="plain",
        )
        self.synapses.connect(i=[0, 1, 2, 3], j=[0, 1, 2, 3])
        self.network = Network(
            self.source,
            self.layer,
            self.conv,
            self.out,
            self.synapses,
            SpikeMonitor(self.layer, name="spikes"),
            StateMonitor(self.layer, "v", record=[0, 4], name="potentials"),
            PopulationRateMonitor(self.out, name="rates"),
        )

    @property
    def numbers(self):
        return [
            np.array(self.conv.w),
            np.array(self.layer.v),
            np.array(self.out.v),
            np.array(self.synapses.x),
            np.array(self.network["potentials"].v),
            np.array(self.network["spikes"].i),
        ]

    @property
    def code(self):
        runners = [item for item in parts(self.network.objects) if isinstance(item, CodeRunner)]
        return {item.name: item.codeobj for item in runners if item.active and item.codeobj}


NAMES = {"tau": 10 * ms, "theta": 1.0, "gain": 2.0}


def made_anew(model, **changed):
    """Run 5 ms; return the names of what got another code object."""
    before = model.code
    model.network.run(5 * ms, namespace=NAMES | changed)
    after = model.code
    return {name for name in after if after[name] is not before.get(name)}


@pytest.fixture
def whole():
    model = Model()
    model.network.run(20 * ms, namespace=NAMES)
    return model.numbers


def test_nothing_is_made_for_a_second_run_and_results_are_those_of_one_run(whole):
    model = Model()
    model.network.run(5 * ms, namespace=NAMES)
    assert len(model.code) > 12
    for _ in range(3):
        assert made_anew(model) == set()
    assert len(whole[-1]) > 10
    for part, one in zip(model.numbers, whole, strict=True):
        np.testing.assert_array_equal(part, one)


@pytest.fixture
def model():
    model = Model()
    model.network.run(5 * ms, namespace=NAMES)
    return model


def test_another_value_of_a_name_remakes_what_names_it(model):
    assert made_anew(model, theta=0.5) == {"layer_spike_thresholder"}
    assert made_anew(model, theta=0.5) == set()
    assert made_anew(model, theta=0.5, tau=5 * ms) == {"layer_stateupdater"}


def test_a_value_in_other_units_is_refused_as_in_a_first_run(model):
    with pytest.raises(Exception, match="preparing an object") as error:
        model.network.run(5 * ms, namespace=NAMES | {"theta": 1 * mV})
    assert "theta" in str(error.value.__cause__)


def test_a_name_that_is_gone_is_missed(model):
    with pytest.raises(Exception, match="preparing an object") as error:
        model.network.run(5 * ms, namespace={"tau": 10 * ms, "theta": 1.0})
    assert "gain" in str(error.value.__cause__)


def test_a_function_of_the_users_under_a_known_name_remakes_code(model):
    twice = Function(lambda x: 2 * x, arg_units=[1], return_unit=1)
    twice.implementations.add_implementation("cpp", "double sin(double x) { return 2*x; }")
    twice.implementations.add_numpy_implementation(lambda x: 2 * x)
    made = made_anew(model, sin=twice)
    assert any("run_regularly" in name for name in made)


def test_more_synapses_remake_their_code(model):
    model.synapses.connect(i=[4], j=[0])
    model.network.run(5 * ms, namespace=NAMES)
    assert len(model.synapses.x) == 5
    assert float(model.synapses.x[4]) >= 0


def test_another_text_remakes_code(model):
    model.layer.event_codes["spike"] = f"v = -1\n{RULE.post_reset}"
    assert "layer_spike_resetter" in made_anew(model)
    assert float(np.min(model.layer.v)) < 0


def test_another_value_of_a_shared_constant_remakes_what_was_given_it(model):
    model.out.leak = 1 * ms
    model.out.v = 0.5
    assert "out_stateupdater" in made_anew(model)
    assert float(np.max(model.out.v)) < 0.5


def test_another_time_step_remakes_what_depends_on_it(model):
    model.layer.clock.dt = 0.5 * ms
    assert "layer_stateupdater" in made_anew(model)


@pytest.mark.parametrize(
    ("name", "value"),
    [("codegen.target", "numpy"), ("codegen.cpp.extra_compile_args_gcc", ["-O1"])],
)
def test_another_preference_remakes_all(model, name, value):
    before = prefs[name]
    prefs[name] = value
    try:
        made = made_anew(model)
    finally:
        prefs[name] = before
    pathway_queues = {name for name in model.code if name.endswith("push_spikes")}
    assert made == set(model.code) - pathway_queues
    assert made_anew(model) == made  # and back again


def test_a_preference_that_is_changed_in_place_is_seen(model):
    flags = prefs["codegen.cpp.extra_compile_args_gcc"]
    flags.append("-DANOTHER")
    try:
        assert "layer_stateupdater" in made_anew(model)
    finally:
        flags.remove("-DANOTHER")


def test_what_has_no_code_in_cpp_is_kept_too():
    halved = Function(lambda x: x / 2, arg_units=[1], return_unit=1)
    layer = FeatureMap((1, 3, 3), "u : 1\nv : 1", name="layer")
    runner = Assign(layer, "halved(u) + 1", "v")
    network = Network(layer, runner)
    namespace = {"halved": halved}
    network.run(1 * ms, namespace=namespace)
    code = runner.codeobj
    assert isinstance(code, NumpyCodeObject)
    layer.u = 3
    network.run(1 * ms, namespace=namespace)
    assert runner.codeobj is code
    np.testing.assert_array_equal(layer.v, 2.5)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("in_place", [True, False])
def test_other_values_of_a_timed_array_are_seen(dtype, in_place):
    steps = TimedArray(np.arange(4, dtype=dtype), dt=1 * ms)
    layer = FeatureMap((1, 2, 2), "v : 1", name="layer")
    layer.run_regularly("v += steps(t)", dt=1 * ms)
    network = Network(layer)
    namespace = {"steps": steps}
    for _ in range(2):
        network.run(1 * ms, namespace=namespace)
    if in_place:
        steps.values[2:] = 10
    else:
        steps.values = np.full(4, 10, dtype)
    network.run(2 * ms, namespace=namespace)
    np.testing.assert_array_equal(layer.v, 21)


def test_another_implementation_of_a_function_is_seen():
    shifted = Function(lambda x: x + 1, arg_units=[1], return_unit=1)
    shifted.implementations.add_implementation("cpp", "double shifted(double x) { return x + 1; }")
    layer = FeatureMap((1, 2, 2), "u : 1\nv : 1", name="layer")
    network = Network(layer, Assign(layer, "shifted(u)", "v"))
    network.run(1 * ms, namespace={"shifted": shifted})
    np.testing.assert_array_equal(layer.v, 1)
    shifted.implementations.add_implementation("cpp", "double shifted(double x) { return x + 2; }")
    network.run(1 * ms, namespace={"shifted": shifted})
    np.testing.assert_array_equal(layer.v, 2)


def test_networks_without_an_object_of_this_project_are_left_to_brian2():
    group = NeuronGroup(3, "dv/dt = 1/(10*ms) : 1", method="euler")
    network = Network(group)
    network.run(1 * ms)
    code = group.state_updater.codeobj
    assert not hasattr(network, "_chains")
    network.run(1 * ms)
    assert group.state_updater.codeobj is not code
    np.testing.assert_allclose(group.v, 0.2)


def test_names_are_those_around_the_call_of_run():
    tau = 10 * ms
    layer = FeatureMap((1, 2, 2), "dv/dt = 1/tau : 1", method="euler")
    network = Network(layer)
    network.run(1 * ms)
    tau = 5 * ms  # noqa: F841
    network.run(1 * ms)
    np.testing.assert_allclose(layer.v, 0.3)


def test_a_network_of_all_objects_around():
    start_scope()
    tau = 10 * ms
    layer = FeatureMap((1, 2, 2), "dv/dt = 1/tau : 1", method="euler")
    run(1 * ms)
    code = layer.state_updater.codeobj
    run(1 * ms)
    assert layer.state_updater.codeobj is code
    tau = 5 * ms  # noqa: F841
    run(1 * ms)
    np.testing.assert_allclose(layer.v, 0.4)
