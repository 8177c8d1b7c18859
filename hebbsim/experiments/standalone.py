"""Brian2's devices for the time of a run."""

from collections.abc import Iterator
from contextlib import contextmanager

from brian2 import BrianLogger, device, set_device

from hebbsim.codegen.cuda.toolkit import requirements
from hebbsim.errors import SettingsError

__all__ = ["DEVICES", "check_device", "current_device", "device_of_networks"]

#: What a command line calls Brian2's devices
DEVICES = {"runtime": "runtime", "cpp": "cpp_standalone", "cuda": "cuda_standalone"}


@contextmanager
def current_device(name: str) -> Iterator[None]:
    """Make a standalone device the current one, for a program that is built by hand."""
    set_device(name, build_on_run=False)
    try:
        yield
    finally:
        device.reinit()
        set_device("runtime")


@contextmanager
def device_of_networks(name: str) -> Iterator[None]:
    """Let networks that are built inside run on one of `DEVICES`; afterwards they are gone."""
    if name == "runtime":
        yield
        return
    BrianLogger.suppress_name("openmp")  # that it is not well tested: the tests compare results
    with current_device(DEVICES[name]):
        yield


def check_device(name: str) -> None:
    """
    Refuse a device that this machine hasn't, before anything is begun.

    Raises
    ------
    SettingsError
        If something is missing, with how to get it.
    """
    if name != "cuda":
        return
    missing = [f"{item.name}: {item.way_out}" for item in requirements() if not item.found]
    if missing:
        raise SettingsError(
            f"device cuda: missing are {'; '.join(missing)}. Without a GPU give --device cpp, or "
            "leave it out"
        )
