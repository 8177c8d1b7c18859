"""What makes the compilation of Brian2's own generated C++ cheap: most of it is for headers."""

import os
import shlex
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from brian2 import prefs
from brian2.codegen.runtime.cython_rt import cython_rt
from brian2.devices.cpp_standalone.codeobject import openmp_pragma
from brian2.devices.cpp_standalone.device import CPPStandaloneDevice

from hebbsim.codegen.cache_folder import cache_folder

#: What Brian2's own headers include in every unit: none that a template of ours could lack
STANDARD = "".join(
    f"#include <{name}>\n"
    for name in (
        *("algorithm", "chrono", "climits", "cmath", "cstdint", "cstdlib", "cstring", "ctime"),
        *("fstream", "iostream", "limits", "random", "set", "type_traits", "utility", "vector"),
    )
)

#: Of modules that are optimised little: Brian2 doesn't tell them from others
_CYTHON = cache_folder() / "cython-of-tests"

_folder = tempfile.TemporaryDirectory(prefix="hebbsim-headers-")


@cache
def precompiled(text: str, *commands: tuple[str, ...]) -> Path:
    """Return a header to name with ``-include``; a command is the compiler with all its flags.

    Where a compilation has other flags the compiler reads the text itself.
    """
    header = Path(tempfile.mkdtemp(dir=_folder.name), "headers.h")
    header.write_text(text)
    variants = header.with_name("headers.h.gch")  # of which the compiler takes what fits
    variants.mkdir()
    for number, command in enumerate(commands):
        done = subprocess.run(
            [*command, "-x", "c++-header", str(header), "-o", str(variants / str(number))],
            env={k: v for k, v in os.environ.items() if k != "CPLUS_INCLUDE_PATH"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    return header


def precompile_standalone(monkeypatch) -> None:
    """Let Brian2's C++ standalone programs be compiled with a precompiled header.

    What only moves arrays about isn't optimised: on its own it takes longer than all the rest.
    """
    generate = CPPStandaloneDevice.generate_makefile

    def generate_with_header(self, writer, compiler, compiler_flags, **others):
        flags = f"{compiler_flags} {openmp_pragma('compilation')}"
        command = ("g++", "-Wno-write-strings", *shlex.split(flags))
        header = precompiled(STANDARD, command, (*command, "-O0"))
        flags = f"{compiler_flags} -include {header}"
        generate(self, writer, compiler, compiler_flags=flags, **others)
        with Path(self.project_dir, "makefile").open("a") as makefile:
            makefile.write("\n\nmain.o objects.o: OPTIMISATIONS += -O0\n")

    monkeypatch.setattr(CPPStandaloneDevice, "generate_makefile", generate_with_header)


def compile_cython_quickly(monkeypatch) -> None:
    """Let Brian2's own runtime code be optimised little: it runs for a few steps."""
    chosen = cython_rt.get_compiler_and_args

    def chosen_but_quick():
        compiler, arguments = chosen()
        return compiler, [*arguments, "-O1", "-g0"]

    monkeypatch.setattr(cython_rt, "get_compiler_and_args", chosen_but_quick)
    monkeypatch.setitem(prefs, "codegen.runtime.cython.cache_dir", str(_CYTHON))
