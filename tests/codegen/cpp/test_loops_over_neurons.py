"""Loops over neurons in C++: steps of a time are those of Brian2, and threads share large ones."""

import numpy as np
import pytest
from brian2 import Network, NeuronGroup, defaultclock, linked_var, ms, prefs, run, set_device
from brian2.core.functions import timestep
from numpy.testing import assert_allclose, assert_array_equal

from hebbsim import FeatureMap, PerChannel
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


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("target", ["cpp_runtime", "cpp_standalone"], indirect=True)
def test_exponential_is_right_in_all_but_the_last_place(target, dtype):
    finfo, rng = np.finfo(dtype), np.random.default_rng(1)
    largest, smallest = np.log(finfo.max), np.log(finfo.tiny)
    edges = [np.nextafter(largest, dtype(sign * np.inf)) for sign in (-1, 1)]
    x = np.r_[rng.uniform(smallest, largest, 4000), rng.uniform(-1, 1, 4000), 0, -0.0, largest]
    x = np.r_[x, edges, 1.01 * largest, 1.01 * smallest, 1e30, -1e30, np.inf, -np.inf, np.nan]
    x = x.astype(dtype)
    layer = FeatureMap((1, 1, len(x)), "x : 1\ny : 1\nz : 1\nn = int(x > 0) : integer", dtype=dtype)
    layer.x = x
    regular = layer.run_regularly("y = exp(x); z = exp(n)")
    run(defaultclock.dt, namespace={})
    code = regular.codeobj.code
    assert "_exp(x)" in (code.run if target == "cpp_runtime" else code.cpp_file)
    found = np.asarray(layer.y[:])
    with np.errstate(over="ignore"):
        exact = np.exp(np.longdouble(x))
    normal = (exact > 1.0001 * finfo.tiny) & (exact <= finfo.max)
    error = np.abs(found[normal] - exact[normal]) / np.spacing(exact[normal].astype(dtype))
    assert 0.5 < error.max() < 1.5
    assert normal.sum() > len(x) - 11
    assert np.isinf(found[exact > finfo.max]).all()
    assert (found[exact < finfo.tiny] == 0).all()
    assert_array_equal(np.isnan(found), np.isnan(x))
    assert_array_equal(found[x == 0], 1)
    assert_allclose(layer.z[:], np.exp(np.float64(x > 0)), rtol=1e-6)


@pytest.mark.parametrize("method", ["exact", "exponential_euler"])
@pytest.mark.parametrize("target", ["cpp_runtime"], indirect=True)
def test_equations_with_exponentials_give_the_same_in_a_program(target, method, tmp_path):
    def integrated():
        layer = FeatureMap(
            (1, 1, 70), "dv/dt = (a - v)/tau : 1\na : 1\ntau : second", method=method
        )
        layer.a, layer.tau = np.linspace(-1, 2, 70), np.linspace(0.7, 9, 70) * ms
        network = Network(layer)
        network.run(5 * ms, namespace={})
        return np.asarray(layer.v[:])

    found = integrated()
    set_device("cpp_standalone", directory=str(tmp_path))
    assert_array_equal(integrated(), found)
    assert_allclose(
        found[30:], np.linspace(-1, 2, 70)[30:] * -np.expm1(-5 / np.linspace(0.7, 9, 70)[30:])
    )


@pytest.mark.parametrize("target", ["numpy", "cpp_runtime"], indirect=True)
def test_neurons_that_share_what_they_change_do_so_one_after_the_other(target):
    """As no loop may do that compilers are told to vectorise."""
    layer = FeatureMap((4, 5, 5), "x : 1", name="layer")
    layer.x = np.arange(100) / 100
    of_channel = PerChannel(layer, "theta : 1")
    summing = layer.run_regularly("theta += x")
    run(defaultclock.dt, namespace={})
    assert_allclose(of_channel.theta[:], np.asarray(layer.x[:]).reshape(25, 4).sum(axis=0))
    if target == "cpp_runtime":
        assert "ivdep" not in summing.codeobj.code.run


@pytest.mark.parametrize("target", ["cpp_runtime"], indirect=True)
def test_neurons_that_see_others_change_are_no_vector(target):
    layer = FeatureMap((1, 1, 64), "x : 1\nleft : 1 (linked)\nfixed : 1 (constant)", name="layer")
    layer.left = linked_var(layer, "x", index=np.r_[0, :63])
    layer.x = np.arange(64)
    moving, alone = layer.run_regularly("x = left"), layer.run_regularly("x += fixed")
    run(defaultclock.dt, namespace={})
    assert_array_equal(layer.x[:], 0)  # each sees the one before it changed
    assert "ivdep" not in moving.codeobj.code.run
    assert "ivdep" in alone.codeobj.code.run


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


@pytest.mark.parametrize(
    ("threads", "n", "shared"), [(0, 4000, 0), (1, 4000, 0), (2, 100, 0), (2, 4000, 1)]
)
@pytest.mark.parametrize("target", ["cpp_runtime"], indirect=True)
def test_threads_share_loops_that_are_worth_it(target, threads, n, shared):
    prefs.devices.cpp_standalone.openmp_threads = threads
    layer = FeatureMap((1, 1, n), "dv/dt = -v/ms : 1")
    run(defaultclock.dt, namespace={})
    code = layer.state_updater.codeobj.code.run
    assert code.count("omp parallel") == shared
    assert code.count("#pragma GCC ivdep") == 1 - shared
