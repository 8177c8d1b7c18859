"""Comparisons in single precision: the results of those in double precision."""

import operator

import numpy as np
import pytest
from brian2 import Network, NeuronGroup, SpikeMonitor
from hypothesis import given
from hypothesis import strategies as st

from hebbsim import FeatureMap
from hebbsim.codegen.cpp.comparisons import in_single_precision

_SIGNS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
VARIABLES = NeuronGroup(1, "v : 1\nd : 1\nk : integer", dtype={"v": np.float32}).variables


@given(st.floats(-3e38, 3e38), st.sampled_from(["<", "<=", ">", ">="]), st.booleans())
def test_a_rounded_bound_parts_single_precision_as_it_is(bound, sign, mirrored):
    text = f"{bound!r} {sign} v" if mirrored else f"v {sign} {bound!r}"
    written = in_single_precision(text, VARIABLES)
    number = np.float32(written.replace("v", "").strip(f"{sign} "))
    near = np.float32(bound)
    for v in (near, *np.nextafter(near, np.float32([-np.inf, np.inf]))):
        # single precision on the left, double on the right
        result = _SIGNS[sign](number, v) if mirrored else _SIGNS[sign](v, number)
        assert bool(result) == eval(text, {"v": float(v)}), (text, written, v)


@pytest.mark.parametrize(
    "text",
    [
        "d > 0.1",
        "v > 4",
        "v > d",
        "v + 1 > 0.1",
        "v*0.1",
        "v > 0.5",
        "k > 0.1",
        "v < 3.4028234663852887e38",
    ],
)
def test_what_is_compared_otherwise_stays_as_it_is(text):
    assert in_single_precision(text, VARIABLES) == text


def test_comparisons_within_expressions_are_found():
    written = in_single_precision("v > 0.1 and not (0.1 >= v or d < 0.1)", VARIABLES)
    assert written == "v > 0.09999999403953552 and (not (0.09999999403953552 >= v or d < 0.1))"


def test_neurons_spike_whose_value_is_the_next_above_the_threshold():
    above = np.float32(0.1)  # 0.1000000015
    values = [np.nextafter(above, np.float32(0)), above, np.nextafter(above, np.float32(1))]
    layer = FeatureMap((3, 1, 1), "v : 1", threshold="v > 0.1", dtype=np.float32)
    layer.v = values
    spikes = SpikeMonitor(layer)
    Network(layer, spikes).run(layer.clock.dt)
    assert list(spikes.i) == [n for n, v in enumerate(values) if float(v) > 0.1] == [1, 2]
