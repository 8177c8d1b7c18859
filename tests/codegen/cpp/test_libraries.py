"""Compiled libraries: what shares them, where they are kept, and what was damaged or failed."""

import ctypes
import os
import subprocess
import time

import numpy as np
import pytest
from brian2 import prefs
from brian2.codegen.cpp_prefs import get_compiler_and_args
from targets_cases import learn

from hebbsim.codegen.cpp import compiler, libraries
from hebbsim.codegen.cpp.compiler import CompilationError
from hebbsim.codegen.cpp.libraries import compile_library
from hebbsim.codegen.cpp.options import CompilerOptions


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache of compiled libraries."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(libraries, "_libraries", {})
    return tmp_path / "hebbsim"


def files(cache):
    return {path for path in cache.rglob("*") if path.is_file()}


def add(n):
    return f'extern "C" void run(void** a) {{ *(int*) a[0] += {n}; }}'


def result(library):
    """What a library makes of 1."""
    value = ctypes.c_int(1)
    library.result()((ctypes.c_void_p * 1)(ctypes.addressof(value)))
    return value.value


def forget(monkeypatch):
    """Do as a new process does."""
    monkeypatch.setattr(libraries, "_libraries", {})


def test_other_names_rates_and_states_share_compiled_code(cache):
    learn()
    kept = files(cache)
    compiled = {file for file in kept if file.suffix == ".so"}
    assert len(compiled) == 4  # drive, change, update, and the steps
    # templates unless this process has read them before, and the headers of all loops
    others = {file.relative_to(cache).parts[0].partition("-")[0] for file in kept - compiled}
    assert others <= {"templates", "headers"}
    learn("_again", rate=0.5, seed=1)
    assert files(cache) == kept


def test_a_compiler_error_shows_the_command_and_the_compilers_words(cache):
    library = compile_library("this is no C++")
    with pytest.raises(CompilationError, match=r"g\+\+ .* failed(.|\n)*error:"):
        library.result()


def truncated(content):
    return content[: len(content) // 2]


def flipped(content):
    middle = len(content) // 3
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize("damage", [truncated, flipped, lambda _: b"", lambda _: b"no library"])
def test_a_damaged_library_is_built_anew(cache, monkeypatch, damage):
    assert result(compile_library(add(2))) == 3
    (kept,) = files(cache)
    whole = kept.read_bytes()
    kept.unlink()  # what is loaded is mapped to memory
    kept.write_bytes(damage(whole))
    forget(monkeypatch)
    assert result(compile_library(add(2))) == 3
    assert [path.read_bytes() for path in files(cache)] == [whole]


def test_another_version_of_the_compiler_or_processor_builds_its_own(cache, monkeypatch):
    keys = {compile_library(add(3)).key}
    target = libraries.target
    for other in ("another __VERSION__", "another model name"):
        monkeypatch.setattr(libraries, "target", lambda other=other: target() + other)
        forget(monkeypatch)
        keys.add(compile_library(add(3)).key)
    assert len(keys) == 3
    said = target()
    version = subprocess.run(["g++", "-dumpversion"], capture_output=True, text=True).stdout
    assert version.strip() in said
    with open("/proc/cpuinfo") as file:
        model = next(line.strip() for line in file if line.startswith("model name"))
    assert model in said


# --- failures that are over ------------------------------------------------------------------


def wrapped(folder, monkeypatch, body):
    """Put a script around the compiler, which can be told to fail by a file `broken`."""
    script = folder / "compiler.sh"
    broken = folder / "broken"
    script.write_text(f'#!/bin/sh\nif [ -e "{broken}" ]; then {body}; fi\nexec g++ "$@"\n')
    script.chmod(0o755)
    monkeypatch.setenv("CXX", str(script))
    return broken


FAILURES = {
    "killed": ("kill -9 $$", "ended by signal 9; run again"),
    "full disk": (
        'echo "fatal error: error writing to /x/y.s: No space left on device" >&2; exit 1',
        "the disk of '.*hebbsim' is full; free",
    ),
    "refused": ("exit 1", "failed on generated code"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_failure_that_is_over_is_forgotten(cache, monkeypatch, name):
    body, message = FAILURES[name]
    broken = wrapped(cache.parent, monkeypatch, body)
    compile_library(add(4)).result()  # the flags are known now
    broken.touch()
    library = compile_library(add(5))
    with pytest.raises(CompilationError, match=message):
        library.result()
    broken.unlink()
    assert result(library) == 6
    broken.touch()
    failed = compile_library(add(6))
    failed._future.exception()  # nobody asks for its result
    broken.unlink()
    assert result(compile_library(add(6))) == 7
    assert not list(cache.glob("building-*"))


def test_a_folder_that_is_mended_is_written_to(cache, monkeypatch):
    compile_library(add(7)).result()
    library = compile_library(add(8))
    library.result()
    blocked = cache / library.key[:2]
    forget(monkeypatch)
    for path in blocked.iterdir():
        path.unlink()
    blocked.rmdir()
    blocked.write_text("in its way")
    with pytest.raises(CompilationError, match=r"can't be written to '.*'.*; free or mend it"):
        compile_library(add(8)).result()
    blocked.unlink()
    assert result(compile_library(add(8))) == 9


def test_a_compiler_that_is_killed_while_its_flags_are_tested_costs_no_flag(cache, monkeypatch):
    broken = wrapped(cache.parent, monkeypatch, "kill -9 $$")
    broken.touch()
    with pytest.raises(CompilationError, match="the C\\+\\+ compiler doesn't work"):
        compiler.compile_flags()
    broken.unlink()
    assert {"-O3", "-march=native"} <= set(compiler.compile_flags())


def test_a_full_folder_of_temporary_files_costs_no_flag(cache, monkeypatch):
    """Neither ours nor Brian2's, which standalone programs are compiled with."""
    full = "case \"$*\" in *-E*) ;; *) echo 'No space left on device' >&2; exit 1;; esac"
    wrapped(cache.parent, monkeypatch, full).touch()
    assert set(prefs["codegen.cpp.extra_compile_args_gcc"]) <= set(get_compiler_and_args()[1])
    assert {"-O3", "-march=native"} <= set(compiler.compile_flags())


# --- what is left behind ---------------------------------------------------------------------


def test_what_a_killed_process_left_is_removed_and_what_is_in_use_is_kept(cache):
    compile_library(add(9)).result()
    old, new, held = (cache / f"building-{name}" for name in ("old", "new", "held"))
    for folder in (old, new, held):
        folder.mkdir()
        (folder / "code.cpp").write_text("")
    hours_ago = time.time() - 7200
    for folder in (old, held):
        os.utime(folder, (hours_ago, hours_ago))
    handle = os.open(held, os.O_RDONLY)
    libraries.lock(handle)
    compile_library(add(10)).result()
    os.close(handle)
    assert not old.exists()
    assert new.exists()  # it may belong to a process that has just begun
    assert held.exists()


def test_the_compilers_own_files_lie_in_the_folder_that_is_removed(cache, monkeypatch):
    wrapped(cache.parent, monkeypatch, "true")
    script = cache.parent / "compiler.sh"
    text = script.read_text().replace("exec", f'echo "$TMPDIR" >> {cache.parent}/seen\nexec')
    script.write_text(text)
    compile_library(add(11)).result()
    seen = (cache.parent / "seen").read_text().split()
    assert seen[-1].startswith(str(cache / "building-"))
    assert not os.path.exists(seen[-1])


def test_cxx_may_call_the_compiler_through_another_program(cache, monkeypatch):
    monkeypatch.setenv("CXX", "env LC_ALL=C g++")
    assert result(compile_library(add(12))) == 13


def test_who_loads_a_library_goes_on_with_subnormal_numbers(cache):
    """Linked with -ffast-math, it would set the processor not to have them, for numpy too."""
    assert "-ffast-math" in compiler.compile_flags()
    library = libraries.Library(add(13), "", CompilerOptions.of({}))
    assert result(library) == 14  # loaded in this thread
    assert np.float64(1e-310) * 1.0 == 1e-310
