"""Copies: deepcopy, pickle, workers, scikit-learn's clone."""

import copy
import pickle

import joblib
import numpy as np
import pytest
from brian2 import NeuronGroup, StateMonitor, ms, prefs, seed
from networks_cases import assert_same, images, kernels, spiking_network, two_layers
from sklearn.base import clone

FIT = {"progress": False}


def pickled(network):
    return pickle.loads(pickle.dumps(network))


NETWORKS = [two_layers, spiking_network]
COPIES = [(two_layers, copy.deepcopy), (two_layers, pickled), (spiking_network, pickled)]


@pytest.fixture(autouse=True)
def _numpy():
    prefs.codegen.target = "numpy"


@pytest.mark.parametrize(("build", "make"), COPIES)
def test_a_copy_of_a_new_network_is_its_equal_and_not_tied_to_it(build, make):
    network, whole = build(), build()
    other = make(network)
    data = images(20)
    whole.fit(data, burn_in=1, **FIT)
    other.fit(data, burn_in=1, **FIT)
    assert_same(other, whole)
    np.testing.assert_array_equal(other.transform(data), whole.transform(data))
    assert_same(network, build())


@pytest.mark.parametrize(("build", "make"), COPIES)
def test_a_copy_of_what_has_learned_goes_on_alike(build, make):
    network = build()
    network.fit(images(20), **FIT)
    seed(1)
    other = make(network)
    assert other.time == network.time > 0
    assert_same(other, network)
    for both in (network, other):
        both.fit(images(20, seed=1), **FIT)
    assert_same(other, network)
    np.testing.assert_array_equal(other.transform(images(20)), network.transform(images(20)))


def test_what_was_set_by_hand_is_copied():
    network = two_layers()
    network.stages[0].conv.learning = False
    network.stages[0].feature_map.y = 3
    network.clock.dt = 2 * ms
    other = copy.deepcopy(network)
    assert not other.stages[0].conv.learning
    assert other.stages[1].conv.learning
    np.testing.assert_array_equal(other.stages[0].feature_map.y[:], 3)
    assert other.clock.dt == 2 * ms


def test_a_copy_keeps_its_precision():
    prefs.core.default_float_dtype = np.float32
    network = two_layers()
    prefs.core.default_float_dtype = np.float64
    for other in (pickled(network), clone(network)):
        assert other.stages[0].conv.get_kernel("w").dtype == np.float32
    assert prefs.core.default_float_dtype == np.float64


@pytest.mark.parametrize("build", NETWORKS)
def test_a_clone_has_learned_nothing(build):
    network = build(seed=3)
    network.fit(images(20), **FIT)
    other = clone(network)
    assert_same(other, build(seed=3))
    assert other.time == 0


def test_monitors_are_left_behind_and_other_additions_are_named():
    network = two_layers()
    network.brian2.add(StateMonitor(network.stages[0].conv, "w", record=[0], name="recorder"))
    network.fit(images(20), **FIT)
    assert_same(copy.deepcopy(network), network)
    network.brian2.add(NeuronGroup(1, "v : 1", name="mine"))
    with pytest.raises(TypeError, match=r"would lack what was added .* \(mine.*\); remove that"):
        pickle.dumps(network)
    network = two_layers()
    network.stages[0].conv.run_regularly("w *= 0.9", name="decay")
    with pytest.raises(TypeError, match=r"\(decay\)"):
        copy.deepcopy(network)


def test_joblibs_cache_knows_a_network_by_what_it_learned(tmp_path):
    network, calls = two_layers(), []

    def respond(network):
        calls.append(1)
        return network.transform(images(10))

    cached = joblib.Memory(tmp_path, verbose=0).cache(respond)
    first = cached(network)
    np.testing.assert_array_equal(cached(pickled(network)), first)
    assert len(calls) == 1
    network.fit(images(20), **FIT)
    assert np.abs(cached(network) - first).max() > 0
    assert len(calls) == 2


def learned(network, data):
    network.fit(data, **FIT)
    return network


@pytest.mark.slow
def test_workers_of_joblib_learn_on_compiled_loops():
    prefs.codegen.target = "auto"
    network, whole = two_layers(), two_layers()
    network.fit(images(20), **FIT)
    whole.fit(images(20), **FIT)
    parts = [images(20, seed=n) for n in (1, 2)]
    found = joblib.Parallel(n_jobs=2)(joblib.delayed(learned)(network, part) for part in parts)
    for part, other in zip(parts, found, strict=True):
        expected = copy.deepcopy(whole).fit(part, **FIT)
        assert_same(other, expected)
    assert_same(network, whole)
    assert np.abs(kernels(found[0])[0] - kernels(found[1])[0]).max() > 0
