"""Which target runs what."""

import numpy as np
from brian2 import Network, NeuronGroup, ms, prefs
from targets_cases import learn

from hebbsim import FeatureMap
from hebbsim.codegen import targets
from hebbsim.codegen.targets import code_object_class


def test_without_a_compiler_numpy_computes_the_same(monkeypatch):
    expected = learn()
    warnings = []
    monkeypatch.setattr(targets, "compiler_available", lambda: False)
    monkeypatch.setattr(targets.logger, "warn", lambda *args, **_: warnings.append(args))
    assert code_object_class().class_name == "numpy"
    np.testing.assert_allclose(learn("_numpy"), expected, atol=1e-15)
    assert "No C++ compiler was found" in warnings[0][0]


def test_what_draws_normal_numbers_stays_with_brian2():
    prefs.codegen.target = "auto"
    layer = FeatureMap((2, 3, 3), "dv/dt = -v/(5*ms) + 0.1*xi/ms**0.5 : 1", method="euler")
    regular = layer.run_regularly("v += 0.1*rand()")
    Network(layer).run(2 * ms)
    assert np.std(layer.v[:]) > 0
    assert layer.state_updater.codeobj.class_name != "cpp_runtime"
    assert regular.codeobj.class_name == "cpp_runtime"


def test_spiking_maps_run_in_the_same_target_as_neuron_groups_compute():
    model = "dv/dt = (drive - v)/(5*ms) : 1 (unless refractory)\ndrive : 1\nn : 1"
    kwds = {
        "threshold": "v > 1",
        "reset": "v = 0\nn += 1",
        "refractory": 1 * ms,
        "method": "exact",
    }
    layer = FeatureMap((3, 4, 4), model, **kwds)
    layer.drive = "0.5 + 0.05*i"
    Network(layer).run(30 * ms)
    assert layer.state_updater.codeobj.class_name == "cpp_runtime"
    prefs.codegen.target = "numpy"
    group = NeuronGroup(48, model, **kwds)
    group.drive = "0.5 + 0.05*i"
    Network(group).run(30 * ms)
    np.testing.assert_array_equal(layer.n[:], group.n[:])
    np.testing.assert_allclose(layer.v[:], group.v[:], atol=1e-12)
    assert group.n[:].sum() > 100
