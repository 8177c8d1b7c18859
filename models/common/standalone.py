"""One C++ standalone program for all that a model simulates."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from time import perf_counter

from brian2 import device

from hebbsim.experiments.standalone import current_device

__all__ = ["standalone"]


@contextmanager
def standalone() -> Iterator[Callable[[], float]]:
    """
    Build what the block creates as one program, in a folder that is gone after the block.

    Networks are run as always, any number of them; then comes the call of what the block was
    given. It compiles and runs the program, and returns how long that ran, in seconds. All results
    must be read within the block; after it Brian2 is in runtime mode.
    """
    with TemporaryDirectory() as folder, current_device("cpp_standalone"):

        def build() -> float:
            device.build(directory=folder, run=False)
            start = perf_counter()
            device.run(directory=folder, with_output=False, run_args=[])
            return perf_counter() - start

        yield build
