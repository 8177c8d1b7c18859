"""Delays: of each connection, set when they are set, counted in steps of the neurons that spike."""

import numpy as np
import pytest
from brian2 import (
    Network,
    NeuronGroup,
    SpikeGeneratorGroup,
    Synapses,
    defaultclock,
    ms,
    mV,
    prefs,
    second,
)
from brian2.core.base import BrianObjectException

from hebbsim import ConvSynapses, FeatureMap

NEURON = "v : 1\nat : second"


def source(dt=None):
    return SpikeGeneratorGroup(3, [0, 1, 2, 0, 1], [1, 1, 2, 2.5, 3] * ms, dt=dt)


def convolution(spikes, delay=None, shape=(2, 1, 1)):
    target = FeatureMap(shape, NEURON)
    conv = ConvSynapses(
        spikes,
        target,
        "w : 1",
        on_pre="v += w*(1 + j)*t/ms",
        delay=delay,
        kernel_size=1,
        source_shape=(3, 1, 1),
    )
    conv.w = "1 + in_channel + 10*out_channel"
    return target, conv


def synapses(spikes):
    target = NeuronGroup(2, NEURON)
    explicit = Synapses(spikes, target, "w : 1", on_pre="v += w*(1 + j)*t/ms")
    explicit.connect()
    explicit.w = "1 + i + 10*j"
    return target, explicit


def expected(delay, dt=None, duration=6 * ms):
    prefs.codegen.target = "numpy"
    spikes = source(dt)
    target, explicit = synapses(spikes)
    explicit.delay = delay
    Network(spikes, target, explicit).run(duration)
    return np.array(target.v[:])


ELEMENTS = {
    "expression": "(1 + 0.3*in_channel + 0.5*out_channel)*ms",
    "array": (1 + 0.3 * np.arange(3)[None, :] + 0.5 * np.arange(2)[:, None])[..., None, None] * ms,
}


@pytest.mark.parametrize("kind", ELEMENTS)
@pytest.mark.parametrize("dt", [None, 0.5 * ms], ids=["same clock", "own clock"])
@pytest.mark.parametrize("language", ["numpy", "auto"])
def test_each_kernel_element_has_a_delay(kind, dt, language):
    right = expected("(1 + 0.3*i + 0.5*j)*ms", dt)
    prefs.codegen.target = language
    spikes = source(dt)
    target, conv = convolution(spikes, ELEMENTS[kind])
    Network(spikes, target, conv).run(6 * ms)
    np.testing.assert_allclose(target.v[:], right, rtol=1e-12)


def test_delays_of_elements_on_every_target(target):
    spikes = source()
    layer, conv = convolution(spikes, np.array([[1, 2, 1]] * 2)[..., None, None] * ms)
    conv.set_kernel("delay", ELEMENTS["array"])  # more different ones than before
    Network(spikes, layer, conv).run(6 * ms)
    # by hand: each spike counts w*(1 + j)*t where and when it arrives
    right = np.zeros(2)
    for i, sent in ((0, 1), (1, 1), (2, 2), (0, 2.5), (1, 3)):
        for j in range(2):
            right[j] += (1 + i + 10 * j) * (1 + j) * (sent + 1 + 0.3 * i + 0.5 * j)
    np.testing.assert_allclose(layer.v[:], right, rtol=1e-9)


def test_explicit_synapses_have_the_delays():
    prefs.codegen.target = "numpy"
    right = expected("(1 + 0.3*i + 0.5*j)*ms")
    spikes = source()
    target, conv = convolution(spikes, ELEMENTS["expression"])
    Network(spikes, target, conv.to_synapses()).run(6 * ms)
    np.testing.assert_allclose(target.v[:], right, rtol=1e-12)


@pytest.mark.parametrize(
    "change",
    [
        lambda conv: setattr(conv, "delay", 0.7 * ms),
        lambda conv: setattr(conv.pathways["pre"], "delay", 0.7 * ms),
        lambda conv: setattr(conv.pre, "delay", "0.7*ms + 0*in_channel*ms"),
        lambda conv: conv.set_kernel("delay", np.full((2, 3, 1, 1), 0.7) * ms),
    ],
    ids=["conv.delay", "pathway.delay", "string", "array"],
)
def test_delays_are_set_after_construction_and_between_runs(change):
    prefs.codegen.target = "numpy"
    right = expected(0.7 * ms)
    spikes = source()
    target, conv = convolution(spikes, 3 * ms)
    change(conv)
    network = Network(spikes, target, conv)
    network.run(6 * ms)
    np.testing.assert_allclose(target.v[:], right, rtol=1e-12)
    np.testing.assert_allclose(conv.pre.delay[:] / ms, 0.7)
    conv.delay = 5 * ms
    network.run(6 * ms)  # no spike is sent any more
    np.testing.assert_allclose(target.v[:], right, rtol=1e-12)


def test_a_delay_does_not_change_while_spikes_are_on_their_way():
    prefs.codegen.target = "numpy"
    spikes = source()
    target, conv = convolution(spikes, 3 * ms)
    network = Network(spikes, target, conv)
    network.run(2 * ms)
    conv.delay = 1 * ms
    with pytest.raises(BrianObjectException) as error:
        network.run(1 * ms)
    assert "the delay of 'pre' changed while spikes were on their way" in str(error.value.__cause__)
    conv.delay = 3 * ms
    network.run(4 * ms)
    np.testing.assert_allclose(target.v[:], expected(3 * ms), rtol=1e-12)


@pytest.mark.usefixtures("brian2_in_numpy")
@pytest.mark.parametrize("target", ["numpy", "auto"])
@pytest.mark.parametrize("delay", ["1.5*ms", "(0.5 + in_channel)*ms"])
def test_spikes_on_their_way_arrive_on_time_in_shorter_steps(delay, target):
    prefs.codegen.target = target
    potentials = []
    for ours in (True, False):
        defaultclock.dt = 0.5 * ms
        spikes = source()
        neurons, joined = convolution(spikes, delay) if ours else synapses(spikes)
        joined.delay = delay if ours else delay.replace("in_channel", "i")
        network = Network(spikes, neurons, joined)
        network.run(2.5 * ms, namespace={})
        for dt in (0.25 * ms, 0.05 * ms):
            defaultclock.dt = dt
            network.run(1 * ms, namespace={})
        network.run(3 * ms, namespace={})
        potentials.append(np.array(neurons.v[:]))
    assert potentials[1].all()
    np.testing.assert_allclose(*potentials, rtol=1e-12)


def test_longer_steps_are_refused_while_spikes_are_on_their_way():
    prefs.codegen.target = "numpy"
    defaultclock.dt = 0.1 * ms
    spikes = source()
    target, conv = convolution(spikes, 2 * ms)
    network = Network(spikes, target, conv)
    network.run(2 * ms)
    defaultclock.dt = 0.5 * ms
    with pytest.raises(BrianObjectException) as error:
        network.run(1 * ms)
    assert "and not to a whole fraction of it" in str(error.value.__cause__)
    defaultclock.dt = 0.1 * ms
    network.run(4 * ms)
    np.testing.assert_allclose(target.v[:], expected(2 * ms), rtol=1e-12)


LONG, MIXED = "3*ms", "(1 + 2*int(in_channel == 0))*ms"


@pytest.mark.parametrize("delays", [(MIXED, LONG), (LONG, MIXED), (MIXED, LONG, MIXED)])
def test_not_between_delays_that_need_as_long_a_memory_either(delays):
    prefs.codegen.target = "numpy"
    spikes = SpikeGeneratorGroup(3, [0, 1, 0, 1], [1, 1, 1.6, 1.6] * ms)
    target, conv = convolution(spikes, delays[0])
    network = Network(spikes, target, conv)
    network.run(1.5 * ms)
    for delay in delays[1:-1]:
        conv.delay = delay
        with pytest.raises(BrianObjectException):
            network.run(0.2 * ms)
    conv.delay = delays[-1]
    if len(delays) == 3:  # the delays that the spikes were sent with
        network.run(1 * ms)
        return
    with pytest.raises(BrianObjectException) as error:
        network.run(1 * ms)
    assert "changed while spikes were on their way" in str(error.value.__cause__)


def test_spikes_on_their_way_are_stored_and_restored():
    prefs.codegen.target = "numpy"
    spikes = source()
    target, conv = convolution(spikes, 1.5 * ms)
    network = Network(spikes, target, conv)
    network.run(2.2 * ms)
    network.store()
    for _ in range(2):
        network.restore()
        network.run(3.8 * ms)
        np.testing.assert_allclose(target.v[:], expected(1.5 * ms), rtol=1e-12)


@pytest.mark.parametrize(
    ("delay", "message"),
    [
        ({"post": 1 * ms}, "there is no pathway 'post', only pre"),
        (3, "delay of 'pre': expected a time, such as 2.ms"),
        (2 * mV, "delay of 'pre': expected a time"),
        (-1 * ms, "expected a time, 0.ms or longer, got -0.001 s"),
        (float("nan") * second, "expected a time, 0.ms or longer, got nan s"),
        (np.ones((3, 2)) * ms, r"expected an array of shape .* = \(2, 3, 1, 1\), got \(3, 2\)"),
    ],
)
def test_errors_name_the_pathway(delay, message):
    with pytest.raises(ValueError, match=message):
        convolution(source(), delay)


def test_a_negative_delay_is_found_when_the_run_starts():
    spikes = source()
    target, conv = convolution(spikes)
    conv.delay = "(in_channel - 1)*ms"
    with pytest.raises(BrianObjectException) as error:
        Network(spikes, target, conv).run(defaultclock.dt)
    assert "delay of 'pre': expected a time" in str(error.value.__cause__)


def test_delays_of_few_channels_are_searched_for():
    """Where a table of where each delay begins would be larger than the kernel."""
    sent, delays = np.array([1, 1, 2, 2.5, 3]), np.array([0.2, 1.4, 3.1, 0.7, 2.2])
    spikes, target = SpikeGeneratorGroup(5, range(5), sent * ms), FeatureMap((1, 1, 1), NEURON)
    conv = ConvSynapses(
        spikes, target, "w : 1", on_pre="v += w*t/ms", kernel_size=1, source_shape=(5, 1, 1)
    )
    conv.w = "1 + in_channel"
    conv.set_kernel("delay", delays[None, :, None, None] * ms)
    Network(spikes, target, conv).run(6 * ms)
    assert not conv.pathways["pre"].queue.has_starts
    np.testing.assert_allclose(target.v[:], (np.arange(1, 6) * (sent + delays)).sum(), rtol=1e-12)
