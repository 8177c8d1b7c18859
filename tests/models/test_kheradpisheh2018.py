"""Layers of spikes against a plain transcription, their pooling, and the quick run."""

from dataclasses import replace

import numpy as np
import pytest
from latency_cases import NEVER, changes, first_spikes, winners
from numpy.testing import assert_allclose, assert_array_equal

from hebbsim.experiments.figures import save_picture
from hebbsim.experiments.preferences import run_preferences
from models.common.claim import failing
from models.kheradpisheh2018.claims import CLAIMS
from models.kheradpisheh2018.experiment import run
from models.kheradpisheh2018.figures import pictures
from models.kheradpisheh2018.model import LearningLayer, transformed
from models.kheradpisheh2018.readout import spiked
from models.kheradpisheh2018.settings import LAYERS, N_BINS, QUICK

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
def test_layer_learns_and_hands_on_as_its_transcription(target, alone):
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


def test_features_are_the_neurons_that_spiked():
    bins, _ = drawn()
    assert_array_equal(spiked(bins).toarray(), bins.reshape(len(bins), -1) < NEVER)


@pytest.mark.slow
def test_quick_run(tmp_path):
    with run_preferences(1, "float32"):
        found = run(QUICK, 0)
    assert failing(CLAIMS, [dict(found.numbers)], quick=True) == []
    for name, figure in pictures(QUICK, [found]).items():
        save_picture(figure, tmp_path / name)
    assert len(list(tmp_path.glob("*.png"))) == 4
