"""Feature maps are neuron groups on a grid."""

import numpy as np
import pytest
from brian2 import (
    DimensionMismatchError,
    Equations,
    Network,
    NeuronGroup,
    Quantity,
    SpikeMonitor,
    StateMonitor,
    amp,
    defaultclock,
    device,
    ms,
    mV,
    nA,
    prefs,
    set_device,
    volt,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from hebbsim import FeatureMap
from hebbsim.data.dataset import as_float
from hebbsim.geometry import GeometryError

SHAPE, BATCH = (4, 3, 5), 2
LIF = """
dv/dt = (drive - v)/(10*ms) : volt (unless refractory)
drive : volt (constant)
"""


def coordinates(batch_size=BATCH, shape=SHAPE):
    """Return sample, channel, row and col of every neuron, in torch's order."""
    return np.indices((batch_size, *shape))


def in_memory(maps):
    """Return maps in torch's order as they lie in memory."""
    return np.moveaxis(maps, 1, -1).ravel()


@pytest.fixture
def layer():
    prefs.codegen.target = "numpy"
    return FeatureMap(SHAPE, "x : 1\nv : volt", batch_size=BATCH, name="layer")


# A neuron group in every respect


@pytest.mark.usefixtures("brian2_in_numpy")
def test_spiking_map_is_a_neuron_group(target):
    """A leaky integrate-and-fire map, in the same network as the same neurons without a grid."""
    neuron = {
        "model": LIF,
        "threshold": "v > 1*volt",
        "reset": "v = 0*volt",
        "refractory": "(1 + 0.1*i)*ms",
        "method": "exact",
    }
    spiking = FeatureMap(SHAPE, batch_size=BATCH, **neuron)
    plain = NeuronGroup(len(spiking), **neuron)
    labelled = FeatureMap(SHAPE, "x : 1\nv : volt", batch_size=BATCH)
    still = FeatureMap(SHAPE, "v : volt")
    drive = np.random.default_rng(1).uniform(1.1, 4, (BATCH, *SHAPE)) * volt
    spiking.set_maps("drive", drive)
    plain.drive = in_memory(np.asarray(drive)) * volt
    labelled.x = "1000*sample + 100*channel + 10*row + col"
    labelled.v["channel == 3 and row < 2"] = "col*mV"
    still.set_maps("v", np.arange(60).reshape(SHAPE) * mV)
    monitors = [SpikeMonitor(group) for group in (spiking, plain)]
    trace = StateMonitor(spiking, "v", record=[0, 7])
    network = Network(spiking, plain, labelled, still, *monitors, trace)
    network.run(40 * ms)

    assert monitors[1].num_spikes > 100
    assert_array_equal(monitors[0].i, monitors[1].i)
    assert_array_equal(monitors[0].t, monitors[1].t)
    # tests optimise little what Brian2 compiles itself: it rounds otherwise
    assert_allclose(in_memory(np.asarray(spiking.get_maps("v"))), plain.v / volt, rtol=1e-12)
    assert_array_equal(spiking.get_maps("drive"), drive)
    # v(t) = drive*(1 - exp(-t/tau)) reaches 1 at tau*log(drive/(drive - 1))
    strength = in_memory(np.asarray(drive))
    crossing = 10 * np.log(strength / (strength - 1))
    first = [monitors[0].t[monitors[0].i == neuron][0] / ms for neuron in range(120)]
    assert_array_equal(np.floor(crossing / 0.1).astype(int), np.rint(np.divide(first, 0.1)))
    for neuron, found in zip((0, 7), trace.v, strict=True):
        steps = np.arange(np.rint(first[neuron] / 0.1))
        expected = strength[neuron] * (1 - np.exp(-steps / 100))
        assert_allclose(found[: len(steps)] / volt, expected, rtol=1e-12, atol=1e-15)

    sample, channel, row, col = coordinates()
    assert_array_equal(labelled.get_maps("x"), 1000 * sample + 100 * channel + 10 * row + col)
    expected = np.where((channel == 3) & (row < 2), col, 0) * mV
    assert_allclose(labelled.get_maps("v") / mV, expected / mV, rtol=1e-15)
    assert_array_equal(still.get_maps("v")[0], np.arange(60).reshape(SHAPE) * mV)


def test_slices_and_names_are_those_of_neuron_groups(layer):
    assert isinstance(layer, NeuronGroup)
    assert len(layer) == BATCH * 60
    layer.x = "channel"
    assert_array_equal(layer[2:6].x, [2, 3, 0, 1])
    assert FeatureMap((1, 1, 1), "x : 1").name.startswith("featuremap")


def test_other_keywords_go_to_the_neuron_group():
    prefs.codegen.target = "numpy"
    layer = FeatureMap(
        (1, 2, 2),
        Equations("dv/dt = -rate*v/second : 1"),
        namespace={"rate": 3},
        method="euler",
        dt=2 * ms,
        order=4,
        dtype=np.float32,
    )
    layer.v = 1
    Network(layer).run(2 * ms)
    assert layer.v[:].dtype == np.float32
    assert_allclose(layer.v, 1 - 3 * 2e-3, rtol=1e-6)
    assert layer.order == 4


# Coordinates


@settings(deadline=None, max_examples=25)
@given(st.tuples(*[st.integers(1, 4)] * 3), st.integers(1, 3))
def test_coordinates_number_the_neurons(shape, batch_size):
    layer = FeatureMap(shape, "x : 1", batch_size=batch_size)
    assert len(layer) == batch_size * np.prod(shape)
    assert layer.shape == shape
    assert layer.batch_size == batch_size
    names = ("sample", "channel", "row", "col")
    for name, expected in zip(names, coordinates(batch_size, shape), strict=True):
        assert_array_equal(layer.get_maps(name), expected)
        assert_array_equal(getattr(layer, name), in_memory(expected))


def test_channels_lie_last_in_memory(layer):
    assert_array_equal(layer.channel, layer.i % 4)
    assert_array_equal(layer.col, layer.i // 4 % 5)
    assert_array_equal(layer.row, layer.i // 20 % 3)
    assert_array_equal(layer.sample, layer.i // 60)


def test_values_are_read_by_string(layer):
    values = np.random.default_rng(0).standard_normal((BATCH, *SHAPE))
    layer.set_maps("x", values)
    sample, channel, row, col = coordinates()
    for text, chosen in (
        ("channel == 3 and row < 2", (channel == 3) & (row < 2)),
        ("sample == 1 and col > row", (sample == 1) & (col > row)),
        ("x > 0 and channel != 0", (values > 0) & (channel != 0)),
    ):
        found = layer.x[text]
        assert len(found) == chosen.sum() > 0
        assert_array_equal(found, in_memory(values)[in_memory(chosen)])


def test_values_are_set_by_string(layer):
    sample, channel, row, col = coordinates()
    layer.x = "channel + 10*row + 100*col + 1000*sample"
    expected = channel + 10.0 * row + 100 * col + 1000 * sample
    assert_array_equal(layer.get_maps("x"), expected)
    layer.x["sample == 1 and channel == 2"] = "-row"
    chosen = (sample == 1) & (channel == 2)
    assert_array_equal(layer.get_maps("x"), np.where(chosen, -row, expected))
    layer.v = "channel*mV"
    assert_allclose(layer.get_maps("v") / mV, channel, rtol=1e-15)


def test_strings_use_the_names_of_where_they_are_assigned(layer):
    scale, name = 2.0 * mV, 3.0  # noqa: F841 - Brian2 finds them by name
    layer.v = "scale*channel*name"
    assert_allclose(layer.v_, 6e-3 * layer.channel[:])


def test_arrays_in_torchs_order_are_set_by_set_maps(layer):
    with pytest.raises(ValueError, match=r"in 'v', got an array of shape \(2, 4, 3, 5\); set_maps"):
        layer.v = np.ones((BATCH, *SHAPE)) * mV


def test_coordinates_in_equations():
    prefs.codegen.target = "numpy"
    layer = FeatureMap(
        SHAPE, "dx/dt = (channel - row)/second : 1", method="euler", batch_size=BATCH
    )
    Network(layer).run(10 * ms)
    _, channel, row, _ = coordinates()
    assert_allclose(layer.get_maps("x"), 0.01 * (channel - row), rtol=1e-12)


# Maps in torch's order


@settings(deadline=None, max_examples=25)
@given(st.tuples(*[st.integers(1, 4)] * 3), st.integers(1, 3), st.integers(0, 99))
def test_maps_keep_torchs_order(shape, batch_size, seed):
    layer = FeatureMap(shape, "x : 1", batch_size=batch_size)
    maps = np.random.default_rng(seed).standard_normal((batch_size, *shape))
    layer.set_maps("x", maps)
    assert_array_equal(layer.get_maps("x"), maps)
    assert_array_equal(layer.x, in_memory(maps))


def test_one_map_is_broadcast_over_the_batch(layer):
    maps = np.arange(60.0).reshape(SHAPE)
    layer.set_maps("x", maps)
    assert_array_equal(layer.get_maps("x"), [maps, maps])


def test_maps_of_any_memory_layout_and_number_type(layer):
    maps = np.arange(120).reshape(BATCH, *SHAPE)
    for given_maps in (
        maps,
        np.asfortranarray(maps.astype(np.float32)),
        maps.astype(np.uint16),
        maps[::-1][::-1],
        maps.tolist(),
    ):
        layer.x = 0
        layer.set_maps("x", given_maps)
        assert_array_equal(layer.get_maps("x"), maps)


def test_logical_and_integer_variables():
    layer = FeatureMap((2, 1, 2), "on : boolean\nn : integer")
    on = np.array([[[True, False]], [[False, True]]])
    layer.set_maps("on", on)
    layer.set_maps("n", 3 * on)
    assert_array_equal(layer.get_maps("on")[0], on)
    assert layer.get_maps("on").dtype == bool
    assert_array_equal(layer.get_maps("n")[0], 3 * on)
    assert np.issubdtype(layer.get_maps("n").dtype, np.integer)


def test_bytes_are_images_from_0_to_1():
    layer = FeatureMap((1, 2, 2), "x : 1\ny : 1\nn : integer\non : boolean\nv : volt")
    images = np.array([[[0, 51], [204, 255]]], np.uint8)
    layer.set_maps("x", images)
    assert_allclose(layer.get_maps("x")[0], [[[0, 0.2], [0.8, 1]]], rtol=1e-7)
    layer.set_maps("y", images.tolist())  # numbers, no images
    assert_array_equal(layer.get_maps("y")[0], images)
    layer.set_maps("n", images)  # can't hold what lies between 0 and 1
    assert_array_equal(layer.get_maps("n")[0], images)
    layer.set_maps("on", images // 255)
    assert_array_equal(layer.get_maps("on")[0], images == 255)
    layer.set_maps("v", Quantity(images, dim=volt.dim))  # a voltage, no image
    assert_array_equal(layer.get_maps("v")[0] / volt, images)
    with pytest.raises(DimensionMismatchError):
        layer.set_maps("v", images)


@pytest.mark.parametrize("precision", [np.float64, np.float32])
def test_bytes_become_what_a_network_makes_of_them(precision):
    images = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    layer = FeatureMap((1, 16, 16), "x : 1", dtype=precision)
    layer.set_maps("x", images)
    assert_array_equal(layer.get_maps("x")[0], as_float(images))


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        *(("n", 0.5, "0.5"), ("n", 1e30, "1e\\+30"), ("n", 2**40, str(2**40))),
        *(("on", 2, "2"), ("on", -1.0, "-1.0"), ("on", np.uint8(255), "255")),
    ],
)
def test_values_that_the_variable_would_change_are_refused(variable, value, said):
    layer = FeatureMap((1, 1, 2), "n : integer\non : boolean")
    layer.n, layer.on = 7, True
    with pytest.raises(
        ValueError, match=rf"variable '{variable}': {said} at index \(0, 0, 1\) can't be held by"
    ):
        layer.set_maps(variable, np.array([[[0, value]]]))
    assert_array_equal(layer.n, 7)
    assert_array_equal(layer.on, True)


def test_units_are_kept(layer):
    maps = np.random.default_rng(2).standard_normal((BATCH, *SHAPE))
    layer.set_maps("v", maps * mV)
    assert_allclose(layer.get_maps("v") / mV, maps, rtol=1e-15)
    assert layer.get_maps("v").dim is volt.dim
    assert_allclose(layer.v / mV, in_memory(maps), rtol=1e-15)
    assert not hasattr(layer.get_maps("x"), "dim")


@pytest.mark.parametrize(("variable", "unit"), [("v", 1), ("v", amp), ("x", mV), ("v", mV / nA)])
def test_other_units_are_refused(layer, variable, unit):
    layer.v, layer.x = 3 * mV, 3
    before = layer.get_maps(variable)
    with pytest.raises(DimensionMismatchError, match=rf"setting variable {variable}"):
        layer.set_maps(variable, np.ones(SHAPE) * unit)
    assert_array_equal(layer.get_maps(variable), before)


def test_get_maps_copies(layer):
    maps = np.ones((BATCH, *SHAPE))
    layer.set_maps("x", maps)
    maps[:] = 2
    found = layer.get_maps("x")
    found[:] = 3
    layer.get_maps("v")[:] = 5 * mV
    assert_array_equal(layer.x, 1)
    assert_array_equal(layer.v, 0 * mV)
    assert layer.get_maps("x").flags.c_contiguous


def test_maps_of_subexpressions_use_the_callers_names():
    prefs.codegen.target = "numpy"
    gain = 3  # noqa: F841 - read by Brian2
    layer = FeatureMap((2, 2, 2), "x : 1\ny = gain*x + channel : 1")
    layer.set_maps("x", np.arange(8.0).reshape(2, 2, 2))
    expected = 3 * np.arange(8.0).reshape(2, 2, 2) + [[[0]], [[1]]]
    assert_array_equal(layer.get_maps("y")[0], expected)


@pytest.mark.parametrize("precision", [np.float64, np.float32])
def test_maps_have_the_precision_of_the_variable(precision):
    layer = FeatureMap((2, 2, 2), "x : 1", dtype=precision)
    maps = np.random.default_rng(3).standard_normal((1, 2, 2, 2))
    layer.set_maps("x", maps)
    assert layer.get_maps("x").dtype == precision
    assert_array_equal(layer.get_maps("x"), maps.astype(precision))


# What is refused


@pytest.mark.parametrize(
    "shape",
    [(5, 3, 5), (2, 5, 3, 5), (1, 4, 3, 5), (4, 5, 3), (2, 3, 5, 4), (3, 5), (120,), (), (0,)],
)
def test_maps_of_another_shape_are_refused(layer, shape):
    layer.x = 7
    with pytest.raises(ValueError, match=r"feature map 'layer', variable 'x'") as error:
        layer.set_maps("x", np.zeros(shape))
    message = str(error.value)
    assert "(batch, channels, rows, cols) = (2, 4, 3, 5), or (4, 3, 5) for every sample" in message
    assert message.endswith(f"got {shape}")
    assert_array_equal(layer.x, 7)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("batched", [True, False])
def test_values_that_are_not_finite_are_refused(layer, value, batched):
    layer.x = 7
    maps = np.zeros((BATCH, *SHAPE) if batched else SHAPE)
    maps[..., 3, 2, 1] = value
    place = (0, 3, 2, 1) if batched else (3, 2, 1)
    with pytest.raises(ValueError, match=r"every value must be finite") as error:
        layer.set_maps("x", maps)
    assert f"feature map 'layer', variable 'x': {value} at index {place}" in str(error.value)
    assert_array_equal(layer.x, 7)


def test_values_that_become_infinite_in_single_precision_are_refused():
    layer = FeatureMap((1, 1, 2), "x : 1", dtype=np.float32)
    with pytest.raises(
        ValueError, match=r"1e\+300 at index \(0, 0, 1\); every value must be finite"
    ):
        layer.set_maps("x", np.array([[[1, 1e300]]]))
    assert_array_equal(layer.x, 0)


@pytest.mark.parametrize("maps", [np.full(SHAPE, 1j), np.full(SHAPE, "1"), np.full(SHAPE, None)])
def test_values_that_are_no_real_numbers_are_refused(layer, maps):
    with pytest.raises(ValueError, match=r"expected an array of real numbers, got "):
        layer.set_maps("x", maps)


def test_unknown_variables_are_refused():
    layer = FeatureMap((1, 2, 2), "x : 1\ndu/dt = -u/second : 1\nz = 2*x : 1\ng : 1 (shared)")
    known = r"feature map '.*' stores no variable '{}' for each neuron; it has u, x\"$"
    for name in ("w", "g", "N"):
        with pytest.raises(KeyError, match=known.format(name)):
            layer.get_maps(name)
        with pytest.raises(KeyError, match=known.format(name)):
            layer.set_maps(name, np.zeros((1, 2, 2)))
    for name in ("z", "channel"):  # not stored
        with pytest.raises(KeyError, match=known.format(name)):
            layer.set_maps(name, np.zeros((1, 2, 2)))
    with pytest.raises(KeyError, match="stores no variable None"):
        layer.get_maps(None)


@pytest.mark.parametrize("name", ["sample", "row", "col", "channel", "shape", "when", "state"])
def test_models_that_define_a_coordinate_are_refused(name):
    with pytest.raises(
        ValueError, match=rf"the model defines {name}, which has a meaning.* choose another"
    ):
        FeatureMap((1, 2, 2), f"x : 1\n{name} : 1")
    with pytest.raises(ValueError, match=rf"the model defines {name}"):
        FeatureMap((1, 2, 2), Equations(f"{name} = 2 : 1"))


@pytest.mark.parametrize("shape", [(2, 2), (0, 2, 2), (1, 2, 2.5), (1, -1, 2), 5, None, "abc"])
def test_shapes_must_be_three_positive_integers(shape):
    with pytest.raises(
        GeometryError, match=r"FeatureMap's shape: expected three positive integers"
    ):
        FeatureMap(shape, "x : 1")


@pytest.mark.parametrize("batch_size", [0, -1, 1.5, True, "2", None, (1, 2), float("nan")])
def test_batch_size_must_be_a_positive_integer(batch_size):
    with pytest.raises(ValueError, match=r"batch_size: expected a positive integer, got ") as error:
        FeatureMap((1, 2, 2), "x : 1", batch_size=batch_size)
    assert str(error.value).endswith(repr(batch_size))


def test_models_must_be_equations():
    with pytest.raises(TypeError, match="must be a string or Equations, got int"):
        FeatureMap((1, 2, 2), 3)


def test_shapes_may_be_numpy_integers():
    layer = FeatureMap(np.array([2, 3, 4]), "x : 1", batch_size=np.int64(2))
    assert layer.shape == (2, 3, 4)
    assert type(layer.batch_size) is int


def test_maps_set_while_building_are_not_read_before_the_run(tmp_path):
    set_device("cpp_standalone", directory=str(tmp_path), build_on_run=False)
    layer = FeatureMap((1, 2, 2), "dx/dt = 1/ms : 1")
    with pytest.raises(ValueError, match="must be finite"):
        layer.set_maps("x", np.full((1, 2, 2), np.nan))
    layer.set_maps("x", np.ones((1, 2, 2)))
    Network(layer).run(defaultclock.dt)
    with pytest.raises(NotImplementedError):
        layer.get_maps("x")
    assert not device.has_been_run


def test_repr():
    assert repr(FeatureMap((1, 2, 3), "x : 1", name="retina")) == (
        "<FeatureMap 'retina', shape=(1, 2, 3)>"
    )
    assert repr(FeatureMap((1, 2, 3), "x : 1", name="layer", batch_size=8)) == (
        "<FeatureMap 'layer', shape=(1, 2, 3), batch_size=8>"
    )
