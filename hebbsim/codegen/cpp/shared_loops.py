"""Which loops threads share: those that are worth it, and whose numbers don't depend on it."""

from collections.abc import Mapping
from typing import Any

from brian2.core.preferences import prefs
from brian2.core.variables import Constant, Variable
from brian2.devices.cpp_standalone.codeobject import openmp_pragma
from jinja2 import pass_context
from jinja2.runtime import Context

from hebbsim.codegen.expressions import arrays_of_others, draws

__all__ = ["parallel", "pragma_where_shared"]

#: Some 5 us of them: with fewer, threads take longer to meet than to work
_OPERATIONS = 20_000
#: The same, of whose equations nothing is known
_NEURONS = 2_000


def _alone() -> bool:
    """Whether there is one thread, which would meet itself."""
    return bool(prefs.devices.cpp_standalone.openmp_threads <= 1)


@pass_context
def parallel(context: Context, operations: int | str, adds: bool = True) -> str:
    """Return the pragma of a loop of ours, if its `operations` are worth it.

    No threads share one that draws random numbers, whose order would be any. A number that is
    known only at run time is a C++ expression. A loop that adds floats up has the pragma for one
    thread too: without it compilers would add them in another order.
    """
    lonely = _alone() and not adds
    pragma = "" if lonely or context.get("draws") else openmp_pragma("parallel-static")
    if isinstance(operations, str):
        return pragma and f"{pragma} if (({operations}) > {_OPERATIONS})"
    return pragma if operations > _OPERATIONS else ""


@pass_context
def pragma_where_shared(context: Context, kind: str) -> Any:
    """Return a pragma of Brian2's templates in runtime mode; a loop that nobody shares has none.

    Or the one that says that no neuron's code needs that of another: compilers see it for
    themselves, and vectorise it, only where there are few variables.
    """
    if kind == "parallel-static":
        variables = context.get("variables") or {}
        if draws(variables):
            return ""
        if _alone() or _is_small(variables):
            return "#pragma GCC ivdep" if _is_of_neurons_alone(context) else ""
    return openmp_pragma(kind)


def _is_of_neurons_alone(context: Context) -> bool:
    """Whether a loop has each neuron change its own elements, and see no others that change."""
    if context.name != "stateupdate.cpp":
        return False
    others = arrays_of_others(context["variables"], context["variable_indices"])
    return all(array.constant for array in others)


def _is_small(variables: Mapping[str, Variable]) -> bool:
    size = variables.get("N")
    return isinstance(size, Constant) and int(size.get_value()) < _NEURONS
