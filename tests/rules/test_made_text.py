"""Texts made of constants follow these, also in a rule that was read from a file or copied."""

import copy
import json
import pickle
from dataclasses import fields, replace

import brian2
import pytest
from brian2 import Hz, ms, mV, nS, second

from hebbsim import rules
from hebbsim.networks.serialization import describe_rule, rule_from
from hebbsim.rules import RewardGated
from hebbsim.rules.made_text import MadeText, made_text

WAYS = {
    "json": lambda rule: rule_from(json.loads(json.dumps(describe_rule(rule)))),
    "pickle": lambda rule: pickle.loads(pickle.dumps(rule)),
    "deepcopy": copy.deepcopy,
    "repr": lambda rule: eval(repr(rule), {**vars(brian2), **vars(rules)}),
}
CHANGES = {
    "pair": (rules.PairSTDP(), {"tau_plus": 5 * ms, "mu": 1.0, "pairing": "nearest"}),
    "units": (
        rules.PairSTDP(A_plus=1 * nS, A_minus=1 * nS, w_max=2 * nS),
        {"w_min": -1 * nS, "tau_minus": 7 * ms},
    ),
    "bounded": (rules.PairSTDP().hard_bounded(-0.5, 0.5), {"w_min": -1}),
    "homeostatic": (rules.PairSTDP(target_rate=9 * Hz), {"tau_rate": 3 * second}),
    "no longer": (rules.TripletSTDP(target_rate=9 * Hz), {"target_rate": None}),
    "triplet": (rules.TripletSTDP.visual_cortex(), {"tau_x": 50 * ms, "pairing": "nearest"}),
    "clopath": (rules.Clopath(), {"voltage": "vm", "tau_x": 9 * ms, "u_ref": 8 * mV}),
    "nonlinear": (rules.NonlinearHebb(), {"nonlinearity": "y**3"}),
    "reward": (RewardGated(rules.Oja()), {"tau_reward": 1 * second, "punishment": 0.5}),
    "per sample": (RewardGated(rules.PairSTDP()).hard_bounded(0.1, 0.9), {"per_sample": True}),
    "inside": (RewardGated(rules.PairSTDP()), {"rule": rules.TripletSTDP().hard_bounded(0, 2)}),
    "to pairs": (RewardGated(rules.TripletSTDP()), {"rule": rules.PairSTDP(mu=0.5)}),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", CHANGES)
def test_a_copy_changes_as_the_original_does(name, way):
    rule, changes = CHANGES[name]
    found, expected = replace(WAYS[way](rule), **changes), replace(rule, **changes)
    assert str(found) == str(expected) != str(rule)
    for field in fields(rule):
        assert getattr(found, field.name) == getattr(expected, field.name), field.name


def test_changed_constants_make_the_texts_that_they_make_in_a_new_rule():
    changes = {"tau_plus": 5 * ms, "mu": 1.0, "w_min": -1}
    assert replace(WAYS["json"](rules.PairSTDP()), **changes) == rules.PairSTDP(**changes)
    assert "**1.0" in replace(WAYS["json"](rules.PairSTDP()), mu=1.0).on_post
    gated = replace(WAYS["json"](RewardGated(rules.TripletSTDP())), rule=rules.PairSTDP(mu=1))
    assert gated.pre_model == rules.PairSTDP().pre_model
    assert str(gated) == str(RewardGated(rules.PairSTDP(mu=1)))


@pytest.mark.parametrize("way", WAYS)
def test_texts_of_ones_own_stay(way):
    own = {"on_pre": "w -= 0.1*o1_post", "post_model": "do1/dt = -o1/(7*ms) : 1"}
    rule = replace(WAYS[way](rules.PairSTDP(**own)), tau_minus=5 * ms, mu=1.0)
    assert {name: getattr(rule, name) for name in own} == own
    gated = RewardGated(rules.Hebb(), update="w += 0.5*eligibility")
    assert replace(WAYS[way](gated), punishment=0).update == "w += 0.5*eligibility"
    bounded = WAYS[way](gated).hard_bounded(0, 1)
    assert bounded.update == "w += 0.5*eligibility\nw = clip(w, 0, 1)"


def test_what_was_added_to_a_made_text_stays_behind_it():
    text = made_text("a = 1\nb = 2", "a = 1")
    assert isinstance(text, MadeText)
    assert text == "a = 1\nb = 2"
    assert made_text(text, "a = 3") == "a = 3\nb = 2"
    assert type(made_text("a = 11", "a = 1")) is str
    assert made_text("", "a = 1") == "a = 1"


def test_a_rule_shows_what_it_was_given():
    assert repr(rules.BCM(tau=3 * ms)) == "BCM(tau=3. * msecond)"
    for tau in (3 * mV, [100, 100] * ms):  # of which only an error may tell
        assert "tau=" in repr(rules.BCM(tau=tau))
    assert repr(RewardGated()) == "RewardGated()"
    assert "rule=Oja(learning_rate=0.5)" in repr(RewardGated(rules.Oja(0.5)))
