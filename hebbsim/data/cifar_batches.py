"""CIFAR-10: batches in a folder, or in the archive that they are published in."""

import hashlib
import pickle
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from hebbsim.data.dataset import DatasetError, ImageDataset, Images, Labels

__all__ = ["read_cifar"]


def read_cifar(name: str, kind: Any, root: Path) -> ImageDataset:
    """
    Read what torchvision's data set names, with the published checksums.

    Parameters
    ----------
    name : str
        Name of the data set.
    kind : type
        Its class in torchvision, which knows files and checksums.
    root : Path
        The folder that holds the folder of batches or the archive, as it is or decompressed.

    Raises
    ------
    FileNotFoundError
        If a file is missing, with the file that was looked for.
    DatasetError
        If it is damaged.
    """
    folder = root / kind.base_folder
    files = [file for file, _ in (*kind.train_list, *kind.test_list)] + [kind.meta["filename"]]
    is_unpacked = all((folder / file).is_file() for file in files)
    archives = [root / kind.filename, root / kind.filename.removesuffix(".gz")]
    archive = next((path for path in archives if path.is_file()), None)
    if is_unpacked or archive is None:
        return _dataset(name, kind, lambda file: (folder / file, (folder / file).read_bytes()))
    try:
        with tarfile.open(archive) as tar:
            # read in the order of the archive: going back would decompress it anew
            contents = {
                PurePosixPath(member.name).name: stream.read()
                for member in tar
                if (stream := tar.extractfile(member)) is not None
            }
    # Truncated and damaged archives raise tarfile, gzip, zlib, EOF and OS errors.
    except Exception as error:
        what = " ".join(str(error).split())  # a line for each compression that was tried
        raise DatasetError(f"'{archive}' is damaged: it can't be read ({what})") from error

    def of_archive(file: str) -> tuple[Path, bytes]:
        if file not in contents:
            raise FileNotFoundError(archive / file)
        return archive / file, contents[file]

    return _dataset(name, kind, of_archive)


def _dataset(name: str, kind: Any, read: Callable[[str], tuple[Path, bytes]]) -> ImageDataset:
    meta = _unpickled(*read(kind.meta["filename"]), kind.meta["md5"])
    splits = [
        _joined([_unpickled(*read(file), checksum) for file, checksum in files])
        for files in (kind.train_list, kind.test_list)
    ]
    return ImageDataset(name, *splits[0], *splits[1], tuple(meta[kind.meta["key"]]))


def _unpickled(path: Path, content: bytes, checksum: str) -> Any:
    """Unpickle what is known to be as it was published."""
    if hashlib.md5(content, usedforsecurity=False).hexdigest() != checksum:
        raise DatasetError(f"'{path}' is damaged: its checksum is not the published one")
    return pickle.loads(content, encoding="latin1")


def _joined(batches: Sequence[Any]) -> tuple[Images, Labels]:
    images = np.concatenate([batch["data"] for batch in batches]).reshape(-1, 3, 32, 32)
    labels = [label for batch in batches for label in batch["labels"]]
    return images, np.array(labels, dtype=np.int64)
