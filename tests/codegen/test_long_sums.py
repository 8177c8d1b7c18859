"""Long sums in single precision: as exact as those in double, however many terms they have."""

import numpy as np
import pytest
from brian2 import Network, defaultclock, ms, prefs
from numpy.testing import assert_allclose

from hebbsim import (
    AveragePooling,
    ConvSynapses,
    FeatureMap,
    LateralInhibition,
    PerChannel,
    PerMap,
    PerPosition,
    PerSample,
    Standardize,
    SumPooling,
    Triangle,
    WinnerTakeAll,
)
from hebbsim.data.filters import standardize
from hebbsim.decoding.decode import decode

TENTH = np.float32(0.1)
EXACT = float(TENTH)
SIDES = {1: (1, 1), 10**5: (250, 400), 10**7: (2500, 4000)}


@pytest.fixture(autouse=True)
def _single_precision():
    prefs.core.default_float_dtype = np.float32


def terms(n):
    return pytest.param(n, marks=[pytest.mark.slow] if n > 10**5 else [], id=f"{n:.0e}")


def close(found, expected):
    assert_allclose(np.asarray(found, dtype=float), expected, rtol=1e-6)


@pytest.mark.parametrize("values", ["equal", "random"])
@pytest.mark.parametrize("density", ["sparse", "dense"])
@pytest.mark.parametrize("n", [terms(n) for n in SIDES])
def test_sums_to_a_kernel(n, density, values):
    rows, cols = SIDES[n]
    source = FeatureMap((1, rows, cols), "x : 1")
    channels = 16 if n < 10**7 else 9
    target = FeatureMap((channels, rows, cols), "y : 1")
    model = """w : 1
    product = y_post*x_pre : 1 (summed)
    activity = y_post : 1 (summed)
    general = abs(y_post*x_pre) : 1 (summed)"""
    conv = ConvSynapses(source, target, model, kernel_size=1)
    rng = np.random.default_rng(0)
    x = np.full((1, rows, cols), TENTH)
    x = x if values == "equal" else rng.random(x.shape, dtype=np.float32)
    source.set_maps("x", x)
    y = np.zeros((channels, rows, cols), dtype=np.float32)
    y[: 1 if density == "sparse" else None] = 1
    target.set_maps("y", y)
    Network(source, target, conv).run(defaultclock.dt)
    total = x.sum(dtype=float)
    for variable, expected in (("product", total), ("activity", n), ("general", total)):
        close(conv.get_kernel(variable)[0, 0, 0, 0], expected)


@pytest.mark.parametrize("n", [terms(n) for n in (1, 10**5)])
def test_sums_to_neurons(n):
    side = (250, 400) if n > 1 else (1, 1)
    source = FeatureMap((1, *side), "x : 1")
    target = FeatureMap((2, 1, 1), "u : 1\ny : 1")
    back = FeatureMap((1, 1, 1), "d : 1")
    many = FeatureMap((n, 1, 1), "y : 1")
    conv = ConvSynapses(source, target, "w : 1\nu_post = w*x_pre : 1 (summed)", kernel_size=side)
    feedback = ConvSynapses(back, many, "b : 1\nd_pre = b*y_post : 1 (summed)", kernel_size=1)
    source.x = conv.w = many.y = feedback.b = TENTH
    Network(source, target, back, many, conv, feedback).run(defaultclock.dt)
    close(target.u, n * EXACT**2)
    close(back.d, n * EXACT**2)


@pytest.mark.parametrize("n", [terms(n) for n in SIDES])
def test_sums_over_a_map_and_windows(n):
    side = SIDES[n]
    source = FeatureMap((1, *side), "x : 1")
    pooled = FeatureMap((1, 1, 1), "s : 1\nm : 1")
    source.x = TENTH
    many = FeatureMap((n, 1, 1), "x : 1\ny : 1\nz : 1")
    many.x = TENTH
    objects = [
        source,
        pooled,
        many,
        SumPooling(source, pooled, side, target="s"),
        AveragePooling(source, pooled, side, target="m"),
        Triangle(many, "x", "y"),
        PerChannel(source, "c = x_map : 1 (summed)"),
        PerSample(source, "n = x_map : 1 (summed)"),
        PerPosition(many, "p = x_map : 1 (summed)"),
        PerMap(source, "a = x_map : 1 (summed)"),
    ]
    Network(objects).run(defaultclock.dt)
    for found in (pooled.s, objects[-4].c, objects[-3].n, objects[-2].p, objects[-1].a):
        close(found, n * EXACT)
    close(pooled.m, EXACT)
    assert np.abs(many.y[:]).max() <= 1e-6 * EXACT


@pytest.mark.parametrize("language", ["auto", "numpy"])
@pytest.mark.parametrize("normalize", ["L1", "L2"])
@pytest.mark.parametrize("n", [terms(n) for n in SIDES])
def test_norms_and_sums_over_a_kernel(n, normalize, language):
    prefs.codegen.target = language
    source, layer = FeatureMap((1, *SIDES[n]), "x : 1"), FeatureMap((2, 1, 1), "y : 1")
    model = """w : 1
    of_filter = abs(w) : 1 (summed over filter)
    typical = abs(w) : 1 (mean over kernel)"""
    conv = ConvSynapses(
        source, layer, model, kernel_size=SIDES[n], update="w += 0.1", normalize=normalize
    )
    conv.w = -0.2
    Network(source, layer, conv).run(defaultclock.dt)
    filters = conv.get_kernel("w").astype(float).reshape(2, -1)
    power = {"L1": 1, "L2": 2}[normalize]
    close((np.abs(filters) ** power).sum(axis=1), 1)
    close(conv.of_filter, n * float(np.float32(0.2)))
    close(conv.typical, np.float32(0.2))


@pytest.mark.parametrize("language", ["auto", "numpy"])
@pytest.mark.parametrize("n", [terms(n) for n in SIDES])
def test_standardized_maps_and_their_running_means(n, language):
    prefs.codegen.target = language
    layer = FeatureMap((1, *SIDES[n]), "x : 1\nz : 1")
    pooled = FeatureMap((1, 1, 1), "m : 1")
    x = np.full(SIDES[n], TENTH).ravel()
    x[: n // 2] *= 3  # exactly half of them, so that each lies one deviation from the mean
    layer.x = x
    tau, rest = 1 * ms, np.exp(-0.1)
    means = PerChannel(
        layer,
        """dm/dt = (now - m)/tau : 1
        now = x_map/map_size : 1 (summed)""",  # integrated from the second step on
        namespace={"tau": tau},
        method="exact",
    )
    AveragePooling(layer, pooled, SIDES[n], target="m")
    operation = Standardize(layer, "x", "z")
    Network(layer, pooled, means, operation).run(2 * defaultclock.dt)
    close(pooled.m, x.mean(dtype=float))
    close(means.now, x.mean(dtype=float))
    close(means.m, (1 - rest) * x.mean(dtype=float))
    if n > 1:
        np.testing.assert_allclose(layer.z, np.sign(x - 0.2), atol=1e-6)


@pytest.mark.parametrize("n", [terms(n) for n in SIDES if n > 1])
def test_standardized_images(n):
    image = np.full((1, 1, *SIDES[n]), TENTH)
    image[0, 0, : SIDES[n][0] // 2] *= 3
    np.testing.assert_allclose(standardize(image), np.sign(image - 0.2), atol=1e-6)


@pytest.mark.parametrize("n", [terms(n) for n in SIDES if n > 1])
def test_decoders_tell_classes_that_differ_in_the_last_place(n):
    """Means of so many features in single precision would be further off than that."""
    labels = np.arange(n) % 2
    features = np.where(labels, np.nextafter(TENTH, np.float32(1)), TENTH)[:, None]
    assert features.dtype == np.float32
    assert decode(features, labels, features[:100], labels[:100], alpha=1e-9) == 1


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e19, 1e38])
def test_images_of_any_scale_are_standardized(scale):
    images = (np.random.default_rng(0).random((2, 1, 8, 8)) * scale).astype(np.float32)
    assert_allclose(standardize(images, eps=0.0).std(axis=(1, 2, 3)), 1, rtol=1e-6)


@pytest.mark.parametrize("language", ["auto", "numpy"])
def test_variables_are_read_in_their_own_type(language):
    prefs.codegen.target = language
    layer = FeatureMap(
        (2, 1, 1),
        "a : 1\nv : 1\ny : 1\nsilenced : 1",
        threshold="v > 0 and silenced < 1",
        reset="v = 0",
        dtype={"a": np.float64},
    )
    layer.a, layer.v = [90010.001, 90010.002], 1
    races = [WinnerTakeAll(layer, "a", "y"), LateralInhibition(layer, source="a")]
    Network(layer, races).run(defaultclock.dt)
    assert layer.y[:].tolist() == [0, 1]
    assert layer.silenced[:].tolist() == [1, 0]


def test_a_map_of_millions_of_channels_fits():
    layer = FeatureMap((2_000_000, 1, 1), "u : 1\ny : 1\nz : 1\nm : 1")
    pooled = FeatureMap((2_000_000, 1, 1), "s : 1")
    layer.u = np.random.default_rng(0).random(2_000_000)
    winners = WinnerTakeAll(layer, "u", "y", k=3)
    pool = SumPooling(layer, pooled, 1, source="u", target="s")
    Network(layer, pooled, winners, Triangle(layer, "u", "z"), pool).run(defaultclock.dt)
    best = np.argsort(-layer.u[:], kind="stable")[:3]
    assert sorted(np.flatnonzero(layer.y[:])) == sorted(best)
    assert np.array_equal(pooled.s[:], layer.u[:])
