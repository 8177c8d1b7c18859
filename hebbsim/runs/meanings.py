"""Whether names in equations and code mean from one run to the next what they meant."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from brian2.core.functions import DEFAULT_FUNCTIONS, Function
from brian2.core.namespace import DEFAULT_CONSTANTS, DEFAULT_UNITS
from brian2.core.variables import AuxiliaryVariable, Constant, Variable
from brian2.groups.group import Group
from brian2.units.fundamentalunits import get_dimensions

from hebbsim.brian2_private import variables_by_name

__all__ = ["mean_the_same"]

_DEFAULTS = {**DEFAULT_UNITS, **DEFAULT_CONSTANTS, **DEFAULT_FUNCTIONS}


def mean_the_same(
    names: Mapping[str, Variable],
    group: Group,
    run_namespace: Mapping[str, Any],
    own: Mapping[str, Variable] | None = None,
) -> bool:
    """Whether each name means what it meant: the same variable, or the same value.

    Parameters
    ----------
    names : mapping
        Each name, with what it was resolved to.
    group : Group
        Where names are looked up.
    run_namespace : mapping
        External names of the run.
    own : mapping, optional
        Variables that come before those of the group.
    """
    of_group, external = variables_by_name(group.variables), (group.namespace or {}, run_namespace)
    own = {} if own is None else own
    for name, variable in names.items():
        found = own[name] if name in own else of_group.get(name)
        if found is not None:
            if found is not variable and not _same_auxiliary(variable, found):
                return False
            continue
        values = [space[name] for space in external if name in space]
        if not values and name in _DEFAULTS:
            values = [_DEFAULTS[name]]
        if not values or not all(_same_value(variable, value) for value in values):
            return False
    return True


def _same_auxiliary(before: Variable, now: Variable) -> bool:
    """Whether both are names within the code alone, of the same kind."""
    if not (isinstance(before, AuxiliaryVariable) and isinstance(now, AuxiliaryVariable)):
        return False
    return (before.dim, before.dtype, before.scalar) == (now.dim, now.dtype, now.scalar)


def _same_value(variable: Variable, value: Any) -> bool:
    if isinstance(variable, Function):
        return value is variable or value is variable.pyfunc
    if not isinstance(variable, Constant):
        return False
    same_units = get_dimensions(value) is variable.dim
    return bool(same_units and np.array_equal(np.asarray(value), variable.get_value()))
