"""Weights on disk: a network's forward map as files that other tools read."""

import hashlib
import io
import json
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hebbsim.bridge.forward_state import forward_state
from hebbsim.bridge.weight_files import WeightsError, read_bytes
from hebbsim.errors import needed
from hebbsim.networks.conv_network import ConvNetwork
from hebbsim.networks.layered_network import LayeredNetwork
from hebbsim.networks.spiking_network import SpikingNetwork
from hebbsim.whole_file import make_folder, whole_file

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["WeightsError", "check_weights", "load_network", "load_weights", "save_weights"]

FORMAT = "hebbsim weights"
VERSION = 1

_SUFFIXES = (".pt", ".safetensors", ".json")
_EXPECTED = (
    "expected what save_weights wrote, <stem>.safetensors (or .pt) and <stem>.json side by side"
)
_REMEDY = "Write the files anew with save_weights"


def save_weights(
    network: LayeredNetwork, path: str | Path, *, overwrite: bool = False
) -> tuple[Path, ...]:
    """
    Write a network's kernels, thresholds and description.

    Files side by side: where torch is installed, ``<stem>.pt`` for ``torch.load(...,
    weights_only=True)``; ``<stem>.safetensors`` with the same tensors, under the names of
    ``to_torch(network)``'s state_dict; and ``<stem>.json`` with the structure of the network.

    Parameters
    ----------
    network : ConvNetwork or SpikingNetwork
        The network.
    path : path
        The stem, or any of the files; its folder is made.
    overwrite : bool, optional
        Whether older files may be replaced.

    Returns
    -------
    tuple of Path
        The files that were written, in that order.

    Raises
    ------
    TypeError
        If `network` is neither.
    WeightsError
        If its description can't be written as JSON; nothing is written then.
    FileExistsError
        If one of the files exists and `overwrite` isn't asked for; nothing is written then.

    Notes
    -----
    What is kept is the forward map and the declaration of the layers. Traces and other state of
    learning belong to a checkpoint.

    Each file is written beside its place and moved into it, the ``.json`` last. It holds the
    checksums of the others, so that files of two different saves are told apart, and its own.
    """
    if not isinstance(network, LayeredNetwork):
        raise TypeError(
            f"save_weights: expected a ConvNetwork or a SpikingNetwork, got "
            f"{type(network).__name__}"
        )
    contents = _written(forward_state(network))
    header = {
        "format": FORMAT,
        "version": VERSION,
        "class": type(network).__name__,
        "dtype": np.dtype(network.stages[0].conv.variables["w"].dtype).name,
        "network": network.describe(),
        "sha256": {suffix: _checksum(content) for suffix, content in contents.items()},
    }
    try:
        header["checksum"] = _checksum_of_header(header)
        contents[".json"] = (json.dumps(header, indent=2, allow_nan=False) + "\n").encode()
    except (TypeError, ValueError) as error:
        raise WeightsError(
            f"save_weights: the description of {network!r} holds what JSON can't ({error}); "
            "use plain numbers and strings in its layers and rules"
        ) from error
    stem = _stem(path)
    for place in (_beside(stem, suffix) for suffix in _SUFFIXES):
        if place.exists() and not overwrite:
            raise FileExistsError(
                f"save_weights: '{place}' exists; give overwrite=True to replace it and the files "
                "beside it, or another name"
            )
    places = [_beside(stem, suffix) for suffix in contents]
    make_folder(stem.parent)
    with ExitStack() as written:  # which are moved into place in the opposite order
        files = [written.enter_context(whole_file(place)) for place in reversed(places)]
        for file, content in zip(reversed(files), contents.values(), strict=True):
            file.write(content)
    if ".pt" not in contents:
        _beside(stem, ".pt").unlink(missing_ok=True)  # of an earlier save
    return tuple(places)


def _written(state: dict[str, np.ndarray]) -> dict[str, bytes]:
    """Return the contents of the files of tensors, by suffix; without torch one is left out."""
    import safetensors.numpy

    contents = {}
    try:
        import torch
    except ModuleNotFoundError:
        pass
    else:
        buffer = io.BytesIO()
        torch.save({name: torch.from_numpy(values) for name, values in state.items()}, buffer)
        contents[".pt"] = buffer.getvalue()
    tensors = safetensors.numpy.save(state, metadata={"format": "pt"})
    return {**contents, ".safetensors": tensors}


def check_weights(path: str | Path) -> None:
    """
    Make sure that the files that `save_weights` wrote are there, as they were written.

    Parameters
    ----------
    path : path
        The stem or any of the files.

    Raises
    ------
    WeightsError
        If one is missing, damaged, or of another save.
    """
    stem = _stem(path)
    checksums = _read_header(_beside(stem, ".json"))["sha256"]
    for suffix in (".safetensors", *checksums):
        place = _beside(stem, suffix)
        _check_content(place, read_bytes(place, _EXPECTED), checksums.get(suffix))


def load_weights(path: str | Path) -> "nn.Sequential":
    """
    Read what `save_weights` wrote into a torch module; Brian2 is not needed to run it.

    Parameters
    ----------
    path : path
        The stem or any of the files. The tensors are read from ``<stem>.pt`` if that is the
        one named, else from ``<stem>.safetensors``; never by unpickling code.

    Returns
    -------
    torch.nn.Sequential
        What ``to_torch`` gave for the network that was saved.

    Raises
    ------
    WeightsError
        If a file is missing, can't be read, is of a newer version, or doesn't belong to the
        others.
    MissingPackageError
        If torch isn't installed.
    """
    with needed("torch", by="load_weights", install="hebbsim[torch]"):
        import torch

        from hebbsim.bridge.torch_export import build_module, layers_of
    dtypes = {"float32": torch.float32, "float64": torch.float64}
    stem = _stem(path)
    header = _read_header(_beside(stem, ".json"))
    suffix = ".pt" if Path(path).suffix == ".pt" else ".safetensors"
    tensors = _read_tensors(_beside(stem, suffix), header["sha256"].get(suffix))
    try:
        description, dtype = header["network"], dtypes[header["dtype"]]
        shape = tuple(description["input_shape"])
        module = build_module(shape, layers_of(description), dtype)
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(
            f"{_beside(stem, '.json')} doesn't describe a network that this version of hebbsim "
            f"can build ({type(error).__name__}: {error}). {_REMEDY}"
        ) from error
    _compare(stem, suffix, _signatures(module.state_dict()), _signatures(tensors))
    module.load_state_dict(tensors)
    module.description = description
    return module


def load_network(
    path: str | Path, *, batch_size: int | None = None, seed: int | None = None
) -> ConvNetwork | SpikingNetwork:
    """
    Read what `save_weights` wrote into a network that goes on learning.

    Parameters
    ----------
    path : path
        As in `load_weights`.
    batch_size, seed : int, optional
        As in `from_torch`; by default those of the network that was saved.

    Returns
    -------
    ConvNetwork or SpikingNetwork
        With the saved kernels, thresholds and rules. It computes in Brian2's
        ``prefs.core.default_float_dtype``.

    Raises
    ------
    WeightsError
        As in `load_weights`.
    ValueError
        If float64 kernels would be rounded to float32: see `from_torch`.
    MissingPackageError
        If torch isn't installed.
    """
    with needed("torch", by="load_network", install="hebbsim[torch]"):
        from hebbsim.bridge.torch_import import from_torch
    return from_torch(load_weights(path), batch_size=batch_size, seed=seed)


def _stem(path: str | Path) -> Path:
    """Take a known suffix off; others, as in ``net.v2``, belong to the name."""
    path = Path(path)
    return path.with_suffix("") if path.suffix in (".pt", ".safetensors", ".json") else path


def _beside(stem: Path, suffix: str) -> Path:
    return stem.with_name(stem.name + suffix)


def _checksum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _checksum_of_header(header: dict[str, Any]) -> str:
    kept = {name: value for name, value in header.items() if name != "checksum"}
    return _checksum(json.dumps(kept, sort_keys=True).encode())


def _read_header(path: Path) -> dict[str, Any]:
    content = read_bytes(path, _EXPECTED)
    try:
        header = json.loads(content)
    except ValueError as error:  # of JSON or of UTF-8
        raise WeightsError(f"{path} is truncated or no JSON ({error}). {_REMEDY}") from error
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise WeightsError(
            f'{path} is not of this format: expected "format": "{FORMAT}". {_REMEDY}'
        )
    if header.get("version") != VERSION:
        raise WeightsError(
            f"{path} has format version {header.get('version')!r}, this hebbsim reads {VERSION}; "
            "load it with the version of hebbsim that wrote it"
        )
    missing = [name for name in ("dtype", "network", "sha256", "checksum") if name not in header]
    if missing or not isinstance(header["sha256"], dict):
        raise WeightsError(f"{path} lacks {', '.join(missing) or 'sha256'}. {_REMEDY}")
    if header["checksum"] != _checksum_of_header(header):
        raise WeightsError(f"{path} was damaged or changed since it was written. {_REMEDY}")
    return header


def _read_tensors(path: Path, checksum: str | None) -> "dict[str, Tensor]":
    from hebbsim.bridge.state_dicts import read_tensors

    content = read_bytes(path, _EXPECTED)
    tensors: dict[str, Tensor] = read_tensors(path, content)
    _check_content(path, content, checksum)
    return tensors


def _check_content(path: Path, content: bytes, checksum: str | None) -> None:
    if _checksum(content) != checksum:
        raise WeightsError(
            f"{path} is not the file that {path.with_suffix('.json').name} was written with: its "
            f"checksum differs. They are of different saves, or it was changed since. {_REMEDY}, "
            "or read it with load_state_dict into the module that load_weights gives"
        )


def _signatures(tensors: "dict[str, Tensor]") -> dict[str, str]:
    return {
        name: f"{str(t.dtype).removeprefix('torch.')} of shape {tuple(t.shape)}"
        for name, t in tensors.items()
    }


def _compare(stem: Path, suffix: str, expected: dict[str, str], found: dict[str, str]) -> None:
    for name in [*expected, *found]:
        if expected.get(name) != found.get(name):
            raise WeightsError(
                f"{_beside(stem, suffix)} doesn't fit {stem.name}.json: expected '{name}' to be "
                f"{expected.get(name, 'absent')}, got {found.get(name, 'none')}. {_REMEDY}"
            )
