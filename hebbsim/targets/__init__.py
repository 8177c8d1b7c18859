"""What each code-generation target adds: templates, and C++ in runtime mode.

Every loop nest has one template per language, found under the same stem: ``templates/numpy`` (the
readable reference) and ``templates/cpp``, which serves both C++ standalone (inside Brian2's own
``common_group.cpp``) and C++ in runtime mode (inside ``cpp_runtime/common_group.cpp``).
"""

from brian2.codegen.runtime.numpy_rt import NumpyCodeObject
from brian2.core.preferences import prefs
from brian2.devices.cpp_standalone.codeobject import CPPStandaloneCodeObject
from brian2.devices.device import RuntimeDevice, get_device
from brian2.utils.logger import get_logger

from hebbsim.targets.compiler import TEMPLATE_GLOBALS, compiler_available, vector_flags
from hebbsim.targets.cpp_runtime import CPPRuntimeCodeObject

__all__ = ["CPPRuntimeCodeObject", "code_object_class", "register_templates"]

logger = get_logger("hebbsim.targets")

_FOLDERS = {
    NumpyCodeObject: "templates/numpy",
    CPPStandaloneCodeObject: "templates/cpp",
}


def register_templates() -> None:
    """Add the project's templates to the code objects of Brian2's targets."""
    for codeobj_class, folder in _FOLDERS.items():
        if "hebbsim.targets" not in codeobj_class.templater.package_names:
            codeobj_class.templater = codeobj_class.templater.derive(
                "hebbsim.targets",
                templates_dir=folder,
                env_globals=TEMPLATE_GLOBALS,
            )


def code_object_class() -> type | None:
    """Return the code object class for a loop nest on the current device and target.

    In runtime mode C++ wherever a compiler is found, or numpy if the preference
    ``codegen.target`` asks for it. A standalone device brings its own class (None).
    """
    if not isinstance(get_device(), RuntimeDevice):
        arguments = prefs.codegen.cpp.extra_compile_args_gcc
        arguments += [flag for flag in vector_flags() if flag not in arguments]
        return None
    if prefs.codegen.target == "numpy":
        return NumpyCodeObject
    if not compiler_available():
        logger.warn(
            "No C++ compiler was found (CXX or g++), convolutions run in numpy and are slow. "
            "Install one, or set prefs.codegen.target = 'numpy' to silence this warning.",
            "no_compiler",
            once=True,
        )
        return NumpyCodeObject
    return CPPRuntimeCodeObject
