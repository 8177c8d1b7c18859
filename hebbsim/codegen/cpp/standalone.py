"""Headers of C++ standalone programs, which all of them have in common."""

import shlex

from brian2.codegen.templates import Templater

from hebbsim.brian2_private import replace_in_template
from hebbsim.codegen.cpp.compiler import CompilationError, compiler_command, target
from hebbsim.codegen.cpp.headers import compile_header, header
from hebbsim.codegen.units import Project, Unit

__all__ = ["compile_headers", "share_headers"]


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


def compile_headers(project: Project, left: list[Unit], made_with: str) -> None:
    """Compile the shared headers as those units of a project need them that are left to compile."""
    if not left or "-include" not in project.variable("CXXFLAGS"):
        return
    command = [*compiler_command(), *shlex.split(project.variable("CXXFLAGS"))]
    command.remove("-c")
    place = command.index("-include")
    del command[place : place + 2]
    names = {unit.object.name for unit in left}
    if names - {"objects.o"}:
        compile_header(header(), command, made_with)
    if "objects.o" in names:
        compile_header(header(), [*command, "-O0"], made_with)
