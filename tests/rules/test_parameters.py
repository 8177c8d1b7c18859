"""Parameters of rules: each is a number."""

from dataclasses import fields
from fractions import Fraction
from numbers import Real

import numpy as np
import pytest
from brian2 import Quantity

from hebbsim import rules
from hebbsim.rules import OrderSTDP, Rule

RULES = [
    rule for rule in map(rules.__dict__.get, rules.__all__) if rule not in (Rule, rules.RewardGated)
]
PARAMETERS = [
    (rule, parameter.name, getattr(rule(), parameter.name))
    for rule in RULES
    for parameter in fields(rule)
]
NUMBERS = [
    pytest.param(rule, name, value * np.nan, id=f"{rule.__name__}.{name}")
    for rule, name, value in PARAMETERS
    if isinstance(value, Real | Quantity) and not isinstance(value, bool)
]


@pytest.mark.parametrize(("rule", "name", "value"), NUMBERS)
def test_nan_is_refused(rule, name, value):
    with pytest.raises((ValueError, TypeError), match=rf"{rule.__name__}: .*nan"):
        rule(**{name: value})


def test_nan_is_refused_of_a_rule_of_ones_own_and_of_reward():
    with pytest.raises(ValueError, match="Rule: tau must be a number, got nan"):
        Rule(equations="dw = tau*y_post : 1 (summed)", constants={"tau": np.nan})
    with pytest.raises(ValueError, match=r"RewardGated\(PairSTDP\): punishment must be a number"):
        rules.RewardGated(rules.PairSTDP(), punishment=np.nan)


@pytest.mark.parametrize("tau", [np.array(np.nan), np.array([np.nan, 1]), np.float32("nan")])
def test_nan_is_refused_in_arrays(tau):
    with pytest.raises(ValueError, match=r"Rule: tau must be a number, got .*nan"):
        Rule(equations="dw = tau*y_post : 1 (summed)", constants={"tau": tau})


def test_numbers_that_numpy_does_not_know_are_numbers():
    rule = Rule(Fraction(1, 2), "dw = tau*y_post : 1 (summed)", constants={"tau": Fraction(1, 4)})
    assert float(rule.learning_rate) == 2 * rule.parameters["tau"]


@pytest.mark.parametrize("rate", [np.nan, np.inf])
@pytest.mark.parametrize("name", ["a_plus_wrong", "a_minus_wrong"])
def test_rates_of_wrong_decisions_are_finite(name, rate):
    given = {"a_plus_wrong": 0.1, "a_minus_wrong": 0.1} | {name: rate}
    with pytest.raises(ValueError, match=f"OrderSTDP: {name} must be finite, got {rate}"):
        OrderSTDP().rewarded(**given)


def test_rates_of_wrong_decisions_may_be_expressions_and_numbers_of_numpy():
    rule = OrderSTDP().rewarded("0.1 + 0.2*(n_stimuli < 5)", np.float64(-0.1))
    assert "- (0.1 + 0.2*(n_stimuli < 5))*int(reward < 0)" in rule.a_plus
    assert "- (-0.1)*int(reward < 0)" in rule.a_minus
    assert OrderSTDP(np.int64(1), np.float32(0.5)) == OrderSTDP(1.0, 0.5)
    for nothing in ("", " "):
        with pytest.raises(TypeError, match="OrderSTDP: a_plus_wrong must be a number or an expr"):
            rule.rewarded(nothing, 0.1)
