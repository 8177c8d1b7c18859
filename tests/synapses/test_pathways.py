"""Spikes along a shared kernel equal the explicit synapses, on every target."""

import numpy as np
import pytest
from brian2 import Network, NeuronGroup, SpikeMonitor, Synapses, defaultclock, ms, prefs
from cases import explicitly, random_geometry
from targets_cases import spikes_of

from hebbsim import ConvSynapses, FeatureMap, rules
from hebbsim.statements import parse_statements

LIF = """dv/dt = (drive - v)/(5*ms) : 1 (unless refractory)
drive : 1
g : 1"""

RULES = {
    "additive": rules.PairSTDP(0.5),
    "power": rules.PairSTDP(0.5, mu=0.5, pairing="nearest"),
    "multiplicative": rules.PairSTDP(0.5, mu=1),
    "triplet": rules.TripletSTDP.visual_cortex().hard_bounded(-1, 2),
    "nearest": rules.TripletSTDP.hippocampus("nearest").hard_bounded(-1, 2),
}
SEEDS = range(4)


def build(seed, name):
    """Random geometry, rule, delay and currents; both maps spike."""
    rng = np.random.default_rng(seed)
    geometry, batch_size = random_geometry(rng), int(rng.integers(1, 3))
    rule = list(RULES.values())[seed % len(RULES)]
    delay = {"transmit": float(rng.integers(0, 4)) * 0.3 * ms, "rule_pre": seed % 3 * 0.2 * ms}

    def feature_map(shape, model, reset, label):
        group = FeatureMap(
            shape,
            f"{LIF}\n{model}",
            threshold="v > 1",
            reset=f"v = 0\n{reset}",
            refractory=0.5 * ms,
            method="exact",
            batch_size=batch_size,
            name=f"{label}{name}",
        )
        group.set_maps("drive", rng.random((batch_size, *shape)) * 3)
        return group

    source = feature_map(geometry.in_shape, rule.pre_model, rule.pre_reset, "s")
    target = feature_map(geometry.out_shape, rule.post_model, rule.post_reset, "t")
    conv = ConvSynapses(
        source,
        target,
        on_pre={"transmit": "v_post += 0.05*w; g_post += w*channel_pre"},
        on_post={"feedback": "g_pre += 0.5*w"},
        rule=rule,
        delay=delay,
        kernel_size=geometry.kernel_size,
        stride=geometry.stride,
        padding=geometry.padding,
        dilation=geometry.dilation,
        groups=geometry.groups,
        weight_sharing=geometry.weight_sharing,
        padding_mode=geometry.padding_mode,
        name=f"c{name}",
    )
    conv.set_kernel("w", rng.random(geometry.kernel_shape))
    return source, target, conv


def simulate(explicit=False, duration=15 * ms):
    built = [build(seed, number) for number, seed in enumerate(SEEDS)]
    runs = [(s, t, c.to_synapses() if explicit else c) for s, t, c in built]
    monitors = [SpikeMonitor(group, name=f"m{group.name}") for s, t, _ in built for group in (s, t)]
    Network(*[obj for objects in runs for obj in objects], *monitors).run(duration)
    spikes = [spikes_of(monitor) for monitor in monitors]
    values = [
        (c.get_kernel("w"), np.array(t.get_maps("g")), np.array(s.get_maps("g")))
        for s, t, c in built
    ]
    return spikes, values


def in_order(i, t):
    """Sort spikes by time, then neuron: on a GPU those of one step come in any order."""
    order = np.lexsort((i, np.asarray(t)))
    return np.asarray(t)[order], np.asarray(i)[order]


@pytest.fixture(scope="module")
def explicit():
    return explicitly(simulate)


@pytest.mark.usefixtures("brian2_in_numpy")
def test_spikes_and_kernels_equal_explicit_synapses(explicit, target):
    spikes, values = simulate()
    assert sum(len(i) for i, _ in spikes) > 500
    for ours, theirs in zip(spikes, explicit[0], strict=True):
        for found, expected in zip(in_order(*ours), in_order(*theirs), strict=True):
            np.testing.assert_array_equal(found, expected)
    for seed, (ours, theirs) in enumerate(zip(values, explicit[1], strict=True)):
        for name, a, b in zip(("w", "g_post", "g_pre"), ours, theirs, strict=True):
            scale = max(1, np.abs(b).max())
            np.testing.assert_allclose(
                a, b, rtol=0, atol=1e-10 * scale, err_msg=f"seed {seed}: {name}"
            )


def test_a_kernel_element_changes_once_for_all_simultaneous_spikes():
    source = FeatureMap((1, 3, 3), "x : 1", threshold="x > 0", reset="")
    layer = FeatureMap((1, 1, 1), "g : 1", batch_size=1)
    shared = FeatureMap((1, 3, 3), "g : 1")
    one = ConvSynapses(source, shared, "w : 1", on_pre="w += 0.01; g_post += 1", kernel_size=1)
    each = ConvSynapses(source, layer, "w : 1", on_pre="w += 0.01", kernel_size=3)
    source.x = 1
    Network(source, layer, shared, one, each).run(defaultclock.dt)
    np.testing.assert_allclose(one.w[:], [0.09])  # nine positions share it
    np.testing.assert_allclose(each.w[:], np.full(9, 0.01))
    np.testing.assert_allclose(shared.g[:], 1)


def test_delay_is_exact(target):
    source = FeatureMap((1, 1, 1), "x : 1", threshold="i == 0 and t < dt/2", reset="")
    layer = FeatureMap((1, 1, 1), "g : 1\nreached : second")
    conv = ConvSynapses(
        source,
        layer,
        "w : 1",
        on_pre={"now": "g_post += 1", "later": "reached_post += t"},
        delay={"later": 0.7 * ms},
        kernel_size=1,
    )
    Network(source, layer, conv).run(2 * ms)
    assert layer.g[0] == 1
    assert float(layer.reached[0] / ms) == pytest.approx(0.7)


def test_frozen_kernels_still_transmit():
    source = FeatureMap((1, 2, 2), "x : 1", threshold="True", reset="")
    layer = FeatureMap((1, 2, 2), "g : 1")
    conv = ConvSynapses(source, layer, "w : 1", on_pre="g_post += w; w += 0.1", kernel_size=1)
    conv.w = 1
    conv.learning = False
    Network(source, layer, conv).run(2 * defaultclock.dt)
    np.testing.assert_array_equal(conv.w[:], 1)
    np.testing.assert_array_equal(layer.g[:], 2)


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_rule_works_between_ordinary_groups(rule):
    """The texts are Brian2's: the same rule in `Synapses` and in a 1x1 convolution."""
    prefs.codegen.target = "numpy"
    results = []
    for kind in ("convolution", "synapses"):
        equations = f"{LIF}\n{rule.pre_model}\n{rule.post_model}"
        reset = f"v = 0\n{rule.pre_reset}\n{rule.post_reset}"
        kwds = {"threshold": "v > 1", "reset": reset, "method": "exact", "refractory": 1 * ms}
        if kind == "convolution":
            a = FeatureMap((1, 1, 1), equations, **kwds)
            b = FeatureMap((1, 1, 1), equations, **kwds)
            joined = ConvSynapses(a, b, rule=rule, kernel_size=1)
        else:
            a, b = NeuronGroup(1, equations, **kwds), NeuronGroup(1, equations, **kwds)
            bounds = "\nw = clip(w, -1, 2)" if isinstance(rule, rules.TripletSTDP) else ""
            bounds = bounds or "\nw = clip(w, 0, w_max)"
            joined = Synapses(
                a,
                b,
                "w : 1\neta : 1 (shared)",
                on_pre=rule.on_pre + bounds,
                on_post=rule.on_post + bounds,
                namespace=rule.parameters,
            )
            joined.connect()
            joined.eta = rule.learning_rate
        a.drive, b.drive, joined.w = 1.5, 1.4, 0.5
        Network(a, b, joined).run(60 * ms)
        results.append(float(joined.w[0]))
    # bounds that depend on w see it as it was at the start of a step here, after the other
    # pathway there: a difference of second order in the change of one step
    tolerance = 1e-3 if getattr(rule, "mu", 0) else 1e-9
    assert results[0] - 0.5 == pytest.approx(results[1] - 0.5, rel=1e-9, abs=tolerance * 0.1)
    assert abs(results[0] - 0.5) > 1e-3


def test_statements_are_read():
    code = "g_post += w  # transmit\n k = 2*w; w -= k*o1_post"
    assert [str(s) for s in parse_statements(code)] == ["g_post += w", "k = 2*w", "w -= k*o1_post"]
    with pytest.raises(SyntaxError, match="'g_post w' is no statement"):
        parse_statements("g_post w")


def spiking(shape=(1, 2, 2), extra=""):
    return FeatureMap(shape, f"x : 1\ng : 1\n{extra}", threshold="x > 1", reset="x = 0")


@pytest.mark.parametrize(
    ("kwds", "error", "message"),
    [
        ({"on_pre": "w = 1"}, ValueError, "'w = 1' has no meaning where several connections"),
        ({"on_pre": "w *= 2"}, ValueError, r"accumulate with \+= or -="),
        ({"on_pre": "w = clip(w + 1, 0, 1)"}, ValueError, "bound what results in update="),
        ({"on_pre": 3}, TypeError, "on_pre: expected statements for the pathway 'pre', .* got 3"),
        ({"on_post": {"a": None}}, TypeError, "on_post: .* pathway 'a', .*, got None"),
        ({"on_pre": "h_post += w"}, ValueError, "writes no variable that is stored"),
        ({"on_pre": "channel_post += 1"}, ValueError, "writes no variable that is stored"),
        ({"on_pre": "w += o1_post"}, ValueError, "needs a variable 'o1' of"),
        ({"on_pre": "g_post += w", "delay": {"x": 1 * ms}}, ValueError, "no pathway 'x'"),
        ({"on_pre": "g_post += w", "delay": 3}, ValueError, "expected a time"),
        ({"on_pre": "g_post += w", "delay": -1 * ms}, ValueError, "expected a time"),
        ({"on_pre": {"a": "g_post += w"}, "on_post": {"a": "w += 1"}}, ValueError, "one name"),
        ({"on_pre": "eta += 1", "model": "w : 1\neta : 1 (shared)"}, ValueError, "no variable of"),
    ],
)
def test_errors(kwds, error, message):
    settings = {"kernel_size": 1, **kwds}
    if "rule" not in settings:
        settings.setdefault("model", "w : 1")
    with pytest.raises(error, match=message):
        ConvSynapses(spiking(), spiking(), **settings)


def test_a_source_that_does_not_spike():
    with pytest.raises(ValueError, match="doesn't spike, so on_pre would never happen"):
        ConvSynapses(
            FeatureMap((1, 2, 2), "x : 1"), spiking(), "w : 1", on_pre="g_post += w", kernel_size=1
        )


def test_a_delay_counts_the_steps_of_the_run():
    source, layer = spiking(), spiking()
    source.x = [2, 0, 0, 0]
    conv = ConvSynapses(source, layer, "w : 1", on_pre="g_post += w", delay=1 * ms, kernel_size=1)
    conv.w = 1
    defaultclock.dt = 0.2 * ms
    try:
        net = Network(source, layer, conv)
        net.run(1 * ms)
        assert layer.g[0] == 0
        net.run(0.2 * ms)
        assert layer.g[0] == 1
    finally:
        defaultclock.dt = 0.1 * ms


@pytest.mark.parametrize("value", ["w*g_pre", "w*half_pre"])
def test_a_pathway_of_a_recurrent_map_reads_nothing_that_it_changes_as_post(value):
    layer = FeatureMap((1, 3, 3), "g : 1\nhalf = g/2 : 1", "g > 1", "g = 0")
    with pytest.raises(ValueError, match="reads 'g' by another name than it changes it by"):
        ConvSynapses(layer, layer, "w : 1", on_pre=f"g_post += {value}", kernel_size=3, padding=1)
