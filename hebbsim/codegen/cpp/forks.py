"""Threads and locks in a process that may be forked.

A forked process has the memory of its parent, but one thread alone: pools of threads are there in
name only, and whoever waits for them waits for ever. That holds for Python's pools and for
OpenMP's, which belong to the thread that runs the loop.
"""

import os
import subprocess
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

__all__ = ["Pool", "ask", "never_forked", "with_threads_of_its_own"]

#: Held by what a fork would leave half done, for a short time
never_forked = threading.Lock()


def ask(command: Sequence[str], words: str = "") -> "subprocess.CompletedProcess[str]":
    """Return what a program answers to `words`.

    A process that is forked meanwhile would hold the pipes, and each would wait for the other.
    """
    with never_forked:
        return subprocess.run(
            command, input=words, capture_output=True, text=True, errors="replace", check=False
        )


class Pool:
    """A pool of threads that each process makes for itself.

    Parameters
    ----------
    workers : int or None
        How many threads.
    name : str
        What they are called.
    in_child : callable, optional
        Called in a forked process.
    """

    def __init__(
        self, workers: int | None, name: str, in_child: Callable[[], None] = lambda: None
    ) -> None:
        self._new = lambda: ThreadPoolExecutor(workers, thread_name_prefix=name)
        self._pool = self._new()
        #: Whether this process was forked from another
        self.forked = False
        self._in_child = in_child
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._start_anew)

    def _start_anew(self) -> None:
        self._pool, self.forked = self._new(), True
        self._in_child()

    def submit(self, call: Callable[..., Any], *args: Any) -> Any:
        """Let a thread call something, and return its future."""
        return self._pool.submit(call, *args)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=never_forked.acquire,
        after_in_parent=never_forked.release,
        after_in_child=never_forked.release,
    )

_loops = Pool(1, "hebbsim-loops")


def with_threads_of_its_own(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a function that uses OpenMP run in forked processes too, in a thread made there."""

    def call(*args: Any) -> Any:
        return _loops.submit(function, *args).result() if _loops.forked else function(*args)

    return call
