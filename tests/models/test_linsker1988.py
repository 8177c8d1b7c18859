"""Linsker 1986 and 1988, reproduced in models/linsker1988."""

import numpy as np
import pytest
from brian2 import Network, defaultclock, seed

from models.common.claim import failing
from models.linsker1988 import analysis, infomax
from models.linsker1988.__main__ import MODEL
from models.linsker1988.claims import CLAIMS
from models.linsker1988.experiment import run
from models.linsker1988.figures import figures
from models.linsker1988.model import (
    add_lateral,
    averaged_cells,
    gaussian,
    live_layer,
    noise_layers,
    scattered,
)
from models.linsker1988.settings import QUICK

K1, K2 = (0.45, 0.0, -0.2), (-3.0, -1.0, 0.5)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_the_averaged_equation_is_its_matrix_form(rng):
    size, eta, steps = 5, 0.05, 30
    counts = rng.integers(0, 4, (3, size, size)).astype(float)
    counts[1:] *= counts[0].sum() / counts[1:].sum((1, 2), keepdims=True)  # N is one number
    q = analysis.covariance_between(analysis.gaussian_covariance(20, 1.5), size)
    w = rng.uniform(-0.05, 0.05, (3, size, size))
    found = averaged_cells(counts, q, K1, K2, w, eta=eta, steps=steps)

    rows, cols = (index.ravel() for index in np.indices((size, size)))
    matrix = q[rows[:, None] - rows + size - 1, cols[:, None] - cols + size - 1]
    for n, expected, k1, k2, grown in zip(counts, w, K1, K2, found, strict=True):
        expected = expected.ravel()
        for _ in range(steps):
            change = k1 + (matrix + k2) @ (n.ravel() * expected) / n.sum()
            expected = np.clip(expected + eta * change, -0.5, 0.5)
        np.testing.assert_allclose(grown.ravel(), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("shared", [True, False])
def test_the_live_rule_is_hebbs_with_a_threshold(rng, shared):
    """After one step the weights have moved as the stimuli say, lateral drive included."""
    size, batch, eta = 3, 4, 0.1
    below = noise_layers(6, batch, gaussian(1, 1))
    counts = rng.integers(1, 4, (size, size)).astype(float)
    w = rng.uniform(-0.05, 0.05, (size, size))
    layer, conv, statistics = live_layer(
        below[1], "C", counts, [0.3], [-2], w, eta=eta, shared=shared, drive="drive"
    )
    lateral = add_lateral(layer, weight=2.0, radius=1.0)
    seed(0)
    Network(below, layer, conv, statistics, lateral).run(defaultclock.dt, namespace={})

    x = below[1].get_maps("x")[:, 0]
    if shared:
        x = np.pad(x, ((0, 0), (1, 1), (1, 1)), mode="wrap")
    patches = np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(1, 2))
    own = (patches * counts * w).sum((-2, -1)) / counts.sum()
    np.testing.assert_allclose(layer.get_maps("F")[:, 0], own)
    kernel = lateral.get_kernel("g")[0, 0]
    around = np.pad(own, ((0, 0), (3, 3), (3, 3)))
    reached = np.lib.stride_tricks.sliding_window_view(around, kernel.shape, axis=(1, 2))
    drive = (reached * kernel).sum((-2, -1))
    hebb = drive[..., None, None] * (patches - 3)  # theta = 1 - k2
    mean = hebb.mean((0, 1, 2)) if shared else hebb.mean(0)
    expected = np.clip(w + eta * (0.3 + mean), -0.5, 0.5)
    found = conv.get_kernel("w")
    np.testing.assert_allclose(found.reshape(expected.shape), expected)
    shown = layer.get_maps("x")
    np.testing.assert_allclose([shown.mean(), shown.std()], 1)


def test_noise_through_a_kernel_has_its_autocorrelation_as_covariance():
    noise, layer, joined = noise_layers(32, 200, gaussian(2, 6))
    seed(1)
    Network(noise, layer, joined).run(defaultclock.dt, namespace={})
    x = layer.get_maps("x")[:, 0] - 1
    np.testing.assert_allclose(x[100:], -x[:100], atol=1e-12)  # stimuli come in pairs
    found = [(x * np.roll(x, shift, axis=2)).mean() for shift in range(5)]
    np.testing.assert_allclose(found, analysis.gaussian_covariance(32, 2)[0, :5], atol=0.02)


def test_stimuli_without_a_negative_are_refused():
    with pytest.raises(ValueError, match="expected an even batch_size, got 3"):
        noise_layers(6, 3, gaussian(1, 1))


def test_synapses_follow_their_density(rng):
    counts = scattered(rng, 20_000, 3.0, 12)
    assert counts.sum() == 20_000
    rows, _ = np.mgrid[-12:13, -12:13]
    assert (counts * rows**2).sum() / 20_000 == pytest.approx(3.0**2 / 2, rel=0.05)


def test_the_covariance_of_the_next_layer_is_that_of_its_sums(rng):
    field = rng.normal(size=(3, 3))
    covariance = analysis.gaussian_covariance(12, 1.2)
    found = analysis.next_covariance(covariance, field)
    places = [(r, c) for r in range(3) for c in range(3)]
    expected = [
        sum(
            field[p] * field[q] * covariance[(p[0] - q[0]) % 12, (p[1] - q[1] + shift) % 12]
            for p in places
            for q in places
        )
        for shift in range(12)
    ]
    np.testing.assert_allclose(found[0], np.array(expected) / expected[0])


def test_a_grating_is_its_own_orientation():
    rows, cols = np.mgrid[-9:10, -9:10]
    angle = np.radians(30)
    grating = np.cos(1.0 * (np.cos(angle) * cols + np.sin(angle) * rows)) * gaussian(5, 9)
    selectivity, preferred, response = analysis.orientation_tuning(grating)
    assert np.degrees(preferred) == pytest.approx(30, abs=1)
    assert selectivity > 0.7
    assert response > 0.4


def test_the_information_is_that_of_the_gaussian_channel():
    l1, l2, noise, a, b = 1.5, 0.5, 0.3, 0.4, 1.9
    w = np.array([[np.cos(a), np.sin(a)], [np.cos(b), np.sin(b)]])
    covariance = noise * np.eye(2) + w @ np.diag([l1, l2]) @ w.T
    expected = np.log(np.linalg.det(covariance) / noise**2) / 2
    assert infomax.information(a, b, noise, l1, l2) == pytest.approx(expected)


def test_the_best_reconstruction_is_least_squares(rng):
    x = rng.normal(size=(500, 4)) @ rng.normal(size=(4, 4))
    w = rng.normal(size=4)
    y = x @ w
    best = np.linalg.lstsq(y[:, None], x, rcond=None)[0]
    expected = ((x - y[:, None] @ best) ** 2).sum(axis=1).mean()
    assert infomax.reconstruction_error(x.T @ x / 500, w) == pytest.approx(expected)


@pytest.mark.slow
def test_the_findings_hold_at_the_quick_size():
    found = run(QUICK, 20)
    assert failing(CLAIMS, [dict(found.numbers)], quick=True) == []
    assert set(figures(QUICK, [found])) == {"live", "covariances", "oriented", "information"}
    assert "centre" in MODEL.table([found], quick=True)
