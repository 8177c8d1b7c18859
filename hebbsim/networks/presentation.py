"""Batches of images on their way through a network, and what is switched off meanwhile."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from brian2 import Network

from hebbsim.networks.stage import Stage

__all__ = ["Presentation", "Switches"]


class Presentation:
    """Batches that are being presented.

    Parameters
    ----------
    batches : iterator of ndarray
        The batches.
    n_batches : int
        How many there have to be.
    learns : bool
        Whether a layer learns from them.
    collect : callable, optional
        Called after each.
    """

    def __init__(
        self,
        batches: Iterator[np.ndarray],
        n_batches: int,
        learns: bool,
        collect: Callable[[], None] | None,
    ) -> None:
        self._batches, self.n_batches, self.learns = batches, n_batches, learns
        self._collect = collect
        #: How many have been presented
        self.done = 0
        #: Whether somebody stopped the simulation
        self.stopped = False
        #: What was raised in a time step: told when that is over, so that no stimulus is cut short
        self.failed: BaseException | None = None

    def next_batch(self) -> np.ndarray:
        """Return the next batch, or say that there is none."""
        batch = next(self._batches, None)
        if batch is None:
            raise ValueError(
                f"present: {self.n_batches} batches were to be presented, and there are only "
                f"{self.done}; give n_batches={self.done}, or more of them"
            )
        return batch

    def collect(self) -> None:
        """Hand on the outcome of a batch."""
        if self._collect is not None:
            self._collect()


class Switches:
    """What of a network is switched on, to be switched back after a presentation.

    Parameters
    ----------
    network : Network
        All that runs.
    stages : sequence of Stage
        Its layers.
    """

    def __init__(self, network: Network, stages: Sequence[Stage]) -> None:
        self._active = [(item, item.active) for item in network.sorted_objects]
        self._learning = [stage.conv for stage in stages if stage.conv.learning]
        norms = [stage.batch_norm for stage in stages]
        self._training = [
            (norm, bool(norm.variables["training"].get_value()[0]))
            for norm in norms
            if norm is not None
        ]

    def set_back(self) -> None:
        """Switch everything as it was."""
        for conv in self._learning:
            conv.learning = True  # drops spikes that pathways at rest had on their way
        for norm, training in self._training:
            norm.training = training
        for item, active in self._active:
            item.active = active
