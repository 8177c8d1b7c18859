"""The program that presents images to a network on a standalone device."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np
from brian2 import Network

from hebbsim.networks.stage import Stage
from hebbsim.standalone.program import Program, Session, made_for
from hebbsim.synapses.conv_synapses import ConvSynapses
from hebbsim.synapses.touched import FILTERS, ROWS

__all__ = ["DeviceProgram"]


class OnDevice(Protocol):
    """What the program needs to know of a network."""

    brian2: Network
    stages: list[Stage]


class DeviceProgram:
    """Compile a network when images are presented to it first, and keep the program.

    It is compiled again if what it was made for changes: objects, constants, time steps, delays
    up to the longest one there was.

    Parameters
    ----------
    network : ConvNetwork or SpikingNetwork
        The network.
    """

    def __init__(self, network: OnDevice) -> None:
        self._presented = network
        self._program: Program | None = None
        self._delays: list[bytes] = []

    @contextmanager
    def running(self, *, keep: bool) -> Iterator[Session]:
        """Run it, and `keep` what becomes of the network's variables or not."""
        network = self._presented
        delays = list(_delays(network.stages))
        program = self._program
        if program is not None:  # another one would compute it from the state before learning
            program.refuse_late_code()
        if program is None or (program.made_for, self._delays) != (
            made_for(network.brian2),
            delays,
        ):
            program = self._program = Program(network.brian2)
            self._delays = delays
        with program.running(keep=keep) as session:
            for stage in network.stages:
                _look_at_weights(stage.conv)
            yield session


def _delays(stages: Sequence[Stage]) -> Iterator[bytes]:
    """Yield the delays of each pathway, on which the size of its queue depends."""
    for stage in stages:
        for pathway in stage.conv.pathways.values():
            values: Any = stage.conv.variables[pathway.queue.delays].get_value()
            yield np.asarray(values).tobytes()


def _look_at_weights(conv: ConvSynapses) -> None:
    """Prune weights and flag all of them, as before each run: anything may have been set."""
    conv.prune()
    for name in (ROWS, FILTERS):
        if name in conv.variables:
            conv.variables[name].set_value(1)
