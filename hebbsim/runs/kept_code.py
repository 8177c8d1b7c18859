"""Code objects that stay from run to run, while nothing has changed of which they were made."""

import dataclasses
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np
from brian2 import Clock, Equations
from brian2.core.functions import Function
from brian2.core.preferences import prefs
from brian2.core.variables import ArrayVariable, Variable
from brian2.groups.group import CodeRunner
from brian2.monitors import EventMonitor, PopulationRateMonitor, StateMonitor
from brian2.synapses.synapses import SynapticPathway
from brian2.units.fundamentalunits import get_dimensions

from hebbsim.brian2_private import variables_by_name
from hebbsim.codegen.cpp.arrays import as_c_array
from hebbsim.codegen.targets import CPPRuntimeCodeObject, code_object_class
from hebbsim.runs.meanings import mean_the_same

__all__ = ["code_kept"]

#: What Brian2's own runners make their text of, besides what they hold themselves
_OF_GROUP = ("equations", "event_driven", "events", "event_codes", "_refractory")
_OF_RUNNER = (
    "code",
    "event",
    "method_choice",
    "method_options",
    "override_conditional_write",
    "needed_variables",
)
_TEXT, _NUMBERS = {type(None), str, bytes}, {bool, int, float}
#: What can't change in itself, and means the same as long as it is the same object
_SAME_IF_IDENTICAL = (Clock, Equations, Function, SynapticPathway, Variable, type)
#: Their arrays grow during a run, as their code does itself
_MONITORS = (EventMonitor, PopulationRateMonitor, StateMonitor)
_COMPILER = ("CC", "CFLAGS", "CXX", "CXXFLAGS", "LDFLAGS")
_CREATE, _KEPT = "create_default_code_object", "_kept_code"


@contextmanager
def code_kept(runners: Iterable[CodeRunner]) -> Iterator[None]:
    """Let runners keep the code objects of the run before, or make new ones where they must.

    Brian2 makes all code anew for each run: analysis of the equations, generation, and a search for
    the compiled library. All of that depends on texts, variables, values of external names,
    preferences, the compiler and time steps, which are compared.

    Parameters
    ----------
    runners : iterable of CodeRunner
        What needs code for a run that is being prepared.
    """
    surroundings = (
        code_object_class(),
        repr(prefs.prefs),
        *(os.environ.get(name) for name in _COMPILER),
    )
    own: list[tuple[dict[str, Any], Any]] = []
    try:
        for runner in runners:
            # not by assignment: groups refuse attributes that they don't know
            inside = runner.__dict__
            own.append((inside, inside.get(_CREATE)))
            inside[_CREATE] = partial(_kept_or_made, runner, surroundings, getattr(runner, _CREATE))
        yield
    finally:
        for inside, create in own:
            del inside[_CREATE]
            if create is not None:
                inside[_CREATE] = create


@dataclass(frozen=True)
class _Kept:
    """A code object, and what it was made of."""

    code: Any
    #: Before it was made and afterwards: what has no code in C++ goes back to plain templates
    made_of: tuple[tuple[Any, ...], tuple[Any, ...]]
    #: Where each array is that may move, and the value of each constant
    arrays: dict[str, tuple[Any, ...]]


def _kept_or_made(
    runner: CodeRunner,
    surroundings: tuple[Any, ...],
    make: Callable[[Mapping[str, Any]], Any],
    run_namespace: Mapping[str, Any],
) -> Any:
    made_of = (*surroundings, *_made_of(runner))
    kept: _Kept | None = runner.__dict__.get(_KEPT)
    if kept and made_of in kept.made_of and _variables_stay(kept, runner, run_namespace):
        return kept.code
    runner.__dict__[_KEPT] = None
    code = make(run_namespace)
    if code is not None:
        afterwards = (*surroundings, *_made_of(runner))
        runner.__dict__[_KEPT] = _Kept(code, (made_of, afterwards), _arrays(runner, code))
    return code


def _made_of(runner: CodeRunner) -> tuple[Any, ...]:
    inside, group = runner.__dict__, runner.group.__dict__
    own_text = type(runner).update_abstract_code is not CodeRunner.update_abstract_code
    kwds = {k: v for k, v in (runner.template_kwds or {}).items() if k != "draws"}
    if own_text:
        spaces = (group, getattr(inside.get("synapses"), "__dict__", {}))
        text = [space.get(name) for space in spaces for name in _OF_GROUP]
    else:
        text = [runner.abstract_code, runner.template]
    return (
        type(runner),
        _frozen(text),
        _frozen([inside.get(name) for name in _OF_RUNNER]),
        _frozen(kwds),
        # a clock of events has no time step
        getattr(runner.clock, "dt_", None),
        getattr(group.get("_clock"), "dt_", None),
    )


class _Identical:
    """Equals what holds the same object."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def __eq__(self, other: object) -> bool:
        return type(other) is _Identical and self._value is other._value

    __hash__ = None  # type: ignore[assignment]


class _Unknown:
    """Equals nothing."""

    def __eq__(self, other: object) -> bool:
        return False

    __hash__ = None  # type: ignore[assignment]


def _frozen(value: Any) -> Any:
    """Return what compares equal only while a value means the same."""
    kind: Any = type(value)
    return _freezer(kind)(value)


@cache
def _freezer(kind: Any) -> Callable[[Any], Any]:
    """Return how values of a type are frozen; there are few types and many values."""
    if kind in _TEXT or issubclass(kind, np.dtype):
        return _itself
    if kind in _NUMBERS:
        return lambda value: (kind, value)  # 1 and True are written differently
    if issubclass(kind, _SAME_IF_IDENTICAL):
        return _Identical
    if issubclass(kind, Mapping):
        return lambda value: tuple((k, _frozen(v)) for k, v in value.items())
    if issubclass(kind, list | tuple):
        return lambda value: (kind, *map(_frozen, value))
    if issubclass(kind, set | frozenset):
        return frozenset
    if issubclass(kind, np.ndarray | np.generic):
        return lambda value: (value.shape, value.dtype, get_dimensions(value), value.tobytes())
    if dataclasses.is_dataclass(kind) and kind.__hash__ is not None:
        return _itself  # a frozen one
    return lambda _: _Unknown()


def _itself(value: Any) -> Any:
    return value


def _arrays(runner: CodeRunner, code: Any) -> dict[str, tuple[Any, ...]]:
    """Return where arrays are that may have moved since the code got them, and constants' values.

    So for arrays that functions read, such as a `TimedArray`'s.
    """
    found: dict[str, tuple[Any, ...]] = {}
    asks_each_time = not isinstance(code, CPPRuntimeCodeObject)
    for name, variable in code.variables.items():
        if isinstance(variable, Function):
            found[name] = _of_function(variable, code)
        if not isinstance(variable, ArrayVariable):
            continue
        moves = isinstance(runner, _MONITORS) or getattr(variable, "needs_reference_update", False)
        constant = variable.scalar and variable.constant
        # a variable's own array stays where it is, unless it can be resized
        if not (variable.dynamic or constant) or (asks_each_time and moves and variable.dynamic):
            continue
        values = np.asarray(variable.get_value())
        found[name] = (*_place(values), values.item() if constant else None)
    return found


def _place(values: np.ndarray) -> tuple[int, int]:
    return values.__array_interface__["data"][0], values.size


def _of_function(function: Function, code: Any) -> tuple[Any, ...]:
    """Return what code was given of a function: equal only if it would be given the same again."""
    try:
        implementation = function.implementations[type(code)]
    except KeyError:  # made when it is asked for
        return (_Identical(function.pyfunc),)
    try:
        given, again = (implementation.get_namespace(code.owner) or {} for _ in range(2))
    except TypeError:  # made for its owner each time, with what it reads inside
        return (_Unknown(),)
    return (
        _Identical(implementation),
        *((name, _of_namespace(value, again[name])) for name, value in given.items()),
        *(_of_function(one, code) for one in (implementation.dependencies or {}).values()),
    )


def _of_namespace(value: Any, again: Any) -> Any:
    if not isinstance(value, np.ndarray):
        return _frozen(value)
    place = _place(as_c_array(value))
    # a copy says nothing: it isn't what the code holds
    return place if place == _place(as_c_array(again)) else _Unknown()


def _variables_stay(kept: _Kept, runner: CodeRunner, run_namespace: Mapping[str, Any]) -> bool:
    """Whether each name means the same variable or value, in the same place."""
    own = runner.__dict__.get("variables")
    return (
        mean_the_same(
            kept.code.variables, runner.group, run_namespace, own and variables_by_name(own)
        )
        and _arrays(runner, kept.code) == kept.arrays
    )
