"""Kernels as arrays, and the places of their elements."""

import numpy as np
import pytest
from brian2 import (
    DimensionMismatchError,
    Network,
    nS,
    prefs,
    siemens,
    volt,
)
from numpy.testing import assert_allclose, assert_array_equal
from synapses_cases import close, run_steps, two_maps

from hebbsim import ConvSynapses, FeatureMap, rules


def test_string_expressions_number_the_kernel_elements(conv):
    conv.w = "out_channel*100 + in_channel*10 + krow + 0.1*kcol"
    out_channel, in_channel, krow, kcol = np.indices((3, 2, 2, 2))
    expected = out_channel * 100 + in_channel * 10 + krow + 0.1 * kcol
    close(conv.get_kernel("w"), expected)
    close(np.sort(conv.w["out_channel == 2 and in_channel == 0"]), [200, 200.1, 201, 201.1])
    conv.w["out_channel == 2 and in_channel == 0"] = "-krow - 10*kcol"
    expected[2, 0] = [[0, -10], [-1, -11]]
    close(conv.get_kernel("w"), expected)
    conv.w[:] = 3
    assert_array_equal(conv.get_kernel("w"), 3)


def test_strings_use_the_names_of_where_they_are_assigned(conv):
    scale, name = 3.0, 2.0
    conv.w = "scale*out_channel + name"
    assert_array_equal(conv.get_kernel("w")[:, 0, 0, 0], scale * np.arange(3) + name)


def test_arrays_in_torchs_order_are_set_by_set_kernel(conv):
    before = conv.w[:].copy()
    with pytest.raises(ValueError, match=r"in 'w', got .* \(3, 2, 2, 2\); set_kernel\('w', array"):
        conv.w = np.ones((3, 2, 2, 2))
    assert_array_equal(conv.w, before)


def test_kernel_elements_of_groups_of_channels():
    """`in_channel` counts within the group, as in torch's kernels."""
    source, target = two_maps((4, 3, 3), (6, 2, 2), 1)
    conv = ConvSynapses(source, target, "w : 1", kernel_size=2, groups=2)
    conv.w = "out_channel*100 + in_channel*10 + krow + 0.1*kcol"
    out_channel, in_channel, krow, kcol = np.indices((6, 2, 2, 2))
    close(conv.get_kernel("w"), out_channel * 100 + in_channel * 10 + krow + 0.1 * kcol)


def test_positions_without_sharing():
    source, target = two_maps((1, 3, 4), (2, 2, 3), 5)
    conv = ConvSynapses(source, target, "w : 1", kernel_size=2, weight_sharing=False)
    assert len(conv) == 2 * 3 * 2 * 4
    conv.w = "1000*out_row + 100*out_col + 10*out_channel + krow + 0.1*kcol"
    row, col, out_channel, _, krow, kcol = np.indices((2, 3, 2, 1, 2, 2))
    close(conv.get_kernel("w"), 1000 * row + 100 * col + 10 * out_channel + krow + 0.1 * kcol)
    kernel = np.random.default_rng(0).standard_normal((2, 3, 2, 1, 2, 2))
    conv.set_kernel("w", kernel)
    assert_array_equal(conv.get_kernel("w"), kernel)
    # five samples share an element, and no other position does
    conv.w = "n_shared"
    assert_array_equal(conv.w, 5)


def test_random_initial_kernels(conv):
    conv.w = "0.1*randn()"
    assert len(np.unique(conv.w)) == len(conv) == 24
    assert 0.05 < np.std(conv.w) < 0.2


def test_kernels_are_copied(conv):
    kernel = np.random.default_rng(1).standard_normal((3, 2, 2, 2))
    given = kernel.copy()
    conv.set_kernel("w", given)
    given[:] = 7
    conv.get_kernel("w")[:] = 8
    assert_array_equal(conv.get_kernel("w"), kernel)
    conv.get_kernel("c")[:] = 8 * siemens
    assert_array_equal(conv.c, 0 * siemens)
    assert conv.get_kernel("w").flags.c_contiguous


def test_kernels_have_units(conv):
    kernel = np.random.default_rng(2).standard_normal((3, 2, 2, 2))
    conv.set_kernel("c", kernel * nS)
    assert_allclose(conv.get_kernel("c") / nS, kernel, rtol=1e-12)
    for wrong in (kernel, kernel * volt):
        with pytest.raises(DimensionMismatchError, match="setting variable c"):
            conv.set_kernel("c", wrong)
    with pytest.raises(DimensionMismatchError, match="setting variable w"):
        conv.set_kernel("w", kernel * nS)
    assert_allclose(conv.get_kernel("c") / nS, kernel, rtol=1e-12)


@pytest.mark.parametrize("shape", [(3, 2, 2), (2, 3, 2, 2), (1, 3, 2, 2, 2), (24,), ()])
def test_kernels_of_another_shape(conv, shape):
    with pytest.raises(
        ValueError, match=r"'conv', kernel variable 'w': expected an array"
    ) as error:
        conv.set_kernel("w", np.zeros(shape))
    expected = "(out_channels, in_channels/groups, krows, kcols) = (3, 2, 2, 2)"
    assert str(error.value).endswith(f"of shape {expected}, got {shape}")


def test_kernels_of_another_shape_without_sharing():
    source, target = two_maps((1, 3, 4), (2, 2, 3), 1)
    conv = ConvSynapses(source, target, "w : 1", kernel_size=2, weight_sharing=False)
    message = (
        r"\(rows, cols, out_channels, in_channels/groups, krows, kcols\) = \(2, 3, 2, 1, 2, 2\)"
    )
    with pytest.raises(ValueError, match=message):
        conv.set_kernel("w", np.zeros((2, 1, 2, 2)))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_kernels_that_are_not_finite(conv, value):
    kernel = np.ones((3, 2, 2, 2))
    kernel[1, 0, 1, :] = value
    with pytest.raises(ValueError, match="every value must be finite, 2 of 24 are not"):
        conv.set_kernel("w", kernel)
    assert_array_equal(conv.w, 0)


def test_unknown_kernel_variables(conv):
    for name in ("v", "x", "u", "mask"):
        with pytest.raises(KeyError, match=f"'conv' has no kernel variable '{name}'"):
            conv.set_kernel(name, np.zeros((3, 2, 2, 2)))
        with pytest.raises(KeyError, match=name):
            conv.get_kernel(name)
    with pytest.raises(KeyError, match="no kernel variable 'twice'"):
        conv.set_kernel("twice", np.zeros((3, 2, 2, 2)))


def test_kernels_in_single_precision():
    prefs.codegen.target = "numpy"
    source, target = two_maps()
    conv = ConvSynapses(source, target, kernel_size=2, rule=rules.Hebb(), dtype=np.float32)
    conv.set_kernel("w", np.full((4, 2, 2, 2), 0.1))
    run_steps(source, target, conv)
    assert conv.get_kernel("w").dtype == conv.get_kernel("dw").dtype == np.float32
    assert_array_equal(conv.get_kernel("w"), np.float32(0.1))


def test_only_kernel_variables_of_each_element_are_arranged():
    source, layer = FeatureMap((1, 2, 2), "x : 1"), FeatureMap((1, 1, 1), "u : 1\ny : 1")
    conv = ConvSynapses(source, layer, kernel_size=2, rule=rules.Hebb())
    for name in ("eta", "v"):
        with pytest.raises(KeyError, match=f"no kernel variable '{name}' .* only w, dw"):
            conv.get_kernel(name)
    with pytest.raises(KeyError, match="no kernel variable 'eta'"):
        conv.set_kernel("eta", np.ones((1, 1, 2, 2)))
    Network(source, layer, conv)
