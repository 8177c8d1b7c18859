"""Checkpoints: the state of a network's learning in one file."""

import json
import os
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from hebbsim.networks.fitting import Position
    from hebbsim.networks.layered_network import LayeredNetwork

__all__ = ["CheckpointError", "load_checkpoint", "save_checkpoint"]


class CheckpointError(ValueError):
    """A checkpoint that can't be read, or that is of another network."""


def save_checkpoint(network: "LayeredNetwork", path: str | Path, position: "Position") -> None:
    """Write everything that learning changes, and where in its schedule it stands.

    The file is complete or not there: it is written beside its place and moved into it.

    Parameters
    ----------
    network : LayeredNetwork
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


def load_checkpoint(network: "LayeredNetwork", path: str | Path) -> "Position":
    """Read a network's state, and return where to go on.

    Raises
    ------
    CheckpointError
        If the file can't be read or is of another network; the network is left as it was.
    """
    from hebbsim.networks.fitting import Position

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
