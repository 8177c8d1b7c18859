"""A network that is compiled once, and run for many seeds, protocols and values."""

import subprocess
import weakref
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any, NamedTuple

import numpy as np
from brian2 import Network, Quantity, device, second
from brian2.core.variables import ArrayVariable

from hebbsim.experiments.preferences import THREADS, cores, preferences
from hebbsim.experiments.standalone import current_device

__all__ = ["Built", "Program", "Run"]

#: The program's first two arguments: the seed, and how many seconds it runs
_ARGUMENTS = """
const unsigned long _chosen_seed = std::stoul(args.at(0));
const double _chosen_seconds = std::stod(args.at(1));
args.erase(args.begin(), args.begin() + 2);
"""
_SEED = "brian::_random_generators[0].seed(_chosen_seed);"

#: All units include the same once; what only moves arrays about compiles longest, and runs shortest
_PRECOMPILED = """
objects.h.gch: objects.h
\t$(CXX) $(CXXFLAGS) -x c++-header $< -o $@
$(OBJS): objects.h.gch
$(OBJS): CXXFLAGS += -include objects.h
objects.o main.o: OPTIMISATIONS += -O0
"""


class Built(NamedTuple):
    """What a program is made of."""

    network: Network
    #: What a run returns, such as ``{"t": spikes.variables["t"]}``
    kept: Mapping[str, ArrayVariable]
    #: What the network doesn't hold and the device asks for all the same, such as subgroups
    other: Any = None


class Run(NamedTuple):
    """What distinguishes one run of a program from the others."""

    seed: int
    duration: Quantity
    #: By the names of object and variable, such as ``{"synapses.eta": 0.1}``; those of a
    #: `TimedArray` are ``"name.values"``
    values: Mapping[str, Any] = {}


class Program:
    """
    Compile a network in C++ standalone once, and run it with many seeds, durations and values.

    Connections are drawn anew in each run, from its seed. The values of a run take effect where
    `build` calls ``device.apply_run_args()``, or else when all else is set.

    Parameters
    ----------
    build : callable
        Makes the network, which it doesn't run, and returns `Built`.
    """

    def __init__(self, build: Callable[[], Built]) -> None:
        #: Of the program; it is removed with this object
        self.folder = Path(mkdtemp(prefix="hebbsim-program-"))
        weakref.finalize(self, rmtree, self.folder, ignore_errors=True)
        with preferences({THREADS: 0}), current_device("cpp_standalone"):
            self._build(build)

    def _build(self, build: Callable[[], Built]) -> None:
        device.insert_code("before_start", _ARGUMENTS)
        device.insert_code("main", _SEED)
        built = build()
        built.network.run(0 * second, namespace={})
        run = f"{built.network.name}.run(_chosen_seconds, NULL, 10.0);"
        device.insert_code("main", run)
        device.build(directory=str(self.folder), compile=False, run=False)
        with (self.folder / "makefile").open("a") as makefile:
            makefile.write(_PRECOMPILED)
        # what depends on what takes seconds to find out, and all is compiled anyway
        (self.folder / "make.deps").touch()
        make = ["make", f"-j{cores()}", "all"]
        done = subprocess.run(make, cwd=self.folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"the program was not compiled: {done.stderr.strip()[-2000:]}")
        self._kept = {
            name: (Path(device.get_array_filename(variable)).name, variable.dtype)
            for name, variable in built.kept.items()
        }

    def run(self, run: Run) -> dict[str, np.ndarray]:
        """
        Run the program once.

        Returns
        -------
        dict of str to array
            What is kept, flat, in base units.

        Raises
        ------
        RuntimeError
            If it fails, for instance as there is no variable of a name.
        """
        with TemporaryDirectory(dir=self.folder) as results:
            arguments = [
                f"{name}={_argument(value, Path(results, f'value{number}'))}"
                for number, (name, value) in enumerate(run.values.items())
            ]
            duration = repr(float(run.duration / second))
            command = ["./main", "--results_dir", f"{results}/", str(run.seed), duration]
            done = subprocess.run(
                [*command, *arguments], cwd=self.folder, capture_output=True, text=True, check=False
            )
            said = done.stdout + done.stderr
            if done.returncode or "Error" in said:
                raise RuntimeError(f"the program failed: {said.strip()[-2000:]}")
            return {
                name: np.fromfile(Path(results, file), dtype)
                for name, (file, dtype) in self._kept.items()
            }

    def run_all(self, runs: Sequence[Run], at_once: int) -> list[dict[str, np.ndarray]]:
        """Run the program several times, some of them at once."""
        with ThreadPoolExecutor(at_once) as pool:
            return list(pool.map(self.run, runs))


def _argument(value: Any, file: Path) -> str:
    """Write a number for the command line, and several numbers into a file."""
    numbers = np.asarray(value)
    if numbers.size == 1:
        return repr(numbers.item())
    numbers.ravel().tofile(file)
    return str(file)
