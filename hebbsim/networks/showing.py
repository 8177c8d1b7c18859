"""Showing images to a network that learns nothing from them, to their end."""

from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np
from brian2 import Network

from hebbsim.data.dataset import as_float
from hebbsim.networks.interruption import StoppedError, interruptible

__all__ = ["Viewer", "show"]


class Viewer(Protocol):
    """What showing needs to know of a network."""

    brian2: Network
    batch_size: int
    input_shape: Any

    def check_images(self, images: Any) -> int:
        """Return the number of images, or say what is wrong with them."""
        ...

    @property
    def present(self) -> Callable[..., bool]:
        """What presents batches of images, as `LayeredNetwork.present`."""
        ...


def show(
    network: Viewer, images: np.ndarray, collect: Callable[[], None], caller: str, **how: Any
) -> None:
    """Present images in their order, with nothing learned.

    Parameters
    ----------
    network : ConvNetwork or SpikingNetwork
        The network.
    images : ndarray
        ``(n, channels, rows, cols)``; a last batch is filled up with images of 0.
    collect : callable
        Called after each batch.
    caller : str
        What errors call it.
    **how
        Other keywords of `LayeredNetwork.present`.

    Raises
    ------
    ValueError
        If the images don't fit the network.
    StoppedError
        If the simulation is stopped before its end, as by ``network.brian2.stop()``.
    KeyboardInterrupt
        On Ctrl-C, after the current batch.
    """
    n_batches = -(-network.check_images(images) // network.batch_size)
    done = 0
    with interruptible(["SIGINT"]) as interruption:

        def end_batch() -> None:
            nonlocal done
            collect()
            done += 1
            if interruption.is_set():
                network.brian2.stop()

        network.present(_filled(network, images), n_batches, collect=end_batch, **how)
    interruption.obey()
    if done < n_batches:
        raise StoppedError(
            f"{caller}: the simulation was stopped, as by network.brian2.stop(), after batch "
            f"{done} of {n_batches}; nothing is returned"
        )


def _filled(network: Viewer, images: np.ndarray) -> Iterator[np.ndarray]:
    """Yield batches of images, the last one filled up."""
    size = network.batch_size
    for start in range(0, len(images), size):
        batch = as_float(np.asarray(images[start : start + size]))
        missing = size - len(batch)
        if missing:
            batch = np.concatenate([batch, np.zeros((missing, *network.input_shape))])
        yield batch
