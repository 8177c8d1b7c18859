"""Random numbers of compiled loops are those that numpy's global generator gives, in order."""

import numpy as np
import pytest
from brian2 import Network, NeuronGroup, defaultclock, prefs, seed
from numpy.testing import assert_array_equal

from hebbsim import ConvSynapses, FeatureMap
from hebbsim.codegen.cpp.runtime import CPPRuntimeCodeObject

N = 600


@pytest.mark.parametrize("threads", [0, 2])
@pytest.mark.parametrize("target", ["cpp_runtime"], indirect=True)
def test_numbers_are_those_of_the_seed(target, threads):
    """Through the end of the buffer that holds 20,000, and in every kind of loop."""
    prefs.devices.cpp_standalone.openmp_threads = threads
    layer = FeatureMap(
        (1, 1, N), "x : 1\ny : 1\nz : 1", threshold="rand() < 0.5", reset="z = rand()", name="layer"
    )
    regular = layer.run_regularly("x = rand()\ny = x", when="start")
    network = Network(layer)
    seed(12)
    expected = np.random.RandomState(12)
    for _ in range(15):
        network.run(defaultclock.dt)
        assert_array_equal(layer.x[:], expected.rand(N))
        spiked = expected.rand(N) < 0.5
        assert_array_equal(layer.z[:][spiked], expected.rand(spiked.sum()))
    runners = [regular, layer.thresholder["spike"], layer.resetter["spike"]]
    assert all(isinstance(runner.codeobj, CPPRuntimeCodeObject) for runner in runners)
    assert 15 * 2 * N < 20_000 < 15 * 2.4 * N


@pytest.mark.parametrize("target", ["cpp_runtime"], indirect=True)
def test_loops_that_draw_are_shared_by_no_threads(target):
    """One of those that are large enough for threads."""
    prefs.devices.cpp_standalone.openmp_threads = 2
    source, layer = (FeatureMap((c, 1, 1), "x : 1", batch_size=8) for c in (64, 50))
    conv = ConvSynapses(
        source, layer, "w : 1\nel : 1 (per sample)", update="el = rand()", kernel_size=1
    )
    network = Network(source, layer, conv)
    seed(14)
    network.run(defaultclock.dt)
    expected = np.random.RandomState(14).rand(8 * 64 * 50)
    assert_array_equal(conv.samples.variables["el"].get_value(), expected)


@pytest.mark.parametrize("target", ["cpp_runtime"], indirect=True)
def test_what_brian2_compiles_draws_from_the_same_numbers(target):
    """Its Cython fills the buffer, C++ goes on with it, and the other way round."""
    layer = FeatureMap((1, 1, N), "x : 1", name="layer")
    group = NeuronGroup(N, "x : 1", name="group")
    layer.run_regularly("x = rand()", when="start")
    group.run_regularly("x = rand()", when="end")
    seed(13)
    expected = np.random.RandomState(13)
    network = Network(layer, group)
    for _ in range(20):
        network.run(defaultclock.dt)
        assert_array_equal(layer.x[:], expected.rand(N))
        assert_array_equal(group.x[:], expected.rand(N))
    network.run(50 * defaultclock.dt)
    numbers = expected.rand(50, 2, N)[-1]
    assert_array_equal(layer.x[:], numbers[0])
    assert_array_equal(group.x[:], numbers[1])
