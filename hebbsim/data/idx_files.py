"""MNIST and what has its form: four idx files, as they are or compressed by gzip."""

import gzip
import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hebbsim.data.dataset import DatasetError, Images, Labels

__all__ = ["read_idx_split"]


def read_idx_split(folder: Path, split: str) -> tuple[Images, Labels]:
    """
    Read the images and labels of a split.

    Parameters
    ----------
    folder : Path
        Where the files are: torchvision's ``raw``.
    split : {'train', 't10k'}
        What their names begin with.

    Returns
    -------
    images : array of uint8
        `(n, 1, rows, cols)`.
    labels : array of int64
        `(n,)`.

    Raises
    ------
    FileNotFoundError
        If a file is missing, with the file that was looked for.
    DatasetError
        If it is damaged.
    """
    images = _read_idx(_find(folder, f"{split}-images-idx3-ubyte"), n_dims=3)
    labels = _read_idx(_find(folder, f"{split}-labels-idx1-ubyte"), n_dims=1)
    return images[:, np.newaxis], labels.astype(np.int64)


def _find(folder: Path, name: str) -> Path:
    """Return the file of that name, also with the dot that some mirrors write, or compressed."""
    names = (name, name.replace("-idx", ".idx"))
    for suffix in ("", ".gz"):
        for known in names:
            path = folder / f"{known}{suffix}"
            if path.is_file():
                return path
    raise FileNotFoundError(folder / name)


def _read_idx(path: Path, n_dims: int) -> NDArray[np.uint8]:
    """Read an array of bytes, whose header says how long the file is."""
    content = path.read_bytes()
    if path.suffix == ".gz":
        try:
            content = gzip.decompress(content)
        # Truncated and damaged files raise EOFError, BadGzipFile, zlib.error and struct.error.
        except Exception as error:
            raise DatasetError(
                f"'{path}' is damaged: it can't be decompressed ({error})"
            ) from error
    offset = 4 * (1 + n_dims)
    if len(content) < offset or content[:4] != bytes((0, 0, 8, n_dims)):
        raise DatasetError(f"'{path}' is damaged: it does not begin as an idx file")
    shape = np.frombuffer(content[4:offset], dtype=">u4").tolist()
    expected = offset + math.prod(shape)
    if len(content) != expected:
        what = "decompressed bytes" if path.suffix == ".gz" else "bytes"
        raise DatasetError(
            f"'{path}' is damaged: expected {expected} {what} by its own header, got "
            f"{len(content)} bytes"
        )
    # a copy can be written to
    return np.frombuffer(content, dtype=np.uint8, offset=offset).reshape(shape).copy()
