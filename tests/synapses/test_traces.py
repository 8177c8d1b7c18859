"""Rules learn from any source that spikes, and not from half of what they need."""

import numpy as np
import pytest
from brian2 import (
    Hz,
    Network,
    NeuronGroup,
    PoissonGroup,
    SpikeGeneratorGroup,
    SpikeMonitor,
    Synapses,
    ms,
    prefs,
)

from hebbsim import ConvSynapses, FeatureMap, rules

NEURON = {"threshold": "abs(t - at) < dt/2", "reset": ""}


def spikes(kind, dt=None):
    """Return four neurons that spike once each, as a group of some kind, and what belongs to it."""
    if kind == "generator":
        return SpikeGeneratorGroup(4, range(4), [1, 2, 3, 4] * ms, dt=dt), ()
    if kind == "map":
        group = FeatureMap((4, 1, 1), "at : second", **NEURON, dt=dt)
        group.at = "(1 + i)*ms"
        return group, ()
    group = NeuronGroup(6 if kind == "subgroup" else 4, "at : second", **NEURON, dt=dt)
    group.at = "(1 + i)*ms" if kind == "neurons" else "i*ms"
    return (group[1:5], (group,)) if kind == "subgroup" else (group, ())


def learned(kind, dt, convolve, explicit=False):
    source, others = spikes(kind, dt)
    if convolve:
        target = FeatureMap((3, 1, 1), "at : second", **NEURON)
        rule = rules.PairSTDP(1.0)
        joined = ConvSynapses(
            source,
            target,
            rule=rule,
            kernel_size=1,
            source_shape=(4, 1, 1),
        )
    else:
        target = NeuronGroup(3, "at : second", **NEURON)
        joined = Synapses(
            source,
            target,
            """w : 1
            dr1/dt = -r1/(20*ms) : 1 (event-driven)
            do1/dt = -o1/(20*ms) : 1 (event-driven)""",
            on_pre="w = clip(w - 0.0105*o1, 0, 1); r1 += 1",
            on_post="w = clip(w + 0.01*r1, 0, 1); o1 += 1",
        )
        joined.connect()
    target.at = "2.4*ms + i*ms"
    joined.w = 0.5
    Network(source, target, joined.to_synapses() if explicit else joined, *others).run(8 * ms)
    if convolve:
        return joined.get_kernel("w")[:, :, 0, 0].T.ravel()
    return np.array(joined.w[:])


@pytest.mark.usefixtures("brian2_in_numpy")
@pytest.mark.parametrize("kind", ["generator", "neurons", "subgroup", "map"])
@pytest.mark.parametrize("dt", [None, 0.5 * ms], ids=["same clock", "own clock"])
def test_traces_are_kept_for_any_source(kind, dt):
    prefs.codegen.target = "numpy"
    right = learned(kind, dt, convolve=False)
    assert len(set(np.round(right, 9))) > 5
    np.testing.assert_allclose(learned(kind, dt, convolve=True), right, rtol=1e-12)
    np.testing.assert_allclose(learned(kind, dt, True, explicit=True), right, rtol=1e-12)
    prefs.codegen.target = "auto"
    np.testing.assert_allclose(learned(kind, dt, convolve=True), right, rtol=1e-12)


@pytest.mark.usefixtures("brian2_in_numpy")
def test_a_poisson_group_learns(target):
    source = PoissonGroup(6, 300 * Hz)
    layer = FeatureMap((2, 1, 2), "v : 1", threshold="v > 1", reset="v = 0")
    rule = rules.TripletSTDP.visual_cortex()
    conv = ConvSynapses(
        source,
        layer,
        rule=rule,
        on_pre={"transmit": "v += w"},
        kernel_size=(1, 2),
        source_shape=(2, 1, 3),
    )
    conv.w = 0.4
    monitor = SpikeMonitor(layer)
    Network(source, layer, conv, monitor).run(60 * ms)
    assert monitor.num_spikes > 10
    assert np.abs(conv.w[:] - 0.4).max() > 1e-4
    assert conv.traces["pre"].r1[:].max() > 0


HALVES = [("pre", "r1 += 1"), ("post", "o1 += 1"), ("both", "r1 += 1")]


@pytest.mark.parametrize(("missing", "statement"), HALVES)
def test_half_a_rule_is_refused(missing, statement):
    rule = rules.PairSTDP()
    resets = {
        side: "x = 0" if missing in (side, "both") else f"x = 0\n{getattr(rule, f'{side}_reset')}"
        for side in ("pre", "post")
    }
    maps = [
        FeatureMap(
            (1, 2, 2),
            f"x : 1\n{getattr(rule, f'{side}_model')}",
            threshold="x > 1",
            reset=resets[side],
            name=side,
        )
        for side in ("pre", "post")
    ]
    with pytest.raises(ValueError, match="no spike changes it") as error:
        ConvSynapses(*maps, rule=rule, kernel_size=1)
    assert f"'{statement}', to its reset" in str(error.value)


@pytest.mark.parametrize("rule", [rules.TripletSTDP.visual_cortex(), rules.Clopath()])
def test_half_of_other_rules_too(rule):
    model = f"x : 1\nu : 1\nv : volt\n{rule.pre_model}"
    source = FeatureMap((1, 1, 1), model, threshold="x > 1", reset="x = 0", name="source")
    target = FeatureMap((1, 1, 1), f"v : volt\nq : 1\n{rule.post_model}", "q > 1", "q = 0")
    with pytest.raises(ValueError, match=r"'source' has the trace .* but no spike changes it"):
        ConvSynapses(source, target, rule=rule, kernel_size=1)


def test_a_trace_that_a_pathway_changes_is_whole():
    source = FeatureMap((1, 1, 1), "x : 1\ndr/dt = -r/(5*ms) : 1", "x > 1", "x = 0")
    target = FeatureMap((1, 1, 1), "x : 1", "x > 1", "x = 0")
    rule = rules.Rule(
        1.0,
        on_pre="r_pre += 1",
        on_post="w += r_pre",
        pre_model="dr/dt = -r/(5*ms) : 1",
        pre_reset="r += 1",
        update="",
    )
    conv = ConvSynapses(source, target, rule=rule, kernel_size=1)
    assert not conv.traces


def test_neurons_that_do_not_spike_get_no_traces():
    source = FeatureMap((1, 1, 1), "x : 1")
    target = FeatureMap((1, 1, 1), "x : 1", "x > 1", "x = 0")
    with pytest.raises(ValueError, match="doesn't spike"):
        ConvSynapses(source, target, rule=rules.PairSTDP(), kernel_size=1)


def test_a_trace_of_more_than_spikes_belongs_into_the_model():
    rule = rules.Clopath()
    source = FeatureMap((1, 1, 1), "x : 1", "x > 1", "x = 0")
    target = FeatureMap((1, 1, 1), "v : volt\nq : 1", "q > 1", "q = 0", name="target")
    with pytest.raises(
        ValueError, match=r"of the target 'target'; add rule.post_model to its model"
    ):
        ConvSynapses(source, target, rule=rule, kernel_size=1)
