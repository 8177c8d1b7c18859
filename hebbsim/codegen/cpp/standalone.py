"""C++ standalone programs: the headers that all have in common, and what frames the simulation."""

import shlex
from pathlib import Path

from brian2.codegen.templates import Templater
from brian2.core.preferences import prefs
from brian2.devices.device import get_device

from hebbsim.brian2_private import replace_in_template
from hebbsim.codegen.cpp.compiler import CompilationError, compiler_command, target
from hebbsim.codegen.cpp.headers import compile_header, header
from hebbsim.codegen.units import Project, Unit

__all__ = ["compile_headers", "join_frame", "share_headers"]

#: What declares, stores and loads arrays, and calls what simulates
_FRAME = ("main.cpp", "objects.cpp", "run.cpp")
_JOINED = Path("main_objects_run.cpp")
_NOT_OPTIMISED = {"objects.o", str(_JOINED.with_suffix(".o"))}


def share_headers(templater: Templater) -> None:
    """Let the makefile of Brian2 have each unit include the precompiled headers.

    What frames the simulation isn't optimised: that takes longer than all it does.
    """
    templater.env.globals |= {"headers": _include, "not_optimised": _not_optimised}
    old = "OPTIMISATIONS = {{ compiler_flags }}"
    new = f"{old} {{{{ headers() }}}}\n{{{{ not_optimised() }}}}: OPTIMISATIONS += -O0"
    replace_in_template(templater, "makefile", old, new)


def _not_optimised() -> str:
    """Return which objects aren't optimised: what the user wrote into the frame may be slow."""
    device = get_device()
    inserted = any(device.code_lines.values()) or "insert_code" in dict(device.main_queue)
    of_user = inserted or device.headers or prefs["codegen.cpp.headers"]
    return "objects.o" if of_user else f"objects.o {_JOINED.with_suffix('.o')}"


def join_frame(project: Project) -> Project:
    """Let a program compile what frames the simulation at once, and return the project anew.

    Its files take longer to read what they include than for all else.
    """
    sources = project.variable("SRCS").split()
    if f" {_JOINED.with_suffix('.o')}:" not in project.makefile or not {*_FRAME} <= {*sources}:
        return project
    left = [str(_JOINED), *(source for source in sources if source not in _FRAME)]
    (project.folder / _JOINED).write_text("".join(f'#include "{name}"\n' for name in _FRAME))
    return project.with_sources("SRCS", left)


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
    if names - _NOT_OPTIMISED:
        compile_header(header(), command, made_with)
    if names & _NOT_OPTIMISED:
        compile_header(header(), [*command, "-O0"], made_with)
