"""Layers that learn by the order of spikes, declared, against a plain transcription."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from brian2 import SpikeMonitor, ms, prefs
from conftest import TARGETS, choose_target
from latency_cases import NEVER, changes, first_spikes, winners

from hebbsim import FeatureMap, SpikingLayer, SpikingNetwork, rules
from hebbsim.data.latency_bins import as_intensities
from hebbsim.networks.interruption import StoppedError
from hebbsim.networks.kept_spikes import KeptSpikes

N_BINS, STEPS = 5, 9
FIRST = SpikingLayer(
    5,
    3,
    rules.OrderSTDP(0.04, 0.03).doubling(every=5, until=0.15),
    padding=1,
    model="v : 1",
    threshold="v > 4",
    inhibition=None,
    initial_weights="clip(0.8 + 0.05*randn(), 0, 1)",
    learners=3,
    learners_radius=1,
    pooling="earliest",
    pool_padding=1,
)
SECOND = replace(
    FIRST,
    out_channels=7,
    kernel_size=2,
    rule=rules.OrderSTDP(0.05, 0.02),
    threshold="v > 1.5",
    learners=4,
    learns_from="first",
)
LAYERS = [FIRST, SECOND]
EPOCHS = [2, 3]


def bins(n=6, shape=(2, 8, 7), seed=0):
    found = np.random.default_rng(seed).integers(0, 2 * N_BINS, (n, *shape))
    return np.where(found < N_BINS, found, NEVER).astype(np.uint8)


def network(*layers, shape=(2, 8, 7), **kwds):
    options = {"batch_size": 1, "duration": STEPS * ms, "latest": N_BINS * ms, "seed": 4} | kwds
    return SpikingNetwork(shape, layers or LAYERS, **options)


def kernels(spiking):
    return [stage.conv.get_kernel("w").copy() for stage in spiking.stages]


def pooled(first):
    """Return the earliest of windows of 2x2 with a padding of 1: ``(channel, row, col)``."""
    padded = np.pad(first, ((1, 1), (1, 1), (0, 0)), constant_values=NEVER)
    rows, cols = (n // 2 for n in padded.shape[:2])
    windows = padded[: 2 * rows, : 2 * cols].reshape(rows, 2, cols, 2, -1)
    return np.moveaxis(windows.min(axis=(1, 3)), -1, 0)


def first_of_position(image):
    """Keep at each position the earliest spike, of several that of the lowest channel."""
    lowest = image.argmin(axis=0) == np.arange(len(image))[:, None, None]
    return np.where(lowest, image, NEVER)


def transcribed(images, weights, layers, epochs):
    """Return kernels and outputs of layers that learn one after the other."""
    learned, outputs = [], []
    for layer, w, n in zip(layers, weights, epochs, strict=True):
        threshold, padding = float(layer.threshold.split()[-1]), layer.padding
        shown = [first_of_position(i) for i in images] if layer.learns_from == "first" else images
        for number in range(n * len(images)):
            image = shown[number % len(images)]
            first, value = first_spikes(image, w, threshold, padding, N_BINS)
            won = winners(first, value, layer.learners, layer.learners_radius)
            assert won
            doubling = "n_stimuli" in str(layer.rule.a_plus)
            a_plus = min(0.04 * 2 ** ((number + 1) // 5), 0.15) if doubling else 0.05
            a_minus = 0.75 * a_plus if doubling else 0.02
            w = np.clip(w + changes(image, first, won, w, padding, a_plus, a_minus), 0, 1)
        firsts = [first_spikes(i, w, threshold, padding, N_BINS)[0] for i in images]
        images = [pooled(first) for first in firsts]
        learned.append(w)
        outputs.append(np.array(images) < NEVER)
    return learned, outputs


@pytest.mark.parametrize("target", TARGETS)
def test_network_learns_as_its_transcription(target, tmp_path, monkeypatch):
    choose_target(target, tmp_path, monkeypatch)
    images, spiking = bins(), network()
    before = kernels(spiking)
    expected, outputs = transcribed(images, before, LAYERS, EPOCHS)
    intensities = as_intensities(images, N_BINS)
    spiking.fit(intensities, epochs=EPOCHS, layerwise=True, shuffle=False, progress=False)
    for found, wanted, start in zip(kernels(spiking), expected, before, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12)
        assert np.abs(found - start).max() > 0.05
    for found, wanted in zip(spiking.transform_all(intensities), outputs, strict=True):
        np.testing.assert_array_equal(found, wanted)
        assert 0 < wanted.mean() < 1


def test_layer_learns_from_whether_its_strongest_neuron_was_right():
    """With rates that follow the last block of decisions (Mozafari et al. 2019)."""
    prefs.codegen.target = "numpy"
    rule = rules.OrderSTDP(0.06, 0.05, None, 0.2, 0.8).rewarded(0.07, 0.02, block=4)
    layer = replace(
        FIRST,
        out_channels=6,
        rule=rule,
        threshold=f"t_in_timesteps % {STEPS} == {STEPS - 1}",
        reset="",
        initial_weights="0.5 + 0.1*randn()",
        learners=1,
        pooling=None,
    )
    classes, labels, images = np.arange(6) // 2, np.arange(14) % 3, bins(14)
    spiking = network(layer, decision="strongest", classes=classes)
    w, shares, n_right, right = kernels(spiking)[0], (1.0, 1.0), 0, []
    for number, (image, label) in enumerate(zip(images, labels, strict=True), start=1):
        _, value = first_spikes(np.where(image < NEVER, 0, NEVER), w, -1, 1, 1)
        row, col, winner = np.unravel_index(value.argmax(), value.shape)
        right.append(classes[winner] == label)
        rates = (0.06, 0.05) if right[-1] else (-0.07, -0.02)
        field = np.pad(image, ((0, 0), (1, 1), (1, 1)), constant_values=NEVER)
        field = field[:, row : row + 3, col : col + 3]
        w[winner] += np.where(field < NEVER, rates[0], -rates[1]) * shares[1 - right[-1]]
        w = np.clip(w, 0.2, 0.8) if number == 1 else w
        w[winner] = np.clip(w[winner], 0.2, 0.8)
        n_right += right[-1]
        if number % 4 == 0:
            shares, n_right = (1 - n_right / 4, n_right / 4), 0
    assert 0 < sum(right) < len(right)
    spiking.fit(as_intensities(images, N_BINS), labels=labels, shuffle=False, progress=False)
    np.testing.assert_allclose(kernels(spiking)[0], w, rtol=0, atol=1e-12)
    for refused, said in (
        (network(layer, batch_size=2, classes=classes), "one stimulus at a time, got batch_size=2"),
        (network(FIRST), "doesn't learn from reward; give it the rule"),
    ):
        with pytest.raises(ValueError, match=said):
            refused.fit(as_intensities(images, N_BINS), labels=labels, progress=False)
        assert refused.time == 0  # can be used


TRACES = SpikingLayer(
    4, 3, rules.PairSTDP(1, A_plus=0.03, A_minus=0.02), threshold="v > 1.5 + theta", theta_plus=0.2
)


@pytest.mark.parametrize(
    "layers", [LAYERS, [TRACES, replace(TRACES, delay=2 * ms, normalize="L1")]]
)
def test_fixed_outputs_are_found_once(layers, monkeypatch):
    """Spikes that are shown again teach what those that are computed do, in other batches too."""
    prefs.codegen.target = "numpy"
    images, steps = as_intensities(bins(7), N_BINS), []
    step = KeptSpikes.step

    def counted(kept, place):
        steps.append((kept.complete, spiking.stages[0].conv.pathways["transmit"].active))
        step(kept, place)

    monkeypatch.setattr(KeptSpikes, "step", counted)
    learned = []
    for n_bytes in (0, 10_000):
        spiking = network(*layers, batch_size=2)
        before = kernels(spiking)
        spiking.fit(images, epochs=[1, 3], layerwise=True, keep_outputs=n_bytes, progress=False)
        assert len(steps) == (0 if n_bytes == 0 else (4 + 3 * 3) * STEPS)
        learned.append(spiking.state_variables())
        for found, start in zip(kernels(spiking), before, strict=True):
            assert np.abs(found - start).max() > 1e-3
    assert steps == [(False, True)] * 4 * STEPS + [(True, False)] * 9 * STEPS
    for name, variable in learned[0].items():
        np.testing.assert_array_equal(learned[1][name].get_value(), variable.get_value(), name)


def test_a_burn_in_learns_the_same_with_outputs_kept():
    """While weights rest, all spikes reach a layer that learns from the first ones."""
    prefs.codegen.target = "numpy"
    images, learned = as_intensities(bins(7), N_BINS), []
    for n_bytes in (0, 10_000):
        spiking = network(FIRST, replace(SECOND, threshold="v > 1.5 + theta", theta_plus=0.2))
        options = {"epochs": 3, "layers": [1], "burn_in": 7, "keep_outputs": n_bytes}
        spiking.fit(images, progress=False, **options)
        learned.append((kernels(spiking)[1], spiking.stages[1].thresholds))
    for one, two in zip(*learned, strict=True):
        np.testing.assert_array_equal(one, two)


def test_what_is_switched_off_stays_so_while_outputs_are_found():
    prefs.codegen.target = "numpy"
    images, learned = as_intensities(bins(7), N_BINS), []
    for n_bytes in (0, 10_000):
        spiking = network()
        spiking.stages[1].learners[0].active = False  # all spikes reach the second layer
        options = {"epochs": EPOCHS, "layerwise": True, "keep_outputs": n_bytes}
        spiking.fit(images, progress=False, **options)
        learned.append(kernels(spiking)[1])
    np.testing.assert_array_equal(*learned)


def test_a_stop_while_outputs_are_found_stops_the_fit(monkeypatch):
    prefs.codegen.target = "numpy"
    spiking = network()
    monkeypatch.setattr(KeptSpikes, "step", lambda kept, place: spiking.brian2.stop())
    monkeypatch.setattr(KeptSpikes, "_keep", lambda kept: None)
    with pytest.raises(StoppedError, match="what the layers before layer 2 hand on"):
        spiking.fit(as_intensities(bins(), N_BINS), epochs=3, layerwise=True, progress=False)
    assert spiking.learned.epochs == 3  # of the first layer


def test_all_neurons_of_a_large_map_may_spike_in_one_step():
    prefs.codegen.target = "numpy"
    large = FeatureMap((64, 32, 32), "v : 1", threshold="v > 1")
    kept = KeptSpikes(large, 1, 1, 1)
    kept.shown = lambda: np.arange(1)
    space = large.variables["_spikespace"].get_value()
    space[:] = [*range(len(large)), len(large)]
    kept.step(0)
    kept.silence()
    kept.complete = True
    kept.step(0)
    assert space[-1] == len(large)


def test_outputs_are_kept_that_repeat_and_have_room():
    prefs.codegen.target = "numpy"
    images = as_intensities(bins(150), N_BINS)

    def kept(spiking, n_bytes=10**6):
        time, before = spiking.time, kernels(spiking)
        found = spiking.keep_outputs(images, 1, n_bytes, lambda: False)
        assert spiking.time == time
        np.testing.assert_array_equal(kernels(spiking)[0], before[0])
        return found

    spiking = network(batch_size=10)
    needed = kept(spiking).n_bytes
    assert 2 * 15 * 6 * STEPS < needed < 150 * 2 * (5 * 5 * 4 + STEPS)
    assert kept(spiking, needed).n_bytes == needed
    assert kept(spiking, needed - 1) is None
    spiking.brian2.add(SpikeMonitor(spiking.stages[0].feature_map))
    assert kept(spiking) is None
    assert kept(network(encoding="poisson")) is None
    assert kept(network(replace(FIRST, threshold="v > 4 + rand()"), SECOND)) is None
    noisy = replace(TRACES, model="dv/dt = -v/(20*ms) + xi*(20*ms)**-0.5 : 1")
    assert kept(network(noisy, TRACES)) is None
    assert kept(network(TRACES, replace(TRACES, on_pre="v_post += w*v_pre"))) is None
    assert kept(network(TRACES, TRACES)) is not None
    with pytest.raises(ValueError, match="expected a number of bytes, an integer from 0 on"):
        spiking.fit(images, keep_outputs=-1)


def test_declarations_that_cannot_be_built_are_refused():
    for wrong, said in (
        ({"learners": None}, "say how many, such as learners=5"),
        ({"learners": 0}, "learners must be an integer from 1, got 0"),
        ({"learners_radius": -1}, "learners_radius must be an integer from 0, got -1"),
        ({"learns_from": "some"}, "learns_from"),
        ({"normalize": "L1"}, "normalize='L1' is that of other rules"),
        ({"pooling": "max"}, "pooling.*earliest"),
        ({"rule": rules.PairSTDP()}, "by PairSTDP all neurons learn that spike"),
    ):
        with pytest.raises(ValueError, match=said):
            replace(FIRST, **wrong)
    with pytest.raises(ValueError, match=r"layer 1: learns_from='first' silences .* 'input'"):
        network(replace(SECOND, out_channels=3))
    with pytest.raises(ValueError, match=r"layer 1: after a convolution to .* window"):
        network(replace(FIRST, pool_size=20))


def test_stimuli_begin_where_the_last_ended():
    prefs.codegen.target = "numpy"
    spiking, images = network(FIRST), as_intensities(bins(2), N_BINS)
    assert [SpikingLayer.from_dict(layer.to_dict()) for layer in LAYERS] == LAYERS
    spiking.brian2.run(2 * ms)
    with pytest.raises(ValueError, match=r"time, 2. ms, is within a stimulus of 9. ms; end it"):
        spiking.fit(images, progress=False)
    spiking.brian2.run(7 * ms)
    spiking.fit(images, progress=False)
    spiking.duration = 10 * ms
    with pytest.raises(ValueError, match=r"built for stimuli of 9. ms, got 10. ms"):
        spiking.transform(images)


@pytest.mark.parametrize("fails", ["after_batch", "augment", "reward"])
def test_what_fails_between_stimuli_cuts_none_short(fails):
    def fail(*_):
        raise OSError("no space left")

    def second(batch, rng):
        if rng.bit_generator.seed_seq.entropy[-1] == 1:
            fail()
        return batch

    prefs.codegen.target = "numpy"
    layer = FIRST
    if fails == "reward":
        layer = replace(FIRST, rule=rules.OrderSTDP(0.06, 0.05).rewarded(0.07, 0.02))
    spiking, images = network(layer), as_intensities(bins(2), N_BINS)
    callback = SimpleNamespace(after_batch=fail, after_epoch=fail)
    learn = {
        "after_batch": lambda: spiking.fit(images, progress=False, callback=callback),
        "augment": lambda: spiking.fit(images, progress=False, augment=second),
        "reward": lambda: spiking.present(images[:, None], 2, learning=[True], reward=fail),
    }[fails]
    with pytest.raises(OSError, match="no space left"):
        learn()
    assert spiking.learned.batches == 1
    assert spiking.time == pytest.approx(float(spiking.duration))
    spiking.present(images[:, None], 2, learning=[True])
    assert spiking.learned.batches == 3
