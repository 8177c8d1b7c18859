"""The arithmetic of convolutions, compared with torch."""

import doctest
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from cases import padded_by_torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from hebbsim import conv_output_shape
from hebbsim.geometry import ConvGeometry, GeometryError, MapShape, as_pair, convolution

examples = settings(deadline=None, max_examples=60)  # no deadline on a busy machine


PAIRS = ("kernel_size", "stride", "padding", "dilation")

#: Padding that shows the map again, and how many lines more than the padding the map needs
FILLED = {"circular": 0, "reflect": 1, "replicate": -9}


def pairs(low, high):
    """Draw an int or a (rows, cols) pair, as users write them."""
    numbers = st.integers(low, high)
    return st.one_of(numbers, st.tuples(numbers, numbers))


@st.composite
def arguments(draw, fitting=True):
    """Draw the arguments of a convolution; those that don't fit too unless `fitting`."""
    groups = draw(st.sampled_from([1, 1, 1, 2, 3]))
    kernel_size, stride = draw(pairs(1, 4)), draw(pairs(1, 3))
    padding, dilation = draw(pairs(0, 2)), draw(pairs(1, 3))
    padding_mode = draw(st.sampled_from(["zeros", *FILLED]))
    least = [1, 1]
    if fitting:
        whole = zip(as_both(kernel_size), as_both(dilation), as_both(padding), strict=True)
        least = [
            max(1, d * (k - 1) + 1 - 2 * p, p + FILLED.get(padding_mode, -p)) for k, d, p in whole
        ]
    rows, cols = (low + draw(st.integers(0, 6)) for low in least)
    return {
        "in_shape": (groups * draw(st.integers(1, 3)), rows, cols),
        "out_channels": groups * draw(st.integers(1, 4)),
        "kernel_size": kernel_size,
        "stride": stride,
        "padding": padding,
        "dilation": dilation,
        "groups": groups,
        "padding_mode": padding_mode,
    }


geometries = st.builds(
    lambda drawn, shared: ConvGeometry(**drawn, weight_sharing=shared), arguments(), st.booleans()
)


def as_both(value):
    return value if isinstance(value, tuple) else (value, value)


def torch_conv2d(drawn, x=None, w=None):
    """Convolve by torch with the drawn arguments; zeros by default."""
    channels, rows, cols = drawn["in_shape"]
    kernel_shape = (drawn["out_channels"], channels // drawn["groups"])
    x = torch.zeros(1, channels, rows, cols) if x is None else x
    w = torch.zeros(*kernel_shape, *as_both(drawn["kernel_size"])) if w is None else w
    names = ("stride", "dilation", "groups")
    padded = padded_by_torch(x, drawn["padding"], drawn["padding_mode"])
    return F.conv2d(padded, w, None, **{name: drawn[name] for name in names})


# The output's shape


@examples
@given(arguments(fitting=False))
def test_output_shape_is_that_of_torch_and_fails_where_torch_does(drawn):
    without_groups = {**drawn, "groups": 1}
    sizes = {name: value for name, value in drawn.items() if name != "groups"}
    try:
        expected = tuple(torch_conv2d(without_groups).shape[1:])
    except RuntimeError:  # "Kernel size can't be greater than actual input size"
        message = "more than the padded input|can fill at most"
        with pytest.raises(GeometryError, match=message):
            conv_output_shape(**sizes)
        with pytest.raises(GeometryError, match=message):
            ConvGeometry(**drawn)
    else:
        assert conv_output_shape(**sizes) == expected
        assert ConvGeometry(**drawn).out_shape == expected


@examples
@given(st.integers(1, 6), st.integers(1, 6), st.integers(1, 6))
def test_groups_are_refused_where_torch_refuses_them(in_channels, out_channels, groups):
    drawn = {
        "in_shape": (in_channels, 3, 4),
        "out_channels": out_channels,
        "kernel_size": 2,
        "stride": 1,
        "padding": 0,
        "dilation": 1,
        "groups": groups,
        "padding_mode": "zeros",
    }
    fits = in_channels % groups == 0 and out_channels % groups == 0
    if fits:
        assert ConvGeometry(**drawn).out_shape == tuple(torch_conv2d(drawn).shape[1:])
        return
    with pytest.raises(RuntimeError):
        torch_conv2d(drawn)
    with pytest.raises(GeometryError, match=f"groups={groups} must divide the {in_channels} input"):
        ConvGeometry(**drawn)


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ({"kernel_size": 5}, (32, 24, 24)),
        ({"kernel_size": 5, "padding": 2}, (32, 28, 28)),
        ({"kernel_size": (3, 1), "stride": (2, 3)}, (32, 13, 10)),
        ({"kernel_size": 28}, (32, 1, 1)),
        ({"kernel_size": 3, "dilation": 13, "padding": (0, 1)}, (32, 2, 4)),
        ({"kernel_size": 30, "padding": 1}, (32, 1, 1)),
    ],
)
def test_output_shapes_worked_out_by_hand(sizes, expected):
    assert conv_output_shape((1, 28, 28), 32, **sizes) == expected


def test_output_shape_has_names():
    shape = conv_output_shape((1, 28, 28), out_channels=32, kernel_size=5)
    assert (shape.channels, shape.rows, shape.cols) == (32, 24, 24)


# Which elements meet


@examples
@given(geometries, st.integers(1, 3))
def test_taps_are_counted_by_n_connections(shape, batch_size):
    taps = list(shape.taps(batch_size))
    assert len(taps) == shape.fan_in
    connections = np.concatenate([np.stack(tap) for tap in taps], axis=1)
    assert connections.shape[1] == batch_size * shape.n_connections
    sizes = (np.prod(shape.in_shape), np.prod(shape.out_shape))
    assert (connections >= 0).all()
    assert (connections[0] < batch_size * sizes[0]).all()
    assert (connections[1] < batch_size * sizes[1]).all()
    assert (connections[2] < shape.kernel_elements).all()
    # no pair of neurons is joined twice by one kernel element, and with zeros not at all
    assert np.unique(connections, axis=1).shape == connections.shape
    if shape.padding_mode == "zeros":
        assert np.unique(connections[:2], axis=1).shape == connections[:2].shape


@examples
@given(arguments(), st.integers(1, 2))
def test_taps_are_the_patches_of_torch(drawn, batch_size):
    """Every postsynaptic neuron sees, by each kernel element, the neuron that `unfold` shows."""
    shape = ConvGeometry(**drawn)
    channels, rows, cols = shape.in_shape
    n_pre = batch_size * channels * rows * cols
    # the neurons' numbers, channels last in memory, from 1: padding is 0
    numbers = torch.arange(1, n_pre + 1, dtype=torch.float64)
    maps = numbers.reshape(batch_size, rows, cols, channels).permute(0, 3, 1, 2)
    patches = F.unfold(
        padded_by_torch(maps, drawn["padding"], drawn["padding_mode"]),
        as_both(drawn["kernel_size"]),
        stride=drawn["stride"],
        dilation=drawn["dilation"],
    )
    places = shape.out_shape.rows * shape.out_shape.cols
    patches = patches.reshape(batch_size, shape.groups, -1, places).numpy().astype(int)
    per_group = shape.out_channels // shape.groups
    in_channels = channels // shape.groups
    krows, kcols = as_both(drawn["kernel_size"])
    expected = set()
    for sample, group, element, place in np.argwhere(patches > 0):
        pre = patches[sample, group, element, place] - 1
        in_channel, krow, kcol = np.unravel_index(element, (in_channels, krows, kcols))
        for out_channel in range(group * per_group, (group + 1) * per_group):
            post = (sample * places + place) * shape.out_channels + out_channel
            kernel = ((krow * kcols + kcol) * in_channels + in_channel) * shape.out_channels
            expected.add((int(pre), int(post), int(kernel + out_channel)))
    found = {
        (int(pre), int(post), int(kernel))
        for tap in shape.taps(batch_size)
        for pre, post, kernel in zip(*tap, strict=True)
    }
    assert found == expected


@examples
@given(geometries, st.integers(1, 2), st.integers(0, 2**32 - 1))
def test_fields_of_neurons_are_their_share_of_the_taps(shape, batch_size, seed):
    connections = np.concatenate([np.stack(tap) for tap in shape.taps(batch_size)], axis=1)
    sides = ((0, shape.in_shape, "projective_field"), (1, shape.out_shape, "receptive_field"))
    for side, size, method in sides:
        n_neurons = batch_size * np.prod(size)
        chosen = np.random.default_rng(seed).choice(n_neurons, min(n_neurons, 5), replace=False)
        found = np.stack(getattr(shape, method)(chosen))
        expected = connections[:, np.isin(connections[side], chosen)]
        assert sorted(found.T.tolist()) == sorted(expected.T.tolist())


@examples
@given(arguments(), st.integers(0, 2**32 - 1))
def test_convolving_along_the_taps_is_conv2d(drawn, seed):
    rng = np.random.default_rng(seed)
    shape = ConvGeometry(**drawn)
    x = rng.standard_normal((2, *shape.in_shape))
    w = rng.standard_normal(shape.kernel_shape)
    neurons, flat = np.moveaxis(x, 1, -1).ravel(), shape.to_memory(w)
    u = np.zeros(2 * np.prod(shape.out_shape))
    for pre, post, kernel in shape.taps(batch_size=2):
        np.add.at(u, post, flat[kernel] * neurons[pre])
    channels, rows, cols = shape.out_shape
    found = np.moveaxis(u.reshape(2, rows, cols, channels), -1, 1)
    expected = torch_conv2d(drawn, torch.tensor(x), torch.tensor(w))
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-12)


@examples
@given(arguments())
def test_without_sharing_each_position_has_kernel_elements_of_its_own(drawn):
    shared = ConvGeometry(**drawn)
    unshared = replace(shared, weight_sharing=False)
    places = shared.out_shape.rows * shared.out_shape.cols
    assert unshared.kernel_elements == places * shared.kernel_elements
    for one, other in zip(shared.taps(), unshared.taps(), strict=True):
        assert_array_equal(one.pre, other.pre)
        assert_array_equal(one.post, other.post)
        place = one.post // shared.out_channels
        assert_array_equal(other.kernel, place * shared.kernel_elements + one.kernel)


@examples
@given(arguments())
def test_elements_that_join_two_neurons_each_name_them(drawn):
    geometry = ConvGeometry(**drawn, weight_sharing=False)
    assume(geometry.n_connections == geometry.kernel_elements)
    pre, post = geometry.neurons_of_elements()
    for tap in geometry.taps():
        assert_array_equal(pre[tap.kernel], tap.pre)
        assert_array_equal(post[tap.kernel], tap.post)


def test_sizes_of_a_known_geometry():
    shape = ConvGeometry((4, 9, 8), 6, (3, 2), stride=2, padding=(1, 0), groups=2)
    assert shape.out_shape == (6, 5, 4)
    assert (shape.in_channels_per_group, shape.out_channels_per_group) == (2, 3)
    assert shape.kernel_shape == (6, 2, 3, 2)
    assert shape.memory_shape == (3, 2, 2, 6)
    assert (shape.kernel_elements, shape.fan_in) == (72, 12)
    # along the rows the first and the last of 5 positions lose one tap of three to the padding
    assert shape.n_connections == (15 - 2) * (4 * 2) * 2 * 6
    unshared = replace(shape, weight_sharing=False)
    assert unshared.kernel_shape == (5, 4, 6, 2, 3, 2)
    assert unshared.memory_shape == (5, 4, 3, 2, 2, 6)
    assert unshared.kernel_elements == 20 * 72
    assert unshared.fan_in == shape.fan_in
    assert unshared.n_connections == shape.n_connections


# Kernels in memory


@examples
@given(geometries)
def test_kernels_go_to_memory_and_back(shape):
    kernel = np.arange(np.prod(shape.kernel_shape)).reshape(shape.kernel_shape)
    flat = shape.to_memory(kernel)
    assert flat.shape == (shape.kernel_elements,)
    assert flat.flags.c_contiguous
    assert_array_equal(shape.from_memory(flat), kernel)
    memory = flat.reshape(shape.memory_shape)
    for torchs in np.ndindex(shape.kernel_shape):
        *place, out_channel, in_channel, krow, kcol = torchs
        assert memory[(*place, krow, kcol, in_channel, out_channel)] == kernel[torchs]


def test_kernels_from_memory_are_copies():
    shape = ConvGeometry((1, 3, 3), 1, (1, 1))
    flat = np.zeros(1)
    shape.from_memory(flat)[:] = 7
    assert flat[0] == 0


# What is refused


@pytest.mark.parametrize("name", ["kernel_size", "stride", "padding", "dilation"])
@pytest.mark.parametrize(
    "value",
    [
        -1,
        1.5,
        (1, -1),
        (1, 2.5),
        (1, 2, 3),
        (),
        (1,),
        "a",
        None,
        float("nan"),
        ("a", 1),
        ((1, 2), 3),
    ],
)
def test_pairs_that_make_no_sense_are_refused(name, value):
    least = 0 if name == "padding" else 1
    with pytest.raises(GeometryError) as error:
        conv_output_shape(
            **{"in_shape": (1, 8, 8), "out_channels": 2, "kernel_size": 2} | {name: value}
        )
    assert str(error.value) == (
        f"{name}: expected an int or a (rows, cols) pair, each at least {least}, got {value!r}"
    )


@pytest.mark.parametrize("name", ["kernel_size", "stride", "dilation"])
@pytest.mark.parametrize("value", [0, (1, 0)])
def test_zero_is_refused_for_all_but_padding(name, value):
    sizes = {"kernel_size": 2, name: value}
    with pytest.raises(GeometryError, match=rf"{name}: .* at least 1, got"):
        conv_output_shape((1, 8, 8), 2, **sizes)
    assert conv_output_shape((1, 8, 8), 2, 2, padding=0) == (2, 7, 7)


@pytest.mark.parametrize("name", ["out_channels", "groups"])
@pytest.mark.parametrize("value", [0, -3, 1.5, None, "two", float("inf"), (1, 2)])
def test_counts_must_be_positive_integers(name, value):
    sizes = {"in_shape": (1, 8, 8), "out_channels": 2, "kernel_size": 2} | {name: value}
    with pytest.raises(GeometryError) as error:
        ConvGeometry(**sizes)
    assert str(error.value) == f"{name}: expected a positive integer, got {value!r}"


@pytest.mark.parametrize(
    "shape",
    [
        (28, 28),
        (1, 2, 3, 4),
        (0, 3, 3),
        (1, -3, 3),
        (1, 2.5, 3),
        28,
        None,
        "abc",
        (1, None, 2),
        (1, 2, np.inf),
    ],
)
def test_map_shapes_are_three_positive_integers(shape):
    with pytest.raises(GeometryError) as error:
        conv_output_shape(shape, 2, 1)
    assert str(error.value) == (
        f"in_shape: expected three positive integers (channels, rows, cols), got {shape!r}"
    )
    with pytest.raises(GeometryError, match=r"^retina: expected three positive integers"):
        MapShape.of(shape, "retina")


def test_a_kernel_larger_than_the_padded_input_is_refused():
    with pytest.raises(GeometryError) as error:
        conv_output_shape((1, 5, 8), 2, (3, 2), padding=(0, 1), dilation=(3, 1))
    assert str(error.value) == (
        "the kernel covers 7x2 (kernel_size (3, 2), dilation (3, 1)), more than the padded input "
        "of 5x10; use a smaller kernel or more padding"
    )
    assert conv_output_shape((1, 5, 8), 2, (3, 2), padding=(1, 1), dilation=(3, 1)) == (2, 1, 9)


@pytest.mark.parametrize(
    ("mode", "shape", "padding", "message"),
    [
        ("circular", (1, 2, 3), (3, 0), r"at most 2 rows and 3 cols .* 2x3, got padding=\(3, 0\)"),
        ("circular", (1, 5, 3), 4, r"at most 5 rows and 3 cols .* 5x3, got padding=\(4, 4\)"),
        ("reflect", (1, 1, 4), (1, 0), r"at most 0 rows and 3 cols .* 1x4, got padding=\(1, 0\)"),
        ("reflect", (2, 4, 4), 4, r"at most 3 rows and 3 cols .* 4x4, got padding=\(4, 4\)"),
    ],
)
def test_padding_wider_than_the_map_is_refused_as_by_torch(mode, shape, padding, message):
    with pytest.raises(RuntimeError, match=r"wrapping around|should be less than"):
        padded_by_torch(torch.zeros(1, *shape), padding, mode)
    for make in (ConvGeometry, conv_output_shape):
        with pytest.raises(GeometryError, match=f"padding_mode='{mode}' can fill {message}; use"):
            make(shape, 2, 1, padding=padding, padding_mode=mode)


@pytest.mark.parametrize("mode", ["wrap", "Circular", "constant", "same", "", None, 1, ["zeros"]])
def test_unknown_padding_modes(mode):
    known = "one of 'zeros', 'circular', 'reflect', 'replicate'"
    with pytest.raises(GeometryError, match=f"padding_mode: expected {known}, got ") as error:
        conv_output_shape((1, 5, 5), 2, 3, padding_mode=mode)
    assert str(error.value).endswith(repr(mode))


def test_lines_of_a_padded_map_worked_out_by_hand():
    found = {}
    for mode in ("zeros", *FILLED):
        shape = ConvGeometry((1, 3, 4), 1, 1, padding=(2, 0), padding_mode=mode)
        assert shape.source_lines[1].tolist() == [0, 1, 2, 3]
        assert shape.padded_lines[1].tolist() == [[0], [1], [2], [3]]
        found[mode] = [lines[0].tolist() for lines in (shape.source_lines, shape.padded_lines)]
    assert found == {
        "zeros": [[-1, -1, 0, 1, 2, -1, -1], [[2], [3], [4]]],
        "circular": [[1, 2, 0, 1, 2, 0, 1], [[2, 5, -1], [0, 3, 6], [1, 4, -1]]],
        "reflect": [[2, 1, 0, 1, 2, 1, 0], [[2, 6, -1], [1, 3, 5], [0, 4, -1]]],
        "replicate": [[0, 0, 0, 1, 2, 2, 2], [[0, 1, 2], [3, -1, -1], [4, 5, 6]]],
    }


def test_a_ring_joins_both_ends():
    """Three neurons in a ring, each meets its neighbours: by hand."""
    ring = ConvGeometry((1, 1, 3), 1, (1, 3), padding=(0, 1), padding_mode="circular")
    joined = {tuple(map(int, t)) for tap in ring.taps() for t in zip(*tap, strict=True)}
    assert joined == {((post + k - 1) % 3, post, k) for post in range(3) for k in range(3)}
    assert ring.n_connections == 9


def test_a_kernel_wider_than_the_ring_joins_a_pair_twice():
    ring = ConvGeometry((1, 1, 2), 1, (1, 4), padding=(0, 2), padding_mode="circular")
    assert ring.out_shape == (1, 1, 3)
    pairs_of = [(int(a), int(b)) for tap in ring.taps() for a, b in zip(*tap[:2], strict=True)]
    assert sorted(pairs_of) == sorted(2 * [(pre, post) for pre in range(2) for post in range(3)])


def test_without_padding_all_modes_join_the_same_neurons():
    expected = ConvGeometry((1, 4, 5), 2, 3)
    assert (expected.pads_zeros, expected.pads_neurons) == (False, False)
    for mode in FILLED:
        shape = replace(expected, padding_mode=mode)
        assert shape != expected
        assert (shape.pads_zeros, shape.pads_neurons) == (False, False)
        for one, other in zip(shape.taps(), expected.taps(), strict=True):
            assert_array_equal(np.stack(one), np.stack(other))


def test_errors_of_geometry_are_value_errors():
    assert issubclass(GeometryError, ValueError)


# A value


def test_numpy_integers_and_integral_floats_become_ints():
    shape = ConvGeometry(
        np.array([1, 8, 8]), np.int32(2), np.array([3, 2]), np.int64(1), 1.0, groups=np.int8(1)
    )
    assert shape == ConvGeometry((1, 8, 8), 2, (3, 2), (1, 1), (1, 1))
    assert hash(shape) == hash(ConvGeometry((1, 8, 8), 2, (3, 2), (1, 1), (1, 1)))
    numbers = [*shape.in_shape, *shape.out_shape, *shape.kernel_size, *shape.padding, shape.groups]
    assert {type(number) for number in numbers} == {int}


@examples
@given(arguments(), arguments())
def test_geometries_are_equal_when_they_say_the_same(one, other):
    a, b = ConvGeometry(**one), ConvGeometry(**other)
    assert a == ConvGeometry(**one)
    assert len({a, ConvGeometry(**one)}) == 1

    def spelled(drawn):
        return {name: v if name not in PAIRS else as_both(v) for name, v in drawn.items()}

    assert (a == b) == (spelled(one) == spelled(other))
    assert a != replace(a, weight_sharing=False)


def test_geometries_cannot_be_changed():
    shape = ConvGeometry((1, 8, 8), 2, 3)
    for name in ("in_shape", "out_channels", "kernel_size", "groups", "out_shape"):
        with pytest.raises(FrozenInstanceError):
            setattr(shape, name, getattr(shape, name))
    with pytest.raises(TypeError):
        shape.in_shape[0] = 3
    with pytest.raises(TypeError):
        shape.kernel_size[0] = 3


def test_a_changed_copy_has_another_output():
    shape = ConvGeometry((1, 8, 8), 2, 3)
    assert replace(shape, stride=2).out_shape == (2, 3, 3)
    assert shape.out_shape == (2, 6, 6)


@pytest.mark.parametrize("value", [3, np.int64(3), 3.0, (3, 3), [3, 3], np.array([3, 3])])
def test_as_pair(value):
    assert as_pair(value, "stride", 1) == (3, 3)


def test_examples_of_the_module():
    results = doctest.testmod(convolution)
    assert results.attempted > 0
    assert results.failed == 0
