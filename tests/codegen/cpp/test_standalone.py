"""Programs of C++ standalone: what is compiled, and what is taken from the programs before."""

import multiprocessing
import os
import subprocess

import numpy as np
import pytest
from brian2 import Network, NeuronGroup, SpikeMonitor, device, ms, run, set_device

from hebbsim.codegen import kept_objects
from hebbsim.codegen.cpp.standalone import join_frame
from hebbsim.codegen.kept_objects import objects_kept
from hebbsim.codegen.units import Project

MAKEFILE = """PROGRAM = main

SRCS = code/add.cpp main.cpp
OBJS = ${SRCS:.cpp=.o}
OPTIMISATIONS = -O1
CXXFLAGS = -c $(OPTIMISATIONS) -I.
LFLAGS =

$(PROGRAM): $(OBJS) makefile
	$(CXX) $(OBJS) -o $(PROGRAM) $(LFLAGS)

-include make.deps

%.o : %.cpp makefile
	$(CXX) $(CXXFLAGS) $< -o $@
"""
OBJECTS = """#include <vector>
extern std::vector<double> _array_other;
extern double *_array_x;
"""
ADD = """#include "../objects.h"
void add() { _array_x[0] += 2; }
"""
MAIN = """#include "objects.h"
#include <cstdio>
double x[1] = {1};
double *_array_x = x;
void add();
int main() { add(); std::printf("%g", x[0]); }
"""


@pytest.fixture
def compiled(tmp_path, monkeypatch):
    """What the compiler was called for since it was last asked; the cache is empty."""
    log, script = tmp_path / "log", tmp_path / "compiler.sh"
    script.write_text(f'#!/bin/sh\necho "$@" >> "{log}"\nexec g++ "$@"\n')
    script.chmod(0o755)
    monkeypatch.setenv("CXX", str(script))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def asked():
        calls = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        sources = [call.split(" -o ")[0].split()[-1] for call in calls if call.startswith("-c ")]
        return sorted(source for source in sources if source.endswith(".cpp"))

    return asked


def write(folder, **texts):
    """Write a project, with other texts for some files."""
    files = {"makefile": MAKEFILE, "objects": OBJECTS, "add": ADD, "main": MAIN} | texts
    names = {"objects": "objects.h", "add": "code/add.cpp", "main": "main.cpp"}
    for name, text in files.items():
        path = folder / names.get(name, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def build(folder, made_with="g++", **texts):
    """Write a project, compile it, and return what its program says."""
    write(folder, **texts)
    project = Project(folder)
    project.write_dependencies()
    with objects_kept(project, made_with):
        subprocess.run(["make", "-s"], cwd=folder, check=True)
    return subprocess.run(["./main"], cwd=folder, capture_output=True, text=True).stdout


def test_the_same_program_elsewhere_compiles_nothing(tmp_path, compiled):
    assert build(tmp_path / "one") == "3"
    assert compiled() == ["code/add.cpp", "main.cpp"]
    assert build(tmp_path / "two") == "3"
    assert compiled() == []


def test_another_number_compiles_what_holds_it(tmp_path, compiled):
    build(tmp_path)
    compiled()
    assert build(tmp_path, add=ADD.replace("2", "5")) == "6"
    assert compiled() == ["code/add.cpp"]
    assert build(tmp_path) == "3"
    assert compiled() == []


def test_arrays_that_a_unit_does_not_use_are_nothing_to_it(tmp_path, compiled):
    build(tmp_path / "one")
    compiled()
    others = OBJECTS.replace("_array_other", "_array_another")
    assert build(tmp_path / "two", objects=others) == "3"
    assert compiled() == []
    floats = {
        name: text.replace("double", "float")
        for name, text in {"objects": OBJECTS, "main": MAIN}.items()
    }
    assert build(tmp_path / "three", **floats) == "3"
    assert compiled() == ["code/add.cpp", "main.cpp"]


@pytest.mark.parametrize(
    "other",
    [
        {"made_with": "another version"},
        {"makefile": MAKEFILE.replace("-O1", "-O0")},
        {"objects": OBJECTS + "#define LONG\n"},
    ],
)
def test_another_compiler_flag_or_header_compiles_all(tmp_path, compiled, other):
    build(tmp_path / "one")
    compiled()
    assert build(tmp_path / "two", **other) == "3"
    assert compiled() == ["code/add.cpp", "main.cpp"]


@pytest.mark.parametrize("damage", [lambda kept: kept[: len(kept) // 2], lambda _: b""])
def test_a_damaged_object_is_compiled_anew(tmp_path, compiled, damage):
    build(tmp_path / "one")
    compiled()
    for kept in (tmp_path / "hebbsim" / "objects").glob("*/*"):
        kept.write_bytes(damage(kept.read_bytes()))
    assert build(tmp_path / "two") == "3"
    assert compiled() == ["code/add.cpp", "main.cpp"]
    assert build(tmp_path / "three") == "3"
    assert compiled() == []


@pytest.mark.parametrize("name", ["<of_the_user.hpp>", "HEADER"])
def test_what_includes_files_of_elsewhere_is_always_compiled(tmp_path, compiled, name):
    (tmp_path / "of_the_user.hpp").write_text("")
    flags = MAKEFILE.replace("-O1", f"-I{tmp_path} '-DHEADER=<of_the_user.hpp>'")
    for _ in range(2):
        build(tmp_path / "one", makefile=flags, add=f"#include {name}\n{ADD}")
        (tmp_path / "one" / "code" / "add.o").unlink()
    assert compiled() == ["code/add.cpp", "code/add.cpp", "main.cpp"]


def test_the_oldest_objects_go_first(tmp_path, compiled, monkeypatch):
    build(tmp_path / "one")
    kept = {path.name: path for path in (tmp_path / "hebbsim" / "objects").glob("*/*")}
    for path in kept.values():
        os.utime(path, (0, 0))
    monkeypatch.setattr(kept_objects, "LIMIT", 4000)
    build(tmp_path / "two", add=ADD.replace("2", "5"))  # which uses what main was compiled to
    left = {path.name for path in (tmp_path / "hebbsim" / "objects").glob("*/*")}
    assert len(left & set(kept)) == 1
    assert len(left) == 2


def test_two_processes_at_once_build_the_same(tmp_path, compiled):
    fork = multiprocessing.get_context("fork")
    processes = [fork.Process(target=build, args=(tmp_path / name,)) for name in ("one", "two")]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    compiled()
    assert build(tmp_path / "three") == "3"
    assert compiled() == []


def headers_of_user():
    device.headers.append('"of_user.h"')


@pytest.mark.parametrize(
    ("of_user", "joined"),
    [
        (lambda: None, True),
        (lambda: device.insert_code("main", "long_computation();"), False),
        (lambda: device.insert_code("before_start", "long_computation();"), False),
        (headers_of_user, False),
    ],
)
def test_what_the_user_wrote_into_a_program_is_optimised_apart(tmp_path, of_user, joined):
    set_device("cpp_standalone", directory=None, build_on_run=False)
    group = NeuronGroup(2, "dv/dt = 2/ms : 1", method="euler")
    of_user()
    Network(group).run(1 * ms)
    device.build(directory=str(tmp_path), compile=False, run=False)
    sources = {str(unit.source) for unit in join_frame(Project(tmp_path)).units}
    assert ("main_objects_run.cpp" in sources) == joined
    assert ("main.cpp" in sources) == ("objects.cpp" in sources) == (not joined)
    optimised = " main_objects_run.o: OPTIMISATIONS += -O0" not in Project(tmp_path).makefile
    assert optimised == (not joined)


def test_a_program_of_brian2_compiles_what_changed(tmp_path, compiled):
    def spikes(folder, rate):
        set_device("cpp_standalone", directory=str(tmp_path / folder))
        group = NeuronGroup(2, f"dv/dt = {rate}/ms : 1", name="group", method="euler")
        run(1 * ms)
        found = group.v[:]
        device.reinit()
        return found

    assert spikes("one", 2) == pytest.approx([2, 2])
    of_program = ["code_objects/group_stateupdater_codeobject.cpp", "main_objects_run.cpp"]
    assert {*of_program} < {*compiled()}
    assert spikes("two", 2) == pytest.approx([2, 2])
    # Brian2 sets the default clock in the first one alone
    assert compiled() in ([], ["main_objects_run.cpp"])
    assert spikes("three", 3) == pytest.approx([3, 3])
    assert compiled() == ["code_objects/group_stateupdater_codeobject.cpp"]


def test_code_objects_of_brian2_are_joined_and_deleted(tmp_path, compiled, caplog):
    (tmp_path / "program" / "code_objects").mkdir(parents=True)
    (tmp_path / "program" / "code_objects" / "joined_of_another.cpp").write_text("")
    set_device("cpp_standalone", directory=str(tmp_path / "program"))
    group = NeuronGroup(
        3, "dv/dt = i*1.0/ms : 1", threshold="v > 1.5", reset="v -= 1", method="euler"
    )
    spikes = SpikeMonitor(group)
    run(2 * ms)
    np.testing.assert_array_equal(spikes.count, [0, 1, 3])
    of_objects = [source for source in compiled() if source.startswith("code_objects/")]
    assert len(of_objects) == 1
    text = (tmp_path / "program" / of_objects[0]).read_text()
    assert text.count("namespace _of_") == 5  # and what follows a run
    device.delete()
    assert not (tmp_path / "program").exists()
    assert "could not be deleted" not in caplog.text
