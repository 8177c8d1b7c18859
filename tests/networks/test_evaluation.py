"""What is only shown leaves no trace: in learning, in switches, in the user's random numbers."""

import numpy as np
import pytest
from brian2 import Network, NeuronGroup, StateMonitor, ms, prefs, seed
from networks_cases import SHAPE, assert_same, images, kernels, spiking_network, two_layers

from hebbsim import PoissonEncoder, decode, rules, to_torch
from hebbsim.bridge.weights import save_weights

DATA = images(20)
DECAYING = rules.Oja("2*exp(-t/(8*ms))/n_shared")


def poisson():
    return spiking_network(encoding="poisson", delay=2 * ms)


def look(network, folder):
    """Call all that only looks at a network."""
    features = network.transform(DATA, 0)
    network.transform_all(DATA[:3])
    network.present([DATA[:10]], 1, depth=1)
    if hasattr(network, "predict"):
        network.predict(DATA, 2)
    to_torch(network)
    save_weights(network, folder / "looked.safetensors", overwrite=True)
    labels = np.arange(20) % 2
    decode(features.reshape(20, -1), labels, features.reshape(20, -1), labels)


@pytest.mark.parametrize("build", [lambda: two_layers(DECAYING), poisson])
@pytest.mark.parametrize("target", ["numpy", "cpp_runtime"], indirect=True)
def test_learning_is_the_same_with_and_without_evaluation(target, build, tmp_path):
    looked, undisturbed = build(), build()
    for number in range(2):
        for network in (looked, undisturbed):
            network.fit(DATA, progress=False)
        if number == 0:
            before = {n: v.get_value().copy() for n, v in looked.state_variables().items()}
            time, maps = looked.time, looked.stages[0].feature_map.get_maps("u")
            look(looked, tmp_path)
            for name, variable in looked.state_variables().items():
                np.testing.assert_array_equal(variable.get_value(), before[name], err_msg=name)
            np.testing.assert_array_equal(looked.stages[0].feature_map.get_maps("u"), maps)
            assert looked.time == time == float(looked.brian2.t)
    assert_same(looked, undisturbed)


def test_what_was_added_to_the_network_goes_back_too():
    """A running mean and weights that decay on their own; what a monitor recorded stays."""
    prefs.codegen.target = "numpy"
    looked, undisturbed = two_layers(), two_layers()
    for network in (looked, undisturbed):
        layer, conv = network.stages[0].feature_map, network.stages[0].conv
        mean = NeuronGroup(1, "m : 1", clock=network.clock, name="mean")
        mean.run_regularly("m += 1 + rand()", clock=network.clock, when="end")
        conv.run_regularly("w *= 0.9", clock=network.clock)
        monitor = StateMonitor(layer, "u", record=[0], clock=network.clock, name="seen")
        network.brian2.add(mean, monitor)
        network.fit(DATA, progress=False)
        if network is looked:
            alone = network.transform(DATA[10:])
            np.testing.assert_array_equal(network.transform(DATA)[10:], alone)  # frozen kernels
        network.fit(DATA, progress=False)
    assert_same(looked, undisturbed)
    assert looked.state_variables()["mean.m"].get_value()[0] > 4
    assert len(looked.brian2["seen"].t) == 4 + 3
    assert len(undisturbed.brian2["seen"].t) == 4


def test_an_evaluation_that_fails_leaves_no_trace_either():
    network, undisturbed = two_layers(), two_layers()
    bad = DATA.copy()
    bad[15] = np.nan
    for call in (
        lambda: network.transform(bad),
        lambda: network.present([DATA[:10]], 2),
        lambda: network.transform(DATA, reduce=lambda maps: network.transform(DATA)),
    ):
        with pytest.raises((ValueError, RuntimeError)):
            call()
        assert_same(network, undisturbed)
        assert network.time == 0
    for each in (network, undisturbed):
        each.fit(DATA, progress=False)
    assert_same(network, undisturbed)


def test_too_few_batches_and_calls_from_within_are_named():
    network = two_layers()
    with pytest.raises(ValueError, match=r"2 batches were to be presented, and there are only 1;"):
        network.present([DATA[:10]], 2)
    with pytest.raises(RuntimeError, match="images are being presented; what is called meanwhile"):
        network.fit(DATA, augment=lambda batch, _: network.transform(batch), progress=False)


@pytest.mark.parametrize("build", [two_layers, poisson])
def test_the_users_own_run_learns_after_a_presentation(build):
    """Nothing is left switched off, and no batches are left to be presented."""
    ran = []
    for looked in (False, True):
        network = build()
        network.fit(DATA, layers=[0], progress=False)
        if looked:
            network.transform(DATA)
            network.fit(DATA, epochs=0, progress=False)
        network.input.set_maps(network.input_variable, DATA[:10])
        seed(3)
        before = kernels(network)
        network.brian2.run(40 * ms, namespace={})
        ran.append(network)
        for old, new in zip(before, kernels(network), strict=True):
            assert np.abs(new - old).max() > 0
    assert_same(*ran)


def test_what_the_user_switches_off_stays_off():
    network = two_layers()
    network.stages[1].conv.learning = False
    before = kernels(network)
    network.fit(DATA, progress=False)
    network.transform(DATA)
    after = kernels(network)
    assert np.abs(after[0] - before[0]).max() > 0
    np.testing.assert_array_equal(after[1], before[1])
    assert not network.stages[1].conv.learning
    assert network.stages[0].conv.learning


def test_a_presentation_follows_the_time_step():
    changed, made_so = spiking_network(), spiking_network(dt=0.5 * ms)
    changed.transform(DATA)
    changed.clock.dt = 0.5 * ms
    assert changed.n_steps == 40
    np.testing.assert_array_equal(changed.transform(DATA), made_so.transform(DATA))
    changed.fit(DATA, progress=False)
    made_so.fit(DATA, progress=False)
    np.testing.assert_array_equal(kernels(changed)[0], kernels(made_so)[0])
    changed.clock.dt = 8 * ms
    with pytest.raises(ValueError, match="must be a whole number of time steps of 8"):
        changed.transform(DATA)


# The user's random numbers


def calls(network):
    network.fit(DATA, progress=False)
    network.transform(DATA)
    if hasattr(network, "predict"):
        network.predict(DATA, 2)


@pytest.mark.parametrize("target", ["numpy", "cpp_runtime"], indirect=True)
def test_the_users_random_numbers_go_on(target):
    """Those of numpy and of Brian2's buffers, whatever the network draws in between."""
    drawn = []
    for with_network in (False, True):
        seed(7)
        encoder = PoissonEncoder(SHAPE, name="own_encoder")
        encoder.set_maps("x", DATA[0])
        encoder.run_regularly("x = clip(x + 0.01*randn(), 0, 1)")
        network = Network(encoder)
        found = []
        for _ in range(2):
            network.run(1 * ms, namespace={})
            found += [*encoder.x[:], np.random.rand()]  # noqa: NPY002
            if with_network:
                calls(poisson())
                calls(two_layers())
        drawn.append(found)
    np.testing.assert_array_equal(*drawn)
    assert len(set(drawn[0])) > 100


@pytest.mark.parametrize("build", [two_layers, poisson])
def test_a_network_draws_from_its_own_seed(build):
    """Noise of the user's own in a network follows the network, whatever `brian2.seed` was."""
    learned = []
    for users in (1, 2):
        seed(users)
        network = build()
        network.stages[0].conv.run_regularly("w += 0.01*(rand() - 0.5)", clock=network.clock)
        network.fit(DATA, progress=False)
        learned.append(kernels(network)[0])
    np.testing.assert_array_equal(*learned)
