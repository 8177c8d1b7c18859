"""Build programs of Brian2CUDA for this machine's CPU, where there is no GPU."""

import hashlib
import os
import re
import subprocess
from pathlib import Path

import pytest
from brian2 import set_device
from brian2.devices.device import all_devices

from hebbsim.codegen.cpp.compiler import target
from hebbsim.codegen.cpp.headers import STANDARD, compile_header, header
from hebbsim.codegen.cuda.light_headers import leave_headers_out
from hebbsim.codegen.cuda.step_graphs import mark_fixed_launches
from hebbsim.codegen.cuda.toolkit import compile_without_gpu, requirements
from hebbsim.codegen.joined_units import in_groups, join, joinable
from hebbsim.codegen.units import Project

HEADERS = Path(__file__).parent / "cuda_on_cpu"
LAUNCH = re.compile(r"([A-Za-z_]\w*)\s*<<<(.*?)>>>\s*\(", re.DOTALL)


def compile_for_cpu(directory) -> None:
    """Compile a project's CUDA code with g++; the program is ``main``, as nvcc's would be."""
    folder = Path(directory)
    mark_fixed_launches(folder)
    leave_headers_out(folder)
    project = Project(folder)
    project, _ = join(project, in_groups(filter(joinable, project.units)))
    units = []
    for source in (folder / unit.source for unit in project.units):
        unit = source.with_suffix(".cpu.cpp")
        unit.write_text(LAUNCH.sub(r"cuda_on_cpu::launch(\1, \2)(", source.read_text()))
        units.append(str(unit.relative_to(folder)))
    command = ("g++", "-std=c++17", "-O1", "-w", f"-I{HEADERS}")
    read = "".join(path.read_text() for path in sorted(HEADERS.rglob("*.h")))
    checksum = hashlib.sha256(read.encode()).hexdigest()
    headers = header(f'// {checksum}\n#include "cuda_on_cpu.h"\n{STANDARD}')
    compile_header(headers, [*command], target())
    done = subprocess.run(
        [*command, "-I.", "-include", str(headers), *units, "-o", "main"],
        cwd=folder,
        env={k: v for k, v in os.environ.items() if k != "CPLUS_INCLUDE_PATH"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"g++ refused generated CUDA code:\n{done.stderr[:4000]}")


def missing(*names) -> list[str]:
    """Return which of the `names` that CUDA needs this machine lacks."""
    return [item.name for item in requirements() if item.name in names and not item.found]


def run_on_cpu(monkeypatch) -> None:
    """Let Brian2CUDA's programs be compiled for the CPU."""
    monkeypatch.setattr(
        type(all_devices["cuda_standalone"]),
        "compile_source",
        lambda self, directory, *_: compile_for_cpu(directory),
    )
    compile_without_gpu()


def use_cuda(folder, monkeypatch, *, on_cpu: bool, **options) -> None:
    """Make Brian2CUDA the current device, with programs that run on a GPU or on the CPU."""
    needed = ["Brian2CUDA"] if on_cpu else [item.name for item in requirements()]
    if missing(*needed):
        pytest.skip(f"no {', '.join(missing(*needed))}; `hebbsim cuda` says how to get it")
    if on_cpu:
        run_on_cpu(monkeypatch)
    set_device("cuda_standalone", directory=str(folder), **options)
