"""What text means in a loop nest: the variables that it may name, and whether its units fit."""

import re
from collections.abc import Iterable, Mapping
from numbers import Number
from typing import Any

import numpy as np
from brian2.core.functions import Function
from brian2.core.variables import (
    ArrayVariable,
    AuxiliaryVariable,
    Subexpression,
    Variable,
    Variables,
)
from brian2.equations.equations import SUBEXPRESSION, SingleEquation
from brian2.groups.group import CodeRunner, Group, get_dtype
from brian2.parsing.expressions import parse_expression_dimensions
from brian2.units.fundamentalunits import Quantity, fail_for_dimension_mismatch, get_dimensions
from brian2.utils.stringtools import get_identifiers, word_substitute

from hebbsim.brian2_private import drop_variable, replace_variable
from hebbsim.statements import Statement

__all__ = [
    "add_equation_variable",
    "add_renamed",
    "add_suffixed",
    "arrays_elsewhere",
    "arrays_of_others",
    "bind_names",
    "changed_read",
    "check_random",
    "check_statements",
    "check_units",
    "declare_local",
    "drawn_function",
    "draws",
    "variables_read",
]

#: Indices by which a neuron's code names the neuron's own element, or the only one
_OF_OWN = ("_idx", "0")
#: Indices that loops over connections define
_OF_LOOPS = ("_idx", "_sub_idx", "_channel_idx", "_position_idx", "_sample_idx")
_ASSIGNED = re.compile(r"^\s*([A-Za-z_]\w*)\s*[-+*/%]*=(?!=)", re.MULTILINE)


def arrays_of_others(
    variables: Mapping[str, Variable], indices: Mapping[str, str]
) -> set[ArrayVariable]:
    """Return the arrays of which a neuron's code names other elements than the neuron's own.

    Parameters
    ----------
    variables, indices : mapping
        What the names in the code stand for, and by which index.
    """
    return {
        variable
        for name, index in indices.items()
        if index not in _OF_OWN and isinstance(variable := variables.get(name), ArrayVariable)
    }


def arrays_elsewhere(
    variables: Mapping[str, Variable], indices: Mapping[str, str]
) -> set[ArrayVariable]:
    """Return the arrays of which a loop's code looks up which element to name.

    So for linked variables. All else is named by an index that the loop defines.
    """
    return {
        variable
        for name, index in indices.items()
        if isinstance(variables.get(index), ArrayVariable)
        and isinstance(variable := variables.get(name), ArrayVariable)
    }


def drawn_function(
    group: Group,
    code: str,
    run_namespace: dict[str, Any],
    variables: Mapping[str, Variable] | None = None,
) -> str | None:
    """Return a function with a state that code calls, such as ``rand``: it may be run once alone.

    Itself, or in the subexpressions that it names.
    """
    names = {n for n in get_identifiers(code) if not n.startswith("_")}
    names -= set(_ASSIGNED.findall(code))  # may be local to the code
    resolved = group.resolve_all(
        names, run_namespace, user_identifiers=set(), additional_variables=variables
    )
    for name, value in resolved.items():
        if isinstance(value, Function) and not value.stateless:
            return name
        if isinstance(value, Subexpression):
            found = drawn_function(group, value.expr, run_namespace, variables)
            if found:
                return found
    return None


def draws(variables: Mapping[str, Any]) -> bool:
    """Whether one of the names that code reads is that of a function with a state."""
    return any(isinstance(v, Function) and not v.stateless for v in variables.values())


def add_equation_variable(
    variables: Variables, equation: SingleEquation, size: int, dtype: Any = None
) -> None:
    """Add what an equation defines: a value for each element, a shared one, or an expression.

    A (summed) equation defines a value that is stored.
    """
    shared = "shared" in equation.flags
    common = {"dimensions": equation.dim, "dtype": get_dtype(equation, dtype), "scalar": shared}
    stored = any(flag.startswith("summed") for flag in equation.flags)
    if equation.type == SUBEXPRESSION and not stored:
        variables.add_subexpression(equation.varname, expr=str(equation.expr), **common)
    else:
        constant = "constant" in equation.flags
        variables.add_array(
            equation.varname, size=1 if shared else size, constant=constant, **common
        )


def changed_read(
    value: str, changed: list[ArrayVariable], *scopes: Mapping[str, Variable]
) -> str | None:
    """Return the first variable that an expression reads, itself or through others, of `changed`.

    Names are looked up in the `scopes`, in their order.
    """
    pending, seen = sorted(get_identifiers(value)), set()
    while pending:
        name = pending.pop(0)
        seen.add(name)
        variable: Any = next((scope[name] for scope in scopes if name in scope), None)
        if isinstance(variable, Subexpression):
            pending += sorted(get_identifiers(variable.expr) - seen)
        elif any(variable is target for target in changed):
            return str(variable.name)
    return None


def variables_read(text: str, *scopes: Mapping[str, Variable]) -> set[Variable]:
    """Return the variables that a text names, itself or through subexpressions.

    Names are looked up in the `scopes`, in their order; others mean none.
    """
    pending = get_identifiers(text)
    seen: set[str] = set()
    found: set[Variable] = set()
    while pending - seen:
        name = (pending - seen).pop()
        seen.add(name)
        variable: Any = next((scope[name] for scope in scopes if name in scope), None)
        if isinstance(variable, Subexpression):
            pending = pending | get_identifiers(variable.expr)
        elif variable is not None:
            found.add(variable)
    return found


def check_units(
    runner: CodeRunner,
    equation: SingleEquation,
    target: Variable,
    run_namespace: dict[str, Any],
) -> None:
    """Check that a summed equation has the units of what it sums to, and draws no numbers.

    Raises
    ------
    DimensionMismatchError
        If the units don't match.
    NotImplementedError
        If the expression calls a function with a state, such as ``rand()``: the order of a sum's
        terms is not defined.
    """
    text = f"{equation.varname} = {equation.expr.code}"
    resolved = runner.group.resolve_all(
        equation.identifiers,
        run_namespace,
        user_identifiers=set(),  # conflicts are reported when the code object is made
        additional_variables=runner.variables,
    )
    name = drawn_function(runner.group, equation.expr.code, run_namespace, runner.variables)
    if name:
        raise NotImplementedError(
            f"'{runner.group.name}': '{text}' calls {name}() for every term of a sum, whose "
            "order is not defined; put noise into the equations of the neurons or the kernel"
        )
    dimensions = parse_expression_dimensions(equation.expr.code, resolved)
    fail_for_dimension_mismatch(
        target,
        Quantity(1, dim=dimensions),
        f"'{runner.group.name}': '{text}' doesn't have the units of '{equation.varname}'",
    )


def declare_local(
    runner: CodeRunner, name: str, expression: str, dtype: Any, run_namespace: dict[str, Any]
) -> None:
    """Declare the type of a value that a runner's code computes from an `expression`.

    Brian2 would give it that of its numbers, ``core.default_float_dtype``, and so round variables
    that are more precise.
    """
    resolved = runner.group.resolve_all(
        get_identifiers(expression),
        run_namespace,
        user_identifiers=set(),
        additional_variables=runner.variables,
    )
    if name in runner.variables:
        drop_variable(runner.variables, name)
    runner.variables.add_auxiliary_variable(
        name, dimensions=parse_expression_dimensions(expression, resolved), dtype=dtype
    )


def check_random(statement: str, resolved: Mapping[str, Any], way_out: str) -> None:
    """Refuse functions with a state, such as ``rand()``, in what runs for every spike.

    Raises
    ------
    NotImplementedError
        With `statement`, which names the object too, and the `way_out`.
    """
    for name, value in resolved.items():
        if isinstance(value, Function) and not value.stateless:
            raise NotImplementedError(
                f"{statement} calls {name}() for every spike, in no defined order; {way_out}"
            )


def check_statements(
    runner: CodeRunner,
    label: str,
    statements: Iterable[Statement],
    run_namespace: dict[str, Any],
    variables: Mapping[str, Variable] | None = None,
) -> None:
    """Check units and functions of statements that change variables of the runner's group.

    Parameters
    ----------
    runner : CodeRunner
        What runs them.
    label : str
        What errors call it.
    statements : iterable of Statement
        The statements.
    run_namespace : dict
        That of the run.
    variables : mapping, optional
        What the statements may name besides the group's own.

    Raises
    ------
    DimensionMismatchError
        If a value doesn't have the units of its target.
    NotImplementedError
        If a value draws a random number.
    """
    for statement in statements:
        resolved = runner.group.resolve_all(
            get_identifiers(statement.value),
            run_namespace,
            user_identifiers=set(),
            additional_variables=variables,
        )
        way_out = "put noise into the equations of the neurons"
        check_random(f"{label}: '{statement}'", resolved, way_out)
        fail_for_dimension_mismatch(
            runner.group.variables[statement.target],
            Quantity(1, dim=parse_expression_dimensions(statement.value, resolved)),
            f"{label}: '{statement}' doesn't have the units of '{statement.target}'",
        )


def add_renamed(
    variables: Variables,
    name: str,
    expression: Subexpression,
    renamed: Mapping[str, str],
    index: str | None = None,
) -> None:
    """Add a subexpression under a `name`, with other names in it."""
    variables.add_subexpression(
        name,
        expr=word_substitute(expression.expr, renamed),
        dimensions=expression.dim,
        dtype=expression.dtype,
        scalar=expression.scalar,
        index=index,
    )


def bind_names(
    variables: Variables, group: Group, expression: Subexpression, prefix: str
) -> dict[str, str]:
    """Let names in a group's expression keep their meaning where others read it.

    What the group's own namespace defines becomes a constant, or a function, of `variables`.

    Parameters
    ----------
    variables : Variables
        Where the expression will be read.
    group : Group
        Whose expression it is.
    expression : Subexpression
        Names that are none of its variables are looked up in the group's namespace.
    prefix : str
        Begins the new names.

    Returns
    -------
    dict of str to str
        The new names.
    """
    namespace = getattr(group, "namespace", None) or {}
    bound: dict[str, str] = {}
    for name in sorted(expression.identifiers - set(group.variables)):
        if name not in namespace:
            continue
        value, own = namespace[name], f"_{prefix}_{name}"
        if isinstance(value, Function):
            replace_variable(variables, own, value, "0")
        elif isinstance(value, Number) or (isinstance(value, Quantity) and value.shape == ()):
            if own not in variables:
                variables.add_constant(own, np.asarray(value).item(), get_dimensions(value))
        else:
            continue  # a Python function without a meaning of its own here
        bound[name] = own
    return bound


def add_suffixed(variables: Variables, group: Group, suffix: str, prefix: str) -> None:
    """Refer to each variable ``v`` of `group` as ``v`` + `suffix` in a loop nest's `variables`.

    A variable indexed with ``_idx`` there gets the loop's index ``prefix + '_idx'``; one indexed
    with ``_channel_idx`` (a quantity per channel) gets ``prefix + '_channel_idx'``, and so on.
    """
    names = [name for name in group.variables if not name.startswith("_")]
    for name in names:  # those of a subgroup name private ones
        needed = getattr(group.variables[name], "identifiers", ())
        names += [n for n in needed if n.startswith("_") and n not in names]
    own = {name: name + suffix for name in names}
    for name, full_name in own.items():
        variable = group.variables[name]
        index = group.variables.indices[name]
        linked = index not in _OF_LOOPS and isinstance(group.variables.get(index), ArrayVariable)
        if index != "0":
            index = prefix + index
            if index not in variables and linked:  # looked up for each neuron
                link = group.variables.indices[name]
                place = prefix + group.variables.indices[link]
                variables.add_reference(index, group, link, index=place)
            elif index not in variables:
                variables.add_auxiliary_variable(index, dtype=int)
                variables[index].unique = False  # numpy must not take it for a permutation
        if isinstance(variable, Subexpression):
            bound = bind_names(variables, group, variable, f"named{suffix}")
            add_renamed(variables, full_name, variable, own | bound, index)
        elif isinstance(variable, Function):
            replace_variable(variables, full_name, variable, "0")
        elif not isinstance(variable, AuxiliaryVariable):
            variables.add_reference(full_name, group, name, index=index)
