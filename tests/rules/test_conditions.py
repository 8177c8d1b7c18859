"""Rules that learn where a condition holds, and rewards of the very step."""

import json
from dataclasses import replace

import numpy as np
import pytest
from brian2 import Network, NeuronGroup, Synapses, defaultclock, ms, nS, prefs, second
from numpy.testing import assert_allclose

from hebbsim import ConvSynapses, FeatureMap, PerPosition, PerSample, rules
from hebbsim.networks.serialization import describe_rule, rule_from
from hebbsim.rules import RewardGated

STOP = "reward_post < 0 or abs(u_post) < 0.5"


def rated(rule, batch_size=1, per=None, text="", **kwds):
    """Return maps with random rates, 4x4 to two channels of 3x3, a kernel, and its rewards."""
    rng = np.random.default_rng(3)
    source = FeatureMap((1, 4, 4), "x : 1", batch_size=batch_size)
    target = FeatureMap((2, 3, 3), "u : 1\ny : 1", batch_size=batch_size)
    rewards = []
    if per:
        rewards = [per(target, f"{text}\n{rule.post_samples}", namespace=rule.parameters)]
    conv = ConvSynapses(source, target, "w : 1", rule=rule, kernel_size=2, **kwds)
    conv.set_kernel("w", rng.uniform(0.2, 0.8, conv.get_kernel("w").shape))
    source.set_maps("x", rng.random((batch_size, 1, 4, 4)))
    for name in ("u", "y"):
        target.set_maps(name, rng.normal(size=(batch_size, 2, 3, 3)))
    return source, target, conv, *rewards


def windows(source):
    """Return what each connection reads: (sample, row, col, krow, kcol)."""
    x = source.get_maps("x")[:, 0]
    return np.lib.stride_tricks.sliding_window_view(x, (2, 2), axis=(1, 2))


def test_only_connections_where_the_condition_holds_learn(target):
    """Closed form: Oja's rule, masked; a reward of each sample, within soft bounds; spikes."""
    oja = rated(rules.Oja(0.1).learn_if("abs(u_post) < 0.5 and x_pre > 0.3"), 2)
    rewarded = RewardGated(
        rules.Hebb(0.1).learn_if(STOP), tau_e=None, per_sample=True, punishment=0.5
    ).soft_bounded(0, 1)
    told = rated(rewarded, 3, PerSample)
    told[3].reward = [1, -1, 0.5]
    before = [layers[2].get_kernel("w") for layers in (oja, told)]
    Network(*oja, *told).run(defaultclock.dt)

    x, (u, y) = windows(oja[0]), (oja[1].get_maps(name) for name in "uy")
    learns = (np.abs(u) < 0.5)[..., None, None] & (x > 0.3)[:, None]
    post, w = y[..., None, None], before[0][None, :, 0, None, None]
    change = (learns * post * (x[:, None] - post * w)).sum(axis=(0, 2, 3))
    assert_allclose(oja[2].get_kernel("w")[:, 0], before[0][:, 0] + 0.1 * change, rtol=1e-10)

    x, (u, y) = windows(told[0]), (told[1].get_maps(name) for name in "uy")
    r = np.array([1, -0.5, 0.5])[:, None, None, None]  # punishment halved
    change = 0.1 * np.einsum("scij,sijkl->ckl", r * y * ((r < 0) | (np.abs(u) < 0.5)), x)
    w = before[1][:, 0]
    grown = w + np.clip(change, 0, None) * (1 - w) + np.clip(change, None, 0) * w
    assert_allclose(told[2].get_kernel("w")[:, 0], grown, rtol=1e-10)


@pytest.mark.parametrize("place", ["kernel", "synapses"])
def test_spikes_learn_where_the_condition_holds(place):
    """A pair of spikes 4 ms apart at each of two neurons, one of which has had enough."""
    prefs.codegen.target = "numpy"
    rule = rules.PairSTDP(A_plus=0.2).learn_if("full_post < 1")
    at = {"threshold": "abs(t - at) < dt/2", "method": "exact"}
    model = f"at : second\nfull : 1\n{rule.post_model}"
    if place == "kernel":
        source = FeatureMap((1, 1, 1), f"at : second\n{rule.pre_model}", reset="r1 += 1", **at)
        layer = FeatureMap((2, 1, 1), model, reset=rule.post_reset, **at)
        learner = ConvSynapses(source, layer, "w : 1", rule=rule, kernel_size=1)
    else:
        source = NeuronGroup(1, f"at : second\n{rule.pre_model}", reset="r1 += 1", **at)
        layer = NeuronGroup(2, model, reset=rule.post_reset, **at)
        texts = {"on_pre": rule.on_pre, "on_post": rule.on_post}
        learner = Synapses(
            source, layer, rule.synapse_model, namespace=rule.parameters, method="exact", **texts
        )
        learner.connect()
        learner.eta = rule.learning_rate
    source.at, layer.at, layer.full, learner.w = 1 * ms, 5 * ms, [0, 1], 0.3
    Network(source, layer, learner).run(6 * ms, namespace={})
    assert_allclose(learner.w[:], [0.3 + 0.2 * np.exp(-4 / 20), 0.3])


def test_each_position_is_rewarded_for_what_it_did():
    """Kernels of its own, and a reward from what it chose: a network at each position."""
    prefs.codegen.target = "numpy"
    rule = RewardGated(rules.Hebb(0.5), tau_e=None, per_sample=True, reward="2*hits - 1")
    text = "hits = y_map : 1 (summed)"
    source, target, conv, position = rated(rule, 1, PerPosition, text, weight_sharing=False)
    before = conv.get_kernel("w")
    Network(source, target, conv, position).run(defaultclock.dt)
    y = target.get_maps("y")[0]
    rewarded = np.moveaxis((2 * y.sum(axis=0) - 1) * y, 0, 2)  # (row, col, channel)
    change = 0.5 * rewarded[..., None, None, None] * windows(source)[0][:, :, None, None]
    assert_allclose(conv.get_kernel("w"), before + change)


def test_the_mean_reward_of_earlier_steps_is_subtracted():
    prefs.codegen.target = "numpy"
    rule = RewardGated(rules.Hebb(0.1), None, 2 * defaultclock.dt)
    source, target, conv = rated(rule)
    conv.reward, before = 1, conv.get_kernel("w")
    Network(source, target, conv).run(2 * defaultclock.dt)
    hebb = np.einsum("cij,ijkl->ckl", target.get_maps("y")[0], windows(source)[0])
    modulators = 1 + np.exp(-0.5)  # the mean is 0, then 1 - exp(-1/2)
    assert_allclose(conv.get_kernel("w")[:, 0], before[:, 0] + 0.1 * modulators * hebb)


def test_a_neurons_variable_rewards_its_own_connections_at_once():
    prefs.codegen.target = "numpy"
    source, target, conv = rated(
        RewardGated(rules.Hebb(0.1), tau_e=None, reward="2*y_post - x_pre")
    )
    before = conv.get_kernel("w")
    Network(source, target, conv).run(defaultclock.dt)
    x, y = windows(source)[0], target.get_maps("y")[0]
    hebb = np.einsum("cij,ijkl->ckl", 2 * y**2, x) - np.einsum("cij,ijkl->ckl", y, x**2)
    assert_allclose(conv.get_kernel("w")[:, 0], before[:, 0] + 0.1 * hebb)


def test_conditions_bounds_and_rewards_mean_the_same_in_any_order():
    hebb = rules.Hebb()
    assert hebb.learn_if(STOP).soft_bounded(0, 1) == hebb.soft_bounded(0, 1).learn_if(STOP)
    inside = RewardGated(hebb.learn_if(STOP), tau_e=None).soft_bounded(0, 1).hard_bounded(0, 1)
    outside = RewardGated(hebb, tau_e=None).hard_bounded(0, 1).soft_bounded(0, 1).learn_if(STOP)
    assert str(inside) == str(outside)
    assert RewardGated(hebb).learn_if(STOP) == RewardGated(hebb.learn_if(STOP))
    twice = hebb.learn_if("u_post < 1").learn_if("x_pre > 0")
    assert twice.equations == "dw = int(x_pre > 0)*(int(u_post < 1)*(y_post*x_pre)) : 1 (summed)"
    times = (5 * ms, 8 * ms)
    assert hebb.learn_if(STOP).filtered(*times) == hebb.filtered(*times).learn_if(STOP)


@pytest.mark.parametrize(
    "rule",
    [
        rules.NonlinearHebb(theta_y=0.5),
        rules.BCM(),
        rules.Sanger(),
        rules.TripletSTDP(learning_rate=1 * nS),
        rules.Clopath(),
        RewardGated(rules.Hebb(), tau_e=None, punishment=0.5),
        RewardGated(rules.PairSTDP(mu=0.5)),
    ],
    ids=lambda rule: rule.name,
)
def test_a_condition_changes_nothing_else_of_a_rule(rule):
    """Its units and parameters stay, it is kept in files, and its parameters can be replaced."""
    stops = rule.learn_if("u_post < 1")
    for name in ("on_pre", "on_post"):
        assert ("int(u_post < 1)" in getattr(stops, name)) == bool(getattr(rule, name))
    assert ("int(u_post < 1)" in stops.equations) == ("dw =" in rule.equations)
    assert stops.weight_unit == rule.weight_unit
    assert stops.parameters.keys() == rule.parameters.keys()
    assert str(rule_from(json.loads(json.dumps(describe_rule(stops))))) == str(stops)
    assert "int(u_post < 1)" in str(replace(stops, constants={"c": 1}))


def test_what_depends_on_nothing_is_refused():
    with pytest.raises(ValueError, match="expected a condition such as"):
        rules.Hebb().learn_if("u_post <")
    with pytest.raises(ValueError, match="neither a sum such as"):
        rules.Rule(equations="u_post = w*x_pre : 1 (summed)", update="").learn_if("u_post < 1")
    with pytest.raises(ValueError, match="neither \\+= nor -="):
        rules.Rule(on_pre="w *= 0.9").learn_if("u_post < 1")


def test_what_has_to_wait_for_a_reward_is_refused_without_a_trace():
    with pytest.raises(ValueError, match="spikes change the weight; give tau_e"):
        RewardGated(rules.PairSTDP(), tau_e=None)
    for update in ("w += eta*dw - 0.1*w", "w += eta*dw**2", "w *= 1 + dw"):
        with pytest.raises(ValueError, match="not in proportion to the rule's sums"):
            RewardGated(rules.Hebb(update=update), tau_e=None)
    assert RewardGated(rules.Hebb(), 1 * second).tau_e == 1 * second
