"""Layers of spikes against a plain transcription, their pooling, and the quick run."""

from dataclasses import replace

import numpy as np
import pytest
from brian2 import EventMonitor, defaultclock, prefs, seed
from latency_cases import NEVER, changes, first_spikes, winners
from numpy.testing import assert_allclose, assert_array_equal

from hebbsim import PackedBits
from hebbsim.experiments.figures import save_picture
from hebbsim.experiments.preferences import run_preferences
from models.common.claim import failing
from models.kheradpisheh2018.__main__ import MODEL
from models.kheradpisheh2018.every_channel.__main__ import MODEL as EVERY_CHANNEL
from models.kheradpisheh2018.experiment import run
from models.kheradpisheh2018.figures import pictures
from models.kheradpisheh2018.model import STEPS, LearningLayer, Variation, as_bits, transformed
from models.kheradpisheh2018.readout import chosen, fitted, hinge, support_vectors
from models.kheradpisheh2018.settings import LAYERS, N_BINS

LAYER = replace(LAYERS[0], channels=6, kernel_size=3, padding=1, threshold=4, k=3, radius=1)


def drawn(shape=(2, 8, 7), n=8, channels=6, size=3, seed=0):
    rng = np.random.default_rng(seed)
    bins = rng.integers(0, 2 * N_BINS, (n, *shape))
    kernel = np.clip(rng.normal(0.8, 0.05, (channels, shape[0], size, size)), 0, 1)
    return np.where(bins < N_BINS, bins, NEVER).astype(np.uint8), kernel


def earliest_feature(image):
    """Keep at each position the earliest spike, of the lowest channel."""
    kept = np.full_like(image, NEVER)
    for row, col in np.ndindex(image.shape[1:]):
        channel = image[:, row, col].argmin()
        kept[channel, row, col] = image[channel, row, col]
    return kept


def pooled(first):
    """Return the earliest of windows of 2x2 with a padding of 1: ``(channel, row, col)``."""
    padded = np.pad(first, ((1, 1), (1, 1), (0, 0)), constant_values=NEVER)
    rows, cols = (n // 2 for n in padded.shape[:2])
    windows = padded[: 2 * rows, : 2 * cols].reshape(rows, 2, cols, 2, -1)
    return np.moveaxis(windows.min(axis=(1, 3)), -1, 0)


@pytest.mark.parametrize("alone", [False, True])
@pytest.mark.parametrize("target", ["cpp_runtime"], indirect=True)
def test_layer_learns_and_hands_on_as_its_transcription(target, alone, monkeypatch):
    layer = replace(LAYER, one_a_position=alone, threshold=2 if alone else 4)
    bins, kernel = drawn()
    learning = LearningLayer(layer, bins, kernel, 3)
    learning.learn(2)
    expected = kernel.copy()
    for number in range(2 * len(bins)):
        image = bins[number % len(bins)]
        image = earliest_feature(image) if alone else image
        a_plus = min(0.004 * 2 ** ((number + 1) // 3), 0.15)
        first, value = first_spikes(image, expected, layer.threshold, 1, N_BINS)
        won = winners(first, value, layer.k, layer.radius)
        dw = changes(image, first, won, expected, 1, a_plus, 0.75 * a_plus)
        expected = np.clip(expected + dw, 0, 1)
        assert won
    assert_allclose(learning.kernel, expected, rtol=0, atol=1e-12)

    outputs = [pooled(first_spikes(b, expected, layer.threshold, 1, N_BINS)[0]) for b in bins]
    assert_array_equal(transformed(layer, bins, expected), outputs)
    monkeypatch.setattr("models.kheradpisheh2018.model.CHUNK", 3)  # of 8: in several runs
    assert_array_equal(transformed(layer, bins, expected, as_bits), as_bits(np.array(outputs)))


class Known:
    """A read-out that knows as many images as it is strong, and checks what it is given."""

    def __init__(self, strength, n):
        self.strength, self.n = strength, n

    def fit(self, spiked, labels):
        assert (len(spiked), len(labels)) == (self.n, self.n)
        assert_array_equal(spiked.bits[:, 0], np.arange(self.n) % 256)
        assert_array_equal(labels, np.arange(self.n) % 2)
        return self

    def score(self, spiked, labels):
        assert len(spiked) == len(labels)
        self.first = int(spiked.bits[0, 0])
        return min(self.strength, len(labels)) / len(labels)


def test_strength_is_chosen_on_the_last_fifth_of_the_images():
    bits, labels = np.arange(20, dtype=np.uint8)[:, None], np.arange(20) % 2
    spiked = PackedBits(bits, 8)
    asked = []

    def read_out(strength, n):
        asked.append(Known(strength, n))
        return asked[-1]

    assert chosen(read_out, spiked, labels, (1, 3, 3.5, 2)) == 3.5
    assert {(one.n, one.first) for one in asked} == {(16, 16)}
    assert chosen(read_out, spiked, labels, (1, 4, 5, 2)) == 4
    assert chosen(None, spiked, labels, (2,)) == 2  # nothing to compare

    many = PackedBits((np.arange(20_000) % 256).astype(np.uint8)[:, None], 8)
    asked.clear()
    assert chosen(read_out, many, np.arange(20_000) % 2, (0, 1)) == 1
    assert {(one.n, one.first) for one in asked} == {(10_000, 16_000 % 256)}


@pytest.mark.parametrize(("read_out", "strength"), [(support_vectors, 2.4), (hinge, 1e-3)])
def test_read_outs_know_what_the_spikes_tell(read_out, strength):
    bins, _ = drawn((3, 6, 6), n=400)
    spiked = PackedBits.of(bins.reshape(400, -1) < NEVER)
    labels = (spiked[:] @ np.random.default_rng(1).normal(size=(108, 4))).argmax(axis=1)
    first, last = slice(300), slice(300, None)

    def score(known):
        told = fitted(read_out, strength, spiked.samples(first), known)
        return told.score(spiked.samples(last), labels[last])

    assert score(labels[first]) > 0.7
    assert score(np.roll(labels[first], 1)) < 0.5


def test_winners_are_drawn_among_all_that_spike():
    prefs.codegen.target = "numpy"
    bins, kernel = drawn(n=40)
    seed(0)
    drawn_at_random = LearningLayer(LAYER, bins, kernel, 0, Variation(drawn=True))
    won = EventMonitor(drawn_at_random.network["layer"], "win")
    drawn_at_random.network.add(won)
    drawn_at_random.learn(1)
    assert 40 < len(won.i) < 3 * 40  # three may win, and each is drawn with its chance
    steps = np.rint(won.t / defaultclock.dt).astype(int) % STEPS
    assert len(np.unique(steps)) > 3
    assert (drawn_at_random.kernel != kernel).any(axis=(1, 2, 3)).all()


@pytest.mark.slow
@pytest.mark.parametrize("model", [MODEL, EVERY_CHANNEL], ids=lambda model: model.name)
def test_quick_run(model, tmp_path):
    with run_preferences(1, "float32"):
        found = run(model.quick, 0)
    assert failing(model.claims, [dict(found.numbers)], quick=True) == []
    for name, figure in pictures(model.quick, [found]).items():
        save_picture(figure, tmp_path / name)
    assert len(list(tmp_path.glob("*.png"))) == 5
