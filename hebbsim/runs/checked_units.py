"""Units of equations that stay checked from run to run."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from brian2 import Equations
from brian2.groups.group import Group

from hebbsim.runs.meanings import mean_the_same

__all__ = ["units_checked_once"]

_CHECKED = "_checked_units"
_check_units = Equations.check_units


@contextmanager
def units_checked_once() -> Iterator[None]:
    """Let equations be checked again only where a name means something else than before."""
    Equations.check_units = _check
    try:
        yield
    finally:
        Equations.check_units = _check_units


def _check(equations: Equations, group: Group, run_namespace: Mapping[str, Any]) -> None:
    # not by assignment: groups refuse attributes that they don't know
    checked = group.__dict__.setdefault(_CHECKED, {})
    before, names = checked.get(id(equations), (None, {}))
    if before is equations and mean_the_same(names, group, run_namespace):
        return
    checked.pop(id(equations), None)
    _check_units(equations, group, run_namespace)
    used = {name for _, expression in equations.eq_expressions for name in expression.identifiers}
    names = group.resolve_all(used | equations.names, run_namespace, user_identifiers=set())
    checked[id(equations)] = equations, names
