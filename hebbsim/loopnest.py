"""The code runner behind everything that hebbsim computes in a step."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from brian2.codegen.runtime.numpy_rt import NumpyCodeObject
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
from brian2.groups.neurongroup import Thresholder
from brian2.parsing.expressions import parse_expression_dimensions
from brian2.units.fundamentalunits import Quantity, fail_for_dimension_mismatch
from brian2.utils.stringtools import get_identifiers, word_substitute

from hebbsim.targets import code_object_class, on_cuda

__all__ = [
    "CompiledGroup",
    "LoopNest",
    "add_equation_variable",
    "add_suffixed",
    "changed_read",
    "check_units",
    "compile_directly",
]


_ASSIGNED = re.compile(r"^\s*([A-Za-z_]\w*)\s*[-+*/%]*=(?!=)", re.MULTILINE)


class LoopNest(CodeRunner):
    """Run a template of this project each time step, filled with abstract code.

    Parameters
    ----------
    group : Group
        The group in whose namespace the code is read.
    template : str
        Stem of the template in ``targets/templates``.
    code : str or dict
        Abstract code, one string or one a block.
    when, order : str, int
        Place in Brian2's schedule.
    name : str
        Name of this object.
    template_kwds : dict, optional
        What the template needs to know besides.
    """

    def __init__(
        self,
        group: Group,
        template: str,
        code: str | dict[str, str],
        *,
        when: str,
        order: int,
        name: str,
        template_kwds: dict[str, Any] | None = None,
        needed_variables: list[str] | None = None,
    ) -> None:
        super().__init__(
            group,
            template,
            code=code,
            user_code=code,
            clock=group.clock,
            when=when,
            order=order,
            name=name,
            template_kwds=template_kwds or {},
            needed_variables=needed_variables,
        )

    def create_default_code_object(self, run_namespace: dict[str, Any]) -> Any:
        """Choose the target's code object class; numpy for functions that have no C++ code."""
        create = super().create_default_code_object
        code = self.abstract_code
        lines = "\n".join(code.values()) if isinstance(code, dict) else code
        variables = getattr(self, "variables", None)
        self.template_kwds["draws"] = bool(_draws(self.group, lines, run_namespace, variables))
        return _create_code_object(self, create, run_namespace, NumpyCodeObject)


def _create_code_object(
    runner: CodeRunner,
    create: Callable[[dict[str, Any]], Any],
    run_namespace: dict[str, Any],
    fallback: type | None,
) -> Any:
    """Create a code object of the target's class, or of `fallback` where C++ code is missing."""
    runner.codeobj_class = code_object_class()
    if runner.template == "stateupdate" and on_cuda():
        runner.template = "group_update"  # where threads don't compete for shared variables
    try:
        return create(run_namespace)
    except (NotImplementedError, TypeError):  # no C++ code for a function, or none to name
        if runner.codeobj_class is None:
            raise
        runner.codeobj_class = fallback
        if hasattr(runner, "use_plain_code"):
            runner.use_plain_code()
        return create(run_namespace)


def compile_directly(runner: CodeRunner) -> None:
    """Run one of Brian2's own code runners with the target's code object class too.

    Its templates are those of C++ standalone, but for thresholds, whose loop is vectorised. What
    draws random numbers, or calls a function that has no C++ code, stays with Brian2.
    """
    create = runner.create_default_code_object
    plain = runner.template

    def use_plain_code() -> None:
        runner.template = plain

    def create_default_code_object(run_namespace: dict[str, Any]) -> Any:
        use_plain_code()
        if isinstance(runner, Thresholder) and code_object_class() is not NumpyCodeObject:
            runner.update_abstract_code(run_namespace)  # a threshold has none before
            drawn = _draws(runner.group, runner.abstract_code, run_namespace)
            if not drawn and not on_cuda():  # whose own is parallel
                runner.template = "map_threshold"
        return _create_code_object(runner, create, run_namespace, None)

    runner.use_plain_code = use_plain_code
    runner.create_default_code_object = create_default_code_object


def _draws(
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
            found = _draws(group, value.expr, run_namespace, variables)
            if found:
                return found
    return None


class CompiledGroup(Group):
    """A group whose ``run_regularly`` code is compiled like its loop nests."""

    def run_on_clock(self, *args: Any, **kwds: Any) -> CodeRunner:
        """Register code to run on a clock, as `Group.run_on_clock`."""
        runner = super().run_on_clock(*args, **kwds)
        if self.codeobj_class is None and kwds.get("codeobj_class") is None:
            compile_directly(runner)
        return runner

    def _check_for_invalid_values(self, k: str, v: Any) -> None:
        # the limit that Brian2 compares with, 1e50, overflows in single precision
        super()._check_for_invalid_values(k, np.asarray(v, dtype=float))


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


def check_units(
    runner: LoopNest,
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
    name = _draws(runner.group, equation.expr.code, run_namespace, runner.variables)
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


def add_suffixed(variables: Variables, group: Group, suffix: str, prefix: str) -> None:
    """Refer to each variable ``v`` of `group` as ``v`` + `suffix` in a loop nest's `variables`.

    A variable indexed with ``_idx`` there gets the loop's index ``prefix + '_idx'``; one indexed
    with ``_channel_idx`` (a quantity per channel) gets ``prefix + '_channel_idx'``, and so on.
    """
    own = {name: name + suffix for name in group.variables if not name.startswith("_")}
    for name, full_name in own.items():
        variable = group.variables[name]
        index = group.variables.indices[name]
        if index != "0":
            index = prefix + index
            if index not in variables:
                variables.add_auxiliary_variable(index, dtype=int)
                variables[index].unique = False  # numpy must not take it for a permutation
        if isinstance(variable, Subexpression):
            if any(n.startswith("_") for n in variable.identifiers):
                continue  # the `i` of a subgroup
            variables.add_subexpression(
                full_name,
                expr=word_substitute(variable.expr, own),
                dimensions=variable.dim,
                dtype=variable.dtype,
                scalar=variable.scalar,
                index=index,
            )
        elif not isinstance(variable, AuxiliaryVariable):
            variables.add_reference(full_name, group, name, index=index)
