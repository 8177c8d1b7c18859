"""Pooling, compared with torch."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from brian2 import Network, NeuronGroup, defaultclock, mV, prefs, volt
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from hebbsim import FeatureMap
from hebbsim.competition.activations import Assign
from hebbsim.competition.pooling import AveragePooling, MaxPooling, SumPooling
from hebbsim.geometry import GeometryError, PoolGeometry, pool_output_shape
from hebbsim.maps.per_channel_sample_position import PerChannel

KINDS = (AveragePooling, MaxPooling, SumPooling)
TOLERANCE = {np.float64: 1e-13, np.float32: 1e-6}


def run_step(*objects):
    Network(*objects).run(defaultclock.dt, namespace={})


def pooled_by_torch(kind, maps, window, stride=None, padding=0, ceil_mode=False):
    maps = torch.as_tensor(maps)
    kwds = {"padding": padding, "ceil_mode": ceil_mode}
    if kind is MaxPooling:
        return F.max_pool2d(maps, window, stride, **kwds).numpy()
    divisor = 1 if kind is SumPooling else None
    return F.avg_pool2d(maps, window, stride, divisor_override=divisor, **kwds).numpy()


def random_window(rng):
    """Draw a map's shape and windows: remainders, gaps, overlaps and padding, not square."""
    window, stride = (tuple(map(int, rng.integers(1, high, 2))) for high in (4, 5))
    rows, cols = (k + int(rng.integers(0, 7)) for k in window)
    padding = tuple(int(rng.integers(0, k // 2 + 1)) for k in window)
    options = {"padding": padding, "ceil_mode": bool(rng.random() < 0.5)}
    return (int(rng.integers(1, 6)), rows, cols), window, stride, options


# The output's shape


windows = st.one_of(st.integers(1, 5), st.tuples(st.integers(1, 5), st.integers(1, 5)))


@settings(deadline=None, max_examples=100)
@given(
    st.tuples(*[st.integers(1, 9)] * 3),
    windows,
    st.one_of(st.none(), windows),
    st.one_of(st.integers(0, 2), st.tuples(st.integers(0, 2), st.integers(0, 3))),
    st.booleans(),
)
def test_output_shape_is_that_of_torch_and_fails_where_torch_does(
    shape, window, stride, padding, ceil_mode
):
    options = (stride, padding, ceil_mode)
    try:
        expected = F.avg_pool2d(torch.zeros(1, *shape), window, *options).shape[1:]
    except RuntimeError:  # "Output size is too small", "pad should be at most half of kernel size"
        message = r"a pooling window of .* doesn't fit a map of|at most half a pooling window of"
        with pytest.raises(GeometryError, match=message):
            pool_output_shape(shape, window, *options)
    else:
        assert pool_output_shape(shape, window, *options) == tuple(expected)


def test_output_shapes_worked_out_by_hand():
    assert pool_output_shape((3, 24, 24), 2) == (3, 12, 12)
    assert pool_output_shape((3, 9, 7), 2) == (3, 4, 3)
    assert pool_output_shape((3, 9, 7), (3, 2), (1, 4)) == (3, 7, 2)
    assert pool_output_shape((1, 5, 5), 5).rows == 1
    assert pool_output_shape((3, 9, 8), 2, ceil_mode=True) == (3, 5, 4)
    assert pool_output_shape((3, 9, 8), 3, 2, padding=1) == (3, 5, 4)
    assert pool_output_shape((3, 9, 8), 3, 2, padding=(0, 1), ceil_mode=True) == (3, 4, 5)
    # a last window that would begin in the padding is left out
    assert pool_output_shape((1, 4, 4), 2, 3, padding=1, ceil_mode=True) == (1, 2, 2)


def test_windows_at_the_borders_worked_out_by_hand():
    windows = PoolGeometry((1, 5, 4), (3, 2), (2, 2), (1, 0), ceil_mode=True)
    assert windows.out_shape == (1, 3, 2)
    assert windows.reach == ((1, 1), (0, 0))
    assert windows.spans == ([3, 3, 3], [2, 2])
    windows = PoolGeometry((1, 6, 5), 3, ceil_mode=True)  # the last cols have 2 of 3
    assert windows.spans == ([3, 3], [3, 2])
    assert windows.reach == ((0, 0), (0, 1))
    assert not windows.is_inside
    assert PoolGeometry((1, 6, 6), 3, ceil_mode=True).is_inside


# The values


def test_pooling_equals_torchs(target, dtype):
    """Random windows and steps, a subexpression, units, coarser windows by default."""
    rng = np.random.default_rng(7)
    built = []
    for number in range(6):
        shape, window, stride, options = random_window(rng)
        batch_size = 1 + number % 3
        maps = rng.standard_normal((batch_size, *shape)).astype(dtype)
        source = FeatureMap(shape, "x : 1", batch_size=batch_size)
        source.set_maps("x", maps)
        for kind in KINDS if number < 2 else KINDS[number % 3 :: 2]:
            pooled = FeatureMap(
                pool_output_shape(shape, window, stride, **options), "x : 1", batch_size=batch_size
            )
            operation = kind(source, pooled, window, stride, **options)
            built.append((operation, maps, (window, stride, *options.values()), "x"))
    shape = (3, 7, 5)
    maps = rng.standard_normal((2, *shape)).astype(dtype)
    source = FeatureMap(shape, "v : volt\nz = abs(v) - theta*volt : volt", batch_size=2)
    threshold = PerChannel(source, "theta : 1")
    threshold.theta = "0.5*i"
    source.set_maps("v", maps * volt)
    rectified = np.abs(maps) - np.array([0, 0.5, 1], dtype)[:, None, None]
    for kind in KINDS:
        pooled = FeatureMap((3, 3, 2), "p : volt\nx : volt", batch_size=2)
        operation = kind(source, pooled, 2, source="z", target="p")
        built.append((operation, rectified, (2,), "p"))
        pooled = FeatureMap((3, 4, 3), "p : volt\nx : volt", batch_size=2)
        options = {"padding": (1, 0), "ceil_mode": True}
        operation = kind(
            source, pooled, 2, source="v", target="p", activation="triangle", **options
        )
        triangle = np.maximum(maps - maps.mean(axis=1, keepdims=True), 0)
        built.append((operation, triangle, (2, None, *options.values()), "p"))
    plain = FeatureMap(shape, "x : 1", batch_size=2)
    plain.set_maps("x", maps)
    for kind, power in ((AveragePooling, 0.7), (MaxPooling, 1.4)):
        windows = {"stride": 2, "padding": 1}  # which overlap
        pooled = FeatureMap(pool_output_shape(shape, 4, **windows), "p : 1", batch_size=2)
        kwds = {"target": "p", "activation": "triangle", "power": power}
        operation = kind(plain, pooled, 4, **windows, **kwds)
        built.append((operation, triangle**power, (4, *windows.values()), "p"))
    maps_run = {m for operation, *_ in built for m in (operation.source_map, operation.target_map)}
    run_step(*maps_run, threshold)

    for operation, maps, windows, variable in built:
        found = operation.target_map.get_maps(variable)
        assert np.asarray(found).dtype == dtype
        what = f"{type(operation).__name__} of {maps.shape} by {windows}"
        expected = pooled_by_torch(type(operation), maps, *windows)
        tolerance = 10 * TOLERANCE[dtype]
        assert_allclose(np.asarray(found), expected, rtol=0, atol=tolerance, err_msg=what)
    assert built[-3][0].target_map.get_maps("p").dim is volt.dim


@settings(deadline=None, max_examples=12)
@given(st.integers(0, 2**32 - 1), st.sampled_from(KINDS), st.integers(1, 3))
def test_any_window(drawn, kind, batch_size):
    prefs.codegen.target = "numpy"
    rng = np.random.default_rng(drawn)
    shape, window, stride, options = random_window(rng)
    source = FeatureMap(shape, "x : 1", batch_size=batch_size)
    expected = pool_output_shape(shape, window, stride, **options)
    pooled = FeatureMap(expected, "x : 1", batch_size=batch_size)
    maps = rng.standard_normal((batch_size, *shape))
    source.set_maps("x", maps)
    kind(source, pooled, window, stride, **options)
    run_step(source, pooled)
    expected = pooled_by_torch(kind, maps, window, stride, **options)
    assert_allclose(pooled.get_maps("x"), expected, rtol=1e-12, atol=1e-13)


def test_maxima_of_negative_numbers_are_negative(target):
    """Of a padded map too: padding is no zero to a maximum."""
    source, pooled = FeatureMap((1, 2, 3), "x : 1"), FeatureMap((1, 1, 1), "x : 1")
    padded = FeatureMap((1, 2, 2), "x : 1")
    source.set_maps("x", np.array([[[-5, -3, 9], [-4, -7, 9]]]))
    MaxPooling(source, pooled, 2)
    MaxPooling(source, padded, 2, padding=1)
    run_step(source, pooled, padded)
    assert pooled.x[0] == -3
    np.testing.assert_array_equal(padded.get_maps("x")[0, 0], [[-5, 9], [-4, 9]])


def test_a_chain_of_poolings_takes_one_step():
    """Each reads what the one before wrote in the step, whatever their names."""
    prefs.codegen.target = "numpy"
    first, second, third = (FeatureMap((2, n, n), "x : 1\ny : 1") for n in (8, 4, 2))
    Assign(first, "x**2", "y", name="d")
    MaxPooling(first, second, 2, source="y", name="c")
    Assign(second, "x - 1", "y", name="b")
    AveragePooling(second, third, 2, source="y", name="a")
    maps = np.random.default_rng(8).standard_normal((1, 2, 8, 8))
    first.set_maps("x", maps)
    run_step(first, second, third)
    middle = pooled_by_torch(MaxPooling, maps**2, 2) - 1
    assert_allclose(third.get_maps("x"), pooled_by_torch(AveragePooling, middle, 2), rtol=1e-12)


def test_what_computes_runs_before_what_reads():
    prefs.codegen.target = "numpy"
    source, pooled = FeatureMap((1, 2, 2), "x : 1"), FeatureMap((1, 1, 1), "x : 1\nseen : 1")
    Assign(pooled, "x + 1", "x", name="c")
    Assign(pooled, "2*x", "x", name="b")
    Assign(pooled, "x", "seen", name="a")
    SumPooling(source, pooled, 2, name="z")
    Assign(source, "5", name="y")
    source.x, pooled.x = 1, 3
    run_step(source, pooled)
    assert (source.x[0], pooled.x[0], pooled.seen[0]) == (5, 42, 42)


def test_poolings_belong_to_their_target():
    source, pooled = FeatureMap((1, 4, 6), "x : 1"), FeatureMap((1, 2, 2), "x : 1", name="pooled")
    operation = AveragePooling(source, pooled, (2, 3))
    assert operation in pooled.contained_objects
    assert operation.name.startswith("pooled_average_pooling")
    assert (operation.kernel_size, operation.stride) == ((2, 3), (2, 3))


# What is refused


@pytest.fixture
def source():
    return FeatureMap((2, 5, 4), "x : 1\nv : volt", batch_size=2, name="source")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("shape", "batch_size"), [((2, 2, 1), 2), ((3, 2, 2), 2), ((2, 2, 2), 1), ((2, 5, 4), 2)]
)
def test_targets_of_another_shape(source, kind, shape, batch_size):
    other = FeatureMap(shape, "x : 1", batch_size=batch_size, name="other")
    with pytest.raises(GeometryError) as error:
        kind(source, other, 2)
    assert str(error.value) == (
        f"{kind.__name__}: target 'other' is {other!r}, but pooling 'source' gives shape "
        "(2, 2, 2) and batch_size 2"
    )


@pytest.mark.parametrize("window", [6, (6, 1), (1, 5)])
def test_windows_larger_than_the_map(source, window):
    rows, cols = np.broadcast_to(window, 2)
    message = rf"a pooling window of {rows}x{cols} doesn't fit a map of 5x4; use a smaller one"
    with pytest.raises(GeometryError, match=message):
        MaxPooling(source, source, window)
    with pytest.raises(GeometryError, match=message):
        pool_output_shape((2, 5, 4), window)


@pytest.mark.parametrize("padding", [2, (0, 2), (3, 0)])
def test_padding_wider_than_half_a_window(source, padding):
    wanted = tuple(int(n) for n in np.broadcast_to(padding, 2))
    with pytest.raises(RuntimeError, match="pad should be at most half of"):
        pooled_by_torch(MaxPooling, torch.zeros(1, 2, 5, 4), 3, 1, padding)
    with pytest.raises(GeometryError) as error:
        AveragePooling(source, source, 3, 1, padding=padding)
    assert str(error.value) == (
        f"padding: expected at most half a pooling window of 3x3, got {wanted}; use less padding "
        "or a larger window"
    )
    with pytest.raises(GeometryError, match=r"a pooling window of 9x9 .* 5x4 with padding \(1, 2"):
        pool_output_shape((2, 5, 4), 9, padding=(1, 2))


@pytest.mark.parametrize("value", [1, 0, None, "yes", 0.5, (True, False)])
def test_ceil_mode_is_a_truth_value(value):
    with pytest.raises(GeometryError, match="ceil_mode: expected True or False, got "):
        pool_output_shape((2, 5, 4), 2, ceil_mode=value)


@pytest.mark.parametrize("value", [0, -1, 1.5, (1, 0), (1, 2, 3), "a"])
def test_windows_and_steps_must_be_positive_integers(value):
    with pytest.raises(GeometryError, match=r"kernel_size: expected an int or a \(rows, cols\)"):
        pool_output_shape((2, 5, 4), value)
    with pytest.raises(GeometryError, match=r"stride: expected an int or a \(rows, cols\)"):
        pool_output_shape((2, 5, 4), 2, value)
    with pytest.raises(GeometryError, match=r"in_shape: expected three positive integers"):
        pool_output_shape((2, 5), 2)


def test_other_groups(source):
    neurons = NeuronGroup(8, "x : 1")
    with pytest.raises(TypeError, match=r"MaxPooling: the source must be a FeatureMap, got Neuron"):
        MaxPooling(neurons, source, 2)
    with pytest.raises(TypeError, match=r"SumPooling: the target must be a FeatureMap, got Neuron"):
        SumPooling(source, neurons, 2)


def test_unknown_variables(source):
    pooled = FeatureMap((2, 2, 2), "x : 1\nz = 2*x : 1", batch_size=2, name="pooled")
    with pytest.raises(KeyError, match="feature map 'source' has no variable 'q'"):
        MaxPooling(source, pooled, 2, source="q")
    for name in ("q", "z", "channel"):
        with pytest.raises(KeyError, match=f"'pooled' stores no variable '{name}' .* it has x"):
            MaxPooling(source, pooled, 2, target=name)


def test_units_must_match(source):
    pooled = FeatureMap((2, 2, 2), "x : 1\nv : volt\nw : amp", batch_size=2, name="pooled")
    for read, written in (("v", "x"), ("x", "v"), ("v", "w")):
        message = rf"'{read}' of 'source' and '{written}' of 'pooled' have different units"
        with pytest.raises(ValueError, match=message):
            AveragePooling(source, pooled, 2, source=read, target=written)
    prefs.codegen.target = "numpy"
    source.v = 3 * mV
    AveragePooling(source, pooled, 2, source="v", target="v")
    run_step(source, pooled)
    assert_allclose(pooled.v / mV, 3, rtol=1e-12)


def test_unknown_activations():
    source, pooled = FeatureMap((1, 4, 4), "x : 1"), FeatureMap((1, 2, 2), "x : 1")
    with pytest.raises(ValueError, match="activation must be None or 'triangle', got 'relu'"):
        AveragePooling(source, pooled, 2, activation="relu")


def test_powers_are_those_of_a_triangle_without_units(source):
    pooled = FeatureMap((2, 2, 2), "x : 1\nv : volt", batch_size=2)
    with pytest.raises(ValueError, match=r"power=2 is that of activation='triangle'; give both"):
        MaxPooling(source, pooled, 2, power=2)
    with pytest.raises(ValueError, match="MaxPooling: the power must be a positive number, got 0"):
        MaxPooling(source, pooled, 2, activation="triangle", power=0)
    with pytest.raises(ValueError, match="'v' of 'source' must be dimensionless to be raised"):
        MaxPooling(source, pooled, 2, source="v", target="v", activation="triangle", power=2)
