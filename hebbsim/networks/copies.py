"""Copies of networks: in another process, in a file of pickle, or beside the first."""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from brian2 import Clock, Network, prefs
from brian2.devices.device import RuntimeDevice, get_device

from hebbsim.networks.whole_state import MONITORS, go_to_time, own_arrays

__all__ = ["Copied", "in_precision", "state_of", "take_over"]


class Copied(Protocol):
    """What copying needs to know of a network."""

    brian2: Network
    clock: Clock
    #: The names of what it was built of
    built_of: frozenset[str]

    @property
    def time(self) -> float:
        """Time of the network's clock, in seconds."""
        ...

    def declaration(self) -> dict[str, Any]:
        """Return the arguments that it was made with."""
        ...


def state_of(network: Copied) -> dict[str, Any]:
    """
    Return all that a network of the same declaration needs to be its copy.

    Monitors are left behind.

    Raises
    ------
    TypeError
        If other objects were added to its Brian2 network, which a copy couldn't make.
    NotImplementedError
        On a standalone device, where the state is the program's.
    """
    kind = type(network).__name__
    if not isinstance(get_device(), RuntimeDevice):
        raise NotImplementedError(
            f"a {kind} is copied in runtime mode alone; on a standalone device save its weights "
            "with save_weights"
        )
    objects = network.brian2.sorted_objects
    own = [item for item in objects if item.name in network.built_of]
    monitors = [item for item in objects if isinstance(item, MONITORS)]
    recorders = {part.name for item in monitors for part in item.contained_objects}
    known = {item.name for item in (*own, *monitors)} | recorders
    added = sorted({item.name for item in objects} - known)
    if added:
        raise TypeError(
            f"a copy of this {kind} would lack what was added to its Brian2 network "
            f"({', '.join(added)}); remove that first, and add its like to the copy"
        )
    return {
        "arrays": {
            (item.name, name): np.array(variable.get_value())
            for item in own
            for name, variable in own_arrays(item)
        },
        "resting": [item.name for item in own if not item.active],
        "dt": network.clock.dt_,
        "time": network.time,
    }


def take_over(network: Copied, state: Mapping[str, Any]) -> None:
    """Bring a network of the same declaration to the state that `state_of` returned."""
    network.clock.dt_ = state["dt"]
    objects = {item.name: item for item in network.brian2.sorted_objects}
    for (item, name), values in state["arrays"].items():
        variable = objects[item].variables[name]
        if np.shape(variable.get_value()) != values.shape:  # spikes on their way
            variable.resize(len(values))
        variable.set_value(values)
    for name, item in objects.items():
        item.active = name not in state["resting"]
    go_to_time(network.brian2, state["time"])


def in_precision[N: Copied](kind: type[N], declaration: Mapping[str, Any], dtype: str) -> N:
    """Build a network of a declaration, with variables of a type."""
    before = prefs.core.default_float_dtype
    prefs.core.default_float_dtype = np.dtype(dtype).type
    try:
        return kind(**declaration)
    finally:
        prefs.core.default_float_dtype = before
