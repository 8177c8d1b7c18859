"""Brian2's standalone devices for programs that are built by hand."""

from collections.abc import Iterator
from contextlib import contextmanager

from brian2 import device, set_device

__all__ = ["current_device"]


@contextmanager
def current_device(name: str) -> Iterator[None]:
    """Make a standalone device the current one, for a program that is built by hand."""
    set_device(name, build_on_run=False)
    try:
        yield
    finally:
        device.reinit()
        set_device("runtime")
