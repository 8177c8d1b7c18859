"""Networks of spiking layers: presentation, learning, reward, description."""

import signal
from dataclasses import replace

import numpy as np
import pytest
import torch
from brian2 import Hz, device, ms, prefs, second
from conftest import choose_target

from hebbsim import (
    ConvLayer,
    ConvNetwork,
    SpikingLayer,
    SpikingNetwork,
    StoredImages,
    from_torch,
    rules,
    to_torch,
)
from hebbsim.bridge.weights import load_network, save_weights
from hebbsim.networks.checkpoint import CheckpointError
from hebbsim.networks.interruption import StoppedError
from hebbsim.rules import RewardGated

RULE = rules.PairSTDP(1, A_plus=0.03, A_minus=0.02, mu=0.5)
LAYER = SpikingLayer(
    4, 3, RULE, threshold="v > 1.5 + theta", theta_plus=0.3, tau_theta=20, normalize="L1", norm=4.5
)
SECOND = SpikingLayer(3, 4, rules.TripletSTDP.visual_cortex(), threshold="v > 3", inhibition="all")
IMAGES = np.random.default_rng(5).random((24, 1, 6, 6))


def network(*layers, **kwds):
    options = {"batch_size": 4, "duration": 20 * ms, "seed": 3} | kwds
    return SpikingNetwork((1, 6, 6), layers or [LAYER], **options)


def kernels(spiking):
    return [stage.conv.get_kernel("w") for stage in spiking.stages]


@pytest.mark.parametrize("padding", [{}, {"padding": 1, "padding_mode": "circular"}])
def test_learning_equals_explicit_synapses(padding):
    """Two layers, several stimuli, thresholds and inhibition at work; on a torus too."""
    learned, layers = [], [replace(layer, **padding) for layer in (LAYER, SECOND)]
    for explicit in (False, True):
        prefs.codegen.target = "numpy"
        spiking = network(*layers)
        if explicit:
            for stage in spiking.stages:
                spiking.brian2.remove(stage.conv)
                spiking.brian2.add(stage.conv.to_synapses())
        before = kernels(spiking)
        spiking.fit(IMAGES, progress=False)
        learned.append(kernels(spiking))
        thresholds = spiking.stages[0].thresholds
    assert [SpikingLayer.from_dict(layer.to_dict()) for layer in layers] == layers
    for ours, theirs, start in zip(*learned, before, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)
        assert np.abs(ours - start).max() > 1e-3
    assert thresholds.min() > 0


def test_a_stimulus_starts_from_rest():
    """The response to an image depends neither on what came before nor on its batch."""
    spiking = network(LAYER, SECOND)
    alone = spiking.transform(IMAGES)
    np.testing.assert_array_equal(spiking.transform(IMAGES[::-1])[::-1], alone)
    np.testing.assert_array_equal(spiking.transform(IMAGES[5:12]), alone[5:12])
    assert 0 < alone.mean() < 1


@pytest.mark.parametrize(
    "target",
    [
        "cpp_standalone",
        pytest.param("cuda_on_cpu", marks=pytest.mark.slow),
        pytest.param("cuda", marks=pytest.mark.gpu),
    ],
)
def test_standalone_learns_what_is_streamed_elsewhere(target, tmp_path, monkeypatch):
    """Delays, traces of each sample and initial values: all start anew with each stimulus.

    What is set by hand stays where nothing writes it, and goes back where something does.
    """
    rule = RewardGated(rules.PairSTDP(20), tau_e=30 * ms, per_sample=True)
    model = "dv/dt = (drive - v)/(20*ms) : 1\ndrive : 1\n"
    model += "age = t - onset : second (constant over dt)"
    late = replace(
        SECOND,
        rule=rule,
        initial="v = 0.5",
        delay=3 * ms,
        model=model,
        threshold="v > 2.5 + age/second",
    )

    def build():
        spiking = network(LAYER, late)
        spiking.stages[1].groups[-1].reward = [1, -0.5, 0.7, 2]
        spiking.stages[1].feature_map.drive = 0.25
        spiking.stages[1].feature_map.v = 9
        # clocks of their own would drift apart in long runs
        assert len({item.clock for item in spiking.brian2.sorted_objects}) == 1
        return spiking

    streamed = build()
    before = kernels(streamed)
    streamed.present(IMAGES.reshape(6, 4, 1, 6, 6), 6, learning=[True, True])
    choose_target(target, tmp_path, monkeypatch)
    stored = build()
    StoredImages(stored.input, IMAGES, "intensity", duration=stored.duration)
    stored.brian2.run(6 * stored.duration)
    for found, expected, start in zip(kernels(stored), kernels(streamed), before, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
        assert np.abs(found - start).max() > 1e-3
    for ours, theirs in zip(stored.stages, streamed.stages, strict=True):
        np.testing.assert_allclose(ours.thresholds, theirs.thresholds)
        for name in ("n_spikes", "first_spike", "v"):
            found, expected = (np.asarray(s.feature_map.get_maps(name)) for s in (ours, theirs))
            np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12, err_msg=name)
    np.testing.assert_array_equal(stored.stages[1].feature_map.drive[:], 0.25)


def test_poisson_spikes_repeat_on_standalone(tmp_path):
    choose_target("cpp_standalone", tmp_path)
    spiking = network(encoding="poisson", max_rate=300 * Hz)
    StoredImages(spiking.input, IMAGES, "intensity", duration=spiking.duration)
    before = kernels(spiking)[0].copy()
    spiking.brian2.run(6 * spiking.duration)
    learned = kernels(spiking)[0].copy()
    device.run()
    np.testing.assert_array_equal(kernels(spiking)[0], learned)
    assert np.abs(learned - before).max() > 1e-3


def test_delayed_spikes_do_not_reach_the_next_stimulus():
    """Spikes of an image with latencies up to 19 ms are still on their way when it ends."""
    late = network(replace(LAYER, model="v : 1", threshold="v > 0.1", delay=6 * ms))
    alone = late.transform(IMAGES)
    np.testing.assert_array_equal(late.transform(IMAGES[::-1])[::-1], alone)
    direct = network(replace(LAYER, model="v : 1", threshold="v > 0.1"))
    assert alone.mean() > 0
    shift = (
        late.transform(IMAGES, variable="first_spike")[alone > 0]
        - direct.transform(IMAGES, variable="first_spike")[alone > 0]
    )
    np.testing.assert_allclose(shift, 0.006, atol=1e-9)


def test_inhibition_leaves_one_spike_at_each_position():
    counts = network().transform(IMAGES)
    assert counts.shape == (24, 4, 4, 4)
    assert counts.sum(axis=1).max() == 1
    free = network(replace(LAYER, inhibition=None, single_spike=False)).transform(IMAGES)
    assert free.max() > 1


def test_first_spikes_are_times_after_the_onset():
    spiking = network()
    first = spiking.transform(IMAGES, variable="first_spike")
    counts = spiking.transform(IMAGES)
    assert np.all(first[counts == 0] == pytest.approx(0.02))
    assert np.all((first[counts > 0] >= 0) & (first[counts > 0] < 0.02))
    potentials = spiking.transform(IMAGES, variable="v")
    assert np.isfinite(potentials).all()


@pytest.mark.parametrize("encoding", ["latency", "poisson"])
def test_the_same_seed_repeats_to_the_bit(encoding):
    found = []
    for seed in (3, 3, 4):
        spiking = network(encoding=encoding, max_rate=300 * Hz, seed=seed)
        spiking.fit(IMAGES, epochs=2, progress=False)
        found.append((*kernels(spiking), spiking.transform(IMAGES)))
    for a, b in zip(found[0], found[1], strict=True):
        np.testing.assert_array_equal(a, b)
    assert np.abs(found[0][0] - found[2][0]).max() > 0


def test_an_interrupted_run_is_resumed_to_the_bit(tmp_path):
    whole = network(encoding="poisson")
    whole.fit(IMAGES, epochs=3, progress=False)
    file = tmp_path / "state.npz"
    interrupted, batches = network(encoding="poisson"), []

    def interrupt(batch, _):
        batches.append(batch)
        if len(batches) == 9:
            signal.raise_signal(signal.SIGINT)
        return batch

    with pytest.raises(KeyboardInterrupt):
        interrupted.fit(IMAGES, epochs=3, progress=False, checkpoint=file, augment=interrupt)
    again = network(encoding="poisson")
    again.fit(IMAGES, epochs=3, progress=False, checkpoint=file, resume=True)
    np.testing.assert_array_equal(kernels(again)[0], kernels(whole)[0])


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (None, r"labels is \{'shape': \[24\], .*\} there and None here"),
        (np.arange(24) % 2, r"labels\.values is '.*' there and '.*' here"),
        ((np.arange(24) % 3).astype(np.int32), r"labels\.dtype is 'int64' there and 'int32' here"),
    ],
)
def test_other_labels_are_not_gone_on_with(tmp_path, labels, message):
    gated = RewardGated(RULE, 1 * second, 0.1 * second, trial_by_trial=True, per_sample=True)
    layers, file = (LAYER, replace(SECOND, rule=gated)), tmp_path / "state.npz"
    classes = np.arange(24) % 3
    network(*layers).fit(IMAGES, labels=classes, progress=False, checkpoint=file)
    with pytest.raises(CheckpointError, match=message):
        network(*layers).fit(IMAGES, labels=labels, progress=False, checkpoint=file, resume=True)


def test_burn_in_adapts_thresholds_alone():
    spiking = network()
    before = kernels(spiking)[0]
    spiking.fit(IMAGES, progress=False, burn_in=100)
    np.testing.assert_array_equal(kernels(spiking)[0], before)
    assert spiking.stages[0].thresholds.max() > 0


def test_layers_choose_who_learns():
    spiking = network(LAYER, SECOND)
    before = kernels(spiking)
    spiking.fit(IMAGES, progress=False, layers=[1])
    after = kernels(spiking)
    np.testing.assert_array_equal(after[0], before[0])
    assert np.abs(after[1] - before[1]).max() > 0
    with pytest.raises(ValueError, match="layers: expected numbers from 0 to 1, got \\[2\\]"):
        spiking.fit(IMAGES, progress=False, layers=[2])


def test_description_and_torch_go_there_and_back(tmp_path, caplog):
    gated = RewardGated(RULE, 1 * second, 0.1 * second, trial_by_trial=True, per_sample=True)
    spiking = network(LAYER, replace(SECOND, rule=gated), encoding="poisson", max_rate=80 * Hz)
    spiking.fit(IMAGES, progress=False, layers=[0])
    assert "needs labels=" not in caplog.text
    spiking.fit(IMAGES, progress=False)
    assert "learns from the reward of its choices, which needs labels=" in caplog.text
    module = to_torch(spiking)
    for number, kernel in enumerate(kernels(spiking), start=1):
        np.testing.assert_array_equal(getattr(module, f"conv{number}").weight.numpy(), kernel)
    np.testing.assert_array_equal(module.conv1.bias.numpy(), -spiking.stages[0].thresholds)
    drive = module(torch.tensor(IMAGES))
    assert drive.shape == (24, 3, 1, 1)
    save_weights(spiking, tmp_path / "net")
    for back in (from_torch(module), load_network(tmp_path / "net")):
        assert isinstance(back, SpikingNetwork)
        assert back.describe() == spiking.describe()
        for ours, theirs in zip(kernels(back), kernels(spiking), strict=True):
            np.testing.assert_array_equal(ours, theirs)
        np.testing.assert_array_equal(back.transform(IMAGES), spiking.transform(IMAGES))
    assert str(back.layers[1].rule) == str(gated)
    np.testing.assert_array_equal(
        to_torch(spiking.stages[0].conv).weight.numpy(), kernels(spiking)[0]
    )


def bars(n, rng):
    """Horizontal bars at random places in the upper (0) and the lower (1) half."""
    labels = rng.integers(0, 2, n)
    images = 0.05 * rng.random((n, 1, 6, 6))
    images[np.arange(n), 0, 3 * labels + rng.integers(0, 3, n)] += 0.9
    return images, labels


def reward_network(**kwds):
    inner = rules.PairSTDP(1, A_plus=0.1, A_minus=0.02, mu=1, tau_plus=50 * ms)
    rule = RewardGated(inner, 1e4 * ms, 100 * ms, trial_by_trial=True, **kwds)
    layer = SpikingLayer(
        2,
        6,
        rule,
        model="v : 1",
        threshold="v > 1.5",
        inhibition="all",
        inhibition_radius="all",
        initial_weights=(0.35, 0.45),
    )
    return network(layer, batch_size=10)


def test_reward_alone_teaches_classes():
    """The same network learns the classes and the opposite ones."""
    images, labels = bars(400, np.random.default_rng(0))
    new, truth = bars(200, np.random.default_rng(1))
    for opposite in (False, True):
        spiking = reward_network(per_sample=True)
        taught = 1 - labels if opposite else labels
        spiking.fit(images, labels=taught, epochs=4, progress=False)
        wanted = 1 - truth if opposite else truth
        assert np.mean(spiking.predict(new, 2) == wanted) > 0.9


def test_one_reward_for_the_whole_batch():
    images, labels = bars(20, np.random.default_rng(0))
    spiking = reward_network()
    before = kernels(spiking)[0]
    spiking.fit(images, labels=labels, progress=False)
    conv = spiking.stages[0].conv
    assert conv.rewarded == 0
    assert conv.mean_reward != 0
    assert np.abs(kernels(spiking)[0] - before).max() > 0


def test_the_choice_is_by_spikes_then_time_then_potential():
    layer = replace(LAYER, out_channels=4, kernel_size=6, theta_plus=0, rule=None, normalize=None)
    spiking = network(layer)
    last = spiking.stages[0].feature_map
    counts = np.array([[0, 2, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0], [1, 0, 0, 2]], dtype=float)
    first = np.array([[20, 1, 20, 20], [3, 2, 20, 20], [20, 20, 20, 20], [1, 20, 20, 9]]) * 1e-3
    potential = np.array([[5, 0, 0, 0], [0, 0, 0, 0], [0, 0.5, 1, 0], [0, 0, 0, 0]], dtype=float)
    shape = (4, 4, 1, 1)
    last.set_maps("n_spikes", counts.reshape(shape))
    last.set_maps("first_spike", first.reshape(shape) * second)
    last.set_maps("v", potential.reshape(shape))
    # channels 0 and 2 stand for class 0, 1 and 3 for class 1
    np.testing.assert_array_equal(spiking.choose(2), [1, 1, 0, 1])
    with pytest.raises(ValueError, match="4 channels, too few for 5 classes"):
        spiking.choose(5)


def test_bad_input_is_named():
    spiking = network()
    with pytest.raises(ValueError, match="batch 0: intensities must lie between 0 and 1"):
        spiking.transform(IMAGES * 3)
    with pytest.raises(ValueError, match="unknown encoding 'rank'"):
        network(encoding="rank")
    with pytest.raises(ValueError, match="must be a whole number of time steps of 1"):
        network(duration=0.1 * ms)
    with pytest.raises(ValueError, match="layer 1"):
        network(replace(LAYER, kernel_size=9))
    for initial in ("v -70", "q = 2"):
        with pytest.raises(ValueError, match=r"layer 1: initial=.* sets no variables of the layer"):
            network(replace(LAYER, initial=initial))
    with pytest.raises(ValueError, match="inhibition"):
        replace(LAYER, inhibition="some")
    labels = np.zeros(len(IMAGES), dtype=int)
    with pytest.raises(ValueError, match="doesn't learn from reward; give it the rule"):
        network().fit(IMAGES, labels=labels, progress=False)
    with pytest.raises(ValueError, match="labels: expected 24 classes"):
        spiking.fit(IMAGES, labels=labels[:3], progress=False)
    rates = ConvNetwork((1, 6, 6), [ConvLayer(2, 3, rules.Oja())], batch_size=4)
    with pytest.raises(TypeError, match="a ConvNetwork doesn't learn from reward"):
        rates.fit(IMAGES, labels=labels, progress=False)


def test_what_is_only_shown_leaves_no_trace():
    """Neither in later learning, nor in numpy's random numbers."""
    found = []
    for looked in (False, True):
        spiking = network(encoding="poisson", max_rate=300 * Hz)
        for _ in range(2):
            spiking.fit(IMAGES, progress=False)
            if looked:
                spiking.transform(IMAGES)
        found.append(kernels(spiking)[0])
    np.testing.assert_array_equal(*found)
    np.random.seed(1)  # noqa: NPY002
    expected = np.random.rand()  # noqa: NPY002
    np.random.seed(1)  # noqa: NPY002
    spiking.transform(IMAGES)
    assert np.random.rand() == expected  # noqa: NPY002


def test_every_variable_of_a_layer_starts_anew():
    layer = replace(
        LAYER,
        model="dv/dt = (x - v)/(5*ms) : 1\ndx/dt = -x/(50*ms) : 1\nrest : 1",
        on_pre="x_post += w",
        initial="v = -0.5; rest = 0.1 + 0.2",
    )
    spiking = network(layer)
    dark = np.zeros_like(IMAGES)
    mixed = np.concatenate([IMAGES[:4], dark[:4]])
    for name, least in (("x", 0), ("v", -0.5)):
        after = spiking.transform(mixed, variable=name)[4:]
        np.testing.assert_array_equal(after, spiking.transform(dark[:4], variable=name))
        assert after.min() >= least
    np.testing.assert_allclose(spiking.transform(dark[:4], variable="rest"), 0.3)


def test_filtered_and_sliding_rules_learn_in_any_layer():
    for rule in (rules.Oja(50).filtered(20 * ms, 20 * ms), rules.BCM(1).filtered(20 * ms, 20 * ms)):
        spiking = network(replace(LAYER, rule=rule), replace(SECOND, rule=rule))
        before = kernels(spiking)
        spiking.fit(IMAGES, progress=False)
        for ours, start in zip(kernels(spiking), before, strict=True):
            assert np.abs(ours - start).max() > 0


def test_a_stopped_prediction_is_no_prediction():
    spiking = network()
    shown = []

    def stop(n_classes):
        shown.append(n_classes)
        spiking.brian2.stop()
        return np.zeros(4, dtype=int)

    spiking.choose = stop
    with pytest.raises(StoppedError, match=r"predict: the simulation was stopped, .* 1 of 6;"):
        spiking.predict(IMAGES, 2)
    assert shown == [2]


def test_initial_weights_are_drawn_by_an_expression():
    def kernel(weights, seed=0):
        layer = SpikingLayer(64, 5, initial_weights=weights)
        network = SpikingNetwork((1, 8, 8), [layer], batch_size=1, seed=seed)
        return network.stages[0].conv.get_kernel("w")

    drawn = kernel("clip(0.8 + 0.05*randn(), 0, 1)")
    assert drawn.mean() == pytest.approx(0.8, abs=0.005)
    assert drawn.std() == pytest.approx(0.05, rel=0.1)
    np.testing.assert_array_equal(drawn, kernel("clip(0.8 + 0.05*randn(), 0, 1)"))
    assert (drawn != kernel("clip(0.8 + 0.05*randn(), 0, 1)", seed=1)).any()
    np.testing.assert_allclose(kernel("0.2 + 0.6*rand()"), kernel((0.2, 0.8)), rtol=1e-14)
    np.testing.assert_array_equal(kernel("exp(-1)"), np.exp(-1))


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ((0.8, 0.2), "must be a range that rises"),
        (0.5, "must be a range that rises"),
        (("a", 1), "must be a range that rises"),
        ((0, np.inf), "must be a range that rises"),
        ("0.8 + 0.1*rnadn()", "names rnadn"),
        ("0.8 +", "can't be computed"),
        ("log(0)", "aren't finite"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")
def test_initial_weights_that_are_refused(weights, message):
    with pytest.raises(ValueError, match=message):
        SpikingLayer(4, 3, initial_weights=weights)
