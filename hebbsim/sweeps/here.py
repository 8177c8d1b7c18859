"""No engine: one unit after another in this process."""

from collections.abc import Sequence

from hebbsim.sweeps.listener import Listener
from hebbsim.sweeps.work import Task, run_task

__all__ = ["run_here"]


def run_here(tasks: Sequence[Task], listener: Listener) -> None:
    """Compute units one after another, in this process."""
    for task in tasks:
        listener.started(task.unit)
        listener.ended(run_task(task))
