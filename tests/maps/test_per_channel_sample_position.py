"""Quantities per channel, sample and position, compared with numpy."""

import numpy as np
import pytest
from brian2 import (
    DimensionMismatchError,
    Network,
    NeuronGroup,
    SpikeMonitor,
    StateMonitor,
    defaultclock,
    mV,
    prefs,
    volt,
)
from brian2.core.base import BrianObjectException
from brian2.core.variables import ArrayVariable
from numpy.testing import assert_allclose, assert_array_equal

from hebbsim import ConvSynapses, FeatureMap
from hebbsim.competition.activations import Assign
from hebbsim.maps.per_channel_sample_position import PerChannel, PerMap, PerPosition, PerSample

SHAPE, BATCH, STEPS = (5, 3, 4), 3, 40
TOLERANCE = {np.float64: 1e-13, np.float32: 1e-6}
# axes of an array (batch, channels, rows, cols) that each kind of group sums over
KINDS = {PerChannel: (0, 2, 3), PerSample: (1, 2, 3), PerPosition: (1,), PerMap: (0, 1, 2, 3)}


def close(actual, expected, dtype=np.float64):
    scale = max(1.0, np.abs(expected).max())
    assert_allclose(actual, expected, rtol=0, atol=10 * TOLERANCE[dtype] * scale)


@pytest.fixture
def layer():
    prefs.codegen.target = "numpy"
    return FeatureMap(SHAPE, "x : 1\nv : volt", batch_size=BATCH, name="layer")


def run_steps(*objects, steps=1):
    Network(*objects).run(steps * defaultclock.dt, namespace={})


def test_connections_and_equations_read_what_a_whole_map_has(target):
    x = np.random.default_rng(2).standard_normal((BATCH, *SHAPE))
    source = FeatureMap(SHAPE, "x : 1\nshown = x/sqrt(power) : 1", batch_size=BATCH)
    source.set_maps("x", x)
    model = "power = x_map**2/map_size : 1 (summed)\nsteps : 1\ndouble = 2*power : 1"
    whole = PerMap(source, model, update="steps += 1", when="groups")
    layer = FeatureMap((2, 2, 3), "u : 1", batch_size=BATCH)
    equations = "w : 1\nu_post = w*x_pre*power_pre : 1 (summed)\nd = double_pre*x_pre : 1 (summed)"
    conv = ConvSynapses(source, layer, equations, kernel_size=2)
    conv.w = 1
    run_steps(source, whole, layer, conv, steps=2)
    power = (x**2).mean()
    assert len(whole) == 1
    close(whole.power[:], power)
    assert whole.steps[:] == 2
    close(source.get_maps("shown"), x / np.sqrt(power))
    patches = np.lib.stride_tricks.sliding_window_view(x, (2, 2), axis=(2, 3))
    close(layer.get_maps("u")[:, 0], power * patches.sum((1, 4, 5)))
    close(conv.get_kernel("d")[0], 2 * power * patches.sum((0, 2, 3)))


def test_sums_and_means_equal_numpys(target, dtype):
    rng = np.random.default_rng(1)
    wide = (37, 2, 3)  # more channels than the C++ loop sums at a time
    built = []
    for shape, kinds in ((SHAPE, KINDS), (wide, [PerChannel])):
        layer = FeatureMap(shape, "x : 1\nv : volt\nq = x**2 : 1", batch_size=BATCH)
        x, v = rng.standard_normal((2, BATCH, *shape)).astype(dtype)
        layer.set_maps("x", x)
        layer.set_maps("v", v * volt)
        for kind in kinds:
            n = kind.per
            group = kind(
                layer,
                f"""mean_{n} = v_map/map_size : volt (summed)
                mix_{n} = q_map*b_{n} + channel_map - row_map*col_map + sample_map : 1 (summed)
                active_{n} = int(x_map > 0 and channel_map != 2) : 1 (summed)
                b_{n} : 1""",
            )
            group.state(f"b_{n}")[:] = "i - 1.5"
            built.append((layer, group, x.astype(float), v.astype(float)))
    run_steps(*{obj for layer, group, _, _ in built for obj in (layer, group)})

    for _, group, x, v in built:
        axes, n = KINDS[type(group)], group.per
        elements = x.sum(axes, keepdims=True).shape
        sample, channel, row, col = np.indices(x.shape)
        b = (np.arange(np.prod(elements)) - 1.5).reshape(elements)
        mix = x**2 * b + channel - row * col + sample
        active = (x > 0) & (channel != 2)
        assert len(group) == np.prod(elements)
        assert group.state(f"mix_{n}")[:].dtype == dtype
        close(group.state(f"mean_{n}")[:] / volt, v.mean(axes).ravel(), dtype)
        close(group.state(f"mix_{n}")[:], mix.sum(axes).ravel(), dtype)
        assert_array_equal(group.state(f"active_{n}")[:], active.sum(axes).ravel())


# Scenes of 40 steps, each of which yields its objects, and checks them once they have run: all
# share one network, because a standalone build takes seconds.


def sums_updates_and_equations_in_their_order():
    """Differential equations, updates and order of events against a reference in numpy.

    The map's `x` is set from `theta` among the forward operations, and a sum in the slot
    ``groups`` follows, whether it was made before or after.
    """
    layer = FeatureMap(SHAPE, "x : 1\nu : 1\nz = u - theta : 1", batch_size=BATCH, name="layer")
    before = PerSample(layer, "before = x_map : 1 (summed)", when="groups", name="before")
    threshold = PerChannel(
        layer,
        """dslow/dt = (rate - slow)/(1*ms) : 1
        rate = x_map/map_size : 1 (summed)
        theta : 1
        gain : 1 (shared)
        double = 2*theta + i/N : 1""",
        "theta += gain*(rate - 0.1)",
        namespace={},
        method="euler",
        name="threshold",
    )
    clip = Assign(layer, "clip(z, 0, 1)", "x", name="clip")
    after = PerSample(layer, "after = x_map : 1 (summed)", when="groups", name="after")
    end = PerPosition(layer, "last = x_map + double_map : 1 (summed)")
    u = np.random.default_rng(2).standard_normal((BATCH, *SHAPE))
    layer.set_maps("u", u)
    layer.x = 0.25
    threshold.theta = "0.1*i"
    threshold.gain = 0.5
    yield layer, before, threshold, after, end

    theta, slow, rate, x = 0.1 * np.arange(5.0), np.zeros(5), np.zeros(5), np.full(u.shape, 0.25)
    for _ in range(STEPS):
        slow += 0.1 * (rate - slow)
        x = np.clip(u - theta[:, None, None], 0, 1)
        sums = dict.fromkeys(("before", "after"), x.sum((1, 2, 3)))
        rate = x.mean((0, 2, 3))
        last = (x + 2 * theta[:, None, None] + np.arange(5)[:, None, None] / 5).sum(1).ravel()
        theta = theta + 0.5 * (rate - 0.1)
    close(before.before[:], sums["before"])
    close(after.after[:], sums["after"])
    close(threshold.rate[:], rate)
    close(threshold.slow[:], slow)
    close(threshold.theta[:], theta)
    close(end.last[:], last)
    close(layer.get_maps("x"), x)
    # what the map borrows is the group's, in its equations and in torch's order
    close(layer.get_maps("z"), u - theta[:, None, None])
    close(layer.get_maps("theta"), np.broadcast_to(theta[:, None, None], u.shape))
    assert clip.order < before.sums["before"].order


def thresholds_of_a_spiking_map():
    """``dv/dt = 1/ms`` from 0: a neuron spikes in the step after ten times its threshold."""
    layer = FeatureMap(
        (4, 2, 3),
        """dv/dt = drive/ms : 1
        drive : 1""",
        "v > theta*scale + 0.1*(offset % 2) + 1e-6",
        "v = 0",
        method="euler",
        batch_size=2,
    )
    channels = PerChannel(layer, "theta : 1")
    samples = PerSample(layer, "scale : 1")
    places = PerPosition(layer, "offset : 1")
    layer.drive = 1
    channels.theta = "0.5 + 0.3*i"
    samples.scale = "1 + i"
    places.offset = "i"
    spikes = SpikeMonitor(layer)
    yield layer, channels, samples, places, spikes

    counts = spikes.count[:].reshape(2, 2, 3, 4)
    sample, _, _, channel = np.indices(counts.shape)
    place = np.arange(12).reshape(2, 2, 3, 1)
    period = np.rint(10 * (0.5 + 0.3 * channel) * (1 + sample)).astype(int) + place % 2 + 1
    assert_array_equal(counts, STEPS // period)


def convolutions_read_the_groups_of_both_maps():
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((2, 2, 4, 3)), rng.standard_normal((2, 3, 4, 3))
    source = FeatureMap((2, 4, 3), "x : 1\nshifted = x - mean : 1", batch_size=2)
    layer = FeatureMap((3, 4, 3), "u : 1\ny : 1", batch_size=2)
    mean = PerSample(source, "mean : 1")
    gain = PerPosition(source, "gain : 1")
    theta = PerChannel(layer, "theta : 1")
    attention = PerPosition(layer, "attention : 1")
    conv = ConvSynapses(
        source,
        layer,
        """w : 1
        u_post = w*shifted_pre*gain_pre - theta_post : 1 (summed)
        dw = x_pre*mean_pre*(y_post - theta_post)*attention_post : 1 (summed)""",
        kernel_size=1,
    )
    source.set_maps("x", x)
    layer.set_maps("y", y)
    conv.w = "out_channel + 10*in_channel"
    mean.mean = "1 + i"
    gain.gain = "0.1*i"
    theta.theta = "2 - i"
    attention.attention = "cos(i)"
    yield source, layer, mean, gain, theta, attention, conv

    m = np.array([1.0, 2.0])[:, None, None, None]
    g = 0.1 * np.arange(24).reshape(2, 1, 4, 3)
    th = np.array([2.0, 1.0, 0.0])[:, None, None]
    a = np.cos(np.arange(24)).reshape(2, 1, 4, 3)
    w = np.arange(3)[:, None] + 10 * np.arange(2)
    close(layer.get_maps("u"), np.einsum("oi,birc->borc", w, (x - m) * g) - 2 * th)
    expected = np.einsum("birc,borc->oi", x * m, (y - th) * a)
    close(conv.get_kernel("dw")[:, :, 0, 0], expected)


def differential_equations_with_and_without_noise():
    """Ornstein-Uhlenbeck: variance 1/2, here of 400 independent values; exponential decay."""
    layer = FeatureMap((400, 1, 1), "x : 1")
    group = PerChannel(layer, "dn/dt = -n/(1*ms) + xi*ms**-0.5 : 1", method="euler")
    single = PerChannel(layer, "dfade/dt = -fade/(10*ms) : 1", method="exact", dtype=np.float32)
    single.fade = "1 + i/400.0"
    yield layer, group, single

    assert 0.35 < np.var(group.n[:]) < 0.7
    close(single.fade[:], (1 + np.arange(400) / 400) * np.exp(-STEPS * 0.01), np.float32)
    assert single.fade[:].dtype == np.float32


def spikes_change_the_elements_of_their_neurons():
    """An adaptive threshold and counts equal what a monitor's spikes add up to.

    Inhibition within the step changes `v` between the threshold and the reset; `on_spike` reads
    what the monitor recorded.
    """
    layer = FeatureMap(
        SHAPE,
        """dv/dt = drive/ms : 1
        drive : 1
        twice = 2*v : 1""",
        "v > 0.3 + theta*scale",
        "v = 0",
        method="euler",
        batch_size=BATCH,
    )
    channels = PerChannel(
        layer,
        """dtheta/dt = -theta/(2*ms) : 1
        gain : 1
        half = gain/2 : 1""",
        on_spike="theta += 0.1*half*v_map*(1 + sample_map)/map_size",
        method="euler",
    )
    samples = PerSample(
        layer,
        "n : integer\nscale : 1",
        on_spike="n += 1 + 1*(channel_map > 2)",
        update="scale += 0",
    )
    places = PerPosition(layer, "a : 1\nb : volt\nc : 1", on_spike="a -= twice_map*c; b += 2*mV")
    whole = PerMap(layer, "n_all : 1\nstep : 1", on_spike="n_all += step*v_map")
    whole.step = 2
    quiet = PerSample(FeatureMap((1, 1, 1), "x : 1", "x > 1", "", name="never"), "m : 1")
    inhibition = ConvSynapses(layer, layer, "w : 1", on_pre="v_post -= w", kernel_size=1)
    layer.drive = "0.5 + 0.02*(i % 23)"
    inhibition.w = "0.003*abs(out_channel - in_channel)"
    channels.gain = "10*(1 + i)"
    samples.scale = 1
    places.c = "i"
    spikes = SpikeMonitor(layer, variables="v")
    yield layer, channels, samples, places, whole, quiet, quiet.feature_map, inhibition, spikes

    i, v, step = spikes.i[:], spikes.v[:], np.rint(spikes.t / defaultclock.dt).astype(int)
    assert 200 < len(i) < 0.9 * STEPS * len(layer)
    assert len(set(zip(i // 60, step, strict=True))) < len(i)  # several in a sample at once
    theta = np.zeros(5)
    for n in range(STEPS):
        theta *= 0.95
        now = step == n
        added = 0.1 * 5 * (1 + i % 5) * v * (1 + i // 60) / 36
        np.add.at(theta, i[now] % 5, added[now])
    close(channels.theta[:], theta)
    close(whole.n_all[:], 2 * v.sum())
    assert_array_equal(samples.n[:], np.bincount(i // 60, weights=1 + (i % 5 > 2)))
    close(places.a[:], -np.bincount(i // 5, weights=2 * v, minlength=36) * np.arange(36))
    close(places.b[:] / mV, 2 * np.bincount(i // 5, minlength=36))


def test_groups_over_time(target):
    running = [
        spikes_change_the_elements_of_their_neurons(),
        sums_updates_and_equations_in_their_order(),
        thresholds_of_a_spiking_map(),
        convolutions_read_the_groups_of_both_maps(),
        differential_equations_with_and_without_noise(),
    ]
    run_steps(*[obj for scene in running for obj in next(scene)], steps=STEPS)
    for scene in running:
        assert next(scene, None) is None


def test_state_updates_come_before_the_maps_equations():
    """Whatever the names: the map sees this step's value."""
    prefs.codegen.target = "numpy"
    for names in ("ab", "ba"):
        layer = FeatureMap((2, 1, 1), "dv/dt = rate/ms : 1", method="euler", name=f"{names[0]}_map")
        group = PerChannel(layer, "drate/dt = 1/ms : 1", method="euler", name=f"{names[1]}_group")
        run_steps(layer, group)
        assert_allclose(group.rate, 0.1, rtol=1e-12)
        assert_allclose(layer.v, 0.01, rtol=1e-12)


def test_they_are_groups():
    """Monitors, string expressions and regular operations work on them."""
    prefs.codegen.target = "numpy"
    layer = FeatureMap(SHAPE, "x : 1", batch_size=BATCH)
    group = PerChannel(layer, "theta : volt\ntwice = 2*theta : volt\nall : 1 (shared)")
    group.theta = "i*mV"
    group.theta["i > 3"] = -1 * mV
    group.all = 3
    group.run_regularly("theta += 1*mV")
    monitor = StateMonitor(group, "theta", record=[0, 4])
    run_steps(layer, group, monitor, steps=2)
    assert_allclose(group.theta / mV, [2, 3, 4, 5, 1], rtol=1e-12)
    assert_allclose(group.twice / mV, [4, 6, 8, 10, 2], rtol=1e-12)
    assert_allclose(monitor.theta / mV, [[1, 2], [0, 1]], rtol=1e-12, atol=1e-12)
    assert_array_equal(layer.get_maps("theta")[1, :, 2, 3], group.theta)
    assert_array_equal(layer.all, 3)


@pytest.mark.parametrize("kind", KINDS)
def test_memory_is_at_most_one_index_for_each_neuron(kind):
    """And none that grows with the connections of a convolution."""
    layer = FeatureMap((8, 10, 10), "u : 1", batch_size=100)
    source = FeatureMap((1, 14, 14), "x : 1", batch_size=100)

    def arrays(group):
        stored = [v for v in group.variables.values() if isinstance(v, ArrayVariable)]
        return {v.name: v for v in stored if v.owner.name == group.name and v.size > 1}

    before = set(arrays(layer))
    group = kind(layer, "theta : 1\nrate = u_map : 1 (summed)")
    conv = ConvSynapses(
        source,
        layer,
        "w : 1\nu_post = w*x_pre*theta_post : 1 (summed)\ndw = x_pre*theta_post : 1 (summed)",
        kernel_size=5,
    )
    new = [v for name, v in arrays(layer).items() if name not in before]
    is_one = kind is PerMap  # the same element for all neurons, which needs no index
    assert [(v.size, v.dtype) for v in new] == ([] if is_one else [(len(layer), np.int32)])
    assert {v.size for v in arrays(group).values()} == (set() if is_one else {len(group)})
    assert {v.size for v in arrays(conv).values()} == {len(conv)}
    # a second group of the kind shares the index
    second = kind(layer, "theta2 : 1")
    assert (len(arrays(layer)), len(second)) == (len(before) + len(new), len(group))


# What is refused


@pytest.mark.parametrize("kind", KINDS)
def test_names_that_are_taken_are_refused(layer, kind):
    for name in ("x", "channel", "row", "map_size"):
        with pytest.raises(ValueError, match=rf"{kind.__name__} '.*': '{name}' is a variable of"):
            kind(layer, f"{name} : 1")
    kind(layer, "theta : 1", name="first")
    with pytest.raises(ValueError, match=r"'theta' is .* 'layer' already, from 'first'; choose"):
        kind(layer, "theta = 3 : 1")
    with pytest.raises(ValueError, match="choose another name"):
        PerChannel(layer, "v = v_map : volt (summed)")


@pytest.mark.parametrize("when", ["start", "synapses", None, "after_end"])
def test_other_slots_are_refused(layer, when):
    with pytest.raises(ValueError, match=r"PerSample: when must be 'end' or 'groups', got "):
        PerSample(layer, "mean = x_map : 1 (summed)", when=when)


@pytest.mark.parametrize("kind", KINDS)
def test_other_groups_are_refused(kind):
    with pytest.raises(
        TypeError, match=rf"{kind.__name__}: expected a FeatureMap, got NeuronGroup"
    ):
        kind(NeuronGroup(3, "x : 1"), "theta : 1")


def cause_of_failed_run(*objects):
    with pytest.raises(BrianObjectException) as error:
        run_steps(*objects)
    return error.value.__cause__


def test_units_of_sums_are_checked(layer):
    group = PerChannel(layer, "rate = v_map : 1 (summed)", name="rates")
    cause = cause_of_failed_run(layer, group)
    assert isinstance(cause, DimensionMismatchError)
    assert "'rates': 'rate = v_map' doesn't have the units of 'rate'" in str(cause)


def test_random_numbers_in_sums_are_refused(layer):
    group = PerSample(layer, "noise = x_map*randn() : 1 (summed)", name="noise_")
    cause = cause_of_failed_run(layer, group)
    assert isinstance(cause, NotImplementedError)
    assert "'noise_': 'noise = x_map*randn()' calls randn() for every term of a sum" in str(cause)


def test_unknown_names_in_sums_are_refused(layer):
    group = PerSample(layer, "mean = q_map : 1 (summed)")
    cause = cause_of_failed_run(layer, group)
    assert isinstance(cause, KeyError)
    assert "q_map" in str(cause)


@pytest.mark.parametrize("flags", ["constant over dt", "summed, shared", "linked", "event-driven"])
def test_flags_without_a_meaning_are_refused(layer, flags):
    with pytest.raises(ValueError, match=r"flag|Flag"):
        PerChannel(layer, f"mean = x_map : 1 ({flags})")


# Spikes


def spiking_layer(name="spiking", **kwds):
    return FeatureMap((2, 1, 1), "v : 1\nz = v + n : 1", "v > 0", "", name=name, **kwds)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("n = 1", r"PerSample 'group', on_spike: 'n = 1' has no meaning where several"),
        ("n *= 2", "accumulate with"),
        ("v += 1", r"must change a number that the model stores for each element: n, m$"),
        ("n_spikes += 1", "for each element: n, m$"),
        ("mean += 1", "for each element: n, m$"),
        ("all += 1", "for each element: n, m$"),
        ("fixed += 1", "for each element: n, m$"),
        ("flag += 1", "for each element: n, m$"),
        ("n += 1 - n", r"'n \+= 1 - n' reads 'n', which spikes change in the same step"),
        ("n += m\nm += 1", "reads 'm', which spikes change"),
        ("n += double", "reads 'n', which spikes change"),
        ("n += z_map", "reads 'n', which spikes change"),
    ],
)
def test_statements_without_a_meaning_are_refused(code, message):
    model = """n : 1
    m : 1
    double = 2*n : 1
    mean = v_map : 1 (summed)
    all : 1 (shared)
    fixed : 1 (constant)
    flag : boolean"""
    with pytest.raises(ValueError, match=message):
        PerSample(spiking_layer(), model, on_spike=code, name="group")


def test_what_is_no_statement_is_refused():
    with pytest.raises(SyntaxError, match="'n' is no statement"):
        PerSample(spiking_layer(), "n : 1", on_spike="n")
    with pytest.raises(TypeError, match="on_spike: expected statements such as"):
        PerSample(spiking_layer(), "n : 1", on_spike=3)


def test_a_map_that_does_not_spike_is_refused(layer):
    message = r"PerChannel 'group', on_spike: 'layer' doesn't spike, .* give it a threshold"
    with pytest.raises(ValueError, match=message):
        PerChannel(layer, "n : 1", on_spike="n += 1", name="group")


def test_units_and_functions_of_on_spike_are_checked():
    prefs.codegen.target = "numpy"
    for value, error, message in (
        ("1*mV", DimensionMismatchError, r"'n \+= 1\*mV' doesn't have the units of 'n'"),
        ("rand()", NotImplementedError, r"calls rand\(\) for every spike"),
        ("w_map", KeyError, "w_map"),
    ):
        layer = spiking_layer("layer*")
        group = PerSample(layer, "n : 1", on_spike=f"n += {value}")
        with pytest.raises(error, match=message):
            raise cause_of_failed_run(layer, group)


def test_counts_hold_in_single_precision_and_through_store(dtype):
    prefs.codegen.target = "numpy"
    layer = spiking_layer(batch_size=2)
    group = PerChannel(layer, "n : 1\nk : integer", on_spike="n += 0.5*v_map; k += 0.5 + k0")
    group.namespace["k0"] = 1
    layer.v = [1, 0, 3, 2]
    network = Network(layer, group)
    network.store()
    for _ in range(2):
        network.restore()
        network.run(3 * defaultclock.dt)
        assert_array_equal(group.n, [6, 3])
        assert_array_equal(group.k, [6, 3])
        assert group.n[:].dtype == dtype
