"""What CUDA code needs of a machine, and how Brian2CUDA is told where it is.

Brian2CUDA asks compilers for C++11; the headers of CUDA 13 need C++17, which every toolkit since
CUDA 11 knows. And cuRAND, which is part of a toolkit, may be installed apart from it.
"""

import os
import re
import shutil
import subprocess
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from brian2.codegen.templates import Templater
from brian2.core.preferences import prefs

from hebbsim.brian2_private import replace_in_template
from hebbsim.codegen.cache_folder import cache_folder

__all__ = [
    "BRIAN2",
    "Requirement",
    "brian2cuda",
    "check_brian2cuda",
    "compile_without_gpu",
    "nvcc_version",
    "prepare",
    "requirements",
    "use_modern_standard",
]

#: The version of Brian2 that Brian2CUDA allows
BRIAN2 = "2.10.1"

_OLD, _NEW = "-std=c++11", "-std=c++17"


class Requirement(NamedTuple):
    """One thing that CUDA needs: its name, what was found (empty if nothing), and how to get it."""

    name: str
    found: str
    way_out: str


def brian2cuda() -> Requirement:
    """Look for Brian2CUDA, and for the version of Brian2 that it allows."""
    found, way_out = find_spec("brian2cuda") is not None, "python -m pip install 'hebbsim[cuda]'"
    if (here := version("brian2")) != BRIAN2:
        found = False
        way_out = f"it allows Brian2 {BRIAN2} alone, here is {here}; {way_out} installs both"
    return Requirement("Brian2CUDA", "installed" if found else "", way_out)


def check_brian2cuda() -> None:
    """Refuse the device ``cuda_standalone`` if Brian2CUDA can't provide it.

    Raises
    ------
    ImportError
        If Brian2CUDA is missing, or the installed Brian2 is another than it allows.
    """
    needed = brian2cuda()
    if not needed.found:
        raise ImportError(f"device cuda_standalone needs {needed.name}: {needed.way_out}")


def use_modern_standard(templater: Templater) -> None:
    """Let the makefile of Brian2CUDA ask nvcc for C++17."""
    replace_in_template(templater, "makefile", _OLD, _NEW)


def prepare() -> None:
    """Set Brian2's preferences for the CUDA code that is about to be generated.

    Without nvcc's fast mathematics, under which ``tanh`` is good to three digits, and
    ``x**2.0`` of a negative number is none.

    Raises
    ------
    ImportError
        If Brian2CUDA was imported beside a version of Brian2 that it doesn't allow.
    """
    check_brian2cuda()
    arguments = prefs["codegen.cpp.extra_compile_args_gcc"]
    arguments[:] = [_NEW if argument == _OLD else argument for argument in arguments]
    backend = prefs.devices.cuda_standalone.cuda_backend
    nvcc_arguments = backend.extra_compile_args_nvcc
    nvcc_arguments[:] = [a for a in nvcc_arguments if a != "-use_fast_math"]
    folder = toolkit()
    if folder is not None and backend.cuda_path is None:
        backend.cuda_path = str(folder)
    apart = _curand_apart()
    if apart is not None and not _curand_in(folder):
        for name, sub in (("include_dirs", "include"), ("library_dirs", "lib")):
            known = prefs[f"codegen.cpp.{name}"]
            known += [path for path in [str(apart / sub)] if path not in known]
        runtime = prefs["codegen.cpp.runtime_library_dirs"]
        runtime += [path for path in [str(apart / "lib")] if path not in runtime]


def compile_without_gpu(compute_capability: float = 9.0) -> None:
    """Let Brian2CUDA generate and compile code on a machine that has no GPU.

    For another one that has, with the same CUDA libraries in the same place:
    ``device.build(run=False)``, after ``set_device('cuda_standalone', build_on_run=False)``.

    Parameters
    ----------
    compute_capability : float
        That of the GPU: 9.0 for H100 and H200.
    """
    backend = prefs.devices.cuda_standalone.cuda_backend
    backend.detect_gpus = False
    backend.gpu_id = 0
    backend.compute_capability = compute_capability
    arguments = prefs["codegen.cpp.extra_compile_args_gcc"]
    arguments[:] = [a for a in arguments if a != "-march=native"]  # it has another processor
    folder = toolkit()
    if folder is None:  # the code alone
        backend.detect_cuda = False
        backend.cuda_path = "/usr/local/cuda"
        backend.cuda_runtime_version = 13.0


@cache
def toolkit() -> Path | None:
    """Return the folder of the CUDA toolkit: ``CUDA_PATH``, nvcc's own, or ``/usr/local/cuda``."""
    nvcc = shutil.which("nvcc")
    candidates = [os.environ.get("CUDA_PATH"), nvcc and _home_of(nvcc), "/usr/local/cuda"]
    for candidate in candidates:
        if candidate and Path(candidate, "bin", "nvcc").exists():
            return Path(candidate)
    return None


def _home_of(nvcc: str) -> str | None:
    """Ask nvcc itself for its toolkit: what is on the path may be a wrapper or a link."""
    done = subprocess.run([nvcc, "--dryrun", "x.cu"], capture_output=True, text=True, check=False)
    found = re.search(r"^#\$ TOP=(.*)$", done.stderr, re.MULTILINE)
    return os.path.normpath(found[1]) if found else str(Path(nvcc).resolve().parent.parent)


@cache
def nvcc_version(nvcc: str) -> str:
    """Return the version of a CUDA compiler, as far as it can be asked."""
    try:
        done = subprocess.run([nvcc, "--version"], capture_output=True, text=True, check=False)
    except OSError:
        return "unknown version"
    found = re.search(r"\bV([\d.]+)", done.stdout)
    return found[1] if found else "unknown version"


def _curand_in(folder: Path | None) -> Path | None:
    if folder is None:
        return None
    places = (folder / "include", *folder.glob("targets/*/include"))
    return next((place for place in places if (place / "curand.h").exists()), None)


@cache
def _curand_apart() -> Path | None:
    """Return a folder with header and library of the Python package nvidia-curand, if it is there.

    Links to these alone: the package may lie beside other headers, of another CUDA version.
    """
    try:
        spec = find_spec("nvidia")
    except (ImportError, ValueError):
        return None
    for place in (spec.submodule_search_locations or []) if spec else []:
        for home in (*Path(place).glob("cu*"), Path(place, "curand")):
            libraries = sorted(home.glob("lib/libcurand.so*"))
            if (home / "include" / "curand.h").exists() and libraries:
                return _linked(home, libraries[-1])
    return None


def _linked(home: Path, library: Path) -> Path:
    links = {f"include/{header.name}": header for header in home.glob("include/curand*.h")}
    links |= {"lib/libcurand.so": library, f"lib/{library.name}": library}
    folder = cache_folder() / "curand"
    for name, target in links.items():
        link = folder / name
        link.parent.mkdir(parents=True, exist_ok=True)
        if not (link.is_symlink() and link.readlink() == target):
            fresh = link.with_name(f"{link.name}.{os.getpid()}")
            fresh.symlink_to(target)
            fresh.replace(link)  # at once: another process may be compiling
    return folder


def _driver() -> str:
    """Return names and compute capabilities of the GPUs that the driver sees."""
    smi = shutil.which("nvidia-smi")
    if smi is None:
        return ""
    command = [smi, "--query-gpu=name,compute_cap,driver_version", "--format=csv,noheader"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return "; ".join(done.stdout.strip().splitlines()) if done.returncode == 0 else ""


def requirements() -> list[Requirement]:
    """Look for all that ``set_device('cuda_standalone')`` needs."""
    folder = toolkit()
    curand = _curand_in(folder) or _curand_apart()
    return [
        brian2cuda(),
        Requirement(
            "nvcc",
            f"CUDA {nvcc_version(str(folder / 'bin' / 'nvcc'))} in {folder}" if folder else "",
            "install NVIDIA's CUDA toolkit (12 or newer), and put its bin folder on PATH or name "
            "its folder in CUDA_PATH",
        ),
        Requirement(
            "cuRAND",
            str(curand) if curand else "",
            "install the cuRAND development package of your toolkit, or: python -m pip install "
            "nvidia-curand, in the version of the toolkit (10.4.0.35 is that of CUDA 13.0)",
        ),
        Requirement(
            "GPU and driver",
            _driver(),
            "install NVIDIA's driver; without a GPU, code can be compiled for one "
            "(hebbsim.codegen.cuda.toolkit.compile_without_gpu)",
        ),
    ]
