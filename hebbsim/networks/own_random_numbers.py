"""Random numbers that a network draws without touching the user's."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from brian2.devices.device import get_device

__all__ = ["own_random_numbers", "seed_by_place"]

#: Buffers of Brian2's compiled code that no stream uses now
_free: list[tuple[np.ndarray, np.ndarray]] = []


@contextmanager
def own_random_numbers() -> Iterator[None]:
    """Let what runs inside draw from another stream; afterwards the user's goes on where it was.

    In runtime mode alone. Brian2's compiled code takes its numbers from buffers of thousands. The
    device holds their addresses, and so do the states that it gives out: the buffers themselves
    are exchanged, since a network would overwrite and free the user's.
    """
    device = get_device()
    buffers = (device.rand_buffer, device.randn_buffer)
    indices = (device.rand_buffer_index, device.randn_buffer_index)
    drawn = np.random.get_state()  # noqa: NPY002 - Brian2 draws from it
    theirs = [values.copy() for values in (*buffers, *indices)]
    ours = _free.pop() if _free else (np.zeros_like(buffers[0]), np.zeros_like(buffers[1]))
    for held, values in zip((*buffers, *indices), (*ours, 0, 0), strict=True):
        held[:] = values  # an index of 0: the buffer is to be filled
    try:
        yield
    finally:
        _free.append((buffers[0].copy(), buffers[1].copy()))
        for held, values in zip((*buffers, *indices), theirs, strict=True):
            held[:] = values
        np.random.set_state(drawn)  # noqa: NPY002


def seed_by_place(*place: int) -> None:
    """Seed what is drawn from now on by a network's seed and a place in its life alone.

    So what is drawn can be repeated and gone on with, whatever was drawn before.
    """
    get_device().seed(int(np.random.SeedSequence(place).generate_state(1)[0]))
