"""Whitening of images that are too large for a covariance matrix."""

import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose

from hebbsim.data.components import leading_components, total_variance
from hebbsim.data.zca import ZCA, matrix_bytes


def correlated(n, shape, seed=0):
    rng = np.random.default_rng(seed)
    d = int(np.prod(shape))
    mixing = rng.standard_normal((min(n, d), d)) * np.linspace(3, 0.1, min(n, d))[:, None]
    return (rng.standard_normal((n, min(n, d))) @ mixing + 1).reshape(n, *shape)


@pytest.mark.parametrize("settings", [{}, {"center": False, "divide_by": "dimensions"}])
@pytest.mark.parametrize(("n", "shape"), [(12, (3, 4, 5)), (40, (1, 4, 5))])
def test_all_directions_give_the_whole_matrix(n, shape, settings):
    """Fewer images than dimensions, and more: the same W."""
    images, others = correlated(n, shape), correlated(7, shape, seed=1)
    whole = ZCA(0.1, **settings).fit(images)
    along = ZCA(0.1, **settings, components=60).fit(images)
    assert whole.directions_ is None
    assert along.whitening_ is None
    for some in (images, others):
        assert_allclose(along.transform(some), whole.transform(some), rtol=1e-7, atol=1e-8)


def test_a_few_directions_are_whitened_and_the_rest_has_one_gain():
    images = correlated(60, (1, 4, 5))
    zca = ZCA(1e-3, components=4).fit(images)
    flat = zca.transform(images).reshape(60, -1)
    assert zca.directions_.shape == (20, 4)
    along = flat @ zca.directions_
    assert_allclose((along**2).mean(0), 1, rtol=2e-3)
    # what is left has a mean square of 1 over all other directions together
    rest = flat - along @ zca.directions_.T
    assert_allclose((rest**2).sum(1).mean() / 16, 1, rtol=2e-2)


def test_memory_follows_from_the_shape():
    """240x320 RGB: a matrix would take 1.6 TB; 20 images and their directions take 200 MB."""
    assert matrix_bytes(230_400) > 1.6e12
    images = np.random.default_rng(0).random((20, 3, 240, 320), dtype=np.float32)
    tracemalloc.start()
    zca = ZCA(0.1).fit(images)
    white = zca.transform(images)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert zca.directions_.shape == (230_400, 19)
    assert white.dtype == np.float32
    assert peak < 2e8


def test_leading_components_are_those_of_the_covariance():
    samples = correlated(30, (1, 5, 8)).reshape(30, -1)
    mean = samples.mean(0)
    variances, directions = leading_components(samples, mean, 6)
    values, vectors = np.linalg.eigh(np.cov(samples.T, bias=True))
    assert_allclose(variances, values[::-1][:6], rtol=1e-9)
    assert_allclose(np.abs(directions.T @ vectors[:, ::-1][:, :6]), np.eye(6), atol=1e-7)
    assert_allclose(total_variance(samples, mean), values.sum(), rtol=1e-9)


def test_directions_are_saved(tmp_path):
    images = correlated(9, (1, 4, 5)).astype(np.float32)
    zca = ZCA(0.1, components=3).fit(images)
    again = ZCA.load(zca.save(tmp_path / "zca"))
    assert again.components == 3
    np.testing.assert_array_equal(again.transform(images), zca.transform(images))


def test_what_can_not_be_whitened_is_refused():
    with pytest.raises(ValueError, match="components must be a positive integer or None, got 0"):
        ZCA(components=0)
    with pytest.raises(ValueError, match=r"singular .* give a positive epsilon"):
        ZCA(0, components=50).fit(correlated(9, (1, 4, 5)))
