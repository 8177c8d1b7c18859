"""Checkpoints: the state of a network's learning in one file."""

import json
import stat
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from brian2 import Clock, Network
from brian2.core.variables import ArrayVariable

from hebbsim.brian2_private import resize_array
from hebbsim.networks.differences import differences_of, named
from hebbsim.networks.serialization import plain
from hebbsim.networks.whole_state import go_to_time
from hebbsim.whole_file import make_folder, whole_file

__all__ = [
    "CheckpointError",
    "Checkpointed",
    "Position",
    "check_free",
    "described",
    "load_checkpoint",
    "save_checkpoint",
]

_WRITABLE = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True)
class Position:
    """Where in its schedule a network's learning stands."""

    phase: int = 0
    epoch: int = 0
    batch: int = 0


class Checkpointed(Protocol):
    """What a checkpoint needs to know of a network."""

    brian2: Network
    clock: Clock

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
    """A checkpoint that can't be read or isn't to be replaced, or that is of something else."""


def save_checkpoint(
    network: Checkpointed,
    path: str | Path,
    position: Position,
    fitted: Mapping[str, Any] | None = None,
) -> None:
    """Write everything that learning changes, and where in its schedule it stands.

    The file is complete, on the disk, or not there: see `whole_file`.

    Parameters
    ----------
    network : ConvNetwork or SpikingNetwork
        The network.
    path : path
        A ``.npz`` file; an older one is replaced, so ask `check_free` before learning begins.
    position : Position
        Where to go on.
    fitted : mapping, optional
        What is learned from, and in which schedule, in plain values that JSON holds.
    """
    header = {
        "network": described(network),
        "fit": dict(fitted or {}),
        "position": [position.phase, position.epoch, position.batch],
        "time": network.time,
    }
    arrays = {name: v.get_value() for name, v in network.state_variables().items()}
    path = Path(path)
    make_folder(path.parent)
    with whole_file(path) as file:
        np.savez(file, header=np.array(json.dumps(header)), **arrays)


def described(network: Checkpointed) -> dict[str, Any]:
    """Return the network's description, with its time step, as a checkpoint gives it back.

    Raises
    ------
    CheckpointError
        If it holds what JSON can't.
    """
    try:
        return json.loads(json.dumps(plain({"dt": network.clock.dt, **network.describe()})))
    except (TypeError, ValueError) as error:
        raise CheckpointError(
            f"the description of {network!r} holds what a checkpoint can't ({error}); use plain "
            "numbers and strings in its layers and rules"
        ) from error


def check_free(path: Path, *, resume: bool, overwrite: bool) -> None:
    """Make sure that it is said what becomes of a checkpoint, before anything is learned.

    Raises
    ------
    CheckpointError
        If there is one and neither `resume` nor `overwrite` is asked for; if it is a folder, or
        read-only.
    """
    if path.is_dir():
        raise CheckpointError(f"{path} is a folder; name the checkpoint file in it")
    if path.exists() and not (resume or overwrite):
        raise CheckpointError(
            f"{path} exists; give resume=True to go on with it, overwrite=True to start anew, or "
            "another file"
        )
    if path.exists() and not path.stat().st_mode & _WRITABLE:
        raise CheckpointError(
            f"{path} is read-only, and would be replaced by a later state; make it writable, or "
            "copy it and give the copy"
        )


def load_checkpoint(
    network: Checkpointed, path: str | Path, fitted: Mapping[str, Any] | None = None
) -> Position:
    """Read a network's state, and return where to go on.

    Parameters
    ----------
    network : ConvNetwork or SpikingNetwork
        The network.
    path : path
        The file.
    fitted : mapping, optional
        What is to be gone on with, as given to `save_checkpoint`: it has to be the same, but for
        more ``epochs``, as long as no later phase of the schedule has begun. Without it only the
        network is compared.

    Raises
    ------
    CheckpointError
        If the file can't be read, or is of another network, other images or another schedule; the
        network is left as it was.
    """
    path = Path(path)
    header, arrays = _read(path)
    position, time = header["position"], header["time"]
    differences = list(differences_of(header["network"], described(network)))
    if differences:
        raise CheckpointError(
            f"{path} is of another network: {named(differences)}. Give the settings that it was "
            "made with, or another file"
        )
    if fitted is not None:
        differences = _differences_of_fits(header["fit"], dict(fitted), position)
        if differences:
            raise CheckpointError(
                f"{path} is of other images or another schedule: {named(differences)}. Give those "
                "that it was made with, overwrite=True to start anew, or another file"
            )
    variables = network.state_variables()
    for name, variable in variables.items():
        _check_array(path, name, arrays.get(name), variable)
    for name in arrays.keys() - variables.keys():
        raise CheckpointError(
            f"{path} holds '{name}', which this network lacks; add the objects that the other had, "
            "by the same names, or delete the file"
        )
    for name, variable in variables.items():
        values = arrays[name]
        if _shape(variable) != values.shape and len(values):
            resize_array(variable, len(values))
        if len(values):
            variable.set_value(values)
    go_to_time(network.brian2, time)
    return position


def _read(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    if path.is_dir():
        raise CheckpointError(f"{path} is a folder; name the checkpoint file in it")
    try:
        with path.open("rb") as stream, zipfile.ZipFile(stream) as archive:
            damaged = archive.testzip()
        if damaged is not None:
            raise ValueError(f"its part {damaged} is damaged")
        with path.open("rb") as stream, np.load(stream) as file:
            arrays = {name: file[name] for name in file.files}
        header = json.loads(str(arrays.pop("header")))
        header["position"], header["time"] = Position(*header["position"]), float(header["time"])
        _ = header["network"], header["fit"]
    # damaged files make zipfile, zlib and numpy raise many kinds of error
    except Exception as error:
        raise CheckpointError(
            f"{path} is no readable checkpoint ({str(error) or type(error).__name__}); delete it "
            "to start anew"
        ) from error
    return header, arrays


def _shape(variable: ArrayVariable) -> tuple[int, ...]:
    """Return the shape of a variable, whose values a standalone device may not know yet."""
    return np.shape(variable.get_value()) if variable.dynamic else (variable.size,)


def _check_array(path: Path, name: str, array: np.ndarray | None, variable: ArrayVariable) -> None:
    """Refuse what a variable of the network can't have been."""
    ours = _shape(variable)
    # what delays need has no size before the first run; on standalone devices that of one element
    unused = ours == (0,) if variable.dynamic else ours == (1,) and not variable.scalar
    if array is None or (array.shape != ours and not (unused and array.ndim == 1)):
        raise CheckpointError(
            f"{path} holds no '{name}' of this network; leave out what was added to the network "
            "since, or delete the file"
        )
    if array.dtype != variable.dtype:
        raise CheckpointError(
            f"{path} holds '{name}' in {array.dtype}, and the network has it in "
            f"{np.dtype(variable.dtype)}; set prefs.core.default_float_dtype before you build it"
        )


def _differences_of_fits(
    theirs: dict[str, Any], ours: dict[str, Any], position: Position
) -> list[str]:
    """Name what differs in what is learned from and when, but for more epochs of one phase."""
    # of one phase, or of each
    before, now = (np.atleast_1d(one.get("epochs", 0)).tolist() for one in (theirs, ours))
    if position.phase == 0 and len(before) == len(now) and "epochs" in theirs and before < now:
        theirs = {**theirs, "epochs": ours["epochs"]}
    return list(differences_of(theirs, json.loads(json.dumps(ours))))
