"""Conditions that users write: text over variables, and what they may name."""

import re
from collections.abc import Callable
from typing import Any

from brian2.core.variables import Subexpression, Variable, Variables
from brian2.groups.group import CodeRunner
from brian2.parsing.expressions import is_boolean_expression
from brian2.utils.stringtools import get_identifiers

from hebbsim.codegen.expressions import drawn_function

__all__ = ["check_condition", "one_line", "refer_to"]


def one_line(condition: object, label: str, example: str) -> str:
    """Return a condition on one line.

    Raises
    ------
    TypeError
        If it is no text, with the `label` and an `example`.
    """
    if not isinstance(condition, str) or not condition.strip():
        raise TypeError(f"{label}: expected a condition such as '{example}', got {condition!r}")
    return re.sub(r"\s*\n\s*", " ", condition.strip())


def refer_to(
    variables: Variables,
    condition: str,
    known: Variables,
    index_of: Callable[[str, Variable, str], str],
) -> None:
    """Let a runner's `variables` refer to what a condition names, itself or through expressions.

    Parameters
    ----------
    variables : Variables
        The runner's, which may name none of it yet.
    condition : str
        The condition.
    known : Variables
        What it may name; other names are left to the namespace.
    index_of : callable
        Returns with what index a variable is read, or refuses it, given its name, itself, and the
        name that stands in the condition.
    """
    pending, seen = [(name, name) for name in sorted(get_identifiers(condition))], set[str]()
    while pending:
        name, written = pending.pop()
        variable: Any = known.get(name)
        if variable is None or name in seen:
            continue
        seen.add(name)
        index = index_of(name, variable, written)
        if isinstance(variable, Subexpression):
            variables.add_subexpression(
                name,
                expr=variable.expr,
                dimensions=variable.dim,
                dtype=variable.dtype,
                scalar=variable.scalar,
                index=index,
            )
            pending += [(inner, written) for inner in sorted(variable.identifiers)]
        else:
            variables.add_reference(name, variable.owner, variable.name, index=index)


def check_condition(
    runner: CodeRunner, condition: str, label: str, example: str, run_namespace: dict[str, Any]
) -> None:
    """Refuse a condition that is neither true nor false, or that draws random numbers.

    Raises
    ------
    ValueError
        With the `label` and an `example`.
    """
    resolved = runner.group.resolve_all(
        get_identifiers(condition),
        run_namespace,
        user_identifiers=set(),
        additional_variables=runner.variables,
    )
    drawn = drawn_function(runner.group, condition, run_namespace, runner.variables)
    if drawn or not is_boolean_expression(condition, resolved):
        what = f"calls {drawn}()" if drawn else "is neither true nor false"
        raise ValueError(f"{label}={condition!r} {what}; expected a condition such as '{example}'")
