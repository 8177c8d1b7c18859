"""Files of NIR graphs: whole on the disk, and refused with a reason where they aren't."""

import io
from pathlib import Path
from typing import Any

from hebbsim.bridge.nir_library import nir_library
from hebbsim.bridge.nir_neurons import NirError
from hebbsim.whole_file import make_folder, whole_file

__all__ = ["load_nir", "save_nir"]


def save_nir(graph: Any, path: str | Path, *, overwrite: bool = False) -> Path:
    """
    Write a graph to a file of NIR (HDF5), which ``nir.read`` and the simulators read.

    Parameters
    ----------
    graph : nir.NIRGraph
        What `to_nir` gave, or any other.
    path : path
        The file. It is complete, on the disk, or not there: see `whole_file`.
    overwrite : bool
        Replace an older one.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    FileExistsError
        If it exists and `overwrite` is False.
    TypeError
        If `graph` is none.

    Examples
    --------
    >>> save_nir(to_nir(network), "network.nir", overwrite=True)
    """
    nir = nir_library()
    path = Path(path)
    if not isinstance(graph, nir.NIRGraph):
        raise TypeError(
            f"save_nir: expected a nir.NIRGraph, got {type(graph).__name__}; give to_nir(network)"
        )
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} exists; give overwrite=True to replace it, or another file")
    content = io.BytesIO()
    nir.write(content, graph)
    make_folder(path.parent)
    with whole_file(path) as file:
        file.write(content.getbuffer())
    return path


def load_nir(path: str | Path) -> Any:
    """
    Read a file of NIR.

    Parameters
    ----------
    path : path
        What `save_nir`, ``nir.write`` or another simulator wrote.

    Returns
    -------
    nir.NIRGraph
        For `from_nir`.

    Raises
    ------
    NirError
        If the file is missing, truncated, damaged, or no graph of NIR.

    Examples
    --------
    >>> graph = load_nir("network.nir")
    >>> sorted(graph.nodes)
    ['conv1', 'input', 'neurons1', 'output']
    """
    nir = nir_library()
    path = Path(path)
    if not path.is_file():
        raise NirError(f"{path}: expected a file of NIR, which save_nir writes, got none")
    try:
        # from memory: h5py would keep a damaged file open
        graph = nir.read(io.BytesIO(path.read_bytes()))
    # damaged files make h5py and nir raise many kinds of error
    except Exception as error:
        raise NirError(
            f"{path} is truncated, damaged or no graph of NIR ({type(error).__name__}: {error}); "
            "write it anew with save_nir"
        ) from error
    if not isinstance(graph, nir.NIRGraph):
        raise NirError(f"{path}: expected a graph of NIR, got a single {type(graph).__name__}")
    return graph
