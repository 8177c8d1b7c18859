"""C++ in runtime mode: a code object compiled by the C++ compiler and called through ctypes.

The loop nests are those of the standalone target. The generated text names arrays by their place
in the argument list and receives every constant as an argument, so that networks that differ in
names, seeds or parameters share one compiled library, cached on disk. Libraries compile in
parallel on the cores that there are, from the moment that Brian2 creates the code objects.
"""

import ctypes
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from brian2.codegen.codeobject import CodeObject, constant_or_scalar
from brian2.codegen.generators.cpp_generator import c_data_type
from brian2.codegen.templates import Templater
from brian2.core.functions import Function
from brian2.core.preferences import prefs
from brian2.core.variables import ArrayVariable, AuxiliaryVariable, Subexpression
from brian2.utils.stringtools import get_identifiers, word_substitute

from hebbsim.codegen.cpp.arrays import ArrayGenerator, as_c_array
from hebbsim.codegen.cpp.compiler import TEMPLATE_GLOBALS
from hebbsim.codegen.cpp.exponential import add_exponential
from hebbsim.codegen.cpp.libraries import Library, announce, compile_library
from hebbsim.codegen.cpp.options import CompilerOptions
from hebbsim.codegen.cpp.random_numbers import add_random_numbers
from hebbsim.codegen.cpp.shared_loops import pragma_where_shared
from hebbsim.codegen.cpp.timesteps import add_timestep

__all__ = ["CPPRuntimeCodeObject", "Compiled"]

#: Where code names nothing of them, they would take most of its time to compile
_CONTAINERS = "".join(f"#include <{name}>\n" for name in ("algorithm", "utility", "vector"))


class Compiled(NamedTuple):
    """Where the function is that runs a step of a code object, and what it is given."""

    address: int
    arguments: Any
    #: Those that it runs for, ``[first, last)``, if it may run for some samples at a time
    samples: np.ndarray | None


class CPPRuntimeCodeObject(CodeObject):
    """Run a C++ loop nest on Brian2's runtime device."""

    templater = Templater(
        ("hebbsim.codegen", "hebbsim.codegen", "brian2.devices.cpp_standalone"),
        ".cpp",
        env_globals={
            "c_data_type": c_data_type,
            "openmp_pragma": pragma_where_shared,
            "constant_or_scalar": constant_or_scalar,
            "prefs": prefs,
            "zip": zip,
            **TEMPLATE_GLOBALS,
        },
        templates_dir=("cpp/runtime_templates", "cpp/templates", "templates"),
    )
    generator_class = ArrayGenerator
    class_name = "cpp_runtime"

    def __init__(self, *args: Any, **kwds: Any) -> None:
        super().__init__(*args, **kwds)
        self._arguments: dict[str, ctypes.Array[ctypes.c_void_p]] = {}
        self._kept: list[np.ndarray] = []  # what the arguments point into
        self._library: Library | None = None
        self._samples = np.array([0, np.iinfo(np.int32).max], dtype=np.int32)

    def _values(self) -> dict[str, Any]:
        """Map each name in the code to the array or number that it stands for."""
        values: dict[str, Any] = {"_samples": self._samples}
        for name, variable in self.variables.items():
            if isinstance(variable, Function):
                implementation = variable.implementations[type(self)]
                values.update(_arrays(implementation.get_namespace(self.owner) or {}))
            elif isinstance(variable, ArrayVariable):
                array_name = self.generator_class.get_array_name(variable).removeprefix("_ptr")
                values[array_name] = variable.get_value()
                values[f"_num{name}"] = variable.get_len()
            elif not isinstance(variable, AuxiliaryVariable | Subexpression):
                values[name] = variable.get_value()
        return values

    def compile_block(self, block: str) -> Library | None:
        """Start to compile a block of the code, if there is anything in it."""
        code = getattr(self.code, block, "")
        if not code.strip() or "EMPTY_CODE_BLOCK" in code:
            return None
        used = get_identifiers(code)
        lines: list[str] = []
        renamed: dict[str, str] = {}
        pointers: list[int] = []
        for name, value in self._values().items():
            if name not in used:
                continue
            array = np.ascontiguousarray(value) if np.ndim(value) == 0 else value
            c_type, place = c_data_type(array.dtype), len(pointers)
            if np.ndim(value) == 0:
                lines.append(f"const {c_type} {name} = *({c_type}*) _arguments[{place}];")
            else:
                renamed |= {name: f"_array{place}", f"_ptr{name}": f"_ptr_array{place}"}
                lines.append(f"{c_type}* const _array{place} = ({c_type}*) _arguments[{place}];")
            self._kept.append(array)
            pointers.append(array.ctypes.data)
        self._arguments[block] = (ctypes.c_void_p * len(pointers))(*pointers)
        options = CompilerOptions.of(self.compiler_kwds)
        code = word_substitute(code, renamed).replace("%ARGUMENTS%", "\n    ".join(lines))
        containers = _CONTAINERS if "std" in used else ""
        code = code.replace("%HEADERS%", containers + options.includes)
        return compile_library(code, self.name.partition("_codeobject")[0], options)

    def __call__(self, **_: Any) -> None:
        """Run once."""
        compiled = self.compiled_code["run"]
        if isinstance(compiled, Library):
            compiled = self._finish("run")
        compiled()

    def run_block(self, block: str) -> None:
        """Call a compiled block, if there is anything in it."""
        compiled = self.compiled_code[block]
        if isinstance(compiled, Library):
            compiled = self._finish(block)
        if compiled is not None:
            compiled()

    def compiled(self) -> Compiled | None:
        """Return what runs a step, if there is anything to run."""
        if isinstance(self.compiled_code["run"], Library):
            self._finish("run")
        if self._library is None:
            return None
        arguments = self._arguments["run"]
        by_samples = self._samples.ctypes.data in arguments
        return Compiled(self._library.address, arguments, self._samples if by_samples else None)

    def _finish(self, block: str) -> Callable[[], None]:
        """Wait until a block is compiled, and bind its arguments."""
        announce()
        library = self.compiled_code[block]
        compiled = partial(library.result(), self._arguments[block])
        self._library = library if block == "run" else self._library
        self.compiled_code[block] = compiled
        return compiled


add_random_numbers(CPPRuntimeCodeObject)
add_timestep(CPPRuntimeCodeObject)
add_exponential(CPPRuntimeCodeObject)


def _arrays(namespace: dict[str, Any]) -> dict[str, Any]:
    """Return what a function's namespace holds, its arrays as C++ reads them."""
    return {
        name: as_c_array(value) if isinstance(value, np.ndarray) else value
        for name, value in namespace.items()
    }
