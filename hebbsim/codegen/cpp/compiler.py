"""The C++ compiler: which one, with what flags, and a cache of the libraries that it built."""

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

from brian2.codegen.cpp_prefs import get_compiler_and_args
from brian2.core.preferences import prefs
from brian2.devices.cpp_standalone.codeobject import openmp_pragma
from brian2.utils.logger import get_logger

from hebbsim.codegen.cpp.options import CompilerOptions
from hebbsim.codegen.cpp.tiles import (
    Registers,
    cut,
    kernel_tiles,
    post_tiles,
    strips,
    winograd_blocks,
)

__all__ = [
    "TEMPLATE_GLOBALS",
    "CompilationError",
    "announce",
    "compile_library",
    "compiler_available",
    "vector_flags",
]

logger = get_logger("hebbsim.codegen")

_WORTH_THREADS = 20_000  # some 5 us of them

_pool = ThreadPoolExecutor(max_workers=os.cpu_count(), thread_name_prefix="hebbsim-compile")
_pending: dict[Path, Future[Any]] = {}
_building: list[tuple[str, Future[Any]]] = []  # what is compiled, until it is announced


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


def _flags(options: CompilerOptions) -> list[str]:
    _, compile_args = get_compiler_and_args()
    threads = ["-fopenmp"] if prefs.devices.cpp_standalone.openmp_threads else []
    link = list(prefs["codegen.cpp.extra_link_args"])
    given = [*options.sources, *options.flags]
    return [*compile_args, *vector_flags(), *threads, "-shared", "-fPIC", *given, *link]


def _content(source: str, command: list[str], options: CompilerOptions) -> Iterator[str]:
    """Yield what is in all files that code names: it may change while the code doesn't."""
    flags = [flag for flag in command[1:] if flag not in options.sources and flag != "-shared"]
    for file in ("-", *options.sources):
        done = subprocess.run(
            [command[0], *flags, "-E", "-P", "-x", "c++", file],
            input=source if file == "-" else None,
            capture_output=True,
            text=True,
            check=False,  # what is wrong is said when it is compiled
        )
        yield done.stdout
    for archive in options.archives:
        yield hashlib.sha256(archive.read_bytes()).hexdigest()


def registers() -> Registers:
    """Return the vector registers that the compiler may use under Brian2's flags."""
    return _registers((_compiler(), *get_compiler_and_args()[1]))


@cache
def _registers(command: tuple[str, ...]) -> Registers:
    options = ["-dM", "-E", "-x", "c++", os.devnull]
    try:
        done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    except OSError:  # code that another machine will compile
        return Registers()
    if "__AVX512F__" in done.stdout:
        return Registers(32, 64)
    if "__AVX__" in done.stdout:
        return Registers(16, 32)
    return Registers(32, 16) if "__aarch64__" in done.stdout else Registers(16, 16)


def parallel(operations: int | str) -> str:
    """Return the pragma of a loop that threads share, if its `operations` are worth it.

    Below, threads take longer to meet than to work. A number that is known only at run time is a
    C++ expression.
    """
    pragma = openmp_pragma("parallel-static")
    if isinstance(operations, str):
        return pragma and f"{pragma} if (({operations}) > {_WORTH_THREADS})"
    return pragma if operations > _WORTH_THREADS else ""


#: What the templates of C++ call besides Brian2's own
TEMPLATE_GLOBALS = {
    "cut": cut,
    "kernel_tiles": kernel_tiles,
    "parallel": parallel,
    "post_tiles": post_tiles,
    "registers": registers,
    "strips": strips,
    "winograd_blocks": winograd_blocks,
}


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


def compile_library(
    source: str, name: str = "", options: CompilerOptions | None = None
) -> Future[Any]:
    """Return a future of the compiled ``run`` function of C++ text `source`.

    Its `name` is for `announce`; the `options` are those of the user's functions in it.
    """
    options = CompilerOptions.of({}) if options is None else options
    command = [_compiler(), *_flags(options)]
    parts = [source, *command, platform.node()]
    if options.names_files or '#include "' in source:
        parts += _content(source, command, options)
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
    library = cache_folder() / f"{key}.so"

    def build() -> Any:
        if not library.exists():
            _compile(source, command, library)
        return _load(library)

    if library not in _pending:
        missing = not library.exists()
        _pending[library] = _pool.submit(build)
        if missing:
            _building.append((name, _pending[library]))
    return _pending[library]


def announce() -> None:
    """Say on the terminal what is being compiled, once."""
    names = [name for name, future in _building if not future.done()]
    _building.clear()
    if names:
        shown = ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")
        logger.info(
            f"Compiling {len(names)} C++ loops on {os.cpu_count()} cores ({shown}). They are kept "
            f"in {cache_folder()} for later runs.",
            "compiling",
        )
