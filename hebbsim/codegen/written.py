"""Which variables the objects of a simulation change while it runs."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from brian2.core.base import BrianObject
from brian2.core.variables import ArrayVariable, Variable
from brian2.groups import neurongroup
from brian2.groups.group import CodeRunner
from brian2.groups.neurongroup import Resetter, Thresholder
from brian2.synapses import synapses
from brian2.synapses.synapses import SummedVariableUpdater

from hebbsim.codegen.loop_nest import LoopNest

__all__ = ["writers_of", "written_by"]

_INTEGRATORS = (neurongroup.StateUpdater, synapses.StateUpdater)
_ASSIGNED = re.compile(r"(?:^|;)\s*([A-Za-z_]\w*)\s*[-+*/%]*=(?!=)", re.MULTILINE)


def written_by(item: BrianObject) -> Iterator[ArrayVariable]:
    """Yield what an object writes: differential equations, statements, sums, operations.

    What a `NetworkOperation` does in Python isn't seen.
    """
    if isinstance(item, SummedVariableUpdater):
        yield item.target_var
    if not isinstance(item, CodeRunner):
        return
    if isinstance(item, LoopNest):
        yield from _filled_in(item)
    for name in _assigned(item):
        variable = _scope(item).get(name)
        if isinstance(variable, ArrayVariable):
            yield variable


def writers_of(variable: Variable, objects: Iterable[BrianObject]) -> list[BrianObject]:
    """Return those of the objects that write a variable."""
    return [item for item in objects if any(found is variable for found in written_by(item))]


def _scope(runner: CodeRunner) -> dict[str, Variable]:
    return {**runner.group.variables, **getattr(runner, "variables", {})}


def _filled_in(runner: LoopNest) -> Iterator[ArrayVariable]:
    """Yield what the loops themselves write, besides their statements."""
    known: dict[str, Any] = runner.template_kwds
    for name in ("_target_var", "_weight_var"):
        if name in known:
            yield known[name]
    for addition in known.get("additions", ()):
        yield from (part for part in addition if isinstance(part, ArrayVariable))


def _assigned(runner: CodeRunner) -> list[str]:
    """Return the names that a runner assigns to, those of local variables among them."""
    if isinstance(runner, _INTEGRATORS):
        return [*runner.group.equations.diff_eq_names, "not_refractory"]
    if isinstance(runner, Thresholder):
        return [f"_{runner.event}space", "lastspike", "not_refractory"]
    if isinstance(runner, Resetter):  # whose code is made before a run
        return _ASSIGNED.findall(runner.group.event_codes[runner.event])
    code = runner.abstract_code or ""
    blocks = code.values() if isinstance(code, dict) else [code]
    return [name for block in blocks for name in _ASSIGNED.findall(block)]
