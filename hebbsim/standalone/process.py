"""The running program of a standalone device, that is told what to do through pipes."""

import os
import struct
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

__all__ = ["ProgramError", "ServedProcess"]

_MOST_OF_ERRORS = 2000


class ProgramError(RuntimeError):
    """A program that ended before it was told to."""


class ServedProcess:
    """Start a compiled program, and tell it what to do until it is closed.

    Parameters
    ----------
    folder : Path
        Where its ``main`` is.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        #: Whether an order or an answer was left in the middle, so that no later one can be trusted
        self.broken = False
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        its_orders, orders = os.pipe()
        answers, its_answers = os.pipe()
        # closed with the process
        self._orders, self._answers = open(orders, "wb", 0), open(answers, "rb")  # noqa: SIM115
        try:
            self._process = subprocess.Popen(
                [str(folder / "main"), str(its_orders), str(its_answers)],
                cwd=folder,
                pass_fds=(its_orders, its_answers),
                stdin=subprocess.DEVNULL,
                stdout=self._errors,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is this process' alone
            )
        finally:
            os.close(its_orders)
            os.close(its_answers)

    def write(self, number: int, values: np.ndarray) -> None:
        """Set the array of a number, contiguous and of the type that it has there."""
        self._tell(b"w" + struct.pack("=i", number), values)

    def read(self, number: int, dtype: np.dtype, size: int) -> np.ndarray:
        """Return the array of a number."""
        self._tell(b"r" + struct.pack("=i", number))
        values = np.empty(size, dtype)
        self._hear(memoryview(values.view(np.uint8)).cast("B"))
        return values

    def seed(self, number: int) -> None:
        """Seed what is drawn from now on."""
        self._tell(b"s" + struct.pack("=Q", number))

    def switch(self, runs: Sequence[bool]) -> None:
        """Say which code objects run from now on."""
        self._tell(b"a" + bytes(map(int, runs)))

    def run(self, seconds: float) -> None:
        """Run so long, and wait for it."""
        self._tell(b"n" + struct.pack("=d", seconds))
        self._hear(memoryview(bytearray(1)))

    def close(self) -> None:
        """End the program."""
        for pipe in (self._orders, self._answers):
            pipe.close()
        self._process.wait()
        self._errors.close()

    def _tell(self, order: bytes, values: np.ndarray | None = None) -> None:
        with self._unbroken():
            try:
                self._orders.write(order)
                rest = None if values is None else memoryview(values.view(np.uint8)).cast("B")
                while rest:
                    rest = rest[self._orders.write(rest) :]
            except BrokenPipeError:
                raise self._ended() from None

    def _hear(self, place: memoryview) -> None:
        with self._unbroken():
            while place:
                n = self._answers.readinto(place)
                if not n:
                    raise self._ended()
                place = place[n:]

    @contextmanager
    def _unbroken(self) -> Iterator[None]:
        if self.broken:
            raise ProgramError(
                f"the program in {self._folder} was interrupted in the middle of an order; the "
                "network is what it was before, run it again"
            )
        try:
            yield
        except BaseException:  # Ctrl-C too
            self.broken = True
            raise

    def _ended(self) -> ProgramError:
        status = self._process.wait()
        self._errors.seek(0)
        said = self._errors.read().decode(errors="replace").strip()[-_MOST_OF_ERRORS:]
        return ProgramError(
            f"the program in {self._folder} ended with status {status}"
            f"{': ' if said else ', without a word'}{said}"
        )
