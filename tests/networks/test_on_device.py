"""Networks on standalone devices: compiled once, they do what they do in runtime mode."""

import os
import signal

import numpy as np
import pytest
from brian2 import Hz, NetworkOperation, NeuronGroup, StateMonitor, ms, set_device
from conftest import choose_target
from networks_cases import SHAPE, Stop, assert_same, images, kernels, two_layers

from hebbsim import SpikingLayer, SpikingNetwork, rules
from hebbsim.networks.checkpoint import Position, load_checkpoint, save_checkpoint
from hebbsim.networks.conv_layer import ConvLayer
from hebbsim.networks.conv_network import ConvNetwork
from hebbsim.networks.interruption import StoppedError
from hebbsim.rules import RewardGated
from hebbsim.standalone import program as programs
from hebbsim.synapses.update import NonFiniteWeightsError

DEVICES = [
    "cpp_standalone",
    pytest.param("cuda_on_cpu", marks=pytest.mark.slow),
    pytest.param("cuda", marks=pytest.mark.gpu),
]


@pytest.fixture
def built(monkeypatch):
    """The networks that programs were compiled for."""
    found, build = [], programs.Program.__init__

    def note(self, network):
        found.append(network)
        build(self, network)

    monkeypatch.setattr(programs.Program, "__init__", note)
    return found


def life_of_rates(network, folder):
    """Do with a network all that can be done, and return what came of it."""
    data = images(25)  # not a multiple of the batch
    # a coarser clock, whose name comes before the network's
    network.stages[0].conv.run_regularly("w *= 0.99", dt=3 * ms)
    yield network.transform(data)
    network.fit(data, burn_in=1, progress=False, checkpoint=folder / "state.npz")
    yield from network.transform_all(data, variable="y")
    yield from kernels(network)
    network.stages[1].conv.set_kernel(
        "w", 0.1 * images(5 * 6, seed=7)[:, 0, :2, :2].reshape(5, 6, 2, 2)
    )
    network.stages[0].groups[0].theta = np.linspace(-0.2, 0.3, 6)
    network.fit(data, epochs=2, layers=[1], progress=False)
    yield from kernels(network)
    yield network.transform(data)
    network.fit(data, epochs=2, layerwise=True, shuffle=False, progress=False)
    yield from kernels(network)
    yield network.stages[0].thresholds


@pytest.mark.parametrize("target", DEVICES)
def test_rates_live_the_same_life_on_a_device(target, built, tmp_path, monkeypatch):
    """All kinds of presentation are one program, whatever the number of images and epochs."""
    reference = two_layers(seed=3)
    expected = list(life_of_rates(reference, tmp_path / "runtime"))
    choose_target(target, tmp_path, monkeypatch)
    network = two_layers(seed=3)
    exact = target == "cpp_standalone"
    for number, (found, values) in enumerate(
        zip(life_of_rates(network, tmp_path / "device"), expected, strict=True)
    ):
        np.testing.assert_allclose(found, values, rtol=0, atol=0 if exact else 1e-9, err_msg=number)
    assert (network.learned.epochs, network.learned.batches) == (7, 14)
    assert network.time == reference.time
    if exact:
        assert_same(network, reference)
        assert_interrupted_and_gone_on_with(network, tmp_path)
    assert len(built) == 1


def assert_interrupted_and_gone_on_with(network, folder):
    """A checkpoint of the other device is read; a stop ends after its batch."""
    load_checkpoint(network, folder / "runtime" / "state.npz")
    state = {name: np.array(v.get_value()) for name, v in network.state_variables().items()}
    data = images(40)

    def fit(**how):
        network.fit(data, epochs=2, progress=False, checkpoint=folder / "x.npz", **how)

    with pytest.raises(StoppedError, match=r"after batch 3 of 4 in epoch 1; the state is in"):
        fit(augment=Stop(network, 3))
    fit(resume=True)
    stopped = kernels(network)
    load_checkpoint(network, folder / "runtime" / "state.npz")
    for name, variable in network.state_variables().items():
        np.testing.assert_array_equal(variable.get_value(), state[name], err_msg=name)
    fit(overwrite=True)
    for found, expected in zip(kernels(network), stopped, strict=True):
        np.testing.assert_array_equal(found, expected)
    with pytest.raises(KeyboardInterrupt):
        network.transform(data, reduce=lambda maps: os.kill(os.getpid(), signal.SIGINT))


def rewarded(**kwds):
    rule = RewardGated(rules.PairSTDP(1), tau_e=30 * ms, trial_by_trial=True)
    layer = SpikingLayer(4, 3, rules.PairSTDP(1, mu=0.5), threshold="v > 1.5 + theta", delay=2 * ms)
    last = SpikingLayer(4, 6, rule, threshold="v > 3", theta_plus=0.0, tau_theta=20)
    options = {"batch_size": 5, "duration": 20 * ms, "max_rate": 200 * Hz} | kwds
    return SpikingNetwork(SHAPE, [layer, last], encoding="poisson", **options)


def life_of_spikes(network):
    data = images(20)
    labels = np.arange(20) % 2
    yield network.transform(data)
    network.fit(data, labels=labels, progress=False)
    yield from kernels(network)
    yield network.predict(data[:7], 2)
    network.fit(data, layers=[0], progress=False)
    yield from kernels(network)
    yield network.transform(data[:7], 0, variable="first_spike")


@pytest.mark.parametrize("target", DEVICES[:1])
def test_spikes_and_reward_live_the_same_life_on_a_device(target, built, tmp_path, monkeypatch):
    """Of the same random numbers: C++ standalone draws as numpy does."""
    reference = rewarded(seed=1)
    before = kernels(reference)
    expected = list(life_of_spikes(reference))
    for one, two in zip(before, kernels(reference), strict=True):
        assert np.abs(one - two).max() > 1e-3
    choose_target(target, tmp_path, monkeypatch)
    network = rewarded(seed=1)
    for found, values in zip(life_of_spikes(network), expected, strict=True):
        np.testing.assert_allclose(found, values, rtol=0, atol=1e-12)
    assert len(built) == 1
    save_checkpoint(network, tmp_path / "state.npz", Position())
    set_device("runtime")
    other = rewarded(seed=1)
    load_checkpoint(other, tmp_path / "state.npz")
    for name, variable in reference.state_variables().items():
        if variable.size:  # none of what delays of several lengths would need
            found = other.state_variables()[name].get_value()
            np.testing.assert_allclose(found, variable.get_value(), atol=1e-12, err_msg=name)


def test_what_a_program_cannot_do_is_named(tmp_path):
    network = ConvNetwork(
        SHAPE, [ConvLayer(2, 3, rules.Hebb("1e308"), normalize=None)], batch_size=10
    )
    set_device("cpp_standalone", directory=str(tmp_path / "x"))
    with pytest.raises(RuntimeError, match="it was built for RuntimeDevice, and CPPStandaloneDev"):
        network.fit(images())
    network = ConvNetwork(
        SHAPE, [ConvLayer(2, 3, rules.Hebb("1e308"), normalize=None)], batch_size=10
    )
    conv = network.stages[0].conv
    monitor, operation = StateMonitor(conv, "w", record=True), NetworkOperation(lambda: None)
    for item, said in ((monitor, "holds arrays of no fixed size"), (operation, "runs in Python")):
        network.brian2.add(item)
        with pytest.raises(NotImplementedError, match=f"'{item.name}'.*{said}.*use runtime mode"):
            network.transform(images())
        network.brian2.remove(item)
    with pytest.raises(NonFiniteWeightsError, match=r"epoch 1, batch \d of 6: 'w' of 'conv1' bec"):
        network.fit(images(), progress=False)
    before, kept = conv.get_kernel("w"), network.stages[0].thresholds.copy()
    other = NeuronGroup(1, "v : 1")
    for late in ("rand()", 0.5):
        if isinstance(late, str):
            conv.w = late
        else:
            conv.w[2:5] = late
            network.brian2.add(other)  # another program would compute it from the first weights
        with pytest.raises(NotImplementedError, match="'w' of 'conv1' was set by an expr"):
            network.fit(images(), progress=False)
        np.testing.assert_array_equal(network.stages[0].thresholds, kept)
        conv.set_kernel("w", np.nan_to_num(before, posinf=1, neginf=1))
    network.brian2.remove(other)
    network.transform(images())
