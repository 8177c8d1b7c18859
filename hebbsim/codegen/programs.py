"""Programs of standalone devices: what they have in common is compiled once."""

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hebbsim.codegen.cpp.compiler import CompilationError, target
from hebbsim.codegen.cpp.standalone import compile_headers, join_frame
from hebbsim.codegen.cuda.host_units import compile_on_host
from hebbsim.codegen.cuda.light_headers import leave_headers_out
from hebbsim.codegen.cuda.step_graphs import mark_fixed_launches
from hebbsim.codegen.cuda.toolkit import nvcc_version
from hebbsim.codegen.joined_units import forget_joined
from hebbsim.codegen.kept_objects import objects_kept
from hebbsim.codegen.units import Project

__all__ = ["compiling", "leave_what_brian2_wrote"]

#: What compilers take from the environment besides
_READ = (
    "CPATH",
    "CPLUS_INCLUDE_PATH",
    "GCC_EXEC_PREFIX",
    "NVCC_APPEND_FLAGS",
    "NVCC_PREPEND_FLAGS",
)


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
    if nvcc := project.variable("NVCC").removeprefix("@"):
        mark_fixed_launches(folder)
        leave_headers_out(folder)
        project = compile_on_host(Project(folder))
        made_with += f"\0{nvcc_version(nvcc.split()[0])}"
    else:
        project = join_frame(project)
    with objects_kept(project, made_with) as left:
        compile_headers(project, left, made_with)
        yield


def leave_what_brian2_wrote(folder: Path, sources: Collection[str]) -> None:
    """Delete joined sources, and let there be an object of each of Brian2's own `sources`."""
    if not (folder / "makefile").exists():
        return
    for unit in Project(folder).units:
        if str(unit.source) not in sources:
            (folder / unit.source).unlink(missing_ok=True)
            (folder / unit.object).unlink(missing_ok=True)
    forget_joined(folder)
    for source in sources:
        with suppress(FileNotFoundError):  # a folder that someone else deleted
            (folder / source).with_suffix(".o").touch()
