"""Programs of C++ standalone: what they have in common is compiled once."""

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from brian2.codegen.templates import Templater

from hebbsim.brian2_private import replace_in_template
from hebbsim.codegen.cpp.compiler import CompilationError, compiler_command, target
from hebbsim.codegen.cpp.headers import compile_header, header
from hebbsim.codegen.kept_objects import objects_kept
from hebbsim.codegen.units import Project, Unit

__all__ = ["compiling", "share_headers"]

#: What the compiler takes from the environment besides
_READ = ("CPATH", "CPLUS_INCLUDE_PATH", "GCC_EXEC_PREFIX")


def share_headers(templater: Templater) -> None:
    """Let the makefile of Brian2 have each unit include the precompiled headers.

    What declares, stores and loads arrays isn't optimised: that takes longer than all it does.
    """
    templater.env.globals["headers"] = _include
    old = "OPTIMISATIONS = {{ compiler_flags }}"
    new = f"{old} {{{{ headers() }}}}\nobjects.o: OPTIMISATIONS += -O0"
    replace_in_template(templater, "makefile", old, new)


def _include() -> str:
    """Return the flag of the headers; Clang refuses a header that it finds no variant of."""
    try:
        return "" if "__clang__" in target() else f"-include {shlex.quote(str(header()))}"
    except CompilationError:  # code that another machine will compile
        return ""


@contextmanager
def compiling(folder: Path, arguments: str) -> Iterator[None]:
    """Spare ``make`` what is compiled already, and keep what it compiles.

    Parameters
    ----------
    folder : Path
        The project's.
    arguments : str
        Those of ``make``.
    """
    try:
        made_with = "\0".join([arguments, target(), *(os.environ.get(name, "") for name in _READ)])
    except CompilationError:  # make will say it
        yield
        return
    project = Project(folder)
    if project.variable("NVCC"):  # whose version the objects depend on as well
        yield
        return
    project.write_dependencies()
    with objects_kept(project, made_with) as left:
        if left and "-include" in project.variable("CXXFLAGS"):
            _compile_headers(project, left, made_with)
        yield


def _compile_headers(project: Project, left: list[Unit], made_with: str) -> None:
    command = [*compiler_command(), *shlex.split(project.variable("CXXFLAGS"))]
    command.remove("-c")
    place = command.index("-include")
    del command[place : place + 2]
    names = {unit.object.name for unit in left}
    if names - {"objects.o"}:
        compile_header(header(), command, made_with)
    if "objects.o" in names:
        compile_header(header(), [*command, "-O0"], made_with)
