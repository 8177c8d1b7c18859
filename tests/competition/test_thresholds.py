"""Adaptive thresholds."""

import numpy as np
import pytest
from brian2 import (
    StateMonitor,
    prefs,
    seed,
)
from competition_cases import cause_of_failed_run, run_steps
from numpy.testing import assert_allclose, assert_array_equal

from hebbsim import ConvSynapses, FeatureMap, StoredImages
from hebbsim.competition.thresholds import AdaptiveThreshold
from hebbsim.competition.winners import WinnerTakeAll


@pytest.mark.parametrize("k", [1, 2])
def test_win_rates_reach_their_target_on_random_input(k):
    """Channels with unequal means; without thresholds the last would win nearly always."""
    prefs.codegen.target = "numpy"
    seed(6)
    rates = {}
    for step in (0.0, 0.2):
        layer = FeatureMap((5, 10, 10), "u : 1\ny : 1", batch_size=2)
        layer.run_regularly("u = 0.5*channel + randn()")
        WinnerTakeAll(layer, "u - theta", k=k)
        threshold = AdaptiveThreshold(layer, k / 5, step=step)
        monitor = StateMonitor(threshold, "win_rate", record=True)
        run_steps(layer, threshold, monitor, steps=300)
        rates[step] = monitor.win_rate[:, 150:].mean(axis=1)
        # with as many winners as the targets add up to, thresholds move against each other only
        assert_allclose(threshold.theta[:].sum(), 0, atol=1e-9)
    assert np.ptp(rates[0.0]) > 0.3
    # 30,000 positions: a standard error of 0.003 at most, if they were independent
    assert_allclose(rates[0.2], k / 5, atol=0.015)


@pytest.mark.parametrize(
    "wrong", [{"target_rate": -0.1}, {"target_rate": 1.1}, {"target_rate": np.nan},
              {"target_rate": "x"}, {"target_rate": 0.1, "step": -1},
              {"target_rate": 0.1, "step": np.inf}],
)  # fmt: skip
def test_rates_and_steps_must_be_in_range(layer, wrong):
    name = list(wrong)[-1]
    with pytest.raises(ValueError, match=rf"AdaptiveThreshold: {name} must be a finite number"):
        AdaptiveThreshold(layer, **wrong)


def test_thresholds_of_an_unknown_activity(layer):
    threshold = AdaptiveThreshold(layer, 0.1, activity="missing")
    cause = cause_of_failed_run(layer, threshold)
    assert isinstance(cause, KeyError)
    assert "missing_map" in str(cause)


@pytest.mark.parametrize("language", ["numpy", "auto"])
@pytest.mark.parametrize("n", [7, 100, 1000])
def test_a_win_rate_is_counted_first_and_divided_once(language, n):
    prefs.codegen.target = language
    layer = FeatureMap((2, n, 7), "u : 1\ny : 1")
    threshold = AdaptiveThreshold(layer, 0.5)
    layer.y = "channel == 0 or i % 3 == 0"
    run_steps(layer, threshold)
    expected = np.count_nonzero(layer.get_maps("y")[0], axis=(1, 2)) / (7 * n)
    assert threshold.win_rate[:].tolist() == expected.tolist()
    assert expected[0] == 1
    assert threshold.theta[:].tolist() == (expected - 0.5).tolist()


def winners_of_binary_images(language):
    """Return what wins, and the thresholds, where filters are equal and thresholds alone differ."""
    prefs.codegen.target = language
    images = np.random.default_rng(3).random((90, 1, 9, 9)) < 0.4
    source = FeatureMap((1, 9, 9), "x : 1", batch_size=3)
    layer = FeatureMap((6, 7, 7), "u : 1\ny : 1", batch_size=3)
    conv = ConvSynapses(source, layer, "w : 1\nu_post = w*x_pre : 1 (summed)", kernel_size=3)
    conv.w = "0.25*(1 + krow) - 0.5*kcol"
    StoredImages(source, images.astype(float))
    WinnerTakeAll(layer, "u - theta", condition="u > 0")
    threshold = AdaptiveThreshold(layer, 1 / 6)
    monitors = StateMonitor(layer, "y", record=True), StateMonitor(threshold, "theta", record=True)
    run_steps(source, layer, conv, threshold, *monitors, steps=30)
    return monitors[0].y, monitors[1].theta


def test_equal_filters_see_the_same_winners_on_numpy_and_in_cpp(dtype):
    """Whatever rounding a target has, ties are ties on each."""
    (winners, thetas), (others, other_thetas) = map(winners_of_binary_images, ("numpy", "auto"))
    assert_array_equal(thetas, other_thetas)
    assert_array_equal(winners, others)
    assert winners.reshape(-1, 6, 30).sum(axis=(0, 2)).min() > 100  # each wins now and then
    assert any(len(set(now)) < 6 for now in thetas.T[1:].tolist())  # and some are equal
