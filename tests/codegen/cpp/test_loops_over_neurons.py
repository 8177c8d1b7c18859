"""Loops over neurons in C++: steps of a time are those of Brian2, and threads share large ones."""

import numpy as np
import pytest
from brian2 import NeuronGroup, defaultclock, ms, prefs, run
from brian2.core.functions import timestep
from numpy.testing import assert_allclose, assert_array_equal

from hebbsim import FeatureMap
from hebbsim.codegen.cpp.runtime import CPPRuntimeCodeObject


@pytest.mark.parametrize("target", ["cpp_runtime"], indirect=True)
def test_steps_are_those_of_brian2(target):
    whole = np.r_[np.arange(-50, 50), 3 * 2.0 ** np.arange(6, 46), -3 * 2.0 ** np.arange(6, 46)]
    steps = np.r_[whole, whole - 5e-4, whole + 1e-4, whole + 0.3, whole + 0.9]
    layer = FeatureMap((1, 1, len(steps)), "time : second\nstep : 1")
    layer.time = steps * defaultclock.dt
    regular = layer.run_regularly("step = timestep(time, dt)")
    run(defaultclock.dt, namespace={})
    assert isinstance(regular.codeobj, CPPRuntimeCodeObject)
    expected = timestep(np.asarray(layer.time[:]), defaultclock.dt_)
    assert_array_equal(layer.step[:], expected)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("target", ["cpp_runtime"], indirect=True)
def test_exponential_is_right_in_all_but_the_last_place(target, dtype):
    largest, smallest = (np.log(getattr(np.finfo(dtype), of)) for of in ("max", "tiny"))
    rng = np.random.default_rng(1)
    x = np.r_[rng.uniform(smallest, largest, 4000), rng.uniform(-1, 1, 4000), 0, -0.0]
    x = np.r_[x, 1.001 * largest, 1.01 * smallest, 1e30, -1e30, np.inf, -np.inf, np.nan]
    layer = FeatureMap((1, 1, len(x)), "x : 1\ny : 1\nz : 1\nn = int(x > 0) : integer", dtype=dtype)
    layer.x = x
    regular = layer.run_regularly("y = exp(x); z = exp(n)")
    run(defaultclock.dt, namespace={})
    assert "_exp(" in regular.codeobj.code.run
    found = np.asarray(layer.y[:])
    exact = np.exp(np.longdouble(layer.x[:-7]))
    error = np.abs(found[:-7] - exact) / np.spacing(exact.astype(dtype))
    assert 0.5 < error.max() < 1.5
    assert_array_equal(found[-9:], [1, 1, np.inf, 0, np.inf, 0, np.inf, 0, np.nan])
    assert_allclose(layer.z[:-1], np.exp(np.float64(x[:-1] > 0)), rtol=1e-6)


@pytest.mark.parametrize("target", ["cpp_runtime"], indirect=True)
def test_neurons_are_refractory_as_those_of_brian2(target):
    kwds = {
        "model": "dv/dt = (2 - v)/tau : 1 (unless refractory)\ntau : second",
        "threshold": "v > 1",
        "reset": "v = 0",
        "refractory": 2.3 * ms,
        "method": "exact",
    }
    layer, group = FeatureMap((1, 1, 40), **kwds), NeuronGroup(40, **kwds)
    layer.tau = group.tau = np.linspace(0.2, 9, 40) * ms
    run(30 * ms, namespace={})
    assert_array_equal(layer.lastspike[:], group.lastspike[:])
    assert_allclose(layer.v[:], group.v[:], rtol=1e-14)
    assert len(np.unique(layer.lastspike[:])) > 10


@pytest.mark.parametrize(("threads", "n", "shared"), [(1, 4000, 0), (2, 100, 0), (2, 4000, 1)])
@pytest.mark.parametrize("target", ["cpp_runtime"], indirect=True)
def test_threads_share_loops_that_are_worth_it(target, threads, n, shared):
    prefs.devices.cpp_standalone.openmp_threads = threads
    layer = FeatureMap((1, 1, n), "dv/dt = -v/ms : 1")
    run(defaultclock.dt, namespace={})
    code = layer.state_updater.codeobj.code.run
    assert code.count("omp parallel") == shared
    assert code.count("#pragma GCC ivdep") == 1 - shared
