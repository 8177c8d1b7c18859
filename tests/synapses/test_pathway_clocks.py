"""Pathways run on the clock of the neurons that spike, and answer to any of their events."""

import re

import numpy as np
import pytest
from brian2 import (
    BrianObjectException,
    Clock,
    Network,
    NeuronGroup,
    SpikeGeneratorGroup,
    Synapses,
    defaultclock,
    ms,
    prefs,
)

from hebbsim import ConvSynapses, FeatureMap, rules

SPIKING = {"threshold": "x > 0.5", "reset": ""}


def run_on_clocks(kind, source_dt=None, target_dt=None, dt=None):
    """Count spikes of two neurons at 1, 2, 2 and 3 ms where they arrive."""
    if kind == "generator":
        source = SpikeGeneratorGroup(2, [0, 1, 0, 1], [1, 2, 2, 3] * ms, dt=source_dt)
        place = {"source_shape": (1, 1, 2)}
    else:  # spikes in each step
        source = FeatureMap((1, 1, 2), "x = 1 : 1", **SPIKING, dt=source_dt)
        place = {}
    target = FeatureMap((1, 1, 2), "v : 1", dt=target_dt)
    conv = ConvSynapses(source, target, "w : 1", on_pre="v += w", kernel_size=1, dt=dt, **place)
    conv.w = 1
    Network(source, target, conv).run(4 * ms)
    return list(target.v[:])


@pytest.mark.parametrize(
    ("kind", "clocks", "expected"),
    [
        ("generator", {"source_dt": 1 * ms}, [2, 2]),
        ("generator", {"dt": 1 * ms}, [2, 2]),
        ("generator", {"target_dt": 0.5 * ms, "dt": 0.2 * ms}, [2, 2]),
        ("generator", {"source_dt": 0.5 * ms, "target_dt": 1 * ms}, [2, 2]),
        ("map", {"source_dt": 1 * ms}, [4, 4]),
        ("map", {"target_dt": 1 * ms}, [40, 40]),
        ("map", {"source_dt": 0.5 * ms, "dt": 1 * ms}, [8, 8]),
    ],
)
@pytest.mark.parametrize("language", ["numpy", "auto"])
def test_each_spike_arrives_once(kind, clocks, expected, language):
    prefs.codegen.target = language
    assert run_on_clocks(kind, **clocks) == expected


@pytest.mark.parametrize("step", [0.1, 0.5])
@pytest.mark.parametrize("dt", [None, 1 * ms])
def test_pair_stdp_does_not_depend_on_clocks(step, dt):
    """A spike at 1 ms and one at 3 ms later: 0.5 + 0.1*exp(-2/20), whatever the clocks."""
    rule = rules.PairSTDP(1.0, A_plus=0.1, w_max=1)
    maps = []
    for time in (1, 3):
        maps.append(FeatureMap((1, 1, 1), "at : second", "abs(t - at) < dt/2", "", dt=step * ms))
        maps[-1].at = time * ms
    conv = ConvSynapses(*maps, rule=rule, kernel_size=1, dt=dt)
    conv.w = 0.5
    Network(*maps, conv).run(5 * ms)
    assert conv.w[0] == pytest.approx(0.5 + 0.1 * np.exp(-0.1), rel=1e-9)


@pytest.mark.parametrize("explicit", [False, True])
@pytest.mark.parametrize("dt", [0.5 * ms, 2 * ms])
def test_shared_kernels_change_with_the_steps_of_the_spikes(explicit, dt):
    """What one spike changes, the next one of the same clock transmits."""
    prefs.codegen.target = "numpy"
    source = SpikeGeneratorGroup(4, [0, 1, 2, 3], [1, 1, 2, 3] * ms, dt=1 * ms)
    target = FeatureMap((1, 2, 2), "v : 1")
    conv = ConvSynapses(
        source,
        target,
        "w : 1",
        on_pre="v += w; w += 1",
        kernel_size=1,
        source_shape=(1, 2, 2),
        dt=dt,
    )
    conv.w = 1
    Network(source, target, conv.to_synapses() if explicit else conv).run(4 * ms)
    assert conv.w[0] == 5
    assert list(target.v[:]) == [1, 1, 3, 4]


def test_clocks_events_and_chance_on_every_target(target):
    """A sum on the clock of its target, an event, a generator of 1 ms, random release."""
    source = FeatureMap((1, 10, 10), "x = t/ms : 1", "x > 9", "", events={"late": "x > 0.95"})
    generator = SpikeGeneratorGroup(100, [0, 1, 0], [0, 1, 1] * ms, dt=1 * ms)
    layer = FeatureMap((1, 10, 10), "u : 1\nn : 1\nk : 1\nr : 1", dt=0.5 * ms)
    common = {"kernel_size": 1, "source_shape": (1, 10, 10), "dt": 2 * ms}
    conv = ConvSynapses(
        source,
        layer,
        "w : 1\nu_post = w*x_pre : 1 (summed)",
        on_pre="n += w",
        on_event="late",
        **common,
    )
    chance = "r += int(rand() < 0.5)" if not target.startswith("cuda") else "r += 0.5"
    other = ConvSynapses(generator, layer, "w : 1", on_pre="k += w", **common)
    random = ConvSynapses(source, layer, "w : 1", on_pre=chance, on_event="late", **common)
    conv.w = other.w = 1
    Network(source, generator, layer, conv, other, random).run(1.4 * ms)
    assert layer.u[0] == pytest.approx(1)  # at 1 ms
    assert layer.n[0] == 4  # 1 to 1.3 ms
    assert list(layer.k[:3]) == [2, 1, 0]
    assert layer.r[:].sum() == pytest.approx(200, abs=50)


def bursting():
    events = {"burst": "x > 1", "rest": "x < 1"}
    return FeatureMap((1, 1, 2), "x : 1", "x > 10", "", events=events, name="source")


@pytest.mark.parametrize(
    ("on_event", "expected"),
    [("burst", [3, 0]), ({"pre": "rest"}, [0, 3]), ({"pre": "spike"}, [0, 0])],
)
@pytest.mark.parametrize("language", ["numpy", "auto"])
def test_events_of_ones_own(on_event, expected, language):
    prefs.codegen.target = language
    source = bursting()
    layer = FeatureMap((1, 1, 2), "v : 1")
    conv = ConvSynapses(source, layer, "w : 1", on_pre="v += w", kernel_size=1, on_event=on_event)
    conv.w, source.x = 1, [2, 0]
    Network(source, layer, conv).run(0.3 * ms)
    assert list(layer.v[:]) == expected


@pytest.mark.parametrize(
    ("on_event", "message"),
    [
        ("bust", "'source' has no event 'bust', only burst, rest, spike"),
        ({"post": "burst"}, "there is no pathway 'post'"),
    ],
)
def test_unknown_events(on_event, message):
    source = bursting()
    layer = FeatureMap((1, 1, 2), "v : 1")
    with pytest.raises(ValueError, match=message):
        ConvSynapses(source, layer, "w : 1", on_pre="v += w", kernel_size=1, on_event=on_event)


@pytest.mark.parametrize(
    "code",
    ["v += w*int(rand() < 0.3)", "r = int(rand() < 0.3); v += r; w += r", "v = v + w*rand()"],
)
@pytest.mark.parametrize("sharing", [True, False])
@pytest.mark.parametrize("language", ["numpy", "auto"])
def test_stochastic_release(code, sharing, language):
    """The mean of 2000 draws; what is drawn once counts for the neuron and for the kernel."""
    prefs.codegen.target = language
    source = FeatureMap((1, 10, 10), "x = 1 : 1", **SPIKING)
    layer = FeatureMap((1, 10, 10), "v : 1")
    conv = ConvSynapses(source, layer, "w : 1", on_pre=code, kernel_size=1, weight_sharing=sharing)
    conv.w = 1
    Network(source, layer, conv).run(2 * ms)
    mean = layer.v[:].sum() / 2000
    assert mean == pytest.approx(0.5 if "v + w*rand" in code else 0.3, abs=0.05)
    assert layer.v[:].std() > 0
    if "w += r" in code:
        assert (conv.w[:] - 1).sum() == pytest.approx(layer.v[:].sum())


STDP = {
    "model": """w : 1
    dapre/dt = -apre/(20*ms) : 1 (event-driven)
    dapost/dt = -apost/(20*ms) : 1 (event-driven)""",
    "on_pre": "v_post += w; apre += 0.01; w = clip(w + apost, 0, 0.3)",
    "on_post": "apost += -0.0105; w = clip(w + apre, 0, 0.3)",
    "delay": 1 * ms,
}


def stdp(kind, names=("apre", "apost")):
    prefs.codegen.target = "numpy"
    given = {
        key: value.replace("apre", names[0]).replace("apost", names[1])
        if isinstance(value, str)
        else value
        for key, value in STDP.items()
    }
    source = SpikeGeneratorGroup(4, [0, 1, 2, 3, 1], [1, 2, 3, 4, 6] * ms)
    neuron = {"threshold": "abs(t - at) < dt/2", "reset": "v = 0"}
    if kind == "synapses":
        target = NeuronGroup(4, "at : second\nv : 1", **neuron)
        joined = Synapses(source, target, **given)
        joined.connect()
    else:
        target = FeatureMap((4, 1, 1), "at : second\nv : 1", **neuron)
        prefs.codegen.target = "numpy" if kind == "explicit" else kind
        joined = ConvSynapses(source, target, **given, kernel_size=1, source_shape=(4, 1, 1))
    target.at, joined.w = "3*ms + i*ms", 0.2
    running = joined.to_synapses() if kind == "explicit" else joined
    Network(source, target, running).run(10 * ms)
    if kind == "synapses":
        return np.array(joined.w[:]), np.array(target.v[:])
    return joined.get_kernel("w")[:, :, 0, 0].T.ravel(), np.array(target.v[:])


@pytest.mark.parametrize("kind", ["numpy", "auto", "explicit"])
def test_brian2s_stdp_example_where_nothing_is_shared(kind):
    for found, right in zip(stdp(kind), stdp("synapses"), strict=True):
        assert np.ptp(right) > 0.01
        np.testing.assert_allclose(found, right, rtol=1e-12)


def test_traces_may_be_called_pre_and_post():
    for found, right in zip(stdp("numpy", ("pre", "post")), stdp("synapses"), strict=True):
        np.testing.assert_array_equal(found, right)


@pytest.mark.parametrize("dt", [0.01, 0.02, 0.04])
def test_a_delay_counts_in_the_steps_of_the_run(dt):
    defaultclock.dt = 0.1 * ms
    source = FeatureMap((1, 1, 1), "x : 1", threshold="t < dt/2", reset="")
    layer = FeatureMap((1, 1, 1), "reached : second")
    conv = ConvSynapses(
        source, layer, "w : 1", on_pre="reached_post += t", delay=0.04 * ms, kernel_size=1
    )
    defaultclock.dt = dt * ms
    Network(source, layer, conv).run(0.2 * ms)
    assert float(layer.reached[0] / ms) == pytest.approx(0.04)


def learned_on_a_slow_clock(**kwds):
    clock = Clock(1 * ms, name="slow*")
    source = FeatureMap((1, 1, 1), "x : 1", clock=clock)
    layer = FeatureMap((1, 1, 1), "u : 1\ny : 1", clock=clock)
    source.x = layer.y = 1
    kwds = {name: clock if value == "theirs" else value for name, value in kwds.items()}
    conv = ConvSynapses(source, layer, kernel_size=1, rule=rules.Hebb(1.0), **kwds)
    Network(source, layer, conv).run(1 * ms)
    return conv.w[:].tolist()


def test_a_kernel_on_a_clock_that_its_neurons_lack_is_refused():
    with pytest.raises(BrianObjectException) as raised:
        learned_on_a_slow_clock()
    message = str(raised.value.__cause__)
    assert re.search(r"'defaultclock', dt = 100\.? us.*'slow', dt = 1\.? ms", message)
    assert learned_on_a_slow_clock(clock="theirs") == [1]
    assert learned_on_a_slow_clock(dt=0.5 * ms) == [2]


@pytest.mark.parametrize("moved", ["resets", "pathway"])
def test_pathways_and_resets_can_be_moved_as_in_brian2(moved):
    prefs.codegen.target = "numpy"
    rule = rules.PairSTDP(0.1)
    weights = []
    for ours in (True, False):
        rng = np.random.default_rng(0)
        pre, post = (
            {"model": f"v : 1\n{model}", "threshold": "v > 0.7", "reset": reset, "method": "exact"}
            for model, reset in (
                (rule.pre_model, rule.pre_reset),
                (rule.post_model, rule.post_reset),
            )
        )
        if ours:
            source, layer = FeatureMap((3, 1, 1), **pre), FeatureMap((2, 1, 1), **post)
            joined = ConvSynapses(source, layer, rule=rule, kernel_size=1)
        else:
            source, layer = NeuronGroup(3, **pre), NeuronGroup(2, **post)
            joined = Synapses(
                source,
                layer,
                "w : 1\neta : 1 (shared)",
                on_pre=rule.on_pre,
                on_post=rule.on_post,
                namespace=rule.parameters,
            )
            joined.connect()
            joined.eta = 0.1
        joined.w = 0.5
        if moved == "resets":
            for group in (source, layer):
                group.resetter["spike"].when = "before_synapses"
        else:
            (joined.rule_post if ours else joined.post).when = "after_resets"
        network = Network(source, layer, joined)
        for _ in range(20):
            source.v, layer.v = rng.random(3), rng.random(2)
            network.run(1 * defaultclock.dt, namespace={})
        weights.append(np.array(joined.w[:]))
    assert np.ptp(weights[0]) > 0
    np.testing.assert_allclose(*weights, rtol=1e-12)
