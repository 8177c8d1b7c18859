"""Workers of a dask cluster, which see the same folder."""

from collections import deque
from collections.abc import Sequence
from pathlib import Path
from secrets import token_hex
from time import sleep
from typing import Any

from hebbsim.errors import SettingsError, installed
from hebbsim.sweeps.listener import Listener
from hebbsim.sweeps.store import UnitStore
from hebbsim.sweeps.work import End, Outcome, Task, run_task

__all__ = ["check_dask", "run_on_dask"]

_SECONDS_TO_CONNECT, _SECONDS_BETWEEN_LOOKS = 20, 2


def check_dask() -> None:
    """Raise a SettingsError if dask isn't installed."""
    if not installed("distributed"):
        raise SettingsError(
            "--dask: dask isn't installed; pip install 'hebbsim[dask]', on the workers too"
        )


def run_on_dask(tasks: Sequence[Task], listener: Listener, address: str) -> None:
    """
    Compute units on the workers of a dask cluster.

    The scheduler gives a unit that is lost with its worker to another, and gives up on one that
    was lost with several (``distributed.scheduler.allowed-failures``, by default 3).

    Parameters
    ----------
    tasks : sequence of Task
        The units.
    listener : Listener
        What is told how they end.
    address : str
        Of the scheduler, such as ``'tcp://node1:8786'``.

    Raises
    ------
    SettingsError
        If dask can't be imported, nobody answers there, or the scheduler ends.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise SettingsError(f"--dask: dask can't be imported: {error}") from error
    try:
        client = Client(address, timeout=_SECONDS_TO_CONNECT)
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"--dask: expected the address of a dask scheduler that runs, such as "
            f"tcp://node1:8786, got '{address}' ({error}); dask scheduler prints its address"
        ) from error
    with client:
        _run(client, deque(tasks), listener, address)


def _run(client: Any, waiting: deque[Task], listener: Listener, address: str) -> None:
    """Keep as many units at work as there are workers: what waits is lost with no worker."""
    from distributed import CancelledError, TimeoutError, wait
    from distributed.comm import CommClosedError

    at_work: dict[Any, Task] = {}
    try:
        while waiting or at_work:
            n_workers = len(client.nthreads())
            while waiting and len(at_work) < n_workers:
                task = waiting.popleft()
                listener.started(task.unit)
                key = f"hebbsim-{task.unit.key}-{token_hex(4)}"
                at_work[client.submit(run_task, task, key=key, pure=False)] = task
            if not n_workers:
                listener.waiting(f"waiting for a worker at {address}")
            if not at_work:
                sleep(_SECONDS_BETWEEN_LOOKS)
                continue
            try:
                done = wait(list(at_work), _SECONDS_BETWEEN_LOOKS, "FIRST_COMPLETED").done
            except TimeoutError:
                continue
            for future in done:
                listener.ended(_outcome(future, at_work.pop(future), address))
    except (CancelledError, CommClosedError) as error:
        at_work.clear()  # nobody is there who could cancel them
        raise _scheduler_ended(address) from error
    finally:
        client.cancel(list(at_work))


def _scheduler_ended(address: str) -> SettingsError:
    return SettingsError(
        f"--dask: the scheduler at '{address}' ended or can't be reached any more; what is done is "
        "kept: start it anew, and run again to go on"
    )


def _outcome(future: Any, task: Task, address: str) -> Outcome:
    from distributed.scheduler import KilledWorker

    if future.status in ("cancelled", "lost"):
        raise _scheduler_ended(address)
    error = future.exception()
    if isinstance(error, KilledWorker):
        said = (
            f"each of {error.allowed_failures + 1} workers that computed it was killed, the last "
            f"one '{error.last_worker.address}': by the system if there is too little memory, or "
            "by compiled code that fails"
        )
        return Outcome(task.unit, End.FAILED, said)
    if error is not None:
        return Outcome(task.unit, End.FAILED, f"{type(error).__name__}: {error}")
    outcome: Outcome = future.result()
    is_there = UnitStore(Path(task.folder)).has(task.unit)
    if outcome.end in (End.COMPUTED, End.PRESENT) and not is_there:
        said = (
            f"the worker wrote its result to '{task.folder}', which is another folder here; "
            "expected one that all machines share: name it with --output"
        )
        return Outcome(task.unit, End.FAILED, said)
    return outcome
