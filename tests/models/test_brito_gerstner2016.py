"""Brito and Gerstner 2016, reproduced in models/brito_gerstner2016."""

from dataclasses import replace

import numpy as np
import pytest
from brian2 import Hz, Network, NeuronGroup, StateMonitor, TimedArray, ms, mV, nA, second, seed
from conftest import choose_target

from hebbsim.data.dataset import DatasetError
from hebbsim.experiments.preferences import run_preferences
from models.brito_gerstner2016.__main__ import MODEL
from models.brito_gerstner2016.claims import CLAIMS
from models.brito_gerstner2016.convolution import learn_convolution, white_images
from models.brito_gerstner2016.curves import drift, f_i_curve, respond, threshold
from models.brito_gerstner2016.experiment import run
from models.brito_gerstner2016.figures import figures
from models.brito_gerstner2016.gabors import fit_gabor
from models.brito_gerstner2016.generality import ComplexCells, eye_pairs, monocularity
from models.brito_gerstner2016.images import (
    Whitening,
    aperture,
    dead_leaves,
    filtered,
    halved,
    natural_images,
    of_one_contrast,
    patches,
)
from models.brito_gerstner2016.model import CONTROLS, NONLINEARITIES, learn_fields
from models.brito_gerstner2016.neurons import ALONG_THE_CURVE, WITH_MEMBRANE, make_neurons
from models.brito_gerstner2016.settings import QUICK
from models.brito_gerstner2016.spiking import (
    Condition,
    balanced,
    learn_spiking,
    on_and_off,
    triplet,
)
from models.common.claim import failing


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def shown(rng):
    """Patches of which two pixels never differ from others."""
    drawn = rng.normal(size=(400, 3, 3)) @ rng.normal(size=(3, 3))
    drawn[:, 0, 0] = drawn[:, 2, 2]
    return drawn


# --- images -----------------------------------------------------------------------------------


def test_whitened_components_are_white_and_filters_see_pixels(shown, rng):
    whitening = Whitening.of(shown, 5)
    x = whitening.whiten(shown)
    np.testing.assert_allclose(x.T @ x / len(x), np.eye(5), atol=1e-12)
    w = whitening.random_weights(4, rng)
    np.testing.assert_allclose((w**2).sum(axis=1), 1)
    filters = whitening.filter_of(w)
    np.testing.assert_allclose(shown.reshape(400, 9) @ filters.reshape(4, 9).T, x @ w.T)
    np.testing.assert_allclose(whitening.weights_of(filters), w)
    np.testing.assert_allclose(whitening.of_pixels(whitening.in_pixels(w)), w)
    assert 0 < whitening.kept < 1


def test_the_filter_weakens_a_grating_as_its_formula_says():
    rows, cols = np.mgrid[:64, :64]
    gratings = np.stack([np.cos(2 * np.pi * n / 64 * (r * rows + c * cols))
                         for n, r, c in ((8, 1, 0), (16, 0, 1))])  # fmt: skip
    f0, found = 0.4, filtered(gratings, 0.4, 4)
    assert found.shape == (2, 56, 56)
    gain = [rho * np.exp(-((rho / f0) ** 4)) for rho in (8 / 64, 16 / 64)]
    powers = (found**2).mean(axis=(1, 2))
    assert powers.mean() == pytest.approx(1)
    assert powers[0] / powers[1] == pytest.approx((gain[0] / gain[1]) ** 2, rel=0.02)


def test_leaves_cover_each_other_at_all_sizes(rng):
    image = dead_leaves(1, 64, rng)[0]
    assert (image == 0.5).mean() < 0.01
    edges = (np.diff(image, axis=1) != 0).mean()
    assert 0.05 < edges < 0.6
    low, high = (
        np.mean((image[:, d:] - image[:, :-d]) ** 2) for d in (1, 20)
    )  # neighbours are alike, far places are not
    assert low < 0.6 * high


def test_images_are_halved_by_means_and_apertures_are_round():
    np.testing.assert_array_equal(halved(np.arange(18.0).reshape(1, 3, 6)), [[[3.5, 5.5, 7.5]]])
    disc = aperture(12)
    np.testing.assert_array_equal(disc, disc.T)
    assert disc[0, 0] == disc[0, 2] == 0
    assert disc[1, 5] == disc[6, 10] == 1
    assert disc.sum() == pytest.approx(np.pi * 36.5, rel=0.03)


def test_patches_have_one_contrast(rng):
    images = rng.random((2, 20, 20))
    cut = patches(images, 30, 6, rng)
    assert cut.shape == (30, 6, 6)
    found = of_one_contrast(cut)
    np.testing.assert_allclose(found.mean(axis=(1, 2)), 0, atol=1e-12)
    np.testing.assert_allclose((found**2).mean(axis=(1, 2)), 1)


def test_natural_images_are_read_from_a_data_root(tmp_path):
    with pytest.raises(DatasetError, match="there are no natural images"):
        natural_images(tmp_path)
    (tmp_path / "natural").mkdir()
    images = np.arange(32, dtype=np.uint8).reshape(2, 4, 4)
    np.savez(tmp_path / "natural" / "grey.npz", images=images)
    np.testing.assert_array_equal(natural_images(tmp_path), images)
    np.savez(tmp_path / "natural" / "a.npz", x=images)
    with pytest.raises(DatasetError, match="holds no natural images"):
        natural_images(tmp_path)


# --- Gabor functions --------------------------------------------------------------------------


def test_a_gabor_function_is_found_again(rng):
    rows, cols = np.mgrid[:12, :12]
    angle, k = np.radians(30), 2 * np.pi * 0.18  # of the wave
    u = np.cos(angle) * (cols - 6.3) + np.sin(angle) * (rows - 5)
    v = np.cos(angle) * (rows - 5) - np.sin(angle) * (cols - 6.3)
    field = np.exp(-((u / 1.8) ** 2) / 2 - (v / 2.5) ** 2 / 2) * np.cos(k * u + 0.7)
    found = fit_gabor(field)
    assert found.r2 > 0.999
    assert found.frequency == pytest.approx(0.18, abs=0.005)
    assert np.degrees(found.orientation) == pytest.approx(120, abs=1)
    assert found.widths == pytest.approx((1.8, 2.5), abs=0.1)
    np.testing.assert_allclose(found.image, field, atol=0.03)
    assert fit_gabor(rng.normal(size=(12, 12))).r2 < 0.4


# --- the rate model ---------------------------------------------------------------------------


def evaluated(f, y):
    """Let Brian2 say what the text of a nonlinearity is at each of some drives."""
    neurons = NeuronGroup(np.size(y), f"y : 1\nf = {f} : 1")
    neurons.y = np.ravel(y)
    Network(neurons).run(0 * second)
    return np.reshape(neurons.f[:], np.shape(y))


@pytest.mark.parametrize("name", [*NONLINEARITIES, *CONTROLS])
def test_the_objective_is_the_integral_of_the_nonlinearity(name):
    nonlinearity = {**NONLINEARITIES, **CONTROLS}[name]
    y = np.linspace(-5, 5, 40_001)
    middle = (y[1:] + y[:-1]) / 2
    integral = np.cumsum(evaluated(nonlinearity.f, middle)) * (y[1] - y[0])
    expected = nonlinearity.objective(y[1:]) - nonlinearity.objective(y[:1])
    np.testing.assert_allclose(integral, expected, rtol=1e-5, atol=1e-6)


def test_each_step_adds_the_mean_over_its_inputs_and_brings_weights_to_norm_1(rng):
    chosen = {name: NONLINEARITIES[name] for name in ("quadratic rectifier", "Cauchy")}
    inputs = 1.5 * rng.normal(size=(12, 3))
    start = rng.normal(size=(2, 3))
    order = np.array([3, 0, 7, 7, 11, 2, 5, 1])
    found = learn_fields(inputs, dict.fromkeys(chosen, start), chosen, order, batch_size=4)
    for name, nonlinearity in chosen.items():
        w = start.copy()
        for step, x in enumerate(inputs[order].reshape(2, 4, 3)):
            f = evaluated(nonlinearity.f, x @ w.T)
            w += nonlinearity.rate * (1 - step / 2) * f.T @ x / 4
            w /= np.linalg.norm(w, axis=1, keepdims=True)
        np.testing.assert_allclose(found[name], w, rtol=1e-10)


# --- the spiking model ------------------------------------------------------------------------


def test_the_threshold_and_the_drift_are_those_of_the_triplet_rule():
    rule = triplet(1.0)
    b = threshold(rule)
    assert float(b / Hz) == pytest.approx(7.1e-3 * 33.7e-3 / (6.5e-3 * 16.8e-3 * 114e-3))
    assert float(drift(rule, 10 * Hz, b)) == pytest.approx(0, abs=1e-12)
    x, y = 10, 40.0  # potentiation by the triplets of the two rates, depression by the pairs
    expected = 6.5e-3 * x * 16.8e-3 * y * 114e-3 * y - 7.1e-3 * x * y * 33.7e-3
    assert float(drift(rule, x * Hz, y * Hz)) == pytest.approx(expected)


def test_on_and_off_parts_are_the_patch_in_standard_deviations(rng):
    shown = 3 * rng.normal(size=(20, 4, 4))
    parts = on_and_off(shown)
    assert parts.min() == 0
    assert (parts.prod(axis=1) == 0).all()
    np.testing.assert_allclose(parts[:, 0] - parts[:, 1], shown / shown.std())


def test_spiking_neurons_have_the_paper_s_f_i_curve_and_the_rule_its_drift(rng):
    seed(0)
    currents = np.array([0.05, 0.5, 0.8])
    found = respond(
        currents, rng, intensity=0.4, duration=1 * second, copies=300, dt=1 * ms, size=2
    )
    expected = 143 * (currents - 0.08).clip(0)
    np.testing.assert_allclose(found.rates[0], expected, rtol=0.05)
    np.testing.assert_allclose(found.rates[1, 1:], expected[1:], rtol=0.05)
    assert found.rates[1, 0] > 2  # noise crosses the threshold
    drifts = np.array(drift(triplet(1.0), 16 * Hz, expected * Hz) / Hz)
    drifts *= 1 - 0.114  # of the second the slow trace needs so much to begin
    np.testing.assert_allclose(found.drifts[0], drifts, rtol=0.1, atol=1e-12)


@pytest.mark.usefixtures("brian2_in_numpy")
@pytest.mark.parametrize("neuron", [ALONG_THE_CURVE, WITH_MEMBRANE], ids=["curve", "membrane"])
def test_neurons_have_the_paper_s_f_i_curve_over_steps_of_current(neuron):
    seed(0)
    currents = np.array([0, 0.3, 0.5, 0.8, 1.1])
    found = f_i_curve(currents, neuron, copies=150, duration=500 * ms, dt=1 * ms)
    np.testing.assert_allclose(found, 143 * (currents - 0.08).clip(0), rtol=0.12)
    slope, offset = np.polyfit(currents[1:], found[1:], 1)
    assert slope == pytest.approx(143, rel=0.04)
    assert -offset / slope == pytest.approx(0.08, abs=0.02)


@pytest.mark.usefixtures("brian2_in_numpy")
def test_a_spike_resets_the_membrane_and_takes_charge_away():
    one = make_neurons(1, triplet(1.0), 1, 1 * ms, WITH_MEMBRANE)
    one.injected = 0.3 * nA
    one.V = 0 * mV  # fires at once
    seen = StateMonitor(one, ["V", "I_adaptation"], record=0, when="end")
    Network(one, seen).run(3 * ms, namespace={})
    assert one.fired[0] == 1
    decay = np.exp(-np.arange(3) / 20)
    np.testing.assert_allclose(seen.I_adaptation[0] / nA, 6.4 / 20 * decay)
    np.testing.assert_allclose(seen.V[0, :2] / mV, -52)
    # after 2 ms, towards what leak, injected current and the step's mean adaptation (pA) ask for
    asked = (-7 * 18 + 300 - 320 * decay[1:].mean()) / 7
    expected = -52 + asked * (1 - np.exp(-7 / 50))
    assert float(seen.V[0, 2] / mV) == pytest.approx(expected, abs=0.03)


@pytest.mark.usefixtures("brian2_in_numpy")
def test_weights_stay_balanced_and_the_sign_turns_their_changes_round(rng):
    """With little learned, both conditions have left the same start in opposite directions."""
    seed(0)
    start = rng.normal(size=(2, 2, 3, 3))
    conditions = {"up": Condition(homeostatic=False), "down": Condition(-1, homeostatic=False)}
    inputs = on_and_off(rng.normal(size=(40, 3, 3)))
    how = {"learning_rate": 1e-3, "at_once": 20, "shown_for": 100 * ms, "dt": 1 * ms}
    found = learn_spiking(inputs, start, conditions, **how)
    for weights in found.values():
        np.testing.assert_allclose(weights.sum(axis=(1, 2, 3)), 0, atol=1e-6)
        np.testing.assert_allclose((weights**2).sum(axis=(1, 2, 3)), 1, rtol=1e-6)
    up, down = ((weights - balanced(start)).ravel() for weights in found.values())
    assert np.corrcoef(up, down)[0, 1] < -0.5


@pytest.mark.slow
def test_standalone_and_runtime_learn_the_same_from_the_same_draws(rng, tmp_path):
    """Axons fire in each step or never, and what neurons compare their rate with is given."""
    inputs = 25.0 * rng.integers(2, size=(12, 2, 3, 3))
    start = rng.normal(size=(3, 2, 3, 3))
    draws = rng.random((60, 3 * 4))
    how = {"learning_rate": 1e-2, "at_once": 4, "shown_for": 20 * ms, "dt": 1 * ms}

    def learned():
        given = {**WITH_MEMBRANE.names, "draws": TimedArray(draws, dt=1 * ms)}
        neuron = replace(WITH_MEMBRANE, fires="draws(t, i) < 1 - exp(-firing*dt)", names=given)
        return learn_spiking(inputs, start, {"one": Condition(neuron=neuron)}, **how)["one"]

    runtime = learned()
    choose_target("cpp_standalone", tmp_path)
    assert np.abs(runtime - balanced(start)).max() > 0.01
    np.testing.assert_allclose(learned(), runtime, rtol=1e-8, atol=1e-11)


# --- competition, two eyes, complex cells -----------------------------------------------------


def test_white_images_have_one_power_in_the_band_and_none_outside(rng):
    drawn = filtered(dead_leaves(6, 64, rng), 0.4, 0)
    found = white_images(drawn)
    assert found.std() == pytest.approx(1)
    power = (np.abs(np.fft.fft2(found)) ** 2).mean(axis=0)
    frequency = np.fft.fftfreq(64)
    rho = np.hypot(frequency[:, None], frequency)
    middle = [power[(rho > low) & (rho < low + 0.1)].mean() for low in (0.06, 0.15, 0.25)]
    assert max(middle) < 1.5 * min(middle)
    assert power[rho > 0.37].max() < 1e-20 * power.max()


def test_only_the_winner_of_a_place_learns(rng):
    """One crop, one place: the filter of the largest drive is the only one that moves."""
    images = 4 * rng.normal(size=(1, 4, 4))
    start = rng.normal(size=(3, 1, 4, 4))
    start /= np.sqrt((start**2).sum(axis=(1, 2, 3), keepdims=True))
    drives = (start[:, 0] * images).sum(axis=(1, 2))
    found = learn_convolution(images, start, rng, steps=2, batch_size=1, crop=4)
    moved = np.abs(found - start).max(axis=(1, 2, 3)) > 1e-6
    np.testing.assert_array_equal(moved, np.arange(3) == drives.argmax())
    alone = learn_convolution(images, start, rng, steps=2, batch_size=1, crop=4, competes=False)
    np.testing.assert_array_equal(np.abs(alone - start).max(axis=(1, 2, 3)) > 1e-6, drives > 1)


def test_aligned_eyes_see_one_place_and_others_two(rng):
    images = rng.normal(size=(3, 40, 40))
    pairs = eye_pairs(images, 300, 6, rng, aligned=True)
    same = [np.corrcoef(left.ravel(), right.ravel())[0, 1] for left, right in pairs]
    assert 0.2 < np.mean(np.array(same) > 0.999) < 0.6  # a shift of less than half a pixel
    left, right = pairs[np.argmin(same)]
    shifts = range(-3, 4)
    overlaps = [  # of the middle rows, which the aperture leaves nearly whole
        np.corrcoef(
            left[2:4, max(d, 0) : 6 + min(d, 0)].ravel(),
            right[2:4, max(-d, 0) : 6 - max(d, 0)].ravel(),
        )[0, 1]
        for d in shifts
    ]
    assert max(overlaps) > 0.95
    apart = eye_pairs(images, 300, 6, rng, aligned=False)
    assert np.abs([np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in apart]).mean() < 0.3
    filters = np.array([[[[1.0]], [[1.0]]], [[[2.0]], [[0.0]]], [[[0.0]], [[1.0]]]])
    np.testing.assert_allclose(monocularity(filters), [0, 1, 1])


def test_complex_cells_tell_orientation_and_not_phase():
    cells = ComplexCells()
    rows, cols = np.mgrid[: cells.size, : cells.size]
    waves = [
        np.cos(2 * np.pi * cells.frequency * axis + phase)
        for axis in (rows, cols)  # bars along rows, then along columns
        for phase in (0, 1, 2)
    ]
    found = cells.respond(np.stack(waves)).mean(axis=(2, 3))
    assert (found[:3].argmax(axis=1) == 0).all()
    assert (found[3:].argmax(axis=1) == cells.orientations // 2).all()
    np.testing.assert_allclose(found[:3], found[[1, 2, 0]], atol=0.02)


# --- the whole model --------------------------------------------------------------------------


@pytest.mark.slow
def test_the_findings_hold_at_the_quick_size():
    with run_preferences(1, MODEL.dtype):
        found = run(QUICK, 20)
    assert failing(CLAIMS, [dict(found.numbers)], quick=True) == []
    assert set(figures(QUICK, [found])) == {
        *("fields", "fits", "objectives"),
        *("spiking", "effective", "competition", "other-inputs"),
    }
    assert "localised" in MODEL.table([found], quick=True)
