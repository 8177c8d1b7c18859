"""Brian2's preferences for the time of a run."""

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np
from brian2 import prefs

__all__ = ["THREADS", "cores", "preferences", "run_preferences"]

THREADS = "devices.cpp_standalone.openmp_threads"


@contextmanager
def preferences(chosen: Mapping[str, Any]) -> Iterator[None]:
    """Set preferences of Brian2 for the time being."""
    before = {name: prefs[name] for name in chosen}
    try:
        for name, value in chosen.items():
            prefs[name] = value
        yield
    finally:
        for name, value in before.items():
            prefs[name] = value


def run_preferences(threads: int, dtype: str = "float32") -> AbstractContextManager[None]:
    """Set threads and precision for the time of a run, and let Ctrl-C end it with an error."""
    return preferences(
        {
            "core.default_float_dtype": np.dtype(dtype).type,
            THREADS: threads,
            # a run that ends early without an error would pass for a complete one
            "core.stop_on_keyboard_interrupt": False,
        }
    )


def cores() -> int:
    """Count the processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
