"""Winners and activations against numpy and torch.

Together, because all scenes share one network: a standalone build takes seconds.
"""

import numpy as np
import pytest
import torch
from brian2 import (
    DimensionMismatchError,
    NeuronGroup,
    mV,
    prefs,
    volt,
)
from competition_cases import BATCH, SHAPE, cause_of_failed_run, run_steps
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal

from hebbsim import FeatureMap
from hebbsim.competition.activations import Assign, MapOperation, Rectify, Standardize, Triangle
from hebbsim.competition.batch_norm import BatchNorm
from hebbsim.competition.thresholds import AdaptiveThreshold
from hebbsim.competition.winners import SoftWinnerTakeAll, WinnerTakeAll
from hebbsim.maps.per_channel_sample_position import PerChannel

TOLERANCE = {np.float64: 1e-13, np.float32: 2e-6}


def perform(scenes, *arguments, steps=1):
    """Run the objects of all scenes in one network, then let each check its own."""
    running = [scene(*arguments) for scene in scenes]
    run_steps(*[obj for scene in running for obj in next(scene)], steps=steps)
    for scene in running:
        assert next(scene, None) is None


def few_levels(*shape, rng):
    """Draw multiples of 1/2, so that there are many ties."""
    return rng.integers(-3, 4, shape) / 2


def winners(values, k, allowed=True):
    """Return 1 for the k largest channels at each position, by sorting; ties: lowest channel."""
    result = np.zeros(values.shape)
    allowed = np.broadcast_to(allowed, values.shape)
    for sample, row, col in np.ndindex(values.shape[0], *values.shape[2:]):
        at_position = values[sample, :, row, col].tolist()
        ranking = sorted(range(len(at_position)), key=lambda c: (-at_position[c], c))
        for channel in ranking[:k]:
            result[sample, channel, row, col] = allowed[sample, channel, row, col]
    return result


# On every target. Each scene yields its objects, and checks them once they have run: all scenes
# share a network, because a standalone build takes seconds.


def winners_equal_the_oracles(dtype):
    rng = np.random.default_rng(1)
    u = few_levels(BATCH, *SHAPE, rng=rng)
    model = """u : 1
    v = u*volt : volt
    on : boolean
    number : integer
    graded : volt
    z = u - theta : 1
    """
    layer = FeatureMap(
        SHAPE, model + "".join(f"y{n} : 1\n" for n in range(7)), batch_size=BATCH, name="layer"
    )
    threshold = PerChannel(layer, "theta : 1")
    single = FeatureMap((1, 2, 2), "u : 1\ny : 1")
    for n, k in enumerate((1, 3, 7)):
        WinnerTakeAll(layer, "u", f"y{n}", k)
    WinnerTakeAll(layer, "v", "graded", k=2, graded=True)
    WinnerTakeAll(layer, "-abs(v)", "y3", condition="u > 0.5")
    WinnerTakeAll(layer, "u", "y4", k=3, condition="row != 1 and u*volt <= v and channel > 1")
    WinnerTakeAll(layer, "z", "y5")
    WinnerTakeAll(layer, "2*u - theta*(1 + sample) + 0.5*col", "y6", k=2, graded=True)
    # the values are compared before they become the target's
    WinnerTakeAll(layer, "0.25*u", "on")
    WinnerTakeAll(layer, "0.25*u", "number", k=2)
    WinnerTakeAll(single)
    layer.set_maps("u", u)
    single.u = "-1.0*i"
    threshold.theta = "0.5*(i % 3)"
    yield layer, threshold, single

    def check(name, expected):
        found = layer.get_maps(name)
        assert_array_equal(np.asarray(found), expected, err_msg=name)

    _, channel, row, col = np.indices(u.shape)
    theta = 0.5 * (channel % 3)
    for n, k in enumerate((1, 3, 7)):
        check(f"y{n}", winners(u, k))
    check("graded", winners(u, 2) * u)
    assert layer.get_maps("graded").dim is volt.dim
    check("y3", winners(-np.abs(u), 1, u > 0.5))
    check("y4", winners(u, 3, (row != 1) & (channel > 1)))
    check("y5", winners(u - theta, 1))
    z = 2 * u - theta * (1 + np.arange(BATCH)[:, None, None, None]) + 0.5 * col
    check("y6", winners(z, 2) * z)
    check("on", winners(u, 1))
    check("number", winners(u, 2))
    assert_array_equal(single.y, 1)
    assert layer.get_maps("y0").dtype == dtype


def operations_equal_torchs(dtype):
    rng = np.random.default_rng(2)
    u = rng.standard_normal((BATCH, *SHAPE)).astype(dtype)
    model = "u : 1\nv = u*volt : volt\n"
    names = ("soft", "huge", "signed", "triangle", "root", "square", "rectified", "assigned")
    names += ("standard",)
    layer = FeatureMap(
        SHAPE,
        model + "".join(f"{name} : 1\n" for name in names) + "w : volt\nstandard2 : 1",
        batch_size=BATCH,
    )
    threshold = PerChannel(layer, "theta : 1")
    SoftWinnerTakeAll(layer, "u - theta", "soft")
    SoftWinnerTakeAll(layer, "3000*v/volt", "huge", temperature=10)
    SoftWinnerTakeAll(layer, "u - theta", "signed", temperature=0.5, signed=True)
    Triangle(layer, "u - theta", "triangle")
    Triangle(layer, "u - theta", "root", power=0.7)
    Triangle(layer, "u - theta", "square", power=2)
    Triangle(layer, "v", "w")
    Rectify(layer, "u - theta", "rectified")
    Assign(layer, "tanh(u) + 0.1*row*channel - sample", "assigned")
    Assign(layer, "u", "standard")
    Standardize(layer, "standard", "standard")
    Standardize(layer, "1e-9*v", "standard2")
    layer.set_maps("u", u)
    threshold.theta = "0.1*i"
    yield layer, threshold

    u = torch.tensor(u, dtype=torch.float64)
    z = u - 0.1 * torch.arange(7.0, dtype=torch.float64)[:, None, None]
    sample, channel, row, _ = torch.tensor(np.indices(u.shape), dtype=torch.float64)
    standardized = (u - u.mean((1, 2, 3), keepdim=True)) / u.std(
        (1, 2, 3), correction=0, keepdim=True
    )
    triangle = torch.relu(z - z.mean(1, keepdim=True))
    winner = torch.zeros_like(z).scatter(1, z.argmax(1, keepdim=True), 1)
    for name, expected in {
        "soft": torch.softmax(z, 1),
        "signed": (2 * winner - 1) * torch.softmax(2 * z, 1),
        "root": triangle**0.7,
        "square": triangle**2,
        "huge": torch.softmax(300 * u, 1),
        "triangle": triangle,
        "w": torch.relu(u - u.mean(1, keepdim=True)),
        "rectified": torch.relu(z),
        "assigned": torch.tanh(u) + 0.1 * row * channel - sample,
        "standard": standardized,
        "standard2": standardized,
    }.items():
        # an exponent of 300 times a number is rounded before it is taken
        tolerance = TOLERANCE[dtype] * (1000 if name == "huge" else 10)
        found = np.asarray(layer.get_maps(name))
        assert_allclose(found, expected.numpy(), rtol=0, atol=tolerance, err_msg=name)
        assert found.dtype == dtype


def constant_maps_become_zero(dtype):
    """Whatever the value, and however small the contrast of another sample."""
    values = [0, 0.1, -1000.1, 1e-12, 1e9 + 0.1, 1]
    layer = FeatureMap((3, 5, 7), "x : 1\ns : 1\nz = 0.1*x + 0.3 : 1\nc : 1", batch_size=6)
    maps = np.broadcast_to(np.reshape(values, (6, 1, 1, 1)), (6, 3, 5, 7)).copy()
    maps[5] += 1e-4 * np.random.default_rng(3).standard_normal((3, 5, 7))
    layer.set_maps("x", maps)
    Standardize(layer, "x", "s")
    Standardize(layer, "z", "c")
    Standardize(layer)
    yield (layer,)

    for name in "sxc":
        found = layer.get_maps(name).astype(float)
        assert_array_equal(found[:5], 0, err_msg=name)
        assert_allclose(found[5].std(), 1, rtol=1e-5)
        assert_allclose(found[5].mean(), 0, atol=1e-6)
    expected = (maps[5] - maps[5].mean()) / maps[5].std()
    assert_allclose(layer.get_maps("x")[5], expected, atol=1e-8 if dtype == np.float64 else 5e-3)


def maps_may_have_thousands_of_channels(dtype):
    """More than the shared memory of a GPU's block holds."""
    u = few_levels(BATCH, 11_000, 1, 2, rng=np.random.default_rng(3)).astype(dtype)
    layer = FeatureMap(u.shape[1:], "u : 1\ny : 1\nz : 1\nr : 1", batch_size=BATCH, name="large")
    WinnerTakeAll(layer, k=2, condition="channel % 3 > 0")
    SoftWinnerTakeAll(layer, "u", "z", signed=True)
    Rectify(layer, "u", "r")
    layer.set_maps("u", u)
    yield (layer,)

    allowed = np.indices(u.shape)[1] % 3 > 0
    assert_array_equal(layer.get_maps("y"), winners(u, 2, allowed))
    softmax = torch.softmax(torch.as_tensor(u), 1).numpy()
    signs = 2 * winners(u, 1) - 1  # of thousands of channels many are equal
    assert_allclose(layer.get_maps("z"), signs * softmax, rtol=10 * TOLERANCE[dtype])
    assert_array_equal(layer.get_maps("r"), np.maximum(u, 0))


def test_operations(target, dtype):
    scenes = [winners_equal_the_oracles, operations_equal_torchs, constant_maps_become_zero]
    perform([*scenes, maps_may_have_thousands_of_channels], dtype)


def winners_change_from_step_to_step():
    """What won before is cleared, also where the condition lets none win."""
    layer = FeatureMap((3, 1, 4), "u : 1\ny : 1")
    Assign(layer, "u + 0.1*(channel - 1)", "u")
    WinnerTakeAll(layer, k=2, condition="u > 0")
    start = np.array([[[0.35, 0.0, 0.0, -9]], [[0.0, 0.2, 0.0, -9]], [[0.0, 0.1, 0.3, -9]]])
    layer.set_maps("u", start)
    layer.y = 1
    yield (layer,)

    final = start + 0.3 * np.array([-1.0, 0.0, 1.0])[:, None, None]
    expected = winners(final[None], 2, final[None] > 0)
    assert_array_equal(layer.get_maps("y"), expected)
    assert expected.sum() == 5


def operations_run_in_the_order_of_creation():
    """Each sees what those before it wrote in the step, whatever their names."""
    layer = FeatureMap((3, 2, 2), "u : 1\na : 1\nb : 1\ny : 1\nlate : 1")
    Assign(layer, "u + 1", "a", name="z_first")
    Rectify(layer, "a - channel", "b", name="y_second")
    WinnerTakeAll(layer, "b", "y", name="x_third")
    Assign(layer, "u + 10*y", "u", name="a_fourth")
    Assign(layer, "-a", "a", name="c_sixth")
    Assign(layer, "a", "late", name="d_shifted", order=-2)
    u = np.random.default_rng(4).standard_normal((1, 3, 2, 2))
    layer.set_maps("u", u)
    yield (layer,)

    for _ in range(3):
        a = u + 1
        b = np.maximum(a - np.arange(3.0)[:, None, None], 0)
        y = winners(b, 1)
        u = u + 10 * y
    assert_allclose(layer.get_maps("b"), b, rtol=1e-12, atol=1e-12)
    assert_array_equal(layer.get_maps("y"), y)
    assert_allclose(layer.get_maps("u"), u, rtol=1e-12)
    assert_allclose(layer.get_maps("a"), -a, rtol=1e-12)
    # the last was moved before the one that changes the sign
    assert_allclose(layer.get_maps("late"), a, rtol=1e-12)


def thresholds_move_by_the_excess_of_their_win_rate():
    layer = FeatureMap((3, 2, 5), "u : 1\ny : 1", batch_size=2)
    WinnerTakeAll(layer, "u - theta", k=2)
    threshold = AdaptiveThreshold(layer, 2 / 3, step=0.3)
    u = np.random.default_rng(5).standard_normal((2, 3, 2, 5)) * [[[1]], [[0.3]], [[0.1]]]
    layer.set_maps("u", u)
    yield layer, threshold

    theta = np.zeros(3)
    for _ in range(3):
        y = winners(u - theta[:, None, None], 2)
        theta = theta + 0.3 * (y.mean((0, 2, 3)) - 2 / 3)
    assert_array_equal(layer.get_maps("y"), y)
    assert_allclose(threshold.win_rate, y.mean((0, 2, 3)), rtol=1e-12)
    assert_allclose(threshold.theta, theta, rtol=1e-10, atol=1e-12)
    assert np.ptp(theta) > 0.1


def channels_are_normalised_by_the_batch_then_by_running_values(dtype=np.float64):
    """As torch does, in place too: what is there is multiplied by itself in each step."""
    rng = np.random.default_rng(6)
    u = rng.normal(3, 2, (BATCH, *SHAPE))
    layer = FeatureMap(SHAPE, "u : 1\nx : 1\ny : 1", batch_size=BATCH)
    Assign(layer, "u*u", "x")
    norm = BatchNorm(layer, momentum=0.3, eps=1e-3)
    still = FeatureMap(SHAPE, "u : 1\ny : 1", batch_size=BATCH)
    resting = BatchNorm(still, "u", "y")
    Assign(layer, "u + 0.1*x", "u")
    resting.training = False
    resting.running_mean, resting.running_variance = "0.5*i", "1 + i"
    layer.set_maps("u", u)
    still.set_maps("u", u)
    yield layer, norm, still, resting

    module = torch.nn.BatchNorm2d(SHAPE[0], momentum=0.3, eps=1e-3, affine=False).double()
    shown = torch.tensor(u)
    for _ in range(3):
        x = module(shown * shown)
        shown = shown + 0.1 * x
    assert_allclose(layer.get_maps("x"), x, rtol=0, atol=1e-10)
    assert_allclose(norm.running_mean, module.running_mean, rtol=1e-10)
    assert_allclose(norm.running_variance, module.running_var, rtol=1e-10)
    channel = np.arange(SHAPE[0])[:, None, None]
    expected = (u - 0.5 * channel) / np.sqrt(1 + channel + 1e-5)
    assert_allclose(still.get_maps("y"), expected, rtol=0, atol=1e-10)
    assert_array_equal(resting.running_mean, 0.5 * np.arange(SHAPE[0]))
    assert_array_equal(resting.running_variance, 1 + np.arange(SHAPE[0]))


def test_operations_over_time(target):
    """Three steps."""
    scenes = [
        winners_change_from_step_to_step,
        operations_run_in_the_order_of_creation,
        thresholds_move_by_the_excess_of_their_win_rate,
        channels_are_normalised_by_the_batch_then_by_running_values,
    ]
    perform(scenes, steps=3)


@settings(deadline=None, max_examples=15)
@given(
    st.tuples(st.integers(1, 3), st.integers(1, 9), st.integers(1, 2), st.integers(1, 3)).flatmap(
        lambda shape: st.tuples(
            hnp.arrays(float, shape, elements=st.sampled_from([-1.5, -0.1, 0.0, 0.1, 0.5, 3e5])),
            st.integers(1, shape[1]),
        )
    )
)
def test_any_values_with_ties(drawn):
    u, k = drawn
    prefs.codegen.target = "numpy"
    layer = FeatureMap(u.shape[1:], "u : 1\ny : 1\ng : 1", batch_size=len(u))
    WinnerTakeAll(layer, k=k)
    WinnerTakeAll(layer, target="g", k=k, graded=True)
    layer.set_maps("u", u)
    run_steps(layer)
    assert_array_equal(layer.get_maps("y"), winners(u, k))
    assert_array_equal(layer.get_maps("g"), winners(u, k) * u)
    assert_array_equal(layer.get_maps("y").sum(axis=1), k)


def test_extreme_values_win_and_lose():
    """No value stands for "none": the smallest and the largest number compete like others."""
    prefs.codegen.target = "numpy"
    largest = np.finfo(float).max
    for u in ([-largest, -largest, -largest], [0, -0.0, -1e-300], [largest, 1, largest]):
        layer = FeatureMap((3, 1, 1), "u : 1\ny : 1")
        layer.set_maps("u", np.reshape(u, (3, 1, 1)))
        WinnerTakeAll(layer)
        run_steps(layer)
        assert_array_equal(layer.y, [1, 0, 0])


@pytest.mark.parametrize("k", [1, 3])
def test_winners_replace_what_competed(k):
    """The condition reads the values as they were."""
    layer = FeatureMap(SHAPE, "u : 1", batch_size=BATCH)
    values = np.random.default_rng(0).standard_normal((BATCH, *SHAPE))
    layer.set_maps("u", values)
    run_steps(layer, WinnerTakeAll(layer, "u", "u", k, condition="u > 0.5"))
    assert_array_equal(layer.get_maps("u"), winners(values, k, values > 0.5))


@pytest.mark.parametrize("target", ["numpy", "auto"])
@pytest.mark.parametrize("values", [[np.nan, 0, 1, 5], [1, np.nan, -np.inf, 3], [np.nan] * 4])
def test_what_is_not_a_number_loses(values, target):
    prefs.codegen.target = target
    for k in (1, 2):
        layer = FeatureMap((4, 1, 1), "u : 1\ny : 1")
        layer.u[:] = values
        run_steps(layer, WinnerTakeAll(layer, k=k))
        finite = [c for c in range(4) if not np.isnan(values[c])]
        ranking = sorted(finite, key=lambda c: -values[c]) + [
            c for c in range(4) if c not in finite
        ]
        assert set(np.flatnonzero(layer.y)) == set(ranking[:k])


@pytest.mark.parametrize("k", [0, 8, -1, 1.5, True, "2", None, float("nan"), (1, 2)])
def test_number_of_winners_out_of_range(layer, k):
    with pytest.raises(ValueError, match=r"'layer': k must be between 1 and its 7 channels, got "):
        WinnerTakeAll(layer, k=k)


@pytest.mark.parametrize("temperature", [0, -1, 0.0, float("inf"), float("nan"), "1", None, 1 * mV])
def test_temperatures_must_be_positive_numbers(layer, temperature):
    with pytest.raises(ValueError, match=r"'layer': the temperature must be positive, got "):
        SoftWinnerTakeAll(layer, temperature=temperature)


@pytest.mark.parametrize("power", [0, -1, float("inf"), float("nan"), "2", None, True])
def test_powers_must_be_positive_numbers(layer, power):
    with pytest.raises(ValueError, match=r"'layer': the power must be a positive number, got "):
        Triangle(layer, target="y", power=power)


def test_what_is_raised_to_a_power_has_no_units(layer):
    Triangle(layer, "v", "v", power=2)
    cause = cause_of_failed_run(layer)
    assert isinstance(cause, DimensionMismatchError)
    assert "'v' must be dimensionless to be raised to the power 2; divide" in str(cause)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"momentum": 1.5}, "'layer': momentum must be a number from 0 to 1, got 1.5"),
        ({"momentum": None}, "'layer': momentum must be a number from 0 to 1, got None"),
        ({"eps": 0}, "'layer': eps must be a positive number, got 0"),
        ({"eps": float("inf")}, "'layer': eps must be a positive number, got inf"),
    ],
)
def test_batch_norm_refuses_other_numbers(layer, options, message):
    with pytest.raises(ValueError, match=message):
        BatchNorm(layer, "u", "y", **options)


def test_batch_norm_needs_more_than_one_neuron_in_a_channel():
    single = FeatureMap((3, 1, 1), "x : 1", name="single")
    with pytest.raises(ValueError, match=r"'single': a channel needs more .* larger batch_size"):
        BatchNorm(single)


@pytest.mark.parametrize("names", [("q", "y"), ("u", "q")])
def test_batch_norm_needs_variables_of_the_map(layer, names):
    with pytest.raises(KeyError, match=r"'layer' stores no variable 'q'"):
        BatchNorm(layer, *names)


OPERATIONS = [WinnerTakeAll, SoftWinnerTakeAll, Assign, Rectify, Triangle, Standardize]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_unknown_targets(layer, operation):
    for name in ("q", "s", "g", "i", "channel", None):
        with pytest.raises(KeyError, match=rf"'layer' stores no variable {name!r} .* u, v, y"):
            operation(layer, "u", name)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_other_groups(operation):
    with pytest.raises(
        TypeError, match=rf"{operation.__name__}: expected a FeatureMap, got Neuron"
    ):
        operation(NeuronGroup(3, "u : 1\ny : 1"), "u", "y")


@pytest.mark.parametrize("operation", OPERATIONS)
def test_sources_must_be_text(layer, operation):
    with pytest.raises(TypeError, match=r"'layer': the source must be an expression .* got 3"):
        operation(layer, 3, "y")


@pytest.mark.parametrize("operation", OPERATIONS)
def test_unknown_names_in_the_source(layer, operation):
    operation(layer, "u - missing", "y")
    cause = cause_of_failed_run(layer)
    assert isinstance(cause, KeyError)
    assert "missing" in str(cause)


@pytest.mark.parametrize(
    ("operation", "source", "target", "options"),
    [
        (WinnerTakeAll, "v", "y", {"graded": True}),
        (WinnerTakeAll, "u", "v", {}),
        (WinnerTakeAll, "v", "v", {}),
        (WinnerTakeAll, "u", "v", {"graded": True}),
        (SoftWinnerTakeAll, "v", "y", {}),
        (SoftWinnerTakeAll, "v", "v", {}),
        (SoftWinnerTakeAll, "u", "v", {}),
        (Assign, "v", "y", {}),
        (Rectify, "u", "v", {}),
        (Triangle, "v", "y", {}),
        (Standardize, "v", "v", {}),
    ],
)
def test_units_must_match(layer, operation, source, target, options):
    operation(layer, source, target, **options)
    cause = cause_of_failed_run(layer)
    assert isinstance(cause, DimensionMismatchError)
    assert f"{operation.__name__} on 'layer': '" in str(cause)


@pytest.mark.parametrize("source", ["u + v", "u > 1 + v"])
def test_units_within_the_source_must_match(layer, source):
    WinnerTakeAll(layer, source)
    assert isinstance(cause_of_failed_run(layer), DimensionMismatchError)


def test_units_within_the_condition_must_match(layer):
    WinnerTakeAll(layer, condition="v > 1")
    assert isinstance(cause_of_failed_run(layer), DimensionMismatchError)


def test_winners_of_a_quantity_are_counted_without_units(layer):
    layer.v = "-channel*mV"
    WinnerTakeAll(layer, "v")
    run_steps(layer)
    assert_array_equal(layer.get_maps("y"), winners(np.asarray(layer.get_maps("v")), 1))


def test_operations_belong_to_their_map(layer):
    operation = WinnerTakeAll(layer, "u", "y")
    assert isinstance(operation, MapOperation)
    assert operation in layer.contained_objects
    assert operation.name.startswith("layer_winnertakeall_y")
    assert operation.k == 1
    operation.active = False
    layer.y = 5
    run_steps(layer)
    assert_array_equal(layer.y, 5)
