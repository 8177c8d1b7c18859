"""All that hebbsim takes from Brian2 and Brian2CUDA that isn't public, and why.

Each function says which public way is missing. A new version of Brian2 is a matter of this file.
"""

import inspect
import linecache
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib import import_module
from pathlib import Path
from typing import Any

import brian2
import numpy as np
import sympy
from brian2 import Clock, Network
from brian2.codegen import cpp_prefs
from brian2.codegen.generators import cython_generator
from brian2.codegen.templates import CodeObjectTemplate, Templater
from brian2.core.base import BrianObject
from brian2.core.functions import DEFAULT_FUNCTIONS, FunctionImplementationContainer
from brian2.core.preferences import prefs
from brian2.core.variables import ArrayVariable, Variable, Variables
from brian2.devices.cpp_standalone.device import CPPStandaloneDevice
from brian2.groups.group import CodeRunner, Group, Indexing
from brian2.parsing.rendering import CPPNodeRenderer
from brian2.synapses.synapses import SynapticPathway

__all__ = [
    "RANDOM_BUFFER_SIZE",
    "CheckedInDouble",
    "MadeByUser",
    "divide_in_double",
    "divide_in_precision",
    "drop_variable",
    "enable_attributes",
    "exponentiate_diagonals",
    "forget_stop",
    "hidden_variables",
    "implement_as_generator",
    "lacks_code",
    "last_step_of_run",
    "let_decide_on_flags",
    "mark_as_used",
    "name_users_line",
    "network_of",
    "prepare_deletion",
    "replace_in_template",
    "replace_indexing",
    "replace_variable",
    "resize_array",
    "schedule_held",
    "set_number_of_elements",
    "spikes_on_their_way",
    "tell_missing_code",
    "variables_by_name",
    "was_stopped",
    "wrap_code_object_creation",
    "wrap_compilation",
]


#: Numbers that Brian2's compiled code draws at once, which nothing public says
RANDOM_BUFFER_SIZE: int = cython_generator._BUFFER_SIZE

#: Where code lies that users didn't write
_LIBRARIES = tuple(os.path.join(os.path.dirname(path), "") for path in (brian2.__file__, __file__))


def users_line(otherwise: str) -> str:
    """Return the line of the user's that is running, as Brian2 tells where objects were created.

    Parameters
    ----------
    otherwise : str
        What to return where no line is the user's.
    """
    frame = inspect.currentframe()
    while frame is not None:
        file = frame.f_code.co_filename
        if not file.startswith(_LIBRARIES):
            line = linecache.getline(file, frame.f_lineno).strip()
            return f"  File '{file}', line {frame.f_lineno}, in {frame.f_code.co_name}\n    {line}"
        frame = frame.f_back
    return otherwise


class MadeByUser(BrianObject):
    """An object whose errors name the user's line that made it, not the line of hebbsim's.

    Brian2 leaves its own lines out, and has no way to leave out others.
    """

    @property
    def _creation_stack(self) -> str:
        return str(self.__dict__["_made_at"])

    @_creation_stack.setter
    def _creation_stack(self, last: str) -> None:
        self.__dict__["_made_at"] = users_line(last)


def name_users_line(item: BrianObject) -> None:
    """Let errors of one of Brian2's own objects name the user's line that is running."""
    item._creation_stack = users_line(item._creation_stack)


class CheckedInDouble(MadeByUser, Group):
    """A group whose values are checked for overflow after a run in double precision.

    Brian2 compares with 1e50, which overflows in single precision, and has no setting for it.
    """

    def _check_for_invalid_values(self, k: str, v: Any) -> None:
        super()._check_for_invalid_values(k, np.asarray(v, dtype=float))


def set_number_of_elements(group: Group, n: int) -> None:
    """Tell Brian2CUDA how many elements a group has: it asks for the attribute, not for ``N``."""
    group._N = n


def enable_attributes(group: Group) -> None:
    """Let ``group.w`` mean the variable `w`: Brian2's groups switch that on themselves."""
    group._enable_group_attributes()


def drop_variable(variables: Variables, name: str) -> None:
    """Forget a variable of a group or of a code runner: `Variables` can only be added to."""
    del variables._variables[name]


def variables_by_name(variables: Variables) -> Mapping[str, Variable]:
    """Return the variables of a group as a plain dictionary, in which names are found fast."""
    return variables._variables


def replace_variable(variables: Variables, name: str, other: Variable, index: str) -> None:
    """Let a name mean another variable: a public reference would need the name to be free."""
    variables._variables[name] = other
    variables.indices[name] = index


@contextmanager
def hidden_variables(variables: Variables, names: Iterable[str]) -> Iterator[None]:
    """Leave out some variables for a while, of which Brian2's `Subgroup` can make no reference."""
    hidden = {name: (variables._variables[name], variables.indices[name]) for name in names}
    for name in hidden:
        del variables._variables[name], variables.indices[name]
    try:
        yield
    finally:
        for name, (variable, index) in hidden.items():
            replace_variable(variables, name, variable, index)


def replace_indexing(group: Group, indexing: Indexing) -> None:
    """Let another object find the elements that an index means: groups make their own."""
    group._indices = indexing


def resize_array(variable: ArrayVariable, size: int) -> None:
    """Give an array another size, with zeros in it: on standalone devices none can be resized.

    They take the size from the variable when they write the code.
    """
    if variable.dynamic:
        variable.resize(size)
    else:
        variable.size = size
        variable.device.array_cache[variable] = np.zeros(size, dtype=variable.dtype)


def network_of(item: BrianObject) -> Any:
    """Return the identity of the network that an object belongs to, or None; Brian2 keeps it."""
    return item._network


def spikes_on_their_way(pathway: SynapticPathway) -> Callable[[], None]:
    """Return what brings back the spikes that a pathway of Brian2's has on their way now.

    Publicly they are stored with all of a network alone, in a file or under a name of the user's.
    """
    queue = pathway.queue
    state = None if queue is None else queue._full_state()

    def go_back() -> None:
        pathway.queue = queue  # none before the first run
        if queue is not None:
            queue._restore_from_full_state(state)

    return go_back


@contextmanager
def schedule_held(network: Network) -> Iterator[None]:
    """Let a network look its schedule up no more: it asks the preferences many times a run."""
    own = network._schedule
    network._schedule = network.schedule
    try:
        yield
    finally:
        network._schedule = own


def last_step_of_run(clock: Clock) -> int:
    """Return the number of the step at which a clock ends the run that it is prepared for."""
    return int(clock._i_end)


def was_stopped(network: Network) -> bool:
    """Whether the last run was told to stop, even in its last step; Brian2 keeps it."""
    return bool(network._stopped or Network._globally_stopped)


def forget_stop(network: Network) -> None:
    """Let a network run that was told to stop, as a run of Brian2's own begins."""
    network._stopped = Network._globally_stopped = False


def mark_as_used(item: BrianObject, network: Any) -> None:
    """Note to which network an object belongs, by `network`'s identity.

    Else Brian2 warns, when the object is deleted, that it was never used: it isn't told of objects
    that another one replaces, or of networks that are only built.
    """
    item._network = network


def wrap_code_object_creation(
    runner: CodeRunner, create: Callable[[Callable[..., Any], dict[str, Any]], Any]
) -> None:
    """Let `create` make a runner's code object, given Brian2's own method and a namespace.

    The objects are of Brian2's classes and made by its groups, which can't be told another class.
    """
    original = runner.create_default_code_object
    runner.create_default_code_object = lambda run_namespace: create(original, run_namespace)


def wrap_compilation(around: Callable[[Path, str], AbstractContextManager[None]]) -> None:
    """Let standalone devices call ``make`` inside `around`, given a project and its arguments.

    Brian2 can be told another command than ``make``, but not what comes before and after. A program
    for a debugger, or that is to be compiled from nothing, is left to Brian2.
    """
    original = CPPStandaloneDevice.compile_source

    def compile_source(
        self: CPPStandaloneDevice, directory: str, compiler: str, debug: bool, clean: bool
    ) -> None:
        unix = prefs.devices.cpp_standalone
        arguments = " ".join([unix.make_cmd_unix, *unix.extra_make_args_unix])
        apart = compiler == "msvc" or debug or clean
        with nullcontext() if apart else around(Path(directory).absolute(), arguments):
            original(self, directory, compiler, debug, clean)

    CPPStandaloneDevice.compile_source = compile_source


def prepare_deletion(prepare: Callable[[Path, Collection[str]], None]) -> None:
    """Call `prepare` before standalone devices delete code, given a project and its sources.

    They warn of each file that is missing, and of each that they didn't write.
    """
    original = CPPStandaloneDevice.delete

    def delete(self: CPPStandaloneDevice, code: bool = True, *args: Any, **kwds: Any) -> None:
        if code and self.project_dir is not None:
            prepare(Path(self.project_dir).absolute(), self.writer.source_files)
        original(self, code, *args, **kwds)

    CPPStandaloneDevice.delete = delete


def replace_in_template(templater: Templater, name: str, old: str, new: str) -> None:
    """Replace a text in a template, which may be one where others were replaced."""
    source = templater.templates.get_template(name).template_source.replace(old, new)
    template = CodeObjectTemplate(templater.env.from_string(source), source)
    templater.templates._templates[name] = template


class MissingCodeError(KeyError):
    """A function, or one that it calls, without code for a target."""


def tell_missing_code() -> None:
    """Let Brian2 raise `MissingCodeError` where a function has no code for a target.

    Its own is a plain KeyError, or a TypeError: it words the error from the names of targets, and
    C++ standalone's has none.
    """
    original = FunctionImplementationContainer.__getitem__

    def look_up(self: FunctionImplementationContainer, key: Any) -> Any:
        try:
            return original(self, key)
        except KeyError as error:
            raise MissingCodeError(*error.args) from None
        except TypeError:
            target = getattr(key, "class_name", None) or key
            raise MissingCodeError(f"No implementation available for target '{target}'") from None

    FunctionImplementationContainer.__getitem__ = look_up


def lacks_code(error: Exception) -> bool:
    """Whether Brian2 raised an error since a function has no code for the target."""
    return isinstance(error, MissingCodeError) or isinstance(error.__cause__, MissingCodeError)


def divide_in_precision() -> None:
    """Let ``/`` divide integers in the precision of Brian2's numbers, in all C++ that it writes.

    It writes ``1.0f*10/n``, which is single precision whatever ``core.default_float_dtype`` says.
    """
    original = CPPNodeRenderer.render_BinOp

    def render_division(self: CPPNodeRenderer, node: Any) -> str:
        code = str(original(self, node))
        is_double = np.dtype(prefs.core.default_float_dtype) == np.float64
        is_division = type(node.op).__name__ == "Div"
        return f"1.0*{code.removeprefix('1.0f*')}" if is_division and is_double else code

    CPPNodeRenderer.render_BinOp = render_division


class _Coefficients(sympy.Matrix):
    """Coefficients of linear differential equations."""

    def exp(self) -> sympy.Matrix:
        """Return the matrix exponential."""
        if not self.is_diagonal():
            return super().exp()
        return sympy.diag(*(sympy.exp(rate) for rate in self.diagonal()))


def exponentiate_diagonals() -> None:
    """Let Brian2's exact integration solve equations that don't meet each by itself.

    Its sympy looks for the Jordan form of their diagonal matrix, which takes most of the time
    before a first step, and ends with the same text.
    """
    exact = import_module(
        "brian2.stateupdaters.exact"
    )  # its package gives the name another meaning
    original = exact.get_linear_system

    def get_linear_system(*args: Any) -> tuple[list[str], sympy.Matrix, sympy.Matrix]:
        names, coefficients, constants = original(*args)
        return names, _Coefficients(coefficients), constants

    exact.get_linear_system = get_linear_system  # type: ignore[attr-defined]


def implement_as_generator(function: str, codeobj_class: Any) -> None:
    """Let code objects of a class call a default function as their generator has it.

    What was given to a class that theirs is derived from comes first otherwise, and there is no
    public way to give an implementation to another class as it is.
    """
    implementations = DEFAULT_FUNCTIONS[function].implementations
    own = implementations[codeobj_class.generator_class]
    implementations._implementations[codeobj_class] = own


def divide_in_double() -> None:
    """Let ``//`` and ``%`` of Brian2CUDA divide in double precision.

    In single precision it makes 1.0f of their 1.0, and what numbers neurons, rows and channels
    is rounded.
    """
    from brian2cuda import cuda_generator  # which may not be installed

    for name in ("_mod_support_code", "_floordiv_support_code"):
        code = getattr(cuda_generator, name)
        setattr(cuda_generator, name, code.replace("1.0*x/y", "(double) x/y"))
    cuda_generator.CUDACodeGenerator.universal_support_code = None  # made anew when it is needed


def let_decide_on_flags(knows: Callable[[str], bool]) -> None:
    """Let `knows` say whether the compiler knows a flag.

    Brian2 compiles a file in the temporary folder, takes whatever fails there for an unknown flag,
    and remembers that, for all compilers: a full disk costs the optimisation for good.
    """
    cpp_prefs.has_flag = lambda compiler, flag: compiler.compiler_type == "msvc" or knows(flag)
