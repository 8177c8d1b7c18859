"""Layers of spikes and the layer that decides, against a plain transcription; the quick run."""

from dataclasses import replace
from shutil import copy

import numpy as np
import pytest
from latency_cases import changes, first_spikes, winners
from numpy.testing import assert_allclose, assert_array_equal

from hebbsim.experiments.figures import save_picture
from hebbsim.experiments.preferences import run_preferences
from hebbsim.networks.own_random_numbers import seed_by_place
from models.common.claim import failing
from models.kheradpisheh2018.layers import load_digits
from models.kheradpisheh2018.model import LearningLayer, transformed
from models.kheradpisheh2018.settings import N_BINS
from models.mozafari2019.__main__ import MODEL
from models.mozafari2019.claims import CLAIMS
from models.mozafari2019.experiment import run
from models.mozafari2019.figures import pictures
from models.mozafari2019.model import DecidingLayer, reward_rule
from models.mozafari2019.settings import DECIDING, LAYERS, QUICK, SHOWN_AGAIN, WINDOWS
from models.mozafari2019.shown_again.__main__ import MODEL as AGAIN_MODEL

N, DOUBLING, BLOCK = 50, 20, 20


def kernel(layer, channels, seed, mean=0.8):
    shape = (layer.channels, channels, layer.kernel_size, layer.kernel_size)
    return np.clip(np.random.default_rng(seed).normal(mean, 0.05, shape), 0, 1)


def transcribed(layer, bins, w):
    """Return the images whose winners no rounding decides, `N` of them, and the kernel after them.

    Equal patches have equal potentials but for the order in which they were added up.
    """
    w, kept, rng = w.copy(), [], np.random.default_rng(0)
    for number, image in enumerate(bins):
        first, value = first_spikes(image, w, layer.threshold, layer.padding, N_BINS)
        won = winners(first, value, layer.k, layer.radius)
        disturbed = value + 1e-9 * rng.normal(size=value.shape)
        if won != winners(first, disturbed, layer.k, layer.radius):
            continue
        kept.append(number)
        a_plus = min(0.004 * 2 ** (len(kept) // DOUBLING), 0.15)
        dw = changes(image, first, won, w, layer.padding, a_plus, 0.75 * a_plus)
        w = np.clip(w + dw, 0, 1)
        if len(kept) == N:
            return kept, w
    raise AssertionError(f"{len(kept)} of {len(bins)} images have winners without ties")


def pooled(first, size):
    rows, cols, channels = (n // k for n, k in zip(first.shape, (size, size, 1), strict=True))
    windows = first[: rows * size, : cols * size].reshape(rows, size, cols, size, channels)
    return np.moveaxis(windows.min(axis=(1, 3)), -1, 0)


@pytest.mark.slow
@pytest.mark.parametrize("target", ["numpy", "cpp_runtime"], indirect=True)
def test_layers_learn_and_hand_on_as_their_transcription(target):
    bins = load_digits(replace(QUICK, n_train=6 * N, n_test=1), WINDOWS).train
    layers = LAYERS[:1] if target == "numpy" else LAYERS  # which takes minutes for the second
    for number, layer in enumerate(layers):
        # so few images let few kernels of the second layer become selective: these are
        w = kernel(layer, bins.shape[1], number, mean=(0.8, 0.3)[number])
        kept, expected = transcribed(layer, bins, w)
        learning = LearningLayer(layer, bins[kept], w, DOUBLING)
        learning.learn(1)
        assert (expected != w).any(axis=(1, 2, 3)).sum() > 10
        assert_allclose(learning.kernel, expected, rtol=0, atol=1e-12)
        given, n_needed = bins, N if number + 1 == len(layers) else len(bins)
        bins = transformed(layer, bins[:n_needed], expected)
        for image, found in zip(given[:N], bins, strict=False):
            first = first_spikes(image, expected, layer.threshold, layer.padding, N_BINS)[0]
            assert_array_equal(found, pooled(first, layer.pool))
        assert len(np.unique(bins)) > 5


def decisions(spiked, labels, w, layer, rate=1.0):
    """Return what is decided first of each image, and the kernel."""
    w, shares, right, found = w.copy(), (1.0, 1.0), 0, []
    pad = layer.padding
    for shown, (image, label) in enumerate(zip(spiked, labels, strict=True), start=1):
        padded = np.pad(image, ((0, 0), (pad, pad), (pad, pad)))
        size = (layer.kernel_size,) * 2
        fields = np.lib.stride_tricks.sliding_window_view(padded, size, axis=(1, 2))
        inputs = np.moveaxis(fields.astype(float), (1, 2), (3, 4)).reshape(w[0].size, -1)
        for repeat in range(layer.repeats + 1):
            v = (w.reshape(len(w), -1) @ inputs).T.reshape(*fields.shape[1:3], -1)
            row, col, winner = np.unravel_index(np.round(v, 9).argmax(), v.shape)
            is_right = winner // layer.each == label
            if repeat == 0:
                found.append(winner // layer.each)
            if is_right:
                share = shares[0] if repeat == 0 else 1.0
                plus, minus = layer.a_plus * share, -layer.a_minus * share
            else:
                plus, minus = -layer.a_plus_wrong * shares[1], layer.a_minus_wrong * shares[1]
            dw = rate * np.where(fields[:, row, col], plus, minus)
            w[winner] = np.clip(w[winner] + dw, layer.w_min, layer.w_max)
            right += is_right and repeat == 0
            if shown % BLOCK == 0 and repeat == 0:
                shares, right = (1 - right / BLOCK, right / BLOCK), 0
            if is_right:
                break
    return np.array(found), w


def drawn(n=N):
    """Return inputs of the shape of layer 3's, of which each digit has its own more often."""
    rng = np.random.default_rng(4)
    labels = rng.integers(0, 10, n)
    often = rng.random((10, 250, 4, 4)) < 0.1
    return rng.random((n, 250, 4, 4)) < 0.02 + 0.5 * often[labels], labels


REPEATED = replace(SHOWN_AGAIN, dropout=0.0)


@pytest.mark.parametrize(
    ("target", "layer"),
    [("numpy", DECIDING), ("cpp_runtime", DECIDING), ("cpp_runtime", REPEATED)],
    indirect=["target"],
)
def test_decisions_and_what_is_learned_from_reward_are_those_of_the_transcription(target, layer):
    spiked, labels = drawn(N if layer is DECIDING else BLOCK + 8)  # each up to eleven times
    w = kernel(layer, 250, 3)
    rule = reward_rule(layer, BLOCK)
    learning = DecidingLayer(layer, spiked, labels, w, rule)
    learning.rate_factor = 0.5
    found = learning.show()
    expected, learned = decisions(spiked, labels, w, layer, rate=0.5)
    assert_array_equal(found, expected)
    assert 0 < (found == labels).mean() < 1
    assert_allclose(learning.kernel, learned, rtol=0, atol=1e-12)

    # goes on from its state as if it had never stopped
    going_on = DecidingLayer(layer, spiked, labels, w, rule)
    going_on.state, going_on.rate_factor = learning.state, learning.rate_factor
    assert_array_equal(going_on.show(), learning.show())
    assert_array_equal(going_on.kernel, learning.kernel)


def test_half_of_the_channels_can_not_decide_while_they_learn():
    spiked, labels = drawn(n=40)
    w = kernel(DECIDING, 250, 3)
    w[7] = 1.5  # wins wherever it may
    halved = replace(DECIDING, dropout=0.5, w_max=2.0, a_plus=0, a_minus=0)
    halved = replace(halved, a_plus_wrong=0, a_minus_wrong=0)
    learning = DecidingLayer(halved, spiked, labels, w, reward_rule(halved, BLOCK))
    seed_by_place(1)
    decided = learning.show()
    assert 8 < (decided == 7 // halved.each).sum() < 32
    seed_by_place(1)
    again = DecidingLayer(halved, spiked, labels, w, reward_rule(halved, BLOCK)).show()
    assert_array_equal(again, decided)
    assert (DecidingLayer(halved, spiked, labels, w).show() == 7 // halved.each).all()


def test_images_are_shown_again_while_channels_drop_out():
    spiked, labels = drawn(n=30)

    def learned(factor=1.0):
        rule = reward_rule(SHOWN_AGAIN, BLOCK)
        learning = DecidingLayer(SHOWN_AGAIN, spiked, labels, kernel(DECIDING, 250, 3), rule)
        learning.rate_factor = factor
        seed_by_place(2)
        decided = learning.show()
        return decided, learning.kernel, int(learning.state["n_stimuli"])

    decided, w, n_shown = learned()
    assert len(decided) == len(spiked)
    wrong = (decided != labels).sum()
    assert 0 < wrong < n_shown - len(spiked) <= 10 * wrong  # mostly more than once
    for found, expected in zip(learned(), (decided, w, n_shown), strict=True):
        assert_array_equal(found, expected)
    assert abs(learned(0.1)[1] - w).max() > 0.001


def test_rates_fall_as_epochs_pass():
    settings = AGAIN_MODEL.full
    assert [settings.rate_factor(epoch) for epoch in (0, 29, 30, 40, 44)] == [1, 1, 0.3, 0.1, 0.1]
    assert MODEL.full.rate_factor(19) == 1


def test_what_is_shown_again_is_a_model_of_its_own():
    assert (AGAIN_MODEL.full.deciding, MODEL.full.deciding) == (SHOWN_AGAIN, DECIDING)


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [QUICK, replace(AGAIN_MODEL.quick, rate_factors=((2, 0.3), (4, 0.1)))],
    ids=["published", "shown again"],
)
def test_quick_run_goes_on_where_it_was_stopped(tmp_path, settings):
    state, stopped = tmp_path / "state.npz", tmp_path / "stopped.npz"
    told = []

    def keep(text):
        if "epoch 4" in text:
            copy(state, stopped)

    def stop(text):
        told.append(text)
        if text.startswith("control"):
            raise KeyboardInterrupt

    with run_preferences(1, "float32"):
        found = run(settings, 0, keep, state)
        with pytest.raises(KeyboardInterrupt):
            run(settings, 0, stop, stopped)
    assert failing(CLAIMS, [dict(found.numbers)], quick=True) == []
    assert next(text for text in told if "learns" in text).startswith("layer 3 learns, epoch 4")
    with np.load(stopped) as gone_on:
        assert_array_equal(gone_on["kernel"], found.arrays["kernel 3"])
        for name in ("training", "validation"):
            assert_array_equal(gone_on[name], found.arrays[name])
    for name, figure in pictures(settings, [found]).items():
        save_picture(figure, tmp_path / name)
    assert len(list(tmp_path.glob("*.png"))) == 5
