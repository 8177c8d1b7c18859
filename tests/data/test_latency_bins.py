"""Latencies by rank behind a bank of filters, against a plain transcription."""

import numpy as np
import pytest
from brian2 import Network, SpikeMonitor, defaultclock
from numpy.testing import assert_allclose, assert_array_equal
from scipy.ndimage import correlate, uniform_filter

from hebbsim import FeatureMap, StoredImages
from hebbsim.data.dog_bank import dog_bank, dog_window, normalize_locally
from hebbsim.data.latency_bins import NEVER, latency_bins

WINDOWS = [(7, 1, 2), (3, 2, 1)]


def drawn_images(n=3, shape=(1, 9, 8), seed=0):
    images = np.random.default_rng(seed).random((n, *shape))
    images[images < 0.4] = 0
    return images


def test_window_is_a_difference_of_gaussians_of_mean_zero_and_maximum_one():
    window = dog_window(7, 1, 2)
    assert abs(window.mean()) < 1e-16
    assert window.max() == window[3, 3] == 1
    free = [np.exp(-r2 / 2) / (2 * np.pi) - np.exp(-r2 / 8) / (8 * np.pi) for r2 in (0, 1, 18)]
    # the mean is taken away and the scale is free: ratios of differences stay
    own = [window[3, 3], window[3, 4], window[0, 0]]
    assert_allclose(
        (own[0] - own[1]) / (own[0] - own[2]), (free[0] - free[1]) / (free[0] - free[2])
    )


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_bank_equals_scipy(dtype):
    images = drawn_images(shape=(2, 9, 8)).astype(dtype)
    maps = dog_bank(images, WINDOWS, threshold=0.25)
    expected = np.concatenate(
        [correlate(images, dog_window(*w)[None, None], mode="constant") for w in WINDOWS], axis=1
    )
    expected[expected < 0.25] = 0
    assert maps.dtype == dtype
    assert 0.1 < (maps > 0).mean() < 0.9
    assert_allclose(maps, expected, atol=1e-13 if dtype == np.float64 else 1e-5)


@pytest.mark.parametrize("radius", [0, 2, 8])
def test_local_mean_counts_the_zeros_beyond_the_border(radius):
    maps = drawn_images(shape=(2, 9, 8))
    size = (1, 1, 2 * radius + 1, 2 * radius + 1)
    expected = maps / (uniform_filter(maps, size, mode="constant") + 1e-12)
    assert_allclose(normalize_locally(maps, radius), expected, rtol=1e-9, atol=1e-9)


def bins_of(image, n_bins):
    """Return bins straight from the definition."""
    places = [place for place in np.ndindex(image.shape) if image[place] > 0]
    ranked = sorted(places, key=lambda place: (-image[place], place))
    bins = np.full(image.shape, NEVER)
    size = len(places) // n_bins
    for rank, place in enumerate(ranked[: size * n_bins]):
        bins[place] = rank // size
    return bins


@pytest.mark.parametrize("n_bins", [1, 4, 15])
def test_bins_are_of_equal_count_over_all_channels(n_bins):
    # many equal values; an image with fewer values than bins; a black one
    maps = np.round(drawn_images(5, (3, 5, 4)), 1)
    maps[3] *= np.arange(60).reshape(3, 5, 4) < 5
    maps[4] = 0
    bins = latency_bins(maps, n_bins)
    assert_array_equal(bins, [bins_of(image, n_bins) for image in maps])
    counts = [np.bincount(image.ravel(), minlength=n_bins)[:n_bins] for image in bins]
    assert all(len(set(count)) == 1 for count in counts)
    assert (bins[4] == NEVER).all()


def test_stored_bins_spike_in_their_time_steps(target):
    bins = latency_bins(drawn_images(4, (2, 5, 4)), 15)
    dt = defaultclock.dt
    retina = FeatureMap((2, 5, 4), "bin : integer", "bin == t_in_timesteps % 16")
    shown = StoredImages(retina, bins, "bin", duration=16 * dt)
    spikes = SpikeMonitor(retina)
    Network(retina, shown, spikes).run(4 * 16 * dt, namespace={})
    steps = np.rint(spikes.t[:] / dt).astype(int)
    found = np.full((4, 5 * 4 * 2), NEVER)
    found[steps // 16, spikes.i[:]] = steps % 16
    assert len(steps) == (bins < NEVER).sum() > 60
    assert_array_equal(found.reshape(4, 5, 4, 2), np.moveaxis(bins, 1, -1))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: dog_window(4, 1, 2), "odd and at least 3, got 4"),
        (lambda: dog_window(5, 1, 0), "must be positive"),
        (lambda: dog_window(5, 1, 1), "must differ"),
        (lambda: dog_bank(drawn_images(), []), "at least one window"),
        (lambda: dog_bank(drawn_images(), WINDOWS, 0), "threshold must be positive"),
        (lambda: normalize_locally(-drawn_images()), "not negative"),
        (lambda: normalize_locally(drawn_images(), -1), "radius >= 0"),
        (lambda: latency_bins(drawn_images(), 256), "from 1 to 255, got 256"),
    ],
)
def test_what_has_no_meaning_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
