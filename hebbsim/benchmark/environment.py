"""On what a benchmark was run."""

import os
import platform
import shutil
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from brian2 import prefs

from hebbsim.benchmark.setting import Setting
from hebbsim.codegen.cpp.compiler import compiler_command
from hebbsim.codegen.cuda.toolkit import requirements

__all__ = ["environment"]

_PACKAGES = ("brian2", "hebbsim", "numpy", "torch", "cython")


def environment(setting: Setting) -> dict[str, Any]:
    """Describe machine, versions and setting in plain values that JSON holds."""
    load = os.getloadavg() if hasattr(os, "getloadavg") else ()
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "load": [round(value, 2) for value in load],
        "platform": platform.platform(),
        "python": platform.python_version(),
        **{name: _version(name) for name in _PACKAGES},
        "device": setting.device,
        "gpu": _gpu() if setting.device == "cuda" else "",
        "compiler": _compiler(),
        "compiler_arguments": prefs["codegen.cpp.extra_compile_args_gcc"],
        "dtype": "float32",
        "threads": setting.threads,
        "repeats": setting.repeats,
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # torch, which is optional
        return "none"


def _cpu() -> str:
    known = Path("/proc/cpuinfo")
    lines = known.read_text().splitlines() if known.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _gpu() -> str:
    found = {item.name: item.found for item in requirements()}
    return f"{found['GPU and driver']}; {found['nvcc']}"


def _compiler() -> str:
    compiler = shutil.which(compiler_command()[0])
    if compiler is None:
        return "none"
    shown = subprocess.run([compiler, "--version"], capture_output=True, text=True).stdout
    return (shown.splitlines() or [compiler])[0]
