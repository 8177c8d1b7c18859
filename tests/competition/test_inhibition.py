"""Lateral inhibition within a step, against a brute-force race in numpy."""

import numpy as np
import pytest
from brian2 import (
    DimensionMismatchError,
    Network,
    NeuronGroup,
    PopulationRateMonitor,
    SpikeMonitor,
    defaultclock,
    ms,
    mV,
    prefs,
    seed,
    volt,
)
from brian2.core.base import BrianObjectException
from conftest import STANDALONE
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from targets_cases import spikes_of

from hebbsim import ConvSynapses, FeatureMap, PerChannel, PerSample
from hebbsim.competition.inhibition import LateralInhibition

STEPS = 12


def run_steps(*objects, steps=1):
    Network(*objects).run(steps * defaultclock.dt, namespace={})


def race(crossed, source, radius, channels):
    """Return which neurons spike, and by how many spikes each is silenced.

    Arrays ``(sample, row, col, channel)``, straight from the definition.
    """

    def silences(winner, other):
        rows, cols = (abs(winner[axis] - other[axis]) for axis in (1, 2))
        reached = winner[0] == other[0] and rows <= radius[0] and cols <= radius[1]
        same = winner[3] == other[3]
        if channels == "others":
            return reached and not same
        return reached and winner != other and (same or channels == "all")

    candidates = [tuple(int(n) for n in place) for place in np.argwhere(crossed)]
    winners = []
    for place in sorted(candidates, key=lambda place: (-source[place], place)):
        if not any(silences(winner, place) for winner in winners):
            winners.append(place)
    spikes, times = np.zeros_like(crossed), np.zeros(crossed.shape, dtype=int)
    for winner in winners:
        spikes[winner] = True
    for place in np.ndindex(crossed.shape):
        times[place] = sum(silences(winner, place) for winner in winners)
    return spikes, times


def simulate(drive, radius, channels, *, refractory=0, steps=STEPS):
    """Return counts, and the state after `steps` of the map of `inhibited_map`.

    All numbers are multiples of 1/8, so that every target computes them exactly.
    """
    v, silenced, hits = np.zeros((3, *drive.shape))
    counts, last = np.zeros((2, *drive.shape), dtype=int)
    last -= 10**6
    channel = np.arange(drive.shape[-1])
    active = np.ones(drive.shape, dtype=bool)
    for step in range(steps):
        v[active] += drive[active]
        silenced = np.clip(silenced - 0.25, 0, 1)
        active = step - last >= refractory
        crossed = (v > 1) & (silenced < 1) & active
        spikes, times = race(crossed, v + 0.25 * channel, radius, channels)
        counts += spikes
        last[spikes] = step
        if refractory:
            active = active & ~spikes
        silenced[times > 0] = 1
        hits += times * (1 + 0.5 * channel)
        v -= 0.125 * times * active
        v[spikes] = 0
    return counts, {"v": v, "silenced": silenced, "hits": hits, "last": last}


def inhibited_map(drive, radius, channels, refractory=0, name="inhibited*", **kwds):
    """Return a map with inhibition; `drive` has its memory's shape."""
    batch, rows, cols, n_channels = drive.shape
    layer = FeatureMap(
        (n_channels, rows, cols),
        f"""{"dv/dt = 0/ms : 1 (unless refractory)" if refractory else "v : 1"}
        drive : 1
        silenced : 1
        hits : 1""",
        threshold="v > 1 and silenced < 1",
        reset="v = 0",
        batch_size=batch,
        name=name,
        **({"refractory": refractory * defaultclock.dt} if refractory else {}),
    )
    layer.run_regularly("v += drive\nsilenced = clip(silenced - 0.25, 0, 1)")
    layer.drive = drive.ravel()
    LateralInhibition(
        layer,
        "silenced = 1; hits += 1 + 0.5*channel\nv -= 0.125",
        source="v + 0.25*channel",
        radius=radius,
        channels=channels,
        **kwds,
    )
    return layer


def draw_drive(rng, shape):
    """Draw multiples of 1/8, so that many neurons cross together and there are ties."""
    return rng.integers(-1, 12, shape) / 8


def check(layer, spikes, drive, radius, channels, refractory=0):
    counts, state = simulate(drive, radius, channels, refractory=refractory)
    assert_array_equal(spikes.count[:].reshape(drive.shape), counts)
    for name in ("v", "silenced", "hits"):
        assert_array_equal(layer.state(name)[:].reshape(drive.shape), state[name], err_msg=name)
    if refractory:
        fired = counts > 0
        last = np.rint(layer.lastspike[:] / defaultclock.dt).reshape(drive.shape)
        assert_array_equal(last[fired], state["last"][fired])
        assert np.all(last[~fired] < -1000)
    return counts


# On every target; all scenes share a network, because a standalone build takes seconds.


def races_equal_the_reference(case):
    shape, radius, channels, refractory = case
    drive = draw_drive(np.random.default_rng(sum(shape)), shape)
    layer = inhibited_map(drive, radius, channels, refractory)
    spikes = SpikeMonitor(layer)
    yield layer, spikes
    rows, cols = (
        (10, 10) if radius in ("all", None) else (radius if np.ndim(radius) else (radius, radius))
    )
    counts = check(layer, spikes, drive, (rows, cols), channels, refractory)
    free, _ = simulate(drive, (0, 0), "own", refractory=refractory)
    assert 0 < counts.sum() < free.sum()


CASES = [
    ((2, 3, 4, 5), 0, "others", 0),
    ((1, 4, 5, 3), (1, 2), "others", 3),
    ((2, 4, 5, 2), 1, "own", 0),
    ((2, 3, 3, 3), (1, 0), "all", 2),
    ((2, 2, 3, 4), "all", "all", 0),
]


def nothing_sees_a_removed_spike():
    """One spike at each position: monitors made before and after, pathways, counts, the reset."""
    layer = FeatureMap(
        (6, 3, 4),
        "v : 1\nsilenced : 1\nresets : 1",
        threshold="v > 0.5 and silenced < 1",
        reset="silenced = 1; resets += 1",
        batch_size=2,
        name="single",
    )
    before = SpikeMonitor(layer)
    inhibition = LateralInhibition(layer)
    after = SpikeMonitor(layer)
    rate = PopulationRateMonitor(layer)
    counter = PerSample(layer, "n : integer", on_spike="n += 1")
    target = FeatureMap((1, 3, 4), "g : 1", batch_size=2)
    conv = ConvSynapses(layer, target, "w : 1", on_pre="g_post += w", kernel_size=1)
    conv.w = "2.0**in_channel"
    layer.run_regularly("v += 0.25*(1 + (i*7 % 5))")
    yield layer, before, after, rate, counter, target, conv

    assert layer.thresholder["spike"].order < inhibition.order < before.order
    v, winner = 0.25 * (1 + (np.arange(2 * 12 * 6) * 7 % 5)).reshape(24, 6), np.full(24, -1)
    for step in range(1, STEPS):
        crossed = np.where(step * v > 0.5, step * v, -1)
        new = (winner < 0) & (crossed.max(axis=1) > 0)
        winner[new] = crossed.argmax(axis=1)[new]
    expected = np.eye(6, dtype=int)[winner].ravel()
    assert_array_equal(layer.resets[:], expected)
    for monitor in (before, after):
        assert_array_equal(monitor.count[:], expected)
        assert monitor.num_spikes == 24
    assert_array_equal(counter.n[:], [12, 12])
    assert_array_equal(target.g[:], 2.0**winner)
    assert np.rint(float(rate.rate[:].sum()) * 1e-4 * len(layer)) == 24


def the_source_may_be_any_expression():
    """A threshold of each channel, units; NaN comes last; no effect leaves what crossed."""
    layer = FeatureMap((4, 1, 2), "v : volt\nodd : 1", "v > theta/2", "v = 0*volt", name="sourced")
    thresholds = PerChannel(layer, "theta : volt")
    thresholds.theta = "(4 - i)*mV"
    LateralInhibition(layer, "", source="(v - theta)*odd", radius="all", channels="all")
    layer.v = "2.5*mV"
    layer.v[7] = 9 * mV
    layer.odd = [1] * 7 + [np.nan]
    spikes = SpikeMonitor(layer)
    yield layer, thresholds, spikes

    # of each channel the first position first, and the NaN of the last neuron last
    neurons, steps = spikes_of(spikes)
    assert list(neurons) == [3, 2, 6, 1, 5, 0, 4, 7]
    assert_array_equal(steps, range(8))


def two_inhibitions_run_in_turn():
    """First across channels, then within them; refractoriness follows the outcome."""
    layer = FeatureMap(
        (2, 1, 3),
        "v : 1\na : 1\nb : 1",
        "v > 0",
        "",
        refractory=100 * ms,
        name="turns",
    )
    LateralInhibition(layer, "a += 1")
    LateralInhibition(layer, "b += 1", channels="own", radius=(0, 1))
    layer.v = [3, 1, 2, 5, 1, 4]  # (position, channel)
    spikes = SpikeMonitor(layer)
    yield layer, spikes

    # 0, 3 and 5 win their positions, and 3 silences 5 at the next one; then 1 and 5 are too far
    # from each other, and 4 is what is left
    neurons, steps = spikes_of(spikes)
    assert list(neurons) == [0, 3, 1, 2, 5, 4]
    assert_array_equal(steps, [0, 0, 1, 1, 1, 2])
    assert_array_equal(np.rint(layer.lastspike[:] / defaultclock.dt), [0, 1, 1, 0, 2, 1])
    assert_array_equal(layer.a[:], [1, 1, 1, 1, 2, 1])  # 4 by the spike that 5 lost, too
    assert_array_equal(layer.b[:], [1, 1, 2, 2, 1, 1])


@pytest.mark.usefixtures("brian2_in_numpy")
def test_inhibition(target):
    running = [
        *[races_equal_the_reference(case) for case in CASES],
        nothing_sees_a_removed_spike(),
        the_source_may_be_any_expression(),
        two_inhibitions_run_in_turn(),
    ]
    run_steps(*[obj for scene in running for obj in next(scene)], steps=STEPS)
    for scene in running:
        assert next(scene, None) is None


@settings(deadline=None, max_examples=30)
@given(
    shape=st.tuples(*[st.integers(1, n) for n in (3, 4, 4, 4)]),
    radius=st.tuples(st.integers(0, 4), st.integers(0, 4)),
    channels=st.sampled_from(["others", "own", "all"]),
    refractory=st.sampled_from([0, 1, 3]),
    single=st.booleans(),
    number=st.integers(0, 2**32 - 1),
)
def test_any_geometry_equals_the_reference(shape, radius, channels, refractory, single, number):
    if channels == "own" and (min(radius[0], shape[1] - 1), min(radius[1], shape[2] - 1)) == (0, 0):
        return
    prefs.codegen.target = "numpy"
    prefs.core.default_float_dtype = np.float32 if single else np.float64
    drive = draw_drive(np.random.default_rng(number), shape)
    layer = inhibited_map(drive, radius, channels, refractory)
    spikes = SpikeMonitor(layer)
    run_steps(layer, spikes, steps=STEPS)
    check(layer, spikes, drive, radius, channels, refractory)


def test_a_random_winner_repeats_with_the_seed(target):
    if target in STANDALONE:
        pytest.skip("each seed would take a build")
    found = []
    for _ in range(2):
        seed(5)
        layer = FeatureMap((10, 1, 200), "n : 1", "True", "n += 1", name="lottery*")
        LateralInhibition(layer, "", source="rand()")
        run_steps(layer)
        found.append(layer.get_maps("n")[0, :, 0])
    assert_array_equal(*found)
    assert_array_equal(found[0].sum(axis=0), 1)
    assert found[0].sum(axis=1).min() > 5


def test_the_race_costs_no_memory_for_connections():
    layer = FeatureMap((8, 10, 10), "v : 1\nsilenced : 1", "v > 1", "", batch_size=10)
    names = set(layer.variables)
    LateralInhibition(layer, radius="all", channels="all")
    LateralInhibition(layer)
    (new,) = set(layer.variables) - names
    assert (layer.variables[new].size, layer.variables[new].dtype) == (len(layer), bool)


def test_store_and_restore_with_refractoriness():
    prefs.codegen.target = "numpy"
    layer = inhibited_map(draw_drive(np.random.default_rng(1), (2, 3, 3, 3)), 1, "all", 2)
    network = Network(layer)
    network.run(5 * defaultclock.dt)
    network.store()
    found = []
    for _ in range(2):
        network.restore()
        network.run(9 * defaultclock.dt)
        found.append((layer.hits[:], layer.lastspike[:]))
    assert_array_equal(*[hits for hits, _ in found])
    assert_array_equal(*[last for _, last in found])


def test_it_can_be_switched_off():
    prefs.codegen.target = "numpy"
    layer = FeatureMap((5, 1, 1), "v : 1\nn : 1", "v > 0", "n += 1")
    inhibition = LateralInhibition(layer, "")
    layer.v = 1
    network = Network(layer)
    inhibition.active = False
    network.run(defaultclock.dt)
    assert_array_equal(layer.n, 1)
    inhibition.active = True
    network.run(defaultclock.dt)
    assert_array_equal(layer.n, [2, 1, 1, 1, 1])


# What is refused


@pytest.fixture
def layer():
    prefs.codegen.target = "numpy"
    return FeatureMap(
        (2, 3, 3),
        "v : 1\nu : volt\nsilenced : 1\non : boolean\nz = v**2 : 1\nall : 1 (shared)",
        "v > 1",
        "",
        name="layer",
    )


@pytest.mark.parametrize(
    ("kwds", "message"),
    [
        ({"radius": -1}, r"radius must be an integer from 0, a pair \(rows, cols\) or 'all', got"),
        ({"radius": 1.5}, "got 1.5"),
        ({"radius": (1, 2, 3)}, "got"),
        ({"radius": "whole"}, "got 'whole'"),
        ({"radius": True}, "got True"),
        ({"channels": "other"}, "channels must be 'others', 'own' or 'all', got 'other'"),
        ({"channels": "own"}, "radius 0 reaches none; give a radius"),
        ({"source": "w"}, r"has no variable 'w'; say with source= what decides"),
        ({"effect": "v *= 2"}, r"'v \*= 2' has no meaning where several spikes.*; use ="),
        ({"effect": "w = 1"}, r"'w = 1' changes no variable.*; add 'w : 1' to its model, or"),
        ({"effect": "z = 1"}, "changes no variable that the map stores"),
        ({"effect": "all = 1"}, "changes no variable that the map stores"),
        ({"effect": "channel = 1"}, "changes no variable that the map stores"),
        ({"effect": "v = v/2"}, "'v = v/2' reads 'v', which the effect changes"),
        ({"effect": "v -= z"}, "'v -= z' reads 'v', which the effect changes"),
        ({"effect": "v = silenced; silenced = 1"}, "reads 'silenced'"),
        ({"effect": "v = 1; v -= 1"}, "the effect assigns to 'v' and changes it in another"),
        ({"effect": "on += 1"}, "'on', which is boolean; assign with ="),
    ],
)
def test_what_has_no_meaning_is_refused(layer, kwds, message):
    with pytest.raises(ValueError, match=f"LateralInhibition on 'layer': .*{message}"):
        LateralInhibition(layer, **kwds)


def test_a_map_must_declare_what_silences_it():
    layer = FeatureMap((2, 3, 3), "v : 1", "v > 1", "v = 0", name="plain")
    with pytest.raises(
        ValueError, match=r"add 'silenced : 1' to its model and 'and silenced < 1' to its threshold"
    ):
        LateralInhibition(layer)


def test_booleans_may_be_assigned(layer):
    LateralInhibition(layer, "on = True")
    layer.v["channel == 0"] = 2
    run_steps(layer)
    assert_array_equal(layer.get_maps("on")[0, :, 0, 0], [False, True])


def test_other_objects_are_refused(layer):
    with pytest.raises(TypeError, match="expected a FeatureMap, got NeuronGroup"):
        LateralInhibition(NeuronGroup(3, "v : 1", "v > 1", "v = 0"))
    with pytest.raises(TypeError, match="source must be an expression such as 'v - theta'"):
        LateralInhibition(layer, source=3)
    silent = FeatureMap((2, 3, 3), "v : 1", name="silent")
    with pytest.raises(ValueError, match=r"on 'silent': the map doesn't spike, .* a threshold"):
        LateralInhibition(silent, "v = 0")


@pytest.mark.parametrize(
    ("effect", "error", "message"),
    [
        ("v = rand()", NotImplementedError, r"'v = rand\(\)' calls rand\(\) for every spike"),
        ("u = 3", DimensionMismatchError, "'u = 3' doesn't have the units of 'u'"),
        ("u -= 3*ms", DimensionMismatchError, r"'u -= 3\*ms' doesn't have the units of 'u'"),
        ("v = unknown", KeyError, "unknown"),
        ("on = 3*mV", DimensionMismatchError, "doesn't have the units of 'on'"),
    ],
)
def test_what_only_a_run_can_know_is_checked_there(layer, effect, error, message):
    LateralInhibition(layer, effect)
    with pytest.raises(BrianObjectException) as caught:
        run_steps(layer)
    with pytest.raises(error, match=message):
        raise caught.value.__cause__
    assert layer.u.dim is volt.dim
