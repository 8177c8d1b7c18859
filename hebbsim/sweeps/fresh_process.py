"""A process as if it had just begun: what a unit gives depends on no unit before it."""

import os
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

from brian2 import defaultclock, ms, prefs, seed, set_device, start_scope
from brian2.devices.device import all_devices, get_device, runtime_device

from hebbsim.experiments.preferences import preferences

__all__ = ["THREAD_VARIABLES", "as_in_a_fresh_process"]

#: What BLAS and OpenMP ask when they are loaded
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
_STANDALONE = ("cpp_standalone", "cuda_standalone")


@contextmanager
def as_in_a_fresh_process(number: int, build: Path, threads: int) -> Iterator[None]:
    """
    Let a block find Brian2 and the generators of random numbers as a new process does.

    Parameters
    ----------
    number : int
        The seed of Brian2's, numpy's, Python's and, if it is loaded, torch's generators.
    build : Path
        Where Brian2 compiles: Cython's modules, and standalone programs without a directory.
    threads : int
        At most so many of BLAS, OpenMP and torch.
    """
    from threadpoolctl import threadpool_limits

    before = {name: deepcopy(prefs[name]) for name in prefs}  # lists are changed in place
    chosen = {
        "codegen.runtime.cython.cache_dir": str(build / "cython"),
        # a run that ends early without an error would pass for a complete one
        "core.stop_on_keyboard_interrupt": False,
    }
    with preferences(chosen), _standalone_in(build), threadpool_limits(threads), _torch(threads):
        _begin(number)
        try:
            yield
        finally:
            _leave_device()
            for name, value in before.items():
                if prefs[name] != value:
                    prefs[name] = value


def _begin(number: int) -> None:
    start_scope()
    defaultclock.dt = 0.1 * ms
    random.seed(number)
    seed(number)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(number)


def _leave_device() -> None:
    device = get_device()
    if device is not runtime_device:
        device.reinit()
        set_device("runtime")
    defaultclock.dt = 0.1 * ms
    start_scope()


@contextmanager
def _standalone_in(build: Path) -> Iterator[None]:
    """Let standalone devices build there by default: in Brian2 all processes share ``output``."""
    devices = [all_devices[name] for name in _STANDALONE if name in all_devices]
    for device in devices:
        device.build = partial(_build, type(device).build, device, build)
    try:
        yield
    finally:
        for device in devices:
            del device.build


def _build(original: Any, device: Any, folder: Path, *args: Any, **kwds: Any) -> Any:
    if not args:
        kwds.setdefault("directory", os.path.join(folder, "standalone"))
    return original(device, *args, **kwds)


@contextmanager
def _torch(threads: int) -> Iterator[None]:
    torch = sys.modules.get("torch")
    before = torch.get_num_threads() if torch else 0
    if torch:
        torch.set_num_threads(min(threads, before))
    try:
        yield
    finally:
        if torch:
            torch.set_num_threads(before)
