"""Parse the headers that all of Brian2's generated C++ includes once: most of its compile time."""

import os
import shlex
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from brian2.devices.cpp_standalone.codeobject import openmp_pragma
from brian2.devices.cpp_standalone.device import CPPStandaloneDevice

STANDARD = "".join(
    f"#include <{name}>\n"
    for name in (
        *("algorithm", "chrono", "climits", "cmath", "cstdint", "cstdlib", "cstring", "ctime"),
        *("fstream", "iomanip", "iostream", "limits", "map", "random", "set", "sstream", "string"),
        *("tuple", "utility", "vector"),
    )
)

_folder = tempfile.TemporaryDirectory(prefix="hebbsim-headers-")


@cache
def precompiled(text: str, *command: str) -> Path:
    """Return a header to name with ``-include``; `command` is the compiler with all its flags.

    Where a compilation has other flags the compiler reads the text itself.
    """
    number = len(list(Path(_folder.name).iterdir()))
    header = Path(_folder.name, str(number), "headers.h")
    header.parent.mkdir()
    header.write_text(text)
    done = subprocess.run(
        [*command, "-x", "c++-header", str(header), "-o", f"{header}.gch"],
        env={k: v for k, v in os.environ.items() if k != "CPLUS_INCLUDE_PATH"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return header


def precompile_standalone(monkeypatch) -> None:
    """Let the programs of Brian2's C++ standalone device be compiled with a precompiled header."""
    generate = CPPStandaloneDevice.generate_makefile

    def generate_with_header(self, writer, compiler, compiler_flags, **others):
        flags = f"{compiler_flags} {openmp_pragma('compilation')}"
        header = precompiled(STANDARD, "g++", "-Wno-write-strings", *shlex.split(flags))
        flags = f"{compiler_flags} -include {header}"
        return generate(self, writer, compiler, compiler_flags=flags, **others)

    monkeypatch.setattr(CPPStandaloneDevice, "generate_makefile", generate_with_header)
