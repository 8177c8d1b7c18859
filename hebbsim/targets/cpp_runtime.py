"""C++ in runtime mode: a code object compiled by the C++ compiler and called through ctypes.

The loop nests are those of the standalone target. The generated text names arrays by their place
in the argument list and receives every constant as an argument, so that networks that differ in
names, seeds or parameters share one compiled library, cached on disk. Libraries compile in
parallel on the cores that there are, from the moment that Brian2 creates the code objects.
"""

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from brian2.codegen.codeobject import CodeObject, constant_or_scalar
from brian2.codegen.cpp_prefs import get_compiler_and_args
from brian2.codegen.generators.cpp_generator import CPPCodeGenerator, c_data_type
from brian2.codegen.templates import Templater
from brian2.core.functions import Function
from brian2.core.preferences import prefs
from brian2.core.variables import ArrayVariable, AuxiliaryVariable, Subexpression
from brian2.devices.cpp_standalone.codeobject import openmp_pragma
from brian2.utils.stringtools import get_identifiers, word_substitute

from hebbsim.targets.tiles import TEMPLATE_GLOBALS

__all__ = ["CPPRuntimeCodeObject", "CompilationError", "compiler_available", "vector_flags"]

_pool = ThreadPoolExecutor(max_workers=os.cpu_count(), thread_name_prefix="hebbsim-compile")
_pending: dict[Path, Future[Any]] = {}


class CompilationError(RuntimeError):
    """The C++ compiler refused generated code."""


def _compiler() -> str:
    return os.environ.get("CXX", "g++")


@cache
def compiler_available() -> bool:
    """Whether a C++ compiler can be called (the one that ``CXX`` names, or ``g++``)."""
    return platform.system() != "Windows" and shutil.which(_compiler()) is not None


def vector_flags() -> list[str]:
    """Return the flags under which GCC keeps a register tile in vector registers."""
    flags = ["-fopenmp-simd"]
    if platform.machine() in ("x86_64", "AMD64"):
        flags.append("-mprefer-vector-width=512")
    return flags


def _flags() -> list[str]:
    _, compile_args = get_compiler_and_args()
    threads = ["-fopenmp"] if prefs.devices.cpp_standalone.openmp_threads else []
    include = [f"-I{folder}" for folder in prefs["codegen.cpp.include_dirs"]]
    link = list(prefs["codegen.cpp.extra_link_args"])
    return [*compile_args, *vector_flags(), *threads, "-shared", "-fPIC", *include, *link]


def cache_folder() -> Path:
    """Folder of compiled libraries: ``$XDG_CACHE_HOME/hebbsim`` or ``~/.cache/hebbsim``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hebbsim"


def _compile(source: str, command: list[str], library: Path) -> None:
    library.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=library.parent) as folder:
        cpp, built = Path(folder, "code.cpp"), Path(folder, "code.so")
        cpp.write_text(source)
        done = subprocess.run(
            [command[0], str(cpp), "-o", str(built), *command[1:]], capture_output=True, text=True
        )
        if done.returncode:
            raise CompilationError(
                f"{' '.join(command)} failed on generated code:\n{done.stderr.strip()}"
            )
        built.replace(library)  # atomic: other processes share the cache


@cache
def _load(library: Path) -> Any:
    function = ctypes.CDLL(str(library)).run
    function.argtypes, function.restype = [ctypes.c_void_p], None
    return function


def compile_library(source: str) -> Future[Any]:
    """Return a future of the compiled ``run`` function of C++ text `source`."""
    command = [_compiler(), *_flags()]
    key = hashlib.sha256("\0".join([source, *command, platform.node()]).encode()).hexdigest()[:32]
    library = cache_folder() / f"{key}.so"

    def build() -> Any:
        if not library.exists():
            _compile(source, command, library)
        return _load(library)

    if library not in _pending:
        _pending[library] = _pool.submit(build)
    return _pending[library]


class CPPRuntimeCodeObject(CodeObject):
    """Run a C++ loop nest on Brian2's runtime device."""

    templater = Templater(
        ("hebbsim.targets", "hebbsim.targets", "brian2.devices.cpp_standalone"),
        ".cpp",
        env_globals={
            "c_data_type": c_data_type,
            "openmp_pragma": openmp_pragma,
            "constant_or_scalar": constant_or_scalar,
            "prefs": prefs,
            "zip": zip,
            **TEMPLATE_GLOBALS,
        },
        templates_dir=("templates/cpp_runtime", "templates/cpp", "templates"),
    )
    generator_class = CPPCodeGenerator
    class_name = "cpp_runtime"

    def __init__(self, *args: Any, **kwds: Any) -> None:
        super().__init__(*args, **kwds)
        self._arguments: dict[str, ctypes.Array[ctypes.c_void_p]] = {}
        self._kept: list[np.ndarray] = []  # what the arguments point into

    def _values(self) -> dict[str, Any]:
        """Map each name in the code to the array or number that it stands for."""
        values: dict[str, Any] = {}
        for name, variable in self.variables.items():
            if isinstance(variable, Function):
                implementation = variable.implementations[type(self)]
                values.update(implementation.get_namespace(self.owner) or {})
            elif isinstance(variable, ArrayVariable):
                array_name = self.generator_class.get_array_name(variable).removeprefix("_ptr")
                values[array_name] = variable.get_value()
            elif not isinstance(variable, AuxiliaryVariable | Subexpression):
                values[name] = variable.get_value()
        return values

    def compile_block(self, block: str) -> Future[Any] | None:
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
        code = word_substitute(code, renamed).replace("%ARGUMENTS%", "\n    ".join(lines))
        return compile_library(code)

    def __call__(self, **_: Any) -> None:
        """Run once."""
        compiled = self.compiled_code["run"]
        if isinstance(compiled, Future):
            compiled = self._finish("run")
        compiled()

    def run_block(self, block: str) -> None:
        """Call a compiled block, if there is anything in it."""
        compiled = self.compiled_code[block]
        if isinstance(compiled, Future):
            compiled = self._finish(block)
        if compiled is not None:
            compiled()

    def _finish(self, block: str) -> Callable[[], None]:
        """Wait until a block is compiled, and bind its arguments."""
        compiled = partial(self.compiled_code[block].result(), self._arguments[block])
        self.compiled_code[block] = compiled
        return compiled
