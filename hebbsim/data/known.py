"""Data sets known by name: scikit-learn's digits, and what torchvision reads from a folder."""

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from hebbsim.data.dataset import DatasetError, ImageDataset, Images, StrPath
from hebbsim.data.split import split_whole

__all__ = ["DATA_ROOT_VARIABLE", "LOADERS"]

DATA_ROOT_VARIABLE = "HEBBSIM_DATA_ROOT"


def _load_digits(name: str, data_root: StrPath | None, download: bool) -> ImageDataset:
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = (digits.images[:, np.newaxis] / 16).astype(np.float32)
    return split_whole(name, images, digits.target, tuple(map(str, digits.target_names)))


def _data_root(name: str, data_root: StrPath | None, download: bool) -> Path:
    given = os.environ.get(DATA_ROOT_VARIABLE) if data_root is None else data_root
    if not given:
        raise DatasetError(
            f"data set '{name}' is read from a folder, and none is given: pass data_root "
            f"(--data-root), or set the environment variable {DATA_ROOT_VARIABLE}"
        )
    root = Path(given).expanduser()
    if not download and not root.is_dir():
        raise DatasetError(
            f"data set '{name}': the data root '{root}' is no folder; check data_root "
            f"(--data-root, {DATA_ROOT_VARIABLE}), or load with download=True (--download)"
        )
    return root


def _load_torchvision(name: str, data_root: StrPath | None, download: bool) -> ImageDataset:
    from torchvision import datasets

    root = _data_root(name, data_root, download)
    kinds: dict[str, tuple[Any, Callable[[Any, Path], str | None]]] = {
        "mnist": (datasets.MNIST, _mnist_fault),
        "fashion-mnist": (datasets.FashionMNIST, _mnist_fault),
        "cifar10": (datasets.CIFAR10, _cifar_fault),
    }
    kind, find_fault = kinds[name]
    try:
        train = kind(root, train=True, download=download)
        test = kind(root, train=False, download=download)
    # torchvision lets through what its parsers raise: assertions, struct, pickle and torch errors.
    except Exception as error:
        fault = find_fault(kind, root)
        reason = f" ({type(error).__name__}: {error})" if download or fault is None else ""
        raise DatasetError(
            f"cannot load the data set '{name}' from '{root}': "
            f"{fault or 'its files are damaged'}{reason}. Check data_root (--data-root, "
            f"{DATA_ROOT_VARIABLE}), or delete damaged files and load with download=True "
            f"(--download)"
        ) from error
    return ImageDataset(
        name,
        _torchvision_images(train.data),
        np.asarray(train.targets, dtype=np.int64),
        _torchvision_images(test.data),
        np.asarray(test.targets, dtype=np.int64),
        tuple(train.classes),
    )


def _torchvision_images(data: Any) -> Images:
    """Bring torchvision's `(n, rows, cols)` or `(n, rows, cols, channels)` into our order."""
    images = np.asarray(data)
    if images.ndim == 3:
        return images[:, np.newaxis]
    return np.ascontiguousarray(np.moveaxis(images, -1, 1))


def _mnist_fault(kind: Any, root: Path) -> str | None:
    """Say which idx file is missing, or is not as long as its header says."""
    for file, _ in kind.resources:
        path = root / kind.__name__ / "raw" / Path(file).stem
        if not path.is_file():
            return f"'{path}' is missing"
        n_dims = 3 if "idx3" in file else 1
        offset = 4 * (1 + n_dims)
        with path.open("rb") as stream:
            header = stream.read(offset)
        if len(header) < offset or header[:4] != bytes((0, 0, 8, n_dims)):
            return f"'{path}' is damaged: it does not begin as an idx file"
        expected = offset + math.prod(np.frombuffer(header, dtype=">u4")[1:].tolist())
        got = path.stat().st_size
        if got != expected:
            return (
                f"'{path}' is damaged: expected {expected} bytes by its own header, got {got} bytes"
            )
    return None


def _cifar_fault(kind: Any, root: Path) -> str | None:
    """Say which batch is missing, or has another checksum than the published one."""
    from torchvision.datasets.utils import check_integrity

    meta = (kind.meta["filename"], kind.meta["md5"])
    for file, checksum in (*kind.train_list, *kind.test_list, meta):
        path = root / kind.base_folder / file
        if not path.is_file():
            return f"'{path}' is missing"
        if not check_integrity(path, checksum):
            return f"'{path}' is damaged: its checksum is not the published one"
    return None


#: What loads each data set, given its name, the data root and whether to download
LOADERS: dict[str, Callable[[str, StrPath | None, bool], ImageDataset]] = {
    "cifar10": _load_torchvision,
    "digits": _load_digits,
    "fashion-mnist": _load_torchvision,
    "mnist": _load_torchvision,
}
