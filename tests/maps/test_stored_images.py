"""Images that a simulation holds."""

import numpy as np
import pytest
from brian2 import (
    DimensionMismatchError,
    Network,
    NetworkOperation,
    StateMonitor,
    defaultclock,
    ms,
    mV,
    prefs,
)
from brian2.core.base import BrianObjectException
from numpy.testing import assert_allclose, assert_array_equal

from hebbsim import FeatureMap, StoredImages
from hebbsim.data.dataset import as_float


def test_shows_each_batch_in_order(target, dtype):
    """One after the other in ``x`` and ``y``, each for two steps in ``z``."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (5, 2, 3, 4), dtype=np.uint8)
    images[0, 0, 0, :2] = 0, 255
    scaled = images / 255
    order = [4, 0, 0, 1, 2, 3, 4]
    retina = FeatureMap((2, 3, 4), "x : 1\ny : 1\nz : 1\ngain : 1", batch_size=3, name="retina")
    retina.gain = "0.1*channel"
    StoredImages(retina, images, order=order)
    StoredImages(retina, scaled, "y", value="pixel + 10*gain", order=order)
    StoredImages(retina, images, "z", order=order, duration=2 * defaultclock.dt)
    seen = StateMonitor(retina, ["x", "y", "z"], record=True, when="end")
    Network(retina, seen).run(4 * defaultclock.dt)
    raised = scaled + np.arange(2)[:, None, None]
    for values, expected, steps in ((seen.x, scaled, 1), (seen.y, raised, 1), (seen.z, scaled, 2)):
        for step in range(4):
            batch = step // steps
            shown = expected[[order[(3 * batch + sample) % 7] for sample in range(3)]]
            found = values[:, step].reshape(3, 3, 4, 2).transpose(0, 3, 1, 2)
            assert_allclose(found, shown, rtol=1e-6, atol=1e-7)


def test_bytes_are_from_0_to_1_in_expressions_too(target, dtype):
    """As `set_maps` and a network's ``fit`` make them; an integer takes them as they are."""
    images = np.random.default_rng(1).integers(0, 256, (3, 2, 3, 4), dtype=np.uint8)
    images[0, 0, 0, :2] = 0, 255
    retina = FeatureMap((2, 3, 4), "x : 1\ny : 1\nz : 1\nn : integer", batch_size=3)
    StoredImages(retina, images, value="pixel - 0.3")
    StoredImages(retina, as_float(images), "y", value="pixel - 0.3")
    StoredImages(retina, images, "n")
    retina.set_maps("z", images)
    Network(retina).run(defaultclock.dt)
    assert_allclose(retina.get_maps("x"), images / 255 - 0.3, rtol=1e-5, atol=1e-7)
    assert_allclose(retina.get_maps("x"), retina.get_maps("y"), rtol=1e-5, atol=1e-7)
    assert_allclose(retina.get_maps("z"), images / 255, rtol=1e-6)
    assert_array_equal(retina.get_maps("n"), images)


@pytest.mark.parametrize("value", ["pixel/255", "pixel / 255 - 0.45", "2*(pixel/256)"])
def test_bytes_are_not_scaled_twice(value):
    images = np.zeros((5, 2, 3, 4), dtype=np.uint8)
    with pytest.raises(ValueError, match=r"is from 0 to 1 already; .* write 'pixel' in place of"):
        StoredImages(FeatureMap((2, 3, 4), "x : 1"), images, value=value)
    StoredImages(FeatureMap((2, 3, 4), "x : 1"), images.astype(float), value=value)


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [("n", 0.5, "0.5"), ("n", 2.0**40, "1099511627776.0"), ("on", 2, "2"), ("on", 0.1, "0.1")],
)
def test_values_that_the_variable_would_change_are_refused(variable, value, said):
    retina = FeatureMap((2, 3, 4), "n : integer\non : boolean")
    images = np.zeros((5, 2, 3, 4), dtype=np.asarray(value).dtype)
    StoredImages(FeatureMap((2, 3, 4), "n : integer\non : boolean"), images, variable)
    images[1, 0, 2, 3] = value
    with pytest.raises(
        ValueError, match=rf"{said} at \(1, 0, 2, 3\) can't be held by '{variable}'"
    ):
        StoredImages(retina, images, variable)


def test_bytes_stay_bytes():
    retina = FeatureMap((1, 28, 28), "x : 1", batch_size=10)
    before = set(retina.variables)
    StoredImages(retina, np.zeros((100, 1, 28, 28), dtype=np.uint8))
    new = [retina.variables[name] for name in set(retina.variables) - before]
    assert sum(v.size * np.dtype(v.dtype).itemsize for v in new) == 100 * 28 * 28 + 4 * 100


@pytest.mark.parametrize(
    ("images", "options", "message"),
    [
        (np.zeros((5, 3, 4, 2)), {}, r"shape \(n, channels, rows, cols\) = .* got \(5, 3, 4, 2\)"),
        (np.zeros((2, 3, 4)), {}, "got"),
        (
            np.full((5, 2, 3, 4), np.nan),
            {},
            r"nan at \(0, 0, 0, 0\) is not finite as 'x', .* float64",
        ),
        (
            np.full((5, 2, 3, 4), -np.inf),
            {},
            "not finite .* replace it first, as with numpy.nan_to_",
        ),
        (np.zeros((5, 2, 3, 4)), {"order": [0, 5]}, "names image 5, but the 5 images"),
        (np.zeros((5, 2, 3, 4)), {"order": [-1, 0]}, "names image -1"),
        (np.zeros((5, 2, 3, 4)), {"order": [0.5]}, "sequence of image numbers"),
        (np.zeros((5, 2, 3, 4), dtype=complex), {}, "real numbers"),
        (np.zeros((5, 2, 3, 4)), {"duration": 0.25 * ms}, "whole number of time steps of 100"),
        (np.zeros((5, 2, 3, 4)), {"duration": 0 * ms}, "whole number of time steps"),
        (np.zeros((5, 2, 3, 4)), {"duration": np.inf * ms}, "whole number of time steps"),
        (np.zeros((5, 2, 3, 4)), {"duration": "20 ms"}, r"must be a time, .* got '20 ms'"),
        (np.zeros((5, 2, 3, 4)), {"duration": 3}, r"duration must be a time, .* got 3"),
    ],
)
def test_what_is_refused(images, options, message):
    retina = FeatureMap((2, 3, 4), "x : 1")
    with pytest.raises(ValueError, match=message):
        StoredImages(retina, images, **options)


def test_what_is_proposed_for_values_that_are_not_finite_helps():
    prefs.core.default_float_dtype = np.float32
    retina = FeatureMap((1, 1, 3), "x : 1")
    images = np.array([[[[np.nan, np.inf, -np.inf]]]])
    with pytest.raises(ValueError, match=r"as with numpy.nan_to_num\(images, posinf=1, neginf=0\)"):
        StoredImages(retina, images)
    StoredImages(retina, np.nan_to_num(images, posinf=1, neginf=0))
    other = FeatureMap((1, 1, 1), "x : 1")
    with pytest.raises(ValueError, match=r"1e\+300 at .* of float32; scale the images first"):
        StoredImages(other, np.full((1, 1, 1, 1), 1e300))


def test_the_variable_must_be_there_and_free():
    retina = FeatureMap((2, 3, 4), "x : 1\nI : volt")
    images = np.zeros((5, 2, 3, 4))
    with pytest.raises(KeyError, match="it has I, x"):
        StoredImages(retina, images, "y")
    StoredImages(retina, images)
    with pytest.raises(ValueError, match="'x' shows stored images already"):
        StoredImages(retina, images)


def test_a_duration_holds_for_its_time_step():
    retina = FeatureMap((2, 3, 4), "x : 1")
    StoredImages(retina, np.zeros((5, 2, 3, 4)), duration=2 * ms)
    defaultclock.dt = 0.5 * ms
    with pytest.raises(BrianObjectException) as error:
        Network(retina).run(2 * ms)
    assert "set defaultclock.dt before" in str(error.value.__cause__)


def test_units_are_checked():
    prefs.codegen.target = "numpy"
    images = np.ones((5, 2, 3, 4))
    right, wrong = (FeatureMap((2, 3, 4), "I : volt") for _ in range(2))
    StoredImages(right, images, "I", value="3*mV*pixel")
    Network(right).run(defaultclock.dt, namespace={"mV": mV})
    assert_allclose(right.get_maps("I") / mV, 3)
    StoredImages(wrong, images, "I")
    with pytest.raises(BrianObjectException) as error:
        Network(wrong).run(defaultclock.dt, namespace={})
    assert isinstance(error.value.__cause__, DimensionMismatchError)
    assert "'I' doesn't have the units of 'pixel'" in str(error.value.__cause__)


@pytest.mark.parametrize("target", ["numpy", "cpp_runtime"], indirect=True)
def test_others_take_their_place_while_a_network_runs(target):
    """Between runs, and in a run from a network operation; what doesn't fit changes nothing."""
    rng = np.random.default_rng(2)
    first, second, third = (rng.random((2, 1, 2, 3)) < 0.5 for _ in range(3))
    retina = FeatureMap((1, 2, 3), "lit : boolean\nn : integer")
    shown = StoredImages(retina, first, "lit")
    numbers = StoredImages(retina, np.zeros((2, 1, 2, 3), np.uint8), "n")
    dt = defaultclock.dt
    begin = NetworkOperation(
        lambda t: shown.set_images(second if t < dt else third), dt=2 * dt, when="before_start"
    )
    seen = StateMonitor(retina, "lit", record=True, when="end")
    network = Network(retina, begin, seen)
    network.run(4 * dt)
    expected = np.concatenate([second, third]).reshape(4, 6)
    assert_array_equal(np.asarray(seen.lit[:]).T, expected)
    for wrong in (first[:1], first[:, :, :, :2]):
        with pytest.raises(ValueError, match=r"expected .*images"):
            shown.set_images(wrong)
    with pytest.raises(ValueError, match=r"expected 2 images of bytes.*got 2 of float"):
        numbers.set_images(first.astype(float))
    network.remove(begin)
    network.run(2 * dt)
    assert_array_equal(retina.get_maps("lit")[0], third[1])
