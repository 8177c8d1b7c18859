"""Declarations in plain values that JSON holds: numbers, texts, rules, quantities."""

from dataclasses import fields
from typing import Any

import numpy as np
from brian2.units import Quantity, second
from brian2.units.fundamentalunits import get_or_create_dimension

from hebbsim import rules
from hebbsim.rules.order_stdp import OrderSTDP
from hebbsim.rules.rule import Rule

#: The order in which Brian2 counts dimensions
_BASE = ("length", "mass", "time", "current", "temperature", "substance", "luminosity")

__all__ = ["describe_rule", "plain", "rich", "rule_from"]


def describe_rule(rule: Rule | OrderSTDP | None) -> dict[str, Any] | None:
    """Describe a rule by its name and everything it holds."""
    if rule is None:
        return None
    values = {f.name: plain(getattr(rule, f.name)) for f in fields(rule)}
    return {"name": type(rule).__name__, **values}


def rule_from(description: dict[str, Any] | None) -> Rule | OrderSTDP | None:
    """Return the described rule; one of the user's own comes back with the same equations."""
    if description is None:
        return None
    values = dict(description)
    name = values.pop("name")
    if isinstance(values.get("rule"), dict):
        values["rule"] = rule_from(values["rule"])
    values = {key: rich(value) for key, value in values.items()}
    if name in rules.__all__:
        return getattr(rules, name)(**values)
    base = {f.name for f in fields(Rule)}
    own = {key: values.pop(key) for key in list(values) if key not in base}
    values["constants"] = {**own, **values.get("constants", {})}
    return Rule(**values)


def plain(value: Any) -> Any:
    """Return `value` in types that JSON holds."""
    if isinstance(value, Rule | OrderSTDP):
        return describe_rule(value)
    if isinstance(value, Quantity):
        if value.dim is second.dim:
            return {"seconds": float(value)}
        dimensions = [float(value.dim.get_dimension(unit)) for unit in _BASE]
        return {"value": float(np.asarray(value)), "dimensions": dimensions}
    if isinstance(value, dict):
        return {name: plain(v) for name, v in value.items()}
    if isinstance(value, np.generic):
        return value.item()
    return [plain(v) for v in value] if isinstance(value, tuple | list) else value


def rich(value: Any) -> Any:
    """Return what `plain` was given."""
    if isinstance(value, dict):
        if set(value) == {"seconds"}:
            return value["seconds"] * second
        if set(value) == {"value", "dimensions"}:
            return Quantity(value["value"], dim=get_or_create_dimension(value["dimensions"]))
        return {name: rich(v) for name, v in value.items()}
    return tuple(rich(v) for v in value) if isinstance(value, list) else value
