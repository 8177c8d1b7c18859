"""Headers that generated code includes are compiled once, and read where they aren't."""

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from hebbsim.codegen.cpp import headers, libraries
from hebbsim.codegen.cpp.compiler import compile_flags, compiler_command, target
from hebbsim.codegen.cpp.forks import ask
from hebbsim.codegen.cpp.headers import headers_for_loops
from hebbsim.codegen.cpp.libraries import Library
from hebbsim.codegen.cpp.options import CompilerOptions

pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="no C++ compiler")
LOOP = "#include <cmath>\n#include <vector>\ndouble run() { return std::sqrt(2.0); }\n"


def read(flags):
    """Return what the compiler reads for a loop: a compiled header is marked with a '!'."""
    command = [*compiler_command(), *compile_flags(), *flags, "-H", "-fsyntax-only", "-x", "c++"]
    said = ask([*command, "-"], LOOP)
    assert said.returncode == 0
    return said.stderr


def test_loops_read_the_compiled_header(monkeypatch, tmp_path):
    calls = []
    monkeypatch.setattr(libraries, "_call", lambda command, _: calls.append(command))
    Library(LOOP, "", CompilerOptions.of({}))._compile(tmp_path)
    lines = ask([*calls[0], "-H"]).stderr.splitlines()
    # variants for other flags, which it tries before, are marked with an 'x'
    compiled = next(line for line in lines if not line.startswith("x "))
    assert compiled.startswith("! ")
    assert ".gch" in compiled


def test_one_thread_compiles_it_while_others_read_the_text(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    command, begun, done = [*compiler_command(), *compile_flags()], Event(), Event()

    def fail(_):
        begun.set()
        assert done.wait(60)
        raise OSError("no room")

    monkeypatch.setattr(headers, "_call", fail)
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(headers_for_loops, command, target())
        assert begun.wait(60)
        assert headers_for_loops(command, target()) == []
        done.set()
        found = first.result()
    assert headers_for_loops(command, target()) == found == ["-include", str(found[1])]
    assert os.path.dirname(found[1]).startswith(str(tmp_path))
    assert not any(line.startswith("!") for line in read(found).splitlines())


def test_clang_is_given_none():
    assert headers_for_loops(["clang++"], "#define __clang__ 1") == []
