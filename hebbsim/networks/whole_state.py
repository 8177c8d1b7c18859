"""The state of all that runs in a network, and how to go back to it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from brian2 import EventMonitor, Network, PopulationRateMonitor, StateMonitor, second
from brian2.core.base import BrianObject
from brian2.core.variables import ArrayVariable
from brian2.synapses.synapses import SynapticPathway

from hebbsim.brian2_private import spikes_on_their_way

__all__ = ["MONITORS", "go_to_time", "own_arrays", "state_kept"]

#: What records and changes nothing
MONITORS = (StateMonitor, EventMonitor, PopulationRateMonitor)


def own_arrays(item: BrianObject) -> Iterator[tuple[str, ArrayVariable]]:
    """Yield the arrays that an object owns and that may change, by their names; no monitor's."""
    if isinstance(item, MONITORS):
        return
    for name, variable in getattr(item, "variables", {}).items():
        own = isinstance(variable, ArrayVariable) and variable.owner.name == item.name
        if own and not (variable.constant and variable.read_only):
            yield name, variable


@contextmanager
def state_kept(network: Network) -> Iterator[None]:
    """Bring a network back to the state that it is in: neurons, kernels, delays, clocks.

    What monitors recorded stays.
    """
    returns = list(_ways_back(network))
    try:
        yield
    finally:
        for go_back in returns:
            go_back()


def _ways_back(network: Network) -> Iterator[Callable[[], None]]:
    objects = network.sorted_objects
    for item in objects:
        for _, variable in own_arrays(item):
            yield _way_back(variable)
        if isinstance(item, SynapticPathway):
            yield spikes_on_their_way(item)
    for clock in {item.clock for item in objects}:
        for name in ("t", "timestep"):
            yield _way_back(clock.variables[name])


def _way_back(variable: ArrayVariable) -> Callable[[], None]:
    values, size = np.array(variable.get_value()), variable.size

    def go_back() -> None:
        if variable.size != size:
            variable.resize(size)
        variable.set_value(values)

    return go_back


def go_to_time(network: Network, seconds: float) -> None:
    """Set a network and all its clocks to a time."""
    network.t_ = seconds
    clocks: set[Any] = {item.clock for item in network.sorted_objects}
    for clock in clocks:
        for time in (0 * second, seconds * second):  # a changed time step has to fit the former
            clock.set_interval(time, time)
