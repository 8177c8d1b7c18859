"""The C++ compiler: which one, with what flags, and what it knows of this processor."""

import os
import platform
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from brian2.codegen.cpp_prefs import get_compiler_and_args
from brian2.core.preferences import prefs
from brian2.utils.logger import get_logger

from hebbsim.brian2_private import let_decide_on_flags
from hebbsim.codegen.cpp.forks import ask
from hebbsim.codegen.cpp.shared_loops import parallel
from hebbsim.codegen.cpp.tiles import (
    FEWEST_STRIPS,
    Registers,
    cut,
    kernel_tiles,
    packed_tiles,
    packs,
    post_tiles,
    pre_tiles,
    sparse_tiles,
    strips,
    winograd_blocks,
)
from hebbsim.codegen.long_sums import CHAIN, accumulator, chain, even_chain, in_chains

__all__ = [
    "TEMPLATE_GLOBALS",
    "CompilationError",
    "compile_flags",
    "compiler_available",
    "compiler_command",
    "link_flags",
    "target",
    "vector_flags",
]

logger = get_logger("hebbsim.codegen")


class CompilationError(RuntimeError):
    """The C++ compiler refused generated code, or could not do its work."""


def compiler_command() -> list[str]:
    """Return the compiler and its own options: those that ``CXX`` names, or ``g++``."""
    return shlex.split(os.environ.get("CXX", "")) or ["g++"]


def compiler_available() -> bool:
    """Whether a C++ compiler can be called (the one that ``CXX`` names, or ``g++``)."""
    return platform.system() != "Windows" and _found(compiler_command()[0], os.environ.get("PATH"))


@cache
def _found(command: str, _: str | None) -> bool:
    return shutil.which(command) is not None


def vector_flags() -> list[str]:
    """Return the flags under which GCC keeps a register tile in vector registers."""
    flags = ["-fopenmp-simd"]
    if platform.machine() in ("x86_64", "AMD64"):
        flags.append("-mprefer-vector-width=512")
    return flags


def compile_flags() -> list[str]:
    """Return the flags that compile a file for a library."""
    return [*get_compiler_and_args()[1], *vector_flags(), *_threads(), "-fPIC"]


def link_flags() -> list[str]:
    """Return the flags that link a library.

    None of `compile_flags`: of ``-ffast-math`` linking makes that whoever loads the library
    computes without subnormal numbers from then on, in numpy too.
    """
    return ["-shared", *_threads(), *prefs["codegen.cpp.extra_link_args"]]


def _threads() -> list[str]:
    threads = prefs.devices.cpp_standalone.openmp_threads
    if threads < 0:
        raise ValueError(
            "prefs.devices.cpp_standalone.openmp_threads must be a number of threads, or 0 for no "
            f"OpenMP, got {threads}"
        )
    return ["-fopenmp"] if threads else []


# --- what the compiler knows ----------------------------------------------------------------


def _macros(command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    """Ask a compiler for its predefined macros; it writes no file for that."""
    return ask([*command, "-dM", "-E", "-x", "c++", os.devnull])


def knows_flag(flag: str) -> bool:
    """Whether the compiler knows a flag.

    Raises
    ------
    CompilationError
        If it fails in a way that says nothing of the flag: without it the code would be other code,
        and the numbers other numbers. That is not remembered.
    """
    return _knows(tuple(compiler_command()), flag)


@cache
def _knows(command: tuple[str, ...], flag: str) -> bool:
    together = prefs["codegen.cpp.extra_compile_args_gcc"]
    if flag in together and _knows_all((*command, *together)):
        return True
    try:
        done = _macros([*command, flag])
    except OSError:  # code that another machine will compile
        return True
    if done.returncode == 0:
        return True
    if flag.partition("=")[0] in done.stderr:  # it is named where it is refused
        logger.warn(f"{command[0]} doesn't know the flag '{flag}', which is left out.", once=True)
        return False
    raise _broken([*command, flag], done)


@cache
def _knows_all(command: tuple[str, ...]) -> bool:
    """Whether the compiler knows all flags of a command: one call in place of one for each."""
    try:
        return bool(_target(command))
    except CompilationError:  # each is asked for
        return False


let_decide_on_flags(knows_flag)


def _broken(command: Sequence[str], done: "subprocess.CompletedProcess[str]") -> CompilationError:
    said = done.stderr.strip() or f"no message, status {done.returncode}"
    return CompilationError(
        f"the C++ compiler doesn't work: {shlex.join(command)} ended with {said}. Run again, or "
        "name another one in CXX"
    )


def target() -> str:
    """Return what the compiler makes of Brian2's flags here: version, instructions, processor.

    Raises
    ------
    CompilationError
        If it can't be called, or fails; that is not remembered.
    """
    return _target((*compiler_command(), *get_compiler_and_args()[1]))


@cache
def _target(command: tuple[str, ...]) -> str:
    try:
        done = _macros(command)
    except OSError as error:
        raise CompilationError(
            f"the C++ compiler {command[0]} can't be called ({error}); name another one in CXX"
        ) from error
    if done.returncode:
        raise _broken(command, done)
    return f"{done.stdout}\n{_processor()}"


@cache
def _processor() -> str:
    known = Path("/proc/cpuinfo")
    lines = known.read_text(errors="replace").splitlines() if known.exists() else []
    models = {line for line in lines if line.startswith(("model", "cpu family", "CPU part"))}
    return "\n".join([platform.machine(), platform.processor(), *sorted(models)])


def registers() -> Registers:
    """Return the vector registers that the compiler may use under Brian2's flags."""
    try:
        macros = target()
    except CompilationError:  # code that another machine will compile
        return Registers()
    if "__AVX512F__" in macros:
        return Registers(32, 64)
    if "__AVX__" in macros:
        return Registers(16, 32)
    return Registers(32, 16) if "__aarch64__" in macros else Registers(16, 16)


#: What the templates of C++ call besides Brian2's own
TEMPLATE_GLOBALS = {
    "CHAIN": CHAIN,
    "FEWEST_STRIPS": FEWEST_STRIPS,
    "accumulator": accumulator,
    "chain": chain,
    "cut": cut,
    "even_chain": even_chain,
    "in_chains": in_chains,
    "kernel_tiles": kernel_tiles,
    "packed_tiles": packed_tiles,
    "packs": packs,
    "parallel": parallel,
    "post_tiles": post_tiles,
    "registers": registers,
    "strips": strips,
    "pre_tiles": pre_tiles,
    "sparse_tiles": sparse_tiles,
    "winograd_blocks": winograd_blocks,
}
