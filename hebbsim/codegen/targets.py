"""What each code-generation target adds: templates, and C++ in runtime mode.

Every loop nest has one template per language, found under the same stem: in ``numpy/templates``
(the readable reference), in ``cpp/templates``, which serves both C++ standalone (inside Brian2's
own ``common_group.cpp``) and C++ in runtime mode (inside ``cpp/runtime_templates``), and in
``cuda/templates``, for Brian2CUDA where that is installed.
"""

from typing import Any

from brian2.codegen.runtime.numpy_rt import NumpyCodeObject
from brian2.core.preferences import prefs
from brian2.devices.cpp_standalone.codeobject import CPPStandaloneCodeObject
from brian2.devices.device import RuntimeDevice, all_devices, get_device
from brian2.utils.logger import get_logger

from hebbsim.brian2_private import (
    divide_in_double,
    divide_in_precision,
    exponentiate_diagonals,
    implement_as_generator,
    prepare_deletion,
    tell_missing_code,
    wrap_compilation,
)
from hebbsim.codegen.cpp.compiler import (
    TEMPLATE_GLOBALS,
    compiler_available,
    compiler_command,
    vector_flags,
)
from hebbsim.codegen.cpp.exponential import add_exponential
from hebbsim.codegen.cpp.runtime import CPPRuntimeCodeObject
from hebbsim.codegen.cpp.standalone import share_headers
from hebbsim.codegen.cuda import blocks, toolkit
from hebbsim.codegen.cuda.host_units import prepare_host_units
from hebbsim.codegen.cuda.light_headers import put_spike_spaces_in_std
from hebbsim.codegen.cuda.missing import MissingDevice
from hebbsim.codegen.cuda.step_graphs import prepare_step_graphs
from hebbsim.codegen.cuda.tensor_cores import tensor_cores
from hebbsim.codegen.long_sums import CHAIN, accumulator, in_chains
from hebbsim.codegen.programs import compiling, leave_what_brian2_wrote
from hebbsim.codegen.template_cache import keep_parsed

__all__ = ["CPPRuntimeCodeObject", "code_object_class", "on_cuda", "register_templates"]

logger = get_logger("hebbsim.codegen")


def register_templates() -> None:
    """Add the project's templates to the code objects of Brian2's targets."""
    divide_in_precision()
    exponentiate_diagonals()
    tell_missing_code()
    keep_parsed(CPPRuntimeCodeObject.templater)
    _derive(NumpyCodeObject, ("numpy/templates",), TEMPLATE_GLOBALS)
    if _derive(CPPStandaloneCodeObject, ("cpp/templates",), TEMPLATE_GLOBALS):
        share_headers(CPPStandaloneCodeObject.templater)
        add_exponential(CPPStandaloneCodeObject)  # the numbers of both modes are the same
        wrap_compilation(compiling)
        prepare_deletion(leave_what_brian2_wrote)
    if toolkit.brian2cuda().found:
        _register_cuda_templates()
    else:
        all_devices.setdefault("cuda_standalone", MissingDevice())


def _register_cuda_templates() -> None:
    from brian2cuda.codeobject import CUDAStandaloneAtomicsCodeObject, CUDAStandaloneCodeObject

    divide_in_double()
    shared = {name: getattr(blocks, name) for name in blocks.__all__ if name.islower()}
    shared |= {"CHAIN": CHAIN, "accumulator": accumulator, "in_chains": in_chains}
    shared["tensor_cores"] = tensor_cores
    for codeobj_class in (CUDAStandaloneCodeObject, CUDAStandaloneAtomicsCodeObject):
        # the indices of a connection are the same text in C++
        if _derive(codeobj_class, ("cuda/templates", "cpp/templates"), shared):
            toolkit.use_modern_standard(codeobj_class.templater)
            put_spike_spaces_in_std(codeobj_class.templater)
            prepare_host_units(codeobj_class.templater)
            prepare_step_graphs(codeobj_class.templater)
            implement_as_generator("exp", codeobj_class)


def _derive(codeobj_class: Any, folders: tuple[str, ...], shared: dict[str, Any]) -> bool:
    """Put the templates of the folders before those of Brian2, unless they are there already."""
    if "hebbsim.codegen" in codeobj_class.templater.package_names:
        return False
    codeobj_class.templater = codeobj_class.templater.derive(
        ("hebbsim.codegen",) * len(folders), templates_dir=folders, env_globals=shared
    )
    keep_parsed(codeobj_class.templater)
    return True


def on_cuda() -> bool:
    """Whether the current device is Brian2CUDA's."""
    return bool(all_devices.get("cuda_standalone") is get_device())


def code_object_class() -> type | None:
    """Return the code object class for a loop nest on the current device and target.

    In runtime mode C++ wherever a compiler is found, or numpy if the preference
    ``codegen.target`` asks for it. A standalone device brings its own class (None).
    """
    if on_cuda():
        toolkit.prepare()
        return None
    if not isinstance(get_device(), RuntimeDevice):
        arguments = prefs.codegen.cpp.extra_compile_args_gcc
        arguments += [flag for flag in vector_flags() if flag not in arguments]
        return None
    if prefs["codegen.target"] == "numpy":  # an attribute would be documented each time
        return NumpyCodeObject
    if not compiler_available():
        logger.warn(
            f"No C++ compiler was found ({compiler_command()[0]}): convolutions run in numpy and "
            "are slow. Install one or name it in CXX, or set prefs.codegen.target = 'numpy' to "
            "silence this warning.",
            "no_compiler",
            once=True,
        )
        return NumpyCodeObject
    return CPPRuntimeCodeObject
