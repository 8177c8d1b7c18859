"""Units of a CUDA program without device code, which need no compiler for the device.

nvcc passes over each unit five times, and starts with all headers each time; the host's compiler
does so once. What sets a program up and runs it, and where numbers stand that differ from program
to program, is such a unit.
"""

import re
from pathlib import Path

from brian2.codegen.templates import Templater

from hebbsim.brian2_private import replace_in_template
from hebbsim.codegen.cuda.light_headers import is_light
from hebbsim.codegen.units import Project, Unit

__all__ = ["compile_on_host", "prepare_host_units"]

_RULE = "%.o : %.cu\n"
_OF_HOST = "HOST_SRCS =\n$(HOST_SRCS:.cu=.o): NVCCFLAGS += -x c++ -include cuda_runtime.h\n\n"
_SOURCES = re.compile(r"^HOST_SRCS =.*$", re.MULTILINE)
#: Code for the device, and variables of the device, which its compiler must know of
_OF_DEVICE = re.compile(r"\b__(global|device|shared|constant)__\b|<<<|Symbol\w*\b")


def prepare_host_units(templater: Templater) -> None:
    """Let the makefile of Brian2CUDA know how units without device code are compiled."""
    replace_in_template(templater, "makefile", _RULE, f"{_OF_HOST}{_RULE}")


def compile_on_host(folder: Path) -> None:
    """Name the units of a project that have no device code in its makefile.

    Parameters
    ----------
    folder : Path
        The project's, whose units include what they use alone.
    """
    project = Project(folder)
    sources = " ".join(str(unit.source) for unit in project.units if _has_no_device_code(unit))
    makefile = _SOURCES.sub(f"HOST_SRCS = {sources}", project.makefile)
    (folder / "makefile").write_text(makefile)


def _has_no_device_code(unit: Unit) -> bool:
    return is_light(unit) and not _OF_DEVICE.search(unit.texts[unit.source])
