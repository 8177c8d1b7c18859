"""A folder for what a worker compiles: its own, and the same one in later sweeps."""

import os
import platform
import tempfile
from itertools import count
from pathlib import Path

from hebbsim.codegen.cache_folder import cache_folder
from hebbsim.file_lock import lock

__all__ = ["build_folder"]

#: By process, as a forked one needs its own; the handles stay open until their process ends
_held: dict[int, tuple[Path, int]] = {}


def build_folder() -> Path:
    """
    Return the build folder of this process: the first one that no other process holds.

    Returns
    -------
    Path
        In the folder of compiled code; where nothing can be locked, a temporary one.
    """
    process = os.getpid()
    if process not in _held:
        _held[process] = _taken()
    return _held[process][0]


def _taken() -> tuple[Path, int]:
    workers = cache_folder() / "workers" / platform.node()
    for number in count(1):
        folder = workers / str(number)
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY)
        try:
            if lock(handle):
                return folder, handle
        except OSError:
            os.close(handle)
            break
        os.close(handle)
    return Path(tempfile.mkdtemp(prefix="hebbsim-build-")), -1
