"""Units of a CUDA program without device code, which need no compiler for the device.

nvcc reads each unit and all its headers for the host and for the device, some 5 s where the host's
compiler takes one. What sets a program up and runs it, where numbers stand that differ from program
to program, is such a unit.
"""

import re
from pathlib import Path

from brian2.codegen.templates import Templater

from hebbsim.brian2_private import replace_in_template
from hebbsim.codegen.cuda.light_headers import is_light, own_texts
from hebbsim.codegen.units import Project, Unit

__all__ = ["compile_on_host", "prepare_host_units"]

_RULE = "%.o : %.cu\n"
_OF_HOST = "HOST_SRCS =\n$(HOST_SRCS:.cu=.o): NVCCFLAGS += -x c++ -include cuda_runtime.h\n\n"
#: Code for the device, its variables, and functions that nvcc alone declares
_OF_DEVICE = re.compile(
    r"__(global|device|shared|constant|managed|CUDACC|CUDA_ARCH)__|<<<|Symbol\w*\b"
    r"|\bcuda(Func|Occupancy|Launch)\w*"
)
#: Of Brian2CUDA: kernels are declared here, and defined in units of their own
_DECLARATIONS = Path("code_objects")


def prepare_host_units(templater: Templater) -> None:
    """Let the makefile of Brian2CUDA know how units without device code are compiled."""
    replace_in_template(templater, "makefile", _RULE, f"{_OF_HOST}{_RULE}")


def compile_on_host(project: Project) -> Project:
    """Name the units that have no device code in a project's makefile, and return it anew.

    Parameters
    ----------
    project : Project
        Whose units include what they use alone.
    """
    units = filter(_has_no_device_code, project.units)
    return project.with_sources("HOST_SRCS", (unit.source for unit in units))


def _has_no_device_code(unit: Unit) -> bool:
    if not (unit.known and is_light(unit)):
        return False
    return not any(
        _OF_DEVICE.search(text)
        for file, text in own_texts(unit).items()
        if file == unit.source or file.parent != _DECLARATIONS
    )
