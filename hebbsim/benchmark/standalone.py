"""Programs of Brian2's standalone devices that are built by hand, run and timed."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
from brian2 import BrianLogger, Network, device
from brian2.core.variables import ArrayVariable

from hebbsim.experiments.preferences import THREADS, preferences
from hebbsim.experiments.standalone import current_device

__all__ = ["Built", "CppProgram", "Program"]


class Built(NamedTuple):
    """What a program is made of."""

    network: Network
    clock: Any
    #: What is kept, to be compared
    variables: list[ArrayVariable]
    #: What the network doesn't hold and the device asks for all the same
    other: Any = None


class Program:
    """Build the program of a network in a folder of its own.

    Parameters
    ----------
    folder : path
        Where the project goes.
    steps : int
        Time steps of a run.
    objects : callable
        Builds the network; called while the device is the current one.
    """

    DEVICE: ClassVar[str]

    def __init__(self, folder: Path, steps: int, objects: Callable[[], Built]) -> None:
        self.folder, self.steps = folder, steps
        with current_device(self.DEVICE):
            built = objects()
            self.write(built.network, built.clock, built.variables)
            device.build(directory=str(folder), run=False)
            self._kept = [(self.file_of(v), v.dtype) for v in built.variables]

    def write(self, network: Network, clock: Any, variables: list[ArrayVariable]) -> None:
        """Write what the program does."""
        raise NotImplementedError

    def file_of(self, variable: ArrayVariable) -> str:
        """Return the name of the file that a run leaves of a variable."""
        raise NotImplementedError

    def kept(self) -> list[np.ndarray]:
        """Return the variables of the last run, flat, in the order of the memory."""
        return [np.fromfile(self.folder / "results" / name, kind) for name, kind in self._kept]


class CppProgram(Program):
    """Build a C++ standalone program.

    Parameters
    ----------
    folder, steps, objects
        As of `Program`; the variables are kept as they are after the last step.
    threads : int
        OpenMP threads; with a single one OpenMP is left out.
    """

    DEVICE = "cpp_standalone"

    def __init__(
        self, folder: Path, steps: int, objects: Callable[[], Built], threads: int
    ) -> None:
        self.threads = threads
        #: Time of a step in each run, in seconds
        self.times: list[float] = []
        BrianLogger.suppress_name("openmp")  # that it is not well tested: results are compared
        with preferences({THREADS: threads if threads > 1 else 0}):
            super().__init__(folder, steps, objects)

    def write(self, network: Network, clock: Any, variables: list[ArrayVariable]) -> None:
        """Write a run."""
        network.run(self.steps * clock.dt, namespace={})

    def file_of(self, variable: ArrayVariable) -> str:
        """Return the name of the file that Brian2 writes."""
        return Path(device.get_array_filename(variable)).name

    def measure(self) -> None:
        """Run the program once, and keep its time."""
        subprocess.run(["./main"], cwd=self.folder, check=True, stdout=subprocess.DEVNULL)
        info = (self.folder / "results" / "last_run_info.txt").read_text()
        self.times.append(float(info.split()[0]) / self.steps)

    @property
    def median(self) -> float:
        """Median time of a step, in seconds."""
        return float(np.median(self.times))
