"""C++ standalone programs that run one layer."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from brian2 import BrianLogger, defaultclock, device, set_device

from hebbsim.benchmark.ours import Layer
from hebbsim.benchmark.timing import THREADS, preferences

__all__ = ["Program", "standalone_device"]


@contextmanager
def standalone_device(name: str) -> Iterator[None]:
    """Make a standalone device the current one, for a program that is built by hand."""
    set_device(name, build_on_run=False)
    try:
        yield
    finally:
        device.reinit()
        set_device("runtime")


class Program:
    """Build the program of a layer in a folder of its own.

    Parameters
    ----------
    folder : path
        Where the project goes.
    steps : int
        Time steps of a run.
    threads : int
        OpenMP threads; with a single one OpenMP is left out.
    objects : callable
        Returns the layer, and the synapses that replace its convolution, or None.
    """

    def __init__(
        self, folder: Path, steps: int, threads: int, objects: Callable[[], tuple[Layer, Any]]
    ) -> None:
        self.folder, self.steps, self.threads = folder, steps, threads
        #: Time of a step in each run, in seconds
        self.times: list[float] = []
        BrianLogger.suppress_name("openmp")  # that it is not well tested: results are compared
        with (
            preferences({THREADS: threads if threads > 1 else 0}),
            standalone_device("cpp_standalone"),
        ):
            layer, synapses = objects()
            network = layer.network(synapses)
            network.run(steps * defaultclock.dt, namespace={})
            device.build(directory=str(folder), run=False)
            weight = layer.conv.variables["w"]
            self._file = Path(device.get_array_filename(weight)).name
            self._dtype = weight.dtype

    def measure(self) -> None:
        """Run the program once, and keep its time."""
        subprocess.run(["./main"], cwd=self.folder, check=True, stdout=subprocess.DEVNULL)
        info = (self.folder / "results" / "last_run_info.txt").read_text()
        self.times.append(float(info.split()[0]) / self.steps)

    @property
    def median(self) -> float:
        """Median time of a step, in seconds."""
        return float(np.median(self.times))

    def kernel(self) -> np.ndarray:
        """Weights after the last run, flat, in the order of the memory."""
        return np.fromfile(self.folder / "results" / self._file, self._dtype)
