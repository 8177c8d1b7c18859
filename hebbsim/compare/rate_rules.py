"""The rules that learn from rates, by name, with a learning rate given as text."""

import ast
from typing import Any

from brian2.core.namespace import DEFAULT_CONSTANTS, DEFAULT_FUNCTIONS, DEFAULT_UNITS

from hebbsim import rules
from hebbsim.errors import SettingsError, closest, unknown
from hebbsim.rules.rule import Rule

__all__ = ["RATE_RULES", "check_learning_rate", "make_rule", "rule_names"]

#: A `ConvNetwork` computes rates
RATE_RULES = ("Hebb", "Instar", "Oja", "Sanger", "BCM", "Covariance", "NonlinearHebb", "SoftHebb")

_IN_SCHEDULES = ("n_shared", "t")


def make_rule(name: str, learning_rate: str | None = None) -> Rule:
    """Return a rate rule, by default with the rate that it declares for layers.

    A learning rate that is a number is passed on as one.
    """
    kind: type[Rule] = getattr(rules, name)
    text = kind.layer_rate if learning_rate is None else learning_rate
    try:
        rate: float | str = float(text)
    except ValueError:
        rate = text
    return kind(rate)


def rule_names(given: Any) -> tuple[str, ...]:
    """Spell names of rate rules as they are known, each once."""
    if isinstance(given, str) or not given:
        raise SettingsError(
            f"rules: expected one name or more, such as ('Instar', 'Oja'), got {given!r}"
        )
    folded = {name.casefold(): name for name in RATE_RULES}
    names = []
    for name in given:
        if str(name).casefold() not in folded:
            raise SettingsError(_unknown_rule(str(name)))
        names.append(folded[str(name).casefold()])
    return tuple(dict.fromkeys(names))


def _unknown_rule(name: str) -> str:
    other = closest(name, rules.__all__)
    if other is not None and other.casefold() == name.casefold():
        return f"rule {other!r} doesn't learn from rates; compare {', '.join(RATE_RULES)}"
    return unknown("rule", name, RATE_RULES)


def check_learning_rate(text: Any) -> None:
    """Refuse what is neither a finite number nor an expression, before anything is computed."""
    if not isinstance(text, str):
        raise SettingsError(
            f"learning_rate: expected text, such as '0.01' or '1/n_shared', got {text!r}"
        )
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except SyntaxError as error:
        raise SettingsError(
            f"learning_rate: expected a number or an expression, such as '1/n_shared', got "
            f"{text!r} ({error.msg})"
        ) from None
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    known = {*_IN_SCHEDULES, *DEFAULT_CONSTANTS, *DEFAULT_FUNCTIONS, *DEFAULT_UNITS}
    for name in sorted(names - known):
        raise SettingsError(
            f"learning_rate {text!r}: {unknown('name', name, _IN_SCHEDULES)}, and Brian2's "
            "functions and units"
        )
