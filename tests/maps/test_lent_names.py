"""Names in what groups lend to a map mean there what they mean in the group; and in slices."""

import numpy as np
import pytest
from brian2 import Network, TimedArray, defaultclock, ms, mV, prefs
from numpy.testing import assert_allclose, assert_array_equal

from hebbsim import ConvSynapses, FeatureMap
from hebbsim.competition.activations import Assign
from hebbsim.competition.thresholds import AdaptiveThreshold
from hebbsim.maps.per_channel_sample_position import PerChannel, PerPosition, PerSample

ELSEWHERE = {"k": 5, "rec": TimedArray([9.0], dt=1 * ms)}


@pytest.fixture(params=["numpy", "auto"])
def target(request):
    prefs.codegen.target = request.param


def test_names_mean_what_they_mean_in_their_own_group(target):
    """In the group, the map, its threshold, an operation, a convolution and a slice."""
    layer = FeatureMap(
        (3, 1, 2), "y : 1\nq : 1\nz = g + h : 1\nv : volt", threshold="v > t_0", reset="v = 0*mV"
    )
    channels = PerChannel(
        layer, "a : 1\ng = k*a + i : 1\nt_0 = k*mV : volt", namespace={"k": 2, "mV": mV}
    )
    recorded = TimedArray([3.0], dt=1 * ms)
    samples = PerSample(layer, "h = rec(t)*k : 1", namespace={"rec": recorded, "k": 7})
    Assign(layer, "g", "y")
    Assign(layer, "h", "q")
    out, part_out = FeatureMap((1, 1, 2), "u : 1"), FeatureMap((1, 1, 1), "u : 1")
    model = "u_post = g_pre + h_pre : 1 (summed)"
    conv = ConvSynapses(layer, out, model, kernel_size=1)
    part = layer[4:6]
    of_part = ConvSynapses(part, part_out, model, kernel_size=1, source_shape=(2, 1, 1))
    channels.a, layer.v = 1, 3 * mV
    objects = (layer, channels, samples, out, part_out, conv, of_part)
    Network(*objects).run(defaultclock.dt, namespace=ELSEWHERE)
    g = np.array([2, 3, 4.0])
    assert_array_equal(channels.g[:], g)
    assert_array_equal(layer.get_maps("y")[0, :, 0, 0], g)
    assert_array_equal(layer.q[:], 21)
    assert_array_equal(out.u[:], g.sum() + 3 * 21)
    assert_array_equal(part_out.u[:], g[1:].sum() + 2 * 21)
    assert not layer.v[:].any()  # 3 mV is above 2 mV, and not above 5 mV


def test_a_maps_own_names_keep_their_meaning_in_a_convolution(target):
    layer = FeatureMap((1, 1, 2), "x = k*i : 1", namespace={"k": 2})
    out = FeatureMap((1, 1, 2), "u : 1")
    conv = ConvSynapses(layer, out, "u_post = x_pre*k : 1 (summed)", kernel_size=1)
    Network(layer, out, conv).run(defaultclock.dt, namespace=ELSEWHERE)
    assert_array_equal(out.u[:], [0, 10])


def test_explicit_synapses_read_them_alike(target):
    def learn(explicit):
        layer = FeatureMap((3, 1, 2), "x = k*i : 1", namespace={"k": 2})
        channels = PerChannel(layer, "a : 1\ng = k*a : 1", namespace={"k": 3})
        out = FeatureMap((1, 1, 2), "u : 1")
        conv = ConvSynapses(layer, out, "u_post = x_pre + 100*g_pre : 1 (summed)", kernel_size=1)
        channels.a = "i"
        objects = (layer, channels, out, conv.to_synapses() if explicit else conv)
        Network(*objects).run(defaultclock.dt, namespace=ELSEWHERE)
        return out.u[:]

    assert_array_equal(learn(explicit=False), [2 * 3 + 900, 2 * 12 + 900])
    assert_array_equal(learn(explicit=True), [2 * 3 + 900, 2 * 12 + 900])


def test_slices_of_a_map_with_thresholds(target):
    """The first four neurons, and some in the middle, of five channels."""
    layer = FeatureMap((5, 2, 2), "u : 1\ny : 1\ndrive = u - theta + i : 1", batch_size=2)
    threshold = AdaptiveThreshold(layer, 0.5)
    position = PerPosition(layer, "place : 1\ntwice = 2*place + i : 1")
    threshold.theta, position.place = "i", "i"
    i = np.arange(40)
    for part, chosen in ((layer[:4], i[:4]), (layer[6:13], i[6:13]), (layer[6:13][2:4], i[8:10])):
        assert_array_equal(part.theta[:], chosen % 5)
        assert_array_equal(part.drive[:], chosen - chosen % 5)
        assert_array_equal(part.place[:], chosen // 5)
        assert_array_equal(part.twice[:], 3 * (chosen // 5))
        assert_array_equal(part.i[:], np.arange(len(chosen)))
    assert layer[6:13].theta[2] == 3
    layer[6:9].theta = 8
    assert_array_equal(threshold.theta[:], [0, 8, 8, 8, 4])
    assert_allclose(layer.theta[:5], threshold.theta[:])
