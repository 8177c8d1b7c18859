"""Bounds of weights: signed and inhibitory ranges, and weights beyond them."""

import json
from dataclasses import replace

import numpy as np
import pytest
from brian2 import Network, defaultclock, device, ms, nS, prefs
from brian2.core.base import BrianObjectException
from numpy.testing import assert_allclose, assert_array_equal

from hebbsim import ConvSynapses, FeatureMap, rules
from hebbsim.networks.serialization import describe_rule, rule_from
from hebbsim.rules import RewardGated

AT = {"threshold": "abs(t - at) < dt/2", "method": "exact"}


def a_pair(rule, w, lag, **kwds):
    """Return a weight after one spike at 5 ms and another `lag` ms later, of the target."""
    source = FeatureMap((1, 1, 1), f"at : second\n{rule.pre_model}", reset=rule.pre_reset, **AT)
    target = FeatureMap((1, 1, 1), f"at : second\n{rule.post_model}", reset=rule.post_reset, **AT)
    conv = ConvSynapses(source, target, rule=rule, kernel_size=1, name="conv", **kwds)
    source.at, target.at, conv.w = 5 * ms, (5 + lag) * ms, w
    Network(source, target, conv).run(15 * ms, namespace={})
    return conv.w[0]


@pytest.mark.parametrize("unit", [1, nS], ids=["1", "nS"])
@pytest.mark.parametrize("mu", [0, 0.5, 1])
@pytest.mark.parametrize("lag", [-4, 4])
@pytest.mark.parametrize(("w_min", "w_max", "w"), [(-1, 0, -0.3), (-2, 3, 1), (0.5, 2, 1.9)])
def test_soft_bounds_of_any_range(w_min, w_max, w, lag, mu, unit):
    """Closed form of a single pair, scaled by what is left of the range to grow or shrink."""
    prefs.codegen.target = "numpy"
    rule = rules.PairSTDP(
        A_plus=0.2 * unit,
        A_minus=0.1 * unit,
        tau_plus=5 * ms,
        tau_minus=8 * ms,
        w_min=w_min * unit,
        w_max=w_max * unit,
        mu=mu,
    )
    relative = (w - w_min) / (w_max - w_min)
    grown = 0.2 * np.exp(-4 / 5) * (1 - relative) ** mu
    shrunk = 0.1 * np.exp(-4 / 8) * relative**mu
    expected = min(w + grown, w_max) if lag > 0 else w - shrunk
    assert_allclose(float(a_pair(rule, w * unit, lag) / unit), expected, rtol=1e-9)


@pytest.mark.parametrize("low", [-1, -1 * nS])
def test_a_plain_zero_takes_the_units_of_the_other_bound(low):
    unit = abs(low)
    rule = rules.PairSTDP(A_plus=0.1 * unit, A_minus=0, w_min=low, w_max=0)
    assert rule.kept_range == (low, 0 * unit)
    assert_allclose(float(a_pair(rule, -0.001 * unit, 1) / unit), 0, atol=1e-12)


OUTSIDE = {
    "PairSTDP": (rules.PairSTDP(), -0.1, r"'w' is -0.1 at kernel element 0, and the rule PairSTDP"),
    "above": (rules.PairSTDP(w_max=0.5), 0.6, "clips weights to the range from 0.0 to 0.5; set"),
    "inhibitory": (rules.PairSTDP(w_min=-1, w_max=0), 0.1, "range from -1 to 0"),
    "units": (
        rules.PairSTDP(A_plus=1 * nS, A_minus=1 * nS, w_max=1 * nS),
        2 * nS,
        "'w' is 2. nS at kernel element 0, .* from 0. S to 1. nS",
    ),
    "hard_bounded": (rules.TripletSTDP().hard_bounded(-1, 2), 3, "TripletSTDP clips weights to"),
    "hard bounds of bounds": (rules.PairSTDP().hard_bounded(-1, 2), -0.5, "range from 0.0 to 1.0"),
    "soft and hard": (
        rules.Hebb().soft_bounded(0, 2).filtered(1 * ms, 1 * ms).hard_bounded(0, 1),
        1.5,
        "the rule Hebb clips weights to the range from 0 to 1",
    ),
    "RewardGated": (RewardGated(rules.PairSTDP()), -1, r"RewardGated\(PairSTDP\) clips"),
    "RewardGated bounds": (RewardGated(rules.TripletSTDP()).hard_bounded(0, 1), 2, "from 0 to 1"),
    "no number": (rules.PairSTDP(), np.nan, "'w' is nan at kernel element 0"),
}


@pytest.mark.parametrize("name", OUTSIDE)
def test_weights_beyond_the_bounds_are_refused_at_the_start(name):
    prefs.codegen.target = "numpy"
    rule, w, message = OUTSIDE[name]
    model = {} if rule.pre_channels else {"model": f"w : {rule.weight_unit}"}
    with pytest.raises(BrianObjectException) as error:
        a_pair(rule, w, 1, **model)
    assert isinstance(error.value.__cause__, ValueError)
    cause = str(error.value.__cause__)
    assert cause.startswith("ConvSynapses 'conv': 'w' is")
    with pytest.raises(ValueError, match=message):
        raise error.value.__cause__


def a_kernel(rule, **kwds):
    prefs.codegen.target = "numpy"
    model = "at : second"
    source = FeatureMap((1, 2, 2), f"{model}\n{rule.pre_model}", reset=rule.pre_reset, **AT)
    target = FeatureMap((1, 1, 1), f"{model}\n{rule.post_model}", reset=rule.post_reset, **AT)
    source.at = target.at = 0 * ms
    conv = ConvSynapses(source, target, "w : 1", rule=rule, kernel_size=2, **kwds)
    return Network(source, target, conv), conv


def run(network):
    network.run(2 * defaultclock.dt, namespace={})


def test_all_that_lie_beyond_are_counted():
    network, conv = a_kernel(rules.PairSTDP())
    conv.w = [0, 2, 0.5, -1]
    with pytest.raises(BrianObjectException) as error:
        run(network)
    assert "'w' is 2.0 at kernel element 1 and 1 others" in str(error.value.__cause__)
    assert_array_equal(conv.w[:], [0, 2, 0.5, -1])


def test_weights_set_between_runs_are_looked_at():
    network, conv = a_kernel(rules.PairSTDP())
    conv.w = 0.5
    run(network)
    conv.w = -0.5
    with pytest.raises(BrianObjectException):
        run(network)


def test_weights_that_a_norm_moves_may_start_another_run():
    """Not only of the same object: a network goes on from stored weights."""
    network, conv = a_kernel(rules.PairSTDP(), normalize="L1", norm=8)
    conv.w = [0.5, 0.5, 0.1, 0]
    run(network)
    assert conv.w[:].max() > 1
    run(network)
    other, again = a_kernel(rules.PairSTDP(), normalize="L1", norm=8)
    again.w = conv.w[:]
    run(other)


@pytest.mark.parametrize(("bounds", "w"), [((0, 1), -0.1), ((-1, 0), 0.1), ((0.5, 2), -3)])
def test_a_norm_keeps_the_sign(bounds, w):
    rule = rules.PairSTDP(w_min=bounds[0], w_max=bounds[1])
    network, conv = a_kernel(rule, normalize="L2", norm=8)
    conv.w = [-4 * w, -w, w, -w]
    with pytest.raises(BrianObjectException) as error:
        run(network)
    assert f"'w' is {float(w)} at kernel element 2, and" in str(error.value.__cause__)


def test_weights_that_are_not_there_are_within():
    mask = np.array([[[[1, 0], [1, 1]]]])
    network, conv = a_kernel(rules.PairSTDP(w_min=0.5, w_max=2), mask=mask)
    conv.w = 0.75
    run(network)
    assert conv.w[1] == 0


@pytest.mark.parametrize("bound", [0.3, 0.7])
def test_bounds_are_rounded_as_the_weights_are(bound, dtype):
    network, conv = a_kernel(rules.PairSTDP(A_plus=2, A_minus=0, w_max=bound))
    conv.w = bound
    run(network)
    run(network)
    assert_allclose(conv.w[:], bound, rtol=1e-6)


@pytest.mark.parametrize("frozen", [True, False], ids=["frozen", "another update"])
def test_what_the_rule_does_not_clip_may_lie_beyond(frozen):
    network, conv = a_kernel(rules.PairSTDP(), **({} if frozen else {"update": "w *= 2"}))
    conv.w = -3
    conv.learning = not frozen
    run(network)
    assert_array_equal(conv.w[:], -3 if frozen else -12)


def test_standalone_looks_at_what_it_knows(tmp_path):
    from conftest import choose_target

    choose_target("cpp_standalone", tmp_path)
    device.build_on_run = False
    for values, known in ((-0.5, True), ("-0.5", False)):
        source, target = FeatureMap((1, 2, 2), "x : 1"), FeatureMap((1, 1, 1), "y : 1")
        rule = rules.Hebb().hard_bounded(0, 1)
        conv = ConvSynapses(source, target, "w : 1", rule=rule, kernel_size=2)
        conv.w = values
        network = Network(source, target, conv)
        if known:
            with pytest.raises(BrianObjectException, match="update"):
                run(network)
        else:
            run(network)


def test_bounds_without_a_common_range_are_refused():
    with pytest.raises(ValueError, match=r"lower must be below the upper, got 2 and 1\.0"):
        rules.PairSTDP().hard_bounded(2, 3)
    with pytest.raises(ValueError, match="PairSTDP: weight bounds: the lower must be below the up"):
        rules.PairSTDP(w_min=1, w_max=-1)
    with pytest.raises(ValueError, match="lower must be below"):
        rules.PairSTDP(w_max=-1)
    with pytest.raises(ValueError, match="lower must be below"):
        rules.Hebb(bounds=(1, 0))
    with pytest.raises(ValueError, match="give w_min and w_max instead of bounds"):
        rules.PairSTDP(bounds=(0, 5))


def test_bounds_can_be_replaced_by_others_with_other_units():
    rule = rules.PairSTDP(w_max=1 * nS, A_plus=1 * nS, A_minus=0)
    assert replace(rule, w_max=2.0, A_plus=0.1).kept_range == (0, 2)
    assert replace(rules.PairSTDP(), w_min=-1 * nS, w_max=0, A_plus=1 * nS, A_minus=0).kept_range


def rewarded(rule, reward, w, **kwds):
    """Return a weight after one step of a rewarded rule for rates, with x = y = 1."""
    source, target = FeatureMap((1, 1, 1), "x : 1"), FeatureMap((1, 1, 1), "y : 1\nu : 1")
    conv = ConvSynapses(source, target, rule=rule, kernel_size=1, **kwds)
    source.x, target.y, conv.w, conv.reward, conv.rewarded = 1, 1, w, reward, 1
    Network(source, target, conv).run(defaultclock.dt, namespace={})
    return conv.w[0]


EVENTS = {"tau_e": 1e9 * ms, "trial_by_trial": True}
SOFT = {
    "soft bounds inside": RewardGated(rules.Hebb(0.5).soft_bounded(0, 1), **EVENTS),
    "soft bounds outside": RewardGated(rules.Hebb(0.5), **EVENTS).soft_bounded(0, 1),
    "as an option": RewardGated(rules.Hebb(0.5), soft=(0, 1), **EVENTS),
    "hard, then soft": RewardGated(
        rules.Hebb(0.5).hard_bounded(0, 0.5).soft_bounded(0, 1), **EVENTS
    ),
    "soft, then hard": RewardGated(rules.Hebb(0.5).soft_bounded(0, 1), **EVENTS).hard_bounded(
        0, 0.5
    ),
}


@pytest.mark.parametrize("name", SOFT)
def test_soft_bounds_act_on_what_the_reward_changes(name):
    """Closed form: growth of 0.5 times the room above, decay of 0.5 times that below."""
    prefs.codegen.target = "numpy"
    hard = 0.5 if "hard" in name else 1
    for reward, expected in ((0, 0.1), (-1, 0.05), (1, min(0.55, hard))):
        assert_allclose(rewarded(SOFT[name], reward, 0.1), expected, rtol=1e-9)
    again = rule_from(json.loads(json.dumps(describe_rule(SOFT[name]))))
    assert str(again) == str(SOFT[name])
    assert again.kept_range == SOFT[name].kept_range == ((0, 0.5) if "hard" in name else None)


def test_soft_bounds_of_rewarded_spikes_and_of_negative_rates():
    prefs.codegen.target = "numpy"
    rule = RewardGated(rules.PairSTDP(A_plus=0.2), reward="-1", **EVENTS).soft_bounded(0, 1)
    once = f"rewarded = int(abs(t - 10*ms) < dt/2)\n{rule.update}"
    assert_allclose(a_pair(rule, 0.3, 5, update=once), 0.3 - 0.3 * 0.2 * np.exp(-5 / 20))
    anti = rules.Hebb(-0.5).soft_bounded(0, 1)
    assert "w_change = eta*dw" in anti.update
    source, target = FeatureMap((1, 1, 1), "x : 1"), FeatureMap((1, 1, 1), "y : 1\nu : 1")
    conv = ConvSynapses(source, target, rule=anti, kernel_size=1)
    source.x, target.y, conv.w = 1, 1, 0.1
    Network(source, target, conv).run(defaultclock.dt, namespace={})
    assert_allclose(conv.w[0], 0.1 - 0.5 * 0.1, rtol=1e-9)


def test_bounds_and_filters_mean_the_same_in_any_order():
    times = (5 * ms, 8 * ms)
    inside = RewardGated(rules.Hebb().soft_bounded(0, 1).filtered(*times).hard_bounded(0, 0.9))
    outside = RewardGated(rules.Hebb()).filtered(*times).hard_bounded(0, 0.9).soft_bounded(0, 1)
    assert (inside.pre_model, inside.post_reset) == (outside.pre_model, outside.post_reset)
    # what makes a weight eligible apart, both end in the same change
    assert inside.update.splitlines()[-3:] == outside.update.splitlines()[-3:]
    assert rules.Hebb().filtered(*times).soft_bounded(0, 1).update == (
        rules.Hebb().soft_bounded(0, 1).filtered(*times).update
    )
    changed = replace(outside, punishment=0.5, rule=rules.Oja(0.2).hard_bounded(0, 0.9))
    assert "y_post*(x_pre - y_post*w)" in changed.equations
    assert changed.update.endswith("w = clip(w, 0, 0.9)")
    assert "punishment*int(modulator < 0)" in changed.update


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        (rules.Hebb().soft_bounded(0, 1), "has soft bounds already"),
        (RewardGated(rules.Hebb()).soft_bounded(0, 1), "has soft bounds already"),
        (RewardGated(rules.Hebb().soft_bounded(0, 1)), "has soft bounds already"),
        (rules.Hebb(update="w = w + eta*dw"), "is neither"),
        (rules.Hebb(update="w *= 1 + eta*dw"), "is neither"),
        (rules.Clopath(), "write the bounds into on_pre and on_post"),
    ],
)
def test_soft_bounds_do_not_drop_what_the_update_did(rule, why):
    with pytest.raises(ValueError, match=why):
        rule.soft_bounded(0, 1)


def test_changed_parameters_keep_the_bounds_around_them():
    rule = replace(rules.PairSTDP().hard_bounded(-0.5, 2), w_min=-1, w_max=1.5)
    assert rule.update.splitlines() == ["w = clip(w, w_min, w_max)", "w = clip(w, -0.5, 2)"]
    assert rule.kept_range == (-0.5, 1.5)
