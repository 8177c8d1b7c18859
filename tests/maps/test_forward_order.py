"""Places in a step follow from what is read and written, not from when it was made."""

import itertools

import pytest
from brian2 import Network, defaultclock, ms, prefs
from numpy.testing import assert_allclose, assert_array_equal

from hebbsim import ConvSynapses, FeatureMap
from hebbsim.competition.activations import Assign
from hebbsim.competition.pooling import SumPooling
from hebbsim.maps.per_channel_sample_position import PerSample


@pytest.fixture(autouse=True)
def _numpy():
    prefs.codegen.target = "numpy"


def step(*objects, n=1):
    Network(*objects).run(n * defaultclock.dt, namespace={})


@pytest.mark.parametrize("sum_first", [True, False])
def test_a_sum_over_a_map_follows_the_convolution_that_fills_it(sum_first):
    """Six inputs of 1, summed: 6, in the first step."""
    source, target = FeatureMap((1, 2, 3), "x : 1"), FeatureMap((1, 2, 3), "u : 1\ny : 1")

    def convolution():
        model = "w : 1\nu_post = w*x_pre : 1 (summed)"
        return ConvSynapses(source, target, model, kernel_size=1)

    conv = None if sum_first else convolution()
    per_sample = PerSample(target, "m = u_map : 1 (summed)", when="groups")
    conv = conv or convolution()
    Assign(target, "u/m", "y")
    source.x, conv.w = 1, 1
    step(source, target, conv, per_sample)
    assert per_sample.m[0] == 6
    assert_allclose(target.y, 1 / 6)


def test_a_convolution_reads_a_sum_that_was_made_before_it():
    source, target = FeatureMap((1, 2, 3), "x : 1"), FeatureMap((1, 2, 3), "u : 1\ny : 1")
    per_sample = PerSample(target, "m = u_map : 1 (summed)", when="groups")
    model = "w : 1\nu_post = w*x_pre : 1 (summed)\ndw = m_post*x_pre : 1 (summed)"
    conv = ConvSynapses(source, target, model, update="w += dw", kernel_size=1)
    source.x, conv.w = 1, 1
    step(source, target, conv, per_sample)
    assert conv.w[0] == 1 + 6 * 6


ERRORS = "x = u : 1\nu : 1\nerr : 1\nd = err : 1"


def chain(order):
    """Return maps and convolutions of a chain, made in an order; errors go back through ``b``."""
    maps = [
        FeatureMap((1, 1, 1), "x : 1\nerr : 1"),
        FeatureMap((1, 1, 1), ERRORS),
        FeatureMap((1, 1, 1), ERRORS),
        FeatureMap((1, 1, 1), "u : 1\ntold : 1\nx = u : 1\nd = told - u : 1"),
    ]
    model = """w : 1
    b : 1
    u_post = w*x_pre : 1 (summed)
    err_pre = b*d_post : 1 (summed)
    dw = d_post*x_pre : 1 (summed)"""
    convs = {n: ConvSynapses(maps[n], maps[n + 1], model, kernel_size=1) for n in order}
    return maps, [convs[n] for n in range(3)]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_errors_reach_the_first_layer_in_the_step_of_their_signal(order):
    """``1*2*3*4 = 24`` goes up, ``told - 24 = 2`` comes back times 5 and 5: 50 for ``dw``."""
    maps, convs = chain(order)
    for conv, w in zip(convs, (2, 3, 4), strict=True):
        conv.w, conv.b = w, 5
    maps[0].x, maps[-1].told = 1, 26
    step(*maps, *convs)
    assert [m.u[0] for m in maps[1:]] == [2, 6, 24]
    assert [conv.dw[0] for conv in convs] == [50, 20, 12]
    assert maps[0].err[0] == 250


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_a_step_does_not_depend_on_what_was_made_first(order):
    source = FeatureMap((1, 2, 2), "x : 1")
    layer = FeatureMap((1, 2, 2), "u : 1\na : 1\nb = a + u : 1\ny : 1")
    pooled = FeatureMap((1, 1, 1), "z : 1")
    objects = [source, layer, pooled]
    make = [
        lambda: objects.append(
            ConvSynapses(source, layer, "w : 1\nu_post = w*x_pre : 1 (summed)", kernel_size=1)
        ),
        lambda: Assign(layer, "2*u", "a"),
        lambda: Assign(layer, "b + 1", "y"),
        lambda: SumPooling(layer, pooled, 2, source="y", target="z"),
    ]
    for n in order:
        make[n]()
    source.x, objects[3].w = 1, 5
    step(*objects)
    assert_array_equal(pooled.z, 4 * (5 + 10 + 1))


def test_in_a_loop_one_value_is_of_the_step_before():
    """A recurrent map: the input adds up, and what was made last is read in the next step."""
    layer = FeatureMap((1, 1, 1), "u : 1\ny : 1")
    recurrent = ConvSynapses(layer, layer, "w : 1\nu_post = w*y_pre : 1 (summed)", kernel_size=1)
    Assign(layer, "u + 1", "y")
    recurrent.w = 2
    values, network = [], Network(layer, recurrent)
    for _ in range(3):
        network.run(defaultclock.dt, namespace={})
        values.append((layer.u[0], layer.y[0]))
    assert values == [(0, 1), (2, 3), (6, 7)]


@pytest.mark.parametrize("sum_first", [True, False])
def test_equations_are_integrated_after_what_comes_in(sum_first):
    """``dv/dt = u/ms`` over one step of 0.1 ms, with u = 3 of this step."""
    source = FeatureMap((1, 1, 1), "x : 1")
    layer = FeatureMap((1, 1, 1), "dv/dt = u/ms : 1\nu : 1\ny : 1", method="euler")

    def convolution():
        model = "w : 1\nu_post = w*x_pre : 1 (summed)"
        return ConvSynapses(source, layer, model, kernel_size=1)

    conv = convolution() if sum_first else None
    Assign(layer, "v", "y")
    conv = conv or convolution()
    source.x, conv.w = 1, 3
    step(source, layer, conv)
    assert_allclose([layer.v[0], layer.y[0]], 3 * defaultclock.dt / ms)


def test_a_place_that_the_user_gives_stays():
    maps = [FeatureMap((1, 1, 1), "x : 1\nu : 1\na : 1\nb : 1") for _ in range(2)]
    model = "w : 1\nu_post = w*x_pre : 1 (summed)"
    conv = ConvSynapses(*maps, model, kernel_size=1)
    conv.sums["u_post"].order = 10**4
    read = Assign(maps[1], "u", "a")
    late = Assign(maps[1], "u", "b", order=10**5)
    assert conv.sums["u_post"].order == 10**4
    assert read.order < 10**4 < late.order
    maps[0].x, conv.w = 1, 1
    step(*maps, conv)
    assert (maps[1].a[0], maps[1].b[0]) == (0, 1)


def test_what_is_gone_takes_no_place():
    layer = FeatureMap((1, 1, 1), "x : 1\nu : 1\na : 1")
    conv = ConvSynapses(layer, layer, "w : 1\nu_post = w*x_pre : 1 (summed)", kernel_size=1)
    assert Assign(layer, "u", "a").order == 2
    del conv
    assert Assign(layer, "x", "u").order <= 2
