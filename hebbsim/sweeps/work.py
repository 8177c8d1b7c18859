"""What a worker does: one unit at a time, whose result is written where all can see it."""

import threading
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from enum import Enum
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

from brian2.core.base import BrianObjectException

from hebbsim import __version__
from hebbsim.experiments.held_folder import FolderHeldError, held, was_left
from hebbsim.sweeps.build_folder import build_folder
from hebbsim.sweeps.fresh_process import as_in_a_fresh_process
from hebbsim.sweeps.function import load_function, make_settings
from hebbsim.sweeps.store import UnitStore
from hebbsim.sweeps.unit import Unit
from hebbsim.whole_file import make_folder, write_text

__all__ = ["End", "Outcome", "Task", "compute", "run_task"]


class End(Enum):
    """How a unit ended."""

    COMPUTED = "computed"
    PRESENT = "there already"
    ELSEWHERE = "at work in another process"
    FAILED = "failed"


@dataclass(frozen=True)
class Outcome:
    """
    Hold how a unit ended.

    Parameters
    ----------
    unit : Unit
        Which.
    end : End
        How.
    said : str
        Of one that failed: why.
    lost : bool
        Whether an earlier try was lost with its process.
    """

    unit: Unit
    end: End
    said: str = ""
    lost: bool = False


@dataclass(frozen=True)
class Task:
    """
    Hold what a worker is sent.

    Parameters
    ----------
    unit : Unit
        What it is to compute.
    folder : str
        Where results are, for all workers.
    threads : int
        At most so many of BLAS and OpenMP.
    version : str
        Of the hebbsim that sends it.
    """

    unit: Unit
    folder: str
    threads: int = 1
    version: str = __version__


#: Brian2 has one device, one default clock and one set of preferences for all threads
_one_at_a_time = threading.Lock()


def run_task(task: Task) -> Outcome:
    """Compute a unit in this process, unless its result is there; what fails is said and kept."""
    unit, store = task.unit, UnitStore(Path(task.folder))
    if task.version != __version__:
        said = f"the worker has hebbsim {__version__}, the sweep {task.version}; install the same"
        return Outcome(unit, End.FAILED, said)
    with _one_at_a_time:
        try:
            with as_in_a_fresh_process(unit.seed, build_folder(), task.threads):
                function = load_function(unit.function, unit.base)
                settings = make_settings(function, unit.arguments)
                return compute(store, unit, partial(function, settings, unit.seed))
        except Exception as error:
            make_folder(store.folder)
            write_text(store.error(unit), traceback.format_exc())
            return Outcome(unit, End.FAILED, f"{_said(error)} (traceback in '{store.error(unit)}')")


def compute(store: UnitStore, unit: Unit, call: Callable[[Path], Any]) -> Outcome:
    """
    Compute a unit, unless its result is there or another process is at it, and keep the result.

    Parameters
    ----------
    store : UnitStore
        Where.
    unit : Unit
        Which.
    call : callable
        Computes it, given its folder.
    """
    if store.has(unit):
        return Outcome(unit, End.PRESENT)
    folder = store.files(unit)
    lost = was_left(folder)
    with ExitStack() as stack:
        try:
            stack.enter_context(held(folder))
        except FolderHeldError:
            return Outcome(unit, End.ELSEWHERE)
        if store.has(unit):  # since it was asked above
            return Outcome(unit, End.PRESENT)
        start = perf_counter()
        values = call(folder)
        store.write(unit, values, perf_counter() - start)
    return Outcome(unit, End.COMPUTED, lost=lost)


def _said(error: BaseException) -> str:
    """Return what an error says in one line, or what Brian2 wrapped in its own."""
    cause: BaseException = error
    while isinstance(cause, BrianObjectException) and cause.__cause__ is not None:
        cause = cause.__cause__
    return f"{type(cause).__name__}: {' '.join(str(cause).split())}"
