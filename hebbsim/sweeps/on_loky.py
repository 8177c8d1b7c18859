"""Worker processes of this machine, by joblib's loky."""

import signal
from collections import Counter, deque
from collections.abc import Sequence
from typing import Any

from hebbsim.sweeps.fresh_process import THREAD_VARIABLES
from hebbsim.sweeps.listener import Listener
from hebbsim.sweeps.work import End, Outcome, Task, run_task

__all__ = ["MOST_LOSSES", "run_on_loky"]

#: So often a unit may take its worker with it
MOST_LOSSES = 3


class _Worker:
    """A pool of one process: if that is killed, no other unit is lost, and it is known which is.

    Parameters
    ----------
    threads : int
        At most so many of BLAS and OpenMP.
    """

    def __init__(self, threads: int) -> None:
        self._environment = dict.fromkeys(THREAD_VARIABLES, str(threads))
        self._pool = self._new()

    def _new(self) -> Any:
        from joblib.externals.loky import ProcessPoolExecutor

        return ProcessPoolExecutor(1, env=self._environment, initializer=_ignore_interrupts)

    def submit(self, task: Task) -> Any:
        """Let the process compute a unit, and return the future; begin a new one if it is dead."""
        from joblib.externals.loky import BrokenProcessPool

        try:
            return self._pool.submit(run_task, task)
        except BrokenProcessPool:  # killed while it had nothing to do
            self.renew()
            return self._pool.submit(run_task, task)

    def renew(self) -> None:
        """Take another process."""
        self.end(kill=True)
        self._pool = self._new()

    def end(self, *, kill: bool) -> None:
        """Let the process end, at once or when its unit is done."""
        self._pool.shutdown(wait=True, kill_workers=kill)


def _ignore_interrupts() -> None:
    """Leave Ctrl-C, which all processes of a terminal get, to the one that sweeps."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def run_on_loky(tasks: Sequence[Task], listener: Listener, jobs: int) -> None:
    """
    Compute units in worker processes, of which any may be killed.

    Parameters
    ----------
    tasks : sequence of Task
        The units.
    listener : Listener
        What is told how they end. One that was lost with its worker `MOST_LOSSES` times failed.
    jobs : int
        How many workers.
    """
    if not tasks:
        return
    workers = [_Worker(tasks[0].threads) for _ in range(min(jobs, len(tasks)))]
    finished = False
    try:
        _run(deque(tasks), listener, workers)
        finished = True
    finally:
        for worker in workers:
            worker.end(kill=not finished)


def _run(waiting: deque[Task], listener: Listener, workers: Sequence[_Worker]) -> None:
    from joblib.externals.loky import FIRST_COMPLETED, wait

    idle = list(workers)
    at_work: dict[Any, tuple[_Worker, Task]] = {}
    losses: Counter[str] = Counter()
    while waiting or at_work:
        while waiting and idle:
            worker, task = idle.pop(), waiting.popleft()
            listener.started(task.unit)
            at_work[worker.submit(task)] = worker, task
        for future in wait(at_work, return_when=FIRST_COMPLETED).done:
            worker, task = at_work.pop(future)
            idle.append(worker)
            outcome = _outcome(future, worker, task)
            if outcome is None:
                losses[task.unit.key] += 1
                outcome = _lost(task, losses[task.unit.key], listener)
            if outcome is None:
                waiting.append(task)
            else:
                listener.ended(outcome)


def _outcome(future: Any, worker: _Worker, task: Task) -> Outcome | None:
    """Return how a unit ended, or None if it was lost with its worker."""
    from joblib.externals.loky import BrokenProcessPool

    error = future.exception()
    if error is None:
        outcome: Outcome = future.result()
        return outcome
    if isinstance(error, BrokenProcessPool):
        worker.renew()
        return None
    return Outcome(task.unit, End.FAILED, f"{type(error).__name__}: {error}")


def _lost(task: Task, times: int, listener: Listener) -> Outcome | None:
    """Return None if a unit is to be tried again."""
    if times < MOST_LOSSES:
        listener.lost(task.unit, times, MOST_LOSSES)
        return None
    said = (
        f"its worker was killed {times} times: by the system if there is too little memory (fewer "
        "--jobs need less), or by compiled code that fails"
    )
    return Outcome(task.unit, End.FAILED, said)
