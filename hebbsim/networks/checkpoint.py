"""Checkpoints: the state of a network's learning in one file."""

import json
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from brian2 import Network
from brian2.core.variables import ArrayVariable

__all__ = ["CheckpointError", "Checkpointed", "Position", "load_checkpoint", "save_checkpoint"]


@dataclass(frozen=True)
class Position:
    """Where in its schedule a network's learning stands."""

    phase: int = 0
    epoch: int = 0
    batch: int = 0


class Checkpointed(Protocol):
    """What a checkpoint needs to know of a network."""

    brian2: Network

    @property
    def time(self) -> float:
        """Time of the network's clock, in seconds."""
        ...

    def describe(self) -> dict[str, Any]:
        """Describe the network's structure in plain values that JSON holds."""
        ...

    def state_variables(self) -> dict[str, ArrayVariable]:
        """Return everything that learning changes."""
        ...


class CheckpointError(ValueError):
    """A checkpoint that can't be read, or that is of another network."""


def save_checkpoint(network: Checkpointed, path: str | Path, position: Position) -> None:
    """Write everything that learning changes, and where in its schedule it stands.

    The file is complete or not there: it is written beside its place and moved into it.

    Parameters
    ----------
    network : ConvNetwork or SpikingNetwork
        The network.
    path : path
        A ``.npz`` file; an older one is replaced.
    position : Position
        Where to go on.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    header = {
        "network": network.describe(),
        "position": [position.phase, position.epoch, position.batch],
        "time": network.time,
    }
    arrays = {name: v.get_value() for name, v in network.state_variables().items()}
    written = path.with_name(path.name + ".part")
    with written.open("wb") as file:
        np.savez(file, header=np.array(json.dumps(header)), **arrays)
    os.replace(written, path)


def load_checkpoint(network: Checkpointed, path: str | Path) -> Position:
    """Read a network's state, and return where to go on.

    Raises
    ------
    CheckpointError
        If the file can't be read or is of another network; the network is left as it was.
    """
    if Path(path).is_dir():
        raise CheckpointError(f"{path} is a folder; name the checkpoint file in it")
    try:
        with Path(path).open("rb") as stream, np.load(stream) as file:
            arrays = {name: file[name] for name in file.files}
        header = json.loads(str(arrays.pop("header")))
        position, time = Position(*header["position"]), float(header["time"])
        described = header["network"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise CheckpointError(
            f"{path} is no readable checkpoint ({error}); delete it to start anew"
        ) from error
    difference = _difference(described, json.loads(json.dumps(network.describe())))
    if difference is not None:
        raise CheckpointError(
            f"{path} is of another network: {difference}. Give the settings that it was made with, "
            "or another file"
        )
    variables = network.state_variables()
    for name, variable in variables.items():
        if name not in arrays or arrays[name].shape != np.shape(variable.get_value()):
            raise CheckpointError(f"{path} holds no '{name}' of this network; delete it")
    for name, variable in variables.items():
        variable.set_value(arrays[name])
    network.brian2.t_ = time
    return position


def _difference(theirs: Any, ours: Any, place: str = "") -> str | None:
    """Name the first difference between two descriptions, or None."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for name in sorted({*theirs, *ours}):
            found = _difference(
                theirs.get(name), ours.get(name), f"{place}.{name}" if place else name
            )
            if found:
                return found
        return None
    if isinstance(theirs, list) and isinstance(ours, list) and len(theirs) == len(ours):
        for number, (a, b) in enumerate(zip(theirs, ours, strict=True)):
            found = _difference(a, b, f"{place}[{number}]")
            if found:
                return found
        return None
    return None if theirs == ours else f"{place} is {theirs!r} there and {ours!r} here"
