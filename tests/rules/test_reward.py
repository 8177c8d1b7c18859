"""Three-factor rules: the trace, its reward, one for each sample; on every target."""

from dataclasses import replace

import numpy as np
import pytest
from brian2 import (
    Network,
    NeuronGroup,
    Synapses,
    TimedArray,
    defaultclock,
    linked_var,
    ms,
    second,
)
from brian2.core.base import BrianObjectException
from cases import explicitly, random_geometry

from hebbsim import ConvSynapses, FeatureMap, rules
from hebbsim.maps.per_channel_sample_position import PerSample
from hebbsim.rules import RewardGated

#: Cython takes two seconds for each of Brian2's own objects, with which ours are compared here
pytestmark = pytest.mark.usefixtures("brian2_in_numpy")

INNER = {
    "pair": rules.PairSTDP(0.5, mu=0.5),
    "triplet": rules.TripletSTDP.visual_cortex().hard_bounded(-1, 2),
    "oja": rules.Oja(0.001),
}
REWARDS = {
    "shared": {"tau_reward": 30 * ms},
    "per sample": {"tau_reward": 30 * ms, "per_sample": True},
    "of neurons": {"reward": "y_post - 0.5"},
}
CASES = [(name, reward) for name in INNER for reward in ("shared", "per sample")]
CASES.append(("triplet", "of neurons"))


def build(seed, name, reward):
    rng = np.random.default_rng(seed)
    geometry, batch_size = random_geometry(rng), 3
    rule = RewardGated(INNER[name], tau_e=20 * ms, punishment=0.5, **REWARDS[reward])
    label = f"{seed}"

    def feature_map(shape, activity, model, reset, side):
        group = FeatureMap(
            shape,
            f"dv/dt = (drive - v)/(5*ms) : 1\ndrive : 1\n{activity} = v : 1\n{model}",
            threshold="v > 1",
            reset=f"v = 0\n{reset}",
            method="exact",
            batch_size=batch_size,
            name=f"{side}{label}",
        )
        group.set_maps("drive", rng.random((batch_size, *shape)) * 3)
        return group

    source = feature_map(geometry.in_shape, "x", rule.pre_model, rule.pre_reset, "s")
    target = feature_map(geometry.out_shape, "y", rule.post_model, rule.post_reset, "t")
    groups = []
    if rule.per_sample:
        groups = [PerSample(target, rule.post_samples, namespace=rule.parameters, name=f"r{label}")]
    conv = ConvSynapses(
        source,
        target,
        "w : 1",
        on_pre={"transmit": "v_post += 0.05*w"},
        rule=rule,
        delay={"rule_pre": 0.2 * ms} if rule.on_pre else None,
        kernel_size=geometry.kernel_size,
        stride=geometry.stride,
        padding=geometry.padding,
        dilation=geometry.dilation,
        groups=geometry.groups,
        weight_sharing=geometry.weight_sharing,
        padding_mode=geometry.padding_mode,
        name=f"c{label}",
    )
    conv.set_kernel("w", rng.random(geometry.kernel_shape))
    if rule.per_sample:
        groups[0].reward = [1, -0.5, 0.25]
    elif not rule.reward:
        conv.reward = 0.7
    return source, target, groups, conv


def simulate(explicit=False):
    built = [build(seed, *case) for seed, case in enumerate(CASES)]
    objects = []
    for source, target, groups, conv in built:
        objects += [source, target, *groups, conv.to_synapses() if explicit else conv]
    Network(*objects).run(10 * ms)
    return [(conv.get_kernel("w"), conv.get_kernel("eligibility")) for *_, conv in built]


@pytest.fixture(scope="module")
def explicit():
    return explicitly(simulate)


def test_rules_equal_explicit_synapses(explicit, target):
    for (name, reward), ours, theirs in zip(CASES, simulate(), explicit, strict=True):
        assert (ours[1].ndim > theirs[0].ndim) == (reward == "per sample")
        assert np.abs(theirs[1]).max() > 1e-6
        for what, a, b in zip(("w", "eligibility"), ours, theirs, strict=True):
            scale = max(1, np.abs(b).max())
            message = f"{name}, reward {reward}: {what}"
            np.testing.assert_allclose(a, b, rtol=0, atol=1e-10 * scale, err_msg=message)


def one_pair(rule, batch_size=1, **kwds):
    """Pre- and postsynaptic spikes 1 ms apart: pre first in sample 0, post first in others."""
    source = FeatureMap(
        (1, 1, 1),
        f"at : second\n{rule.pre_model}",
        threshold="t >= at - dt/2 and t < at + dt/2",
        reset=rule.pre_reset,
        batch_size=batch_size,
        method="exact",
    )
    target = FeatureMap(
        (1, 1, 1),
        f"at : second\n{rule.post_model}",
        threshold="t >= at - dt/2 and t < at + dt/2",
        reset=rule.post_reset,
        batch_size=batch_size,
        method="exact",
    )
    source.at, target.at = "int(sample > 0)*ms", "int(sample == 0)*ms"
    group = []
    if getattr(rule, "per_sample", False):
        group = [PerSample(target, rule.post_samples, namespace=rule.parameters)]
    conv = ConvSynapses(source, target, rule=rule, kernel_size=1, **kwds)
    conv.w = 0.5
    return Network(source, target, conv, *group), conv, group


PAIR = rules.PairSTDP(1, A_plus=0.01, A_minus=0.02)


def test_a_late_reward_finds_what_is_left_of_the_trace():
    """Closed form: the change of a pair decays with tau_e until the reward."""
    rule = RewardGated(PAIR, tau_e=50 * ms, trial_by_trial=True)
    network, conv, _ = one_pair(rule)
    network.run(41 * ms)
    assert conv.w[0] == 0.5
    conv.reward, conv.rewarded = 2, 1
    network.run(defaultclock.dt)
    conv.rewarded = 0
    expected = 0.01 * np.exp(-1 / 20) * np.exp(-40 / 50)
    assert conv.w[0] - 0.5 == pytest.approx(2 * expected, rel=1e-6)
    network.run(10 * ms)
    assert conv.w[0] - 0.5 == pytest.approx(2 * expected, rel=1e-6)


def test_continuous_reward_is_a_rate():
    """dw/dt = reward*eligibility: the integral of a decaying trace."""
    rule = RewardGated(PAIR, tau_e=50 * ms)
    network, conv, _ = one_pair(rule)
    conv.reward = 3
    network.run(1 * second)
    change = 0.01 * np.exp(-1 / 20)
    assert conv.w[0] - 0.5 == pytest.approx(3 * change * 0.05, rel=2e-3)


def test_each_neuron_gates_what_its_own_synapses_learn():
    """dw/dt = plateau_post*eligibility: two of three dendrites have a plateau, one of them half."""
    trace = rules.Rule(
        1, equations="dw = x_pre : 1 (summed)", update="w += eta*dw*dt/second"
    ).hard_bounded(0, 1)
    rule = RewardGated(trace, tau_e=50 * ms, reward="plateau_post")
    source = FeatureMap((2, 1, 1), "x : 1")
    branches = FeatureMap((3, 1, 1), "plateau : 1")
    conv = ConvSynapses(source, branches, "w : 1", rule=rule, kernel_size=1)
    ordinary = Synapses(source, branches, rule.synapse_model, namespace=rule.parameters)
    ordinary.connect()
    ordinary.run_regularly(rule.update, when="end")
    ordinary.eta = rule.learning_rate
    source.x, branches.plateau = [1, 0], [1, 0, 0.5]
    Network(source, branches, conv, ordinary).run(100 * ms)
    # the trace rises as 1 - exp(-t/tau_e), in units of x*tau_e
    grown = 0.05 * (0.1 - 0.05 * (1 - np.exp(-2)))
    expected = grown * np.array([[1, 0], [0, 0], [0.5, 0]])
    for weights in (conv.get_kernel("w")[:, :, 0, 0], ordinary.w[:].reshape(2, 3).T):
        np.testing.assert_allclose(weights, expected, rtol=5e-3)


def test_each_sample_is_rewarded_for_its_own_spikes(target):
    rule = RewardGated(PAIR, tau_e=50 * ms, trial_by_trial=True, per_sample=True)
    network, conv, (rewards,) = one_pair(rule, batch_size=3)
    rewards.reward = [1, 10, 0]
    network.add(rewards.run_regularly("rewarded = int(t > 2.95*ms and t < 3.05*ms)", when="start"))
    network.run(4 * ms)
    causal = 0.01 * np.exp(-1 / 20) * np.exp(-2 / 50)
    acausal = -0.02 * np.exp(-1 / 20) * np.exp(-2 / 50)
    assert conv.w[0] - 0.5 == pytest.approx(causal + 10 * acausal, rel=1e-5)


def test_the_mean_reward_is_subtracted():
    rule = RewardGated(PAIR, 1e6 * second, 10 * defaultclock.dt, trial_by_trial=True)
    network, conv, _ = one_pair(rule)
    network.run(2 * ms)
    eligibility, expected, mean = 0.01 * np.exp(-1 / 20), 0.5, 0
    conv.rewarded = 1
    for reward in (1, 1, -1, 0.5):
        conv.reward = reward
        network.run(defaultclock.dt)
        expected += (reward - mean) * eligibility
        mean += (reward - mean) * (1 - np.exp(-0.1))
    assert conv.mean_reward == pytest.approx(mean)
    assert conv.w[0] == pytest.approx(expected, rel=1e-6)


def test_punishment_is_signed():
    for punishment, factor in ((1, 1), (0, 0), (-0.5, -0.5)):
        rule = RewardGated(PAIR, 1e6 * second, trial_by_trial=True, punishment=punishment)
        network, conv, _ = one_pair(rule)
        network.run(2 * ms)
        conv.reward, conv.rewarded = -1, 1
        network.run(defaultclock.dt)
        assert conv.w[0] - 0.5 == pytest.approx(-factor * 0.01 * np.exp(-1 / 20), rel=1e-6)


def test_reward_from_a_neuron_and_from_a_recording(target):
    """The same pulse of dopamine, from a linked neuron and from an array."""
    times = np.arange(100) * 0.1
    pulse = np.where((times >= 3) & (times < 5), 2.0, 0.0)
    recorded = TimedArray(pulse, dt=0.1 * ms)
    neuron = NeuronGroup(1, "dopamine = recorded(t) : 1\nd : 1", namespace={"recorded": recorded})
    neuron.run_regularly("d = recorded(t)", when="start")
    networks = []
    for kind in ("linked", "recorded"):
        source_text = "recorded(t)" if kind == "recorded" else ""
        rule = RewardGated(PAIR, 50 * ms, reward=source_text)
        network, conv, _ = one_pair(rule, name=kind, namespace={"recorded": recorded})
        if kind == "linked":
            conv.reward = linked_var(neuron, "d")
        networks.append((network, conv))
    objects = {neuron}
    for network, _ in networks:
        objects |= set(network.objects)
    Network(*objects).run(8 * ms)
    steps = np.arange(30, 50)
    trace = 0.01 * np.exp(-1 / 20) * np.exp(-(steps - 10) * 0.1 / 50)
    for _, conv in networks:
        assert conv.w[0] - 0.5 == pytest.approx((2 * trace * 1e-4).sum(), rel=1e-5)


def test_what_cannot_be_gated_is_refused():
    with pytest.raises(TypeError, match="expected a rule"):
        RewardGated("pair")
    with pytest.raises(ValueError, match="tau_e"):
        RewardGated(PAIR, tau_e=5)
    with pytest.raises(TypeError, match="no option 'tau'"):
        RewardGated(PAIR, tau=1)
    for option in ({"tau_reward": 5 * ms}, {"per_sample": True}):
        with pytest.raises(ValueError, match=f"is one of each connection, and {min(option)}"):
            RewardGated(PAIR, reward="plateau_post", **option)
    multiplies = rules.Rule(equations="dw = x_pre : 1 (summed)", update="w = w*(1 + dw)")
    with pytest.raises(ValueError, match="neither \\+= nor -="):
        RewardGated(multiplies)
    _, conv, _ = one_pair(RewardGated(PAIR))
    group = NeuronGroup(2, "d : 1")
    with pytest.raises(ValueError, match="one value, and can't be linked to the 2 of 'd'"):
        conv.reward = linked_var(group, "d")
    with pytest.raises(ValueError, match="only a shared parameter can be linked, not 'w'"):
        conv.w = linked_var(group, "d")


def test_statements_in_one_line_are_gated_too():
    on_pre = "z = eta*o1_post; w -= z"
    rule = RewardGated(rules.Rule(on_pre=on_pre, update="a = 2; w += a*eta\nw = clip(w, 0, 1)"))
    assert rule.on_pre.splitlines() == ["z = eta*o1_post", "eligibility -= z"]
    assert rule.update.splitlines() == [
        "a = 2",
        "eligibility += a*eta",
        "w += modulator*eligibility*dt/second",
        "w = clip(w, 0, 1)",
    ]
    for update in ("w = w*0.9", "w *= 0.9", "w = clip(w + eta*dw, 0, 1)"):
        with pytest.raises(ValueError, match="neither \\+= nor -="):
            RewardGated(rules.Rule(on_pre="w += eta", update=update))


def test_a_changed_parameter_changes_the_texts():
    rule = replace(RewardGated(PAIR), per_sample=True)
    assert "summed over samples" in rule.equations
    assert "5. * msecond" in replace(PAIR, tau_plus=5 * ms).pre_model
    own = replace(PAIR, on_pre="w -= 0.1")
    assert replace(own, tau_plus=5 * ms).on_pre == "w -= 0.1"


@pytest.mark.parametrize("per_sample", [False, True])
def test_the_mean_before_a_reward_is_subtracted(per_sample):
    """The same modulator, whether the rewards are one or many."""
    tau = 2 * defaultclock.dt
    rule = RewardGated(PAIR, 1e6 * second, tau, trial_by_trial=True, per_sample=per_sample)
    network, conv, group = one_pair(rule)
    network.run(2 * ms)
    told = group[0] if per_sample else conv
    told.reward, told.rewarded = 1, 1
    network.run(2 * defaultclock.dt)
    change = (1 + np.exp(-0.5)) * 0.01 * np.exp(-1 / 20)
    assert conv.w[0] - 0.5 == pytest.approx(change, rel=1e-6)


def test_units_of_each_samples_equations_are_checked():
    source, layer = FeatureMap((1, 2, 2), "x : 1"), FeatureMap((1, 2, 2), "y : 1")
    model = "w : 1\ndq/dt = -q : 1 (clock-driven, per sample)"
    conv = ConvSynapses(source, layer, model, kernel_size=1)
    with pytest.raises(BrianObjectException) as error:
        Network(source, layer, conv).run(defaultclock.dt)
    assert "Inconsistent units" in str(error.value.__cause__)


@pytest.mark.parametrize(
    ("rule", "spikes", "way_out"),
    [
        (RewardGated(PAIR, per_sample=True), True, "create PerSample\\(target, rule.post_samples"),
        (rules.Oja().filtered(9 * ms, 9 * ms), False, "add rule.pre_model to its model and rule.p"),
    ],
)
def test_what_a_rule_lacks_is_named_with_the_way_out(rule, spikes, way_out):
    when, then = ("{0} > 0", "{0} += 1") if spikes else (None, None)
    source, target = (
        FeatureMap(
            (1, 2, 2),
            f"{trace} : 1",
            threshold=when and when.format(trace),
            reset=then and then.format(trace),
            name=name,
        )
        for trace, name in (("r1", "source"), ("o1", "target"))
    )
    with pytest.raises(ValueError, match=way_out):
        ConvSynapses(source, target, rule=rule, kernel_size=1)
