"""Which compiler is called, and with what flags."""

import pytest
from brian2 import prefs

from hebbsim.codegen.cpp import compiler


@pytest.mark.parametrize(
    ("named", "command"),
    [
        ("g++ -g0", ["g++", "-g0"]),
        ("", ["g++"]),
        ("  ", ["g++"]),
        (None, ["g++"]),
        ("ccache 'my g++' -pipe", ["ccache", "my g++", "-pipe"]),
    ],
)
def test_cxx_may_hold_options_or_nothing(monkeypatch, named, command):
    monkeypatch.delenv("CXX", raising=False)
    if named is not None:
        monkeypatch.setenv("CXX", named)
    assert compiler.compiler_command() == command


def test_one_that_isnt_there_is_missed(monkeypatch):
    assert compiler.compiler_available()
    monkeypatch.setenv("CXX", "no-such-compiler -O2")
    assert not compiler.compiler_available()
    assert compiler.registers() == compiler.Registers()  # of code for another machine


def test_a_flag_that_the_compiler_doesnt_know_is_left_out_with_a_warning(monkeypatch):
    said = []
    monkeypatch.setattr(compiler.logger, "warn", lambda text, **_: said.append(text))
    flags = prefs["codegen.cpp.extra_compile_args_gcc"]
    monkeypatch.setitem(prefs, "codegen.cpp.extra_compile_args_gcc", [*flags, "-fno-such-thing"])
    command = compiler.compile_flags()
    assert "-O3" in command
    assert "-fno-such-thing" not in command
    assert "g++ doesn't know the flag '-fno-such-thing'" in said[0]
