"""The network against the script of Brian2's documentation on Brian2's synapses; labels."""

from dataclasses import replace

import numpy as np
import pytest
from brian2 import (
    Network,
    NeuronGroup,
    SpikeGeneratorGroup,
    SpikeMonitor,
    Synapses,
    ms,
    mV,
    prefs,
    seed,
)
from numpy.testing import assert_allclose, assert_array_equal

from hebbsim.errors import SettingsError
from hebbsim.experiments.figures import save_picture
from hebbsim.experiments.preferences import run_preferences
from models.common.claim import failing
from models.diehl_cook2015.claims import CLAIMS
from models.diehl_cook2015.experiment import load_digits, run
from models.diehl_cook2015.figures import pictures
from models.diehl_cook2015.local.model import VARIANTS
from models.diehl_cook2015.model import DigitNetwork
from models.diehl_cook2015.readout import labels_of, predicted
from models.diehl_cook2015.settings import DT, NETWORK, QUICK

N = 10

NEURON = """
dv/dt = (v_rest - v + i_exc + i_inh)/tau_mem : volt (unless refractory)
i_exc = ge*-v : volt
i_inh = gi*(v_inh_base - v) : volt
dge/dt = -ge/(1*ms) : 1
dgi/dt = -gi/(2*ms) : 1
"""
SYNAPSE = """
w : 1
dpre/dt = -pre/(20*ms) : 1 (event-driven)
dpost1/dt = -post1/(20*ms) : 1 (event-driven)
dpost2/dt = -post2/(40*ms) : 1 (event-driven)
"""
ON_PRE = "ge_post += w; pre = 1; w = clip(w - 0.0001*post1, 0, 1)"
ON_POST = "old = post2; w = clip(w + 0.01*pre*old, 0, 1); post1 = 1; post2 = 1"


def by_synapses(w, delay, i, t, images):
    """Show images by their spikes as the script does; return who spiked when, weights, repeats."""
    prefs.codegen.target = "numpy"
    source = SpikeGeneratorGroup(784, i, t)
    exc = NeuronGroup(
        N,
        NEURON + "dtheta/dt = -theta/(1e7*ms) : volt\ndtimer/dt = 0.1 : second",
        threshold="v > (theta - 72*mV) and (timer > 5*ms)",
        refractory=5 * ms,
        reset="v = -65*mV; theta += 0.05*mV; timer = 0*ms",
        method="exponential_euler",
        namespace={"tau_mem": 100 * ms, "v_rest": -65 * mV, "v_inh_base": -100 * mV},
    )
    inh = NeuronGroup(
        N,
        NEURON,
        threshold="v > -40*mV",
        refractory=2 * ms,
        reset="v = -45*mV",
        method="exponential_euler",
        namespace={"tau_mem": 10 * ms, "v_rest": -60 * mV, "v_inh_base": -85 * mV},
    )
    exc.v, inh.v, exc.theta = -105 * mV, -100 * mV, 20 * mV
    one = Synapses(exc, inh, on_pre="ge += 10.4")
    one.connect(j="i")
    others = Synapses(inh, exc, on_pre="gi += 17.0")
    others.connect("i != j")
    plastic = Synapses(source, exc, SYNAPSE, on_pre=ON_PRE, on_post=ON_POST)
    plastic.connect()
    plastic.w, plastic.delay = w.ravel(), delay.ravel()
    monitor = SpikeMonitor(exc)
    network = Network(source, exc, inh, one, others, plastic, monitor)
    repeats = 0
    for _ in range(images):
        weights = np.asarray(plastic.w[:]).reshape(784, N)
        plastic.w = (weights * (78 / weights.sum(axis=0))).ravel()
        while True:
            before = monitor.num_spikes
            network.run(350 * ms)
            enough = monitor.num_spikes - before >= 5
            network.run(150 * ms)
            if enough:
                break
            repeats += 1
    return monitor, np.asarray(plastic.w[:]).reshape(784, N), repeats


@pytest.mark.parametrize("target", ["cpp_runtime"], indirect=True)
def test_network_is_the_script_on_synapses(target):
    images = load_digits(QUICK).train[:3].copy()
    images[1] //= 3  # too dark to be answered at once
    network = DigitNetwork(N, images, np.random.default_rng(2))
    start = network.learned
    start["w"][start["w"] < 0.05] = 1e-5  # which depression soon brings to 0
    network.set_learned(start)
    in_order = (start["w"].reshape(N, 784).T, start["delay"].reshape(N, 784).T)
    assert len(np.unique(np.round(in_order[1] / float(DT)))) == 21
    inputs, outputs = network.record()
    counts = network.show(len(images))
    t, i = outputs.t[:], outputs.i[:]
    weights = network.learned["w"].reshape(N, 784).T

    expected, w, repeats = by_synapses(
        in_order[0], in_order[1] * 1000 * ms, inputs.i[:], inputs.t[:], len(images)
    )
    assert network.repeats == repeats > 0
    assert len(i) > 20
    assert_array_equal(i, expected.i[:])
    assert_allclose(np.asarray(t), np.asarray(expected.t[:]), rtol=0, atol=1e-9)
    assert np.abs(weights - in_order[0]).max() > 0.01
    assert (weights == 0).any()  # bounds count
    assert_allclose(weights, w, rtol=0, atol=1e-12)
    assert counts.sum() <= len(i)


@pytest.mark.filterwarnings("ignore:divide by zero")  # of inputs without a rate
@pytest.mark.parametrize("variant", VARIANTS)
def test_local_networks_learn_as_on_explicit_synapses(variant):
    prefs.codegen.target = "numpy"
    images, found = load_digits(QUICK).train[:1], {}
    for kind in ("convolution", "explicit"):
        seed(3)
        network = VARIANTS[variant](2, images, np.random.default_rng(2))
        if kind == "explicit":
            network.network.remove(network.conv)
            network.network.add(network.conv.to_synapses())
        start = network.learned["w"]
        network.network.run(200 * ms, namespace={})
        found[kind] = np.array(network.exc.count[:]), network.learned["w"]
    assert start.shape == ((2, 1, 12, 12) if variant == "shared" else (5, 5, 2, 1, 12, 12))
    assert found["convolution"][0].sum() >= 5
    assert_array_equal(found["convolution"][0], found["explicit"][0])
    assert np.abs(found["convolution"][1] - start).max() > 1e-4
    assert_allclose(found["convolution"][1], found["explicit"][1], rtol=0, atol=1e-12)


def test_a_neuron_stands_for_the_digit_that_it_answers_most():
    counts = np.array([[3, 0, 1, 1], [5, 0, 0, 1], [0, 2, 0, 1], [0, 4, 1, 1]])
    labels = np.array([7, 7, 2, 2])
    of_neurons = labels_of(counts, labels)
    assert_array_equal(of_neurons, [7, 2, 2, 2])
    # means, not sums: one neuron that answers much beats three of which one does
    assert_array_equal(predicted(np.array([[2, 4, 0, 0], [0, 0, 0, 1]]), of_neurons), [7, 2])


def test_networks_that_do_not_learn_are_driven_as_strongly():
    black = np.zeros((1, 784), dtype=np.uint8)
    network = DigitNetwork(N, black, np.random.default_rng(0), learning=False)
    assert_allclose(network.learned["w"].sum(axis=(1, 2, 3)), NETWORK.sum_of_weights)


def test_an_image_that_nobody_answers_is_named():
    images = load_digits(QUICK).train[:2].copy()
    images[1] = 0
    network = DigitNetwork(N, images, np.random.default_rng(0), learning=False)
    with pytest.raises(ValueError, match=r"image 1 of those .* up to 64; leave out images"):
        network.show(2)


def test_settings_without_an_end_are_refused():
    with pytest.raises(SettingsError, match="every: expected at least 1, got 0"):
        replace(QUICK, every=0)


@pytest.mark.slow
def test_quick_run_goes_on_where_it_was_stopped(tmp_path):
    state, told = tmp_path / "seed0.npz", []

    def stop(text):
        if text == "learning, image 200 of 400":
            raise KeyboardInterrupt

    with run_preferences(1, "float64"):
        with pytest.raises(KeyboardInterrupt):
            run(QUICK, 0, stop, state)
        found = run(QUICK, 0, told.append, state)
    assert told[0] == "learning, image 200 of 400"
    assert failing(CLAIMS, [dict(found.numbers)], quick=True) == []
    for name, figure in pictures(QUICK, [found]).items():
        save_picture(figure, tmp_path / name)
        assert (tmp_path / name).with_suffix(".png").stat().st_size > 0
