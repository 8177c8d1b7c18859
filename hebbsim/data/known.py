"""Data sets known by name: scikit-learn's digits, and what torchvision reads from a folder."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from hebbsim.data.cifar_batches import read_cifar
from hebbsim.data.dataset import DatasetError, ImageDataset, Images, StrPath
from hebbsim.data.idx_files import read_idx_split
from hebbsim.data.split import split_whole
from hebbsim.errors import needed

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
    """Read the files of torchvision's folder; torchvision reads, or fetches, what isn't there."""
    with needed("torchvision", by=f"data set '{name}'", install="hebbsim[torch]"):
        from torchvision import datasets

    root = _data_root(name, data_root, download)
    kinds: dict[str, tuple[Any, Callable[[str, Any, Path], ImageDataset]]] = {
        "mnist": (datasets.MNIST, _read_mnist),
        "fashion-mnist": (datasets.FashionMNIST, _read_mnist),
        "cifar10": (datasets.CIFAR10, read_cifar),
    }
    kind, read = kinds[name]
    try:
        try:
            return read(name, kind, root)
        except FileNotFoundError as error:
            return _by_torchvision(name, kind, root, download, error)
    except DatasetError as error:
        raise DatasetError(_cannot_load(name, root, str(error))) from error
    # Damaged pickles raise a dozen kinds of error.
    except Exception as error:
        fault = f"its files are damaged ({type(error).__name__}: {error})"
        raise DatasetError(_cannot_load(name, root, fault)) from error


def _by_torchvision(
    name: str, kind: Any, root: Path, download: bool, missing: FileNotFoundError
) -> ImageDataset:
    """Let torchvision fetch what is missing, or read the form that its first versions kept."""
    try:
        train, test = (kind(root, train=split, download=download) for split in (True, False))
    # torchvision lets through what its parsers raise: assertions, struct, pickle and torch errors.
    except Exception as error:
        reason = f" ({type(error).__name__}: {error})" if download else ""
        path = missing.args[0] if missing.filename is None else missing.filename
        raise DatasetError(f"'{path}' is missing{reason}") from error
    return ImageDataset(
        name,
        _torchvision_images(train.data),
        np.asarray(train.targets, dtype=np.int64),
        _torchvision_images(test.data),
        np.asarray(test.targets, dtype=np.int64),
        tuple(train.classes),
    )


def _cannot_load(name: str, root: Path, fault: str) -> str:
    """Word the error for files that are missing or damaged."""
    return (
        f"cannot load the data set '{name}' from '{root}': {fault}. Check data_root (--data-root, "
        f"{DATA_ROOT_VARIABLE}), or delete damaged files and load with download=True (--download)"
    )


def _read_mnist(name: str, kind: Any, root: Path) -> ImageDataset:
    raw = root / kind.__name__ / "raw"
    splits = [read_idx_split(raw, split) for split in ("train", "t10k")]
    return ImageDataset(name, *splits[0], *splits[1], tuple(kind.classes))


def _torchvision_images(data: Any) -> Images:
    """Bring torchvision's `(n, rows, cols)` or `(n, rows, cols, channels)` into our order."""
    images = np.asarray(data)
    if images.ndim == 3:
        return images[:, np.newaxis]
    return np.ascontiguousarray(np.moveaxis(images, -1, 1))


#: What loads each data set, given its name, the data root and whether to download
LOADERS: dict[str, Callable[[str, StrPath | None, bool], ImageDataset]] = {
    "cifar10": _load_torchvision,
    "digits": _load_digits,
    "fashion-mnist": _load_torchvision,
    "mnist": _load_torchvision,
}
