"""Signals that ask this process to end, obeyed when nothing is lost by it."""

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

__all__ = ["Interruption", "StoppedError", "interruptible"]

#: Ctrl-C; the end of a job's time or of the machine; the end of a terminal or connection
_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")


class StoppedError(RuntimeError):
    """A simulation that was stopped before its end."""


class Interruption:
    """A signal that was noted, or none so far."""

    def __init__(self) -> None:
        self._number: int | None = None
        self._earlier: dict[int, Any] = {}

    def is_set(self) -> bool:
        """Whether there was a signal."""
        return self._number is not None

    def note(self, number: int, _: Any) -> None:
        """Note a signal; the first one counts."""
        self._number = number if self._number is None else self._number

    def obey(self) -> None:
        """
        End as the signal asks, once all is written.

        Raises
        ------
        KeyboardInterrupt
            On Ctrl-C.
        SystemExit
            On another signal, with the status that it gives a process, after a handler that the
            user set has been called.
        """
        if self._number is None:
            return
        if self._number == signal.SIGINT:
            raise KeyboardInterrupt
        handler = self._earlier.get(self._number)
        if callable(handler):
            handler(self._number, None)
        raise SystemExit(128 + self._number)

    def _begin(self, names: Sequence[str]) -> None:
        for name in names:
            number = getattr(signal, name, None)  # Windows has not all of them
            if number is None:
                continue
            earlier = signal.getsignal(number)
            if earlier is signal.SIG_IGN and number != signal.SIGINT:
                continue  # as under nohup
            self._earlier[number] = earlier
            signal.signal(number, self.note)

    def _end(self) -> None:
        for number, handler in self._earlier.items():
            signal.signal(number, handler)


@contextmanager
def interruptible(names: Sequence[str] = _NAMES) -> Iterator[Interruption]:
    """Note signals that ask this process to end, instead of ending in the middle of a step."""
    found = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield found  # signals reach the main thread alone
        return
    found._begin(names)
    try:
        yield found
    finally:
        found._end()
