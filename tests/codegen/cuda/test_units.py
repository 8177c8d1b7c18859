"""Units of CUDA programs: what each includes, which are compiled together, and which are kept.

The compiler stands in for nvcc: the sources are plain C++.
"""

import subprocess
from pathlib import Path

import pytest

from hebbsim.codegen.cuda.host_units import compile_on_host
from hebbsim.codegen.cuda.light_headers import leave_headers_out
from hebbsim.codegen.joined_units import in_groups, join, joinable
from hebbsim.codegen.kept_objects import objects_kept
from hebbsim.codegen.programs import compiling
from hebbsim.codegen.units import Project

MAKEFILE = """PROGRAM = main

SRCS = {sources}
H_SRCS = objects.h
OBJS = ${{SRCS:.cu=.o}}
NVCC = @{nvcc} -ccbin $(CXX)
NVCCFLAGS = -I.
LFLAGS =
HOST_SRCS =

$(PROGRAM): $(OBJS)
	$(NVCC) $(LFLAGS) $(OBJS) -o $(PROGRAM)

%.o : %.cu
	$(NVCC) $(NVCCFLAGS) -dc $< -o $@
"""
NVCC = """#!/bin/sh
case "$*" in *--version*) echo "release 13.0, V13.0.88"; exit;; esac
shift 2
case "$1" in -I.) echo "$3" >> {log}; exec g++ -I. -I{include} -x c++ -c "$3" -o "$5";; esac
exec g++ "$@"
"""
OBJECTS = """#ifndef OBJECTS
#define OBJECTS
#include <thrust/device_vector.h>
#include <curand_kernel.h>
#include "synapses_classes.h"
extern int total;
extern thrust::device_vector<int> dev_x;
extern curandState* dev_curand_states;
#endif
"""
PLAIN = """#include "code_objects/{name}.h"
#include "objects.h"
#include "brianlib/cuda_utils.h"
#include <cstdio>
#define SCALE 10
namespace {{ int helper() {{ return SCALE*{value}; }} }}
void _run_{name}()
{{
    total += helper();
}}
"""
VECTOR = """namespace thrust {
template <class T> struct device_vector { int size() { return 0; } };
}
"""
MAIN = """#include "objects.h"
#include <cstdio>
int total = 0;
{declared}
int main() {{ {calls} std::printf("%d", total); }}
"""


def write(folder, values, more=""):
    """Write a project of code objects that add to a total, and one that names a thrust array."""
    (folder / "code_objects").mkdir(parents=True)
    for name, text in {
        "objects.h": OBJECTS,
        "rand.h": "",
        "synapses_classes.h": "struct SynapticPathway { int delay; };\n",
        "synapses.cu": '#include "objects.h"\nint delay(SynapticPathway& p) { return p.delay; }\n',
        "brianlib/cuda_utils.h": "#include <thrust/system_error.h>\n",
        "code_objects/user.h": "void _run_user();\n",
        "code_objects/user.cu": '#include "objects.h"\nvoid _run_user() { dev_x.size(); }\n',
        "../include/thrust/device_vector.h": VECTOR,
        "../include/thrust/system_error.h": "",
        "../include/curand_kernel.h": "struct curandStateXORWOW {}; "
        "typedef curandStateXORWOW curandState;\n",
        "x.cu": '#include "objects.h"\nthrust::device_vector<int> dev_x;\n',
        **{
            f"code_objects/{name}.cu": PLAIN.format(name=name, value=value)
            for name, value in values.items()
        },
        **{f"code_objects/{name}.h": f"void _run_{name}();\n{more}" for name in values},
        "main.cu": MAIN.format(
            declared="".join(f"void _run_{name}();\n" for name in (*values, "user")),
            calls="".join(f"_run_{name}(); " for name in (*values, "user")),
        ),
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    log, nvcc = folder.parent / "log", folder.parent / "bin" / "nvcc"
    nvcc.parent.mkdir(exist_ok=True)
    nvcc.write_text(NVCC.format(log=log, include=folder.parent / "include"))
    nvcc.chmod(0o755)
    names = (*values, "user")
    sources = " ".join(
        [*(f"code_objects/{name}.cu" for name in names), "main.cu", "x.cu", "synapses.cu"]
    )
    (folder / "makefile").write_text(MAKEFILE.format(sources=sources, nvcc=nvcc))


def build(folder):
    """Return what the program prints, and the sources that were compiled."""
    log = folder.parent / "log"
    log.unlink(missing_ok=True)
    with compiling(folder, "make"):
        subprocess.run(["make"], cwd=folder, check=True, capture_output=True)
    printed = subprocess.run([folder / "main"], check=True, capture_output=True, text=True).stdout
    return int(printed), sorted(log.read_text().split()) if log.exists() else []


def join_all(folder):
    """Join what can be."""
    project = Project(folder)
    join(project, in_groups(filter(joinable, project.units)))


@pytest.fixture(autouse=True)
def _two_cores_and_an_empty_cache(tmp_path, monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


VALUES = {f"object{number}": number for number in range(9)}


def test_alike_objects_are_compiled_together_and_kept(tmp_path):
    write(tmp_path / "first", VALUES)
    printed, compiled = build(tmp_path / "first")
    assert printed == 10 * sum(VALUES.values())
    joined = [name for name in compiled if name.startswith("code_objects/joined_")]
    assert len(joined) == 2
    assert sorted({*compiled} - {*joined}) == [
        "code_objects/user.cu",
        "main.cu",
        "synapses.cu",
        "x.cu",
    ]

    write(tmp_path / "same", VALUES)
    assert build(tmp_path / "same") == (printed, [])
    write(tmp_path / "other", {**VALUES, "object8": 20})
    printed, compiled = build(tmp_path / "other")
    assert printed == 10 * (sum(VALUES.values()) + 12)
    with_it, alone = sorted(compiled)
    assert (with_it in joined, alone) == (False, "code_objects/object8.cu")
    for value in (30, 20):  # what was joined with the first one is known without it
        write(tmp_path / f"another{value}", {**VALUES, "object8": value})
        printed, compiled = build(tmp_path / f"another{value}")
        assert printed == 10 * (sum(VALUES.values()) + value - 8)
        assert compiled == ([alone] if value == 30 else [])


def test_headers_stay_where_they_are_used(tmp_path):
    write(tmp_path / "project", VALUES)
    leave_headers_out(tmp_path / "project")
    macros = {
        name: {*(tmp_path / "project" / name).read_text().splitlines()[:3]}
        for name in ("code_objects/object1.cu", "code_objects/user.cu", "x.cu", "synapses.cu")
    }
    thrust, curand, synapses = (
        f"#define WITHOUT_{name}" for name in ("THRUST", "CURAND_KERNEL", "SYNAPSES")
    )
    every = {thrust, curand, synapses}
    assert macros["code_objects/object1.cu"] == every
    for name in ("code_objects/user.cu", "x.cu"):
        assert every & macros[name] == {curand, synapses}
    assert every & macros["synapses.cu"] == {thrust, curand}


@pytest.mark.parametrize(
    ("more", "on_host"),
    [
        ("", True),
        ("curandState* states;\nint curand_generator;\n", True),
        ("curandState state;\n", False),
        ("void f() { curand_init(0, 0, 0, 0); }\n", False),
        ("__global__ void kernel() {}\n", False),
        ("void f() { kernel<<<1, 1>>>(); }\n", False),
        ("void f() { cudaMemcpyToSymbol(d_x, &dev_x, 8); }\n", False),
        ("void f() { cudaFuncGetAttributes(&found, kernel); }\n", False),
        ('#include "code_objects/kernel.h"\n', True),
        ('#include "own.h"\n', False),
        ('#include "of_some_library.h"\n', False),
    ],
)
def test_units_without_device_code_are_compiled_for_the_host(more, on_host, tmp_path):
    folder = tmp_path / "project"
    write(folder, VALUES)
    main = folder / "main.cu"
    main.write_text(main.read_text() + more)
    for header in ("code_objects/kernel.h", "own.h"):
        (folder / header).write_text("__global__ void kernel();\n")
    leave_headers_out(folder)
    compile_on_host(Project(folder))
    sources = Project(folder).variable("HOST_SRCS").split()
    assert ("main.cu" in sources) == on_host
    assert "code_objects/object1.cu" in sources
    assert not {"x.cu", "code_objects/user.cu", "synapses.cu"} & {*sources}


def test_what_is_replaced_is_in_brian2cudas_templates():
    templates = pytest.importorskip("brian2cuda.codeobject").CUDAStandaloneCodeObject.templater
    makefile, objects = (
        templates.templates.get_template(name).template_source for name in ("makefile", "objects")
    )
    assert "-std=c++17" in makefile
    assert "HOST_SRCS =\n$(HOST_SRCS:.cu=.o): NVCCFLAGS += -x c++" in makefile
    assert objects.count("std::vector<{{c_data_type(var.dtype)}}*> ") == 2


def test_the_host_has_objects_of_its_own(tmp_path):
    folder = tmp_path / "project"
    write(folder, VALUES)
    leave_headers_out(folder)
    with objects_kept(Project(folder), "") as left:
        assert Path("main.cu") in [unit.source for unit in left]
        subprocess.run(["make"], cwd=folder, check=True, capture_output=True)
    with objects_kept(Project(folder), "") as left:
        assert Path("main.cu") not in [unit.source for unit in left]
    compile_on_host(Project(folder))
    with objects_kept(Project(folder), "") as left:
        assert Path("main.cu") in [unit.source for unit in left]


@pytest.mark.parametrize(
    "apart",
    ["extern int others;\n", "namespace brian { int z; }\n", "#if 1\n#include <map>\n#endif\n"],
)
def test_what_a_namespace_would_change_stays_apart(apart, tmp_path):
    folder = tmp_path / "project"
    write(folder, VALUES)
    source = folder / "code_objects" / "object1.cu"
    source.write_text(source.read_text() + apart)
    join_all(folder)
    assert "code_objects/object1.cu" in (folder / "makefile").read_text()
    assert "object1" not in "".join(p.read_text() for p in folder.glob("code_objects/joined_*.cu"))


def test_kernels_that_others_launch_stay_apart(tmp_path):
    write(tmp_path / "project", VALUES, more="__global__ void _reset(int*);\n")
    join_all(tmp_path / "project")
    assert "joined" not in (tmp_path / "project" / "makefile").read_text()
