"""Data sets known by name: scikit-learn's digits, and what torchvision lays out in a folder."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from hebbsim.data.cifar_batches import read_cifar
from hebbsim.data.dataset import DatasetError, ImageDataset, Images, StrPath
from hebbsim.data.idx_files import read_idx_split
from hebbsim.data.split import split_whole
from hebbsim.errors import installed, needed

__all__ = ["DATA_ROOT_VARIABLE", "LOADERS"]

DATA_ROOT_VARIABLE = "HEBBSIM_DATA_ROOT"

#: Name of the folder, and of the classes: those of torchvision, which need not be loaded for them
_IDX = {
    "mnist": (
        "MNIST",
        (
            *("0 - zero", "1 - one", "2 - two", "3 - three", "4 - four"),
            *("5 - five", "6 - six", "7 - seven", "8 - eight", "9 - nine"),
        ),
    ),
    "fashion-mnist": (
        "FashionMNIST",
        (
            *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
            *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
        ),
    ),
}


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
            f"(--data-root, {DATA_ROOT_VARIABLE}), or load with download=True "
            "(hebbsim compare --download)"
        )
    return root


def _load_idx(name: str, data_root: StrPath | None, download: bool) -> ImageDataset:
    """Read the files of torchvision's folder, without torch, which takes 0.6 GB of memory."""
    kind, classes = _IDX[name]
    root = _data_root(name, data_root, download)
    try:
        with _faults_of(name, root):
            splits = [read_idx_split(root / kind / "raw", split) for split in ("train", "t10k")]
            return ImageDataset(name, *splits[0], *splits[1], classes)
    except FileNotFoundError as error:
        if not (download or installed("torchvision")):
            fault = (
                f"{_missing(error)}, and torchvision, which would look for another form of it, "
                "isn't installed (pip install 'hebbsim[torch]')"
            )
            raise DatasetError(_cannot_load(name, root, fault)) from error
        return _by_torchvision(name, kind, root, download, error)


def _load_cifar(name: str, data_root: StrPath | None, download: bool) -> ImageDataset:
    """Read the files of torchvision's folder, with the checksums that torchvision knows."""
    kind = _of_torchvision(name, "CIFAR10")
    root = _data_root(name, data_root, download)
    try:
        with _faults_of(name, root):
            return read_cifar(name, kind, root)
    except FileNotFoundError as error:
        return _by_torchvision(name, "CIFAR10", root, download, error)


def _of_torchvision(name: str, kind: str) -> Any:
    with needed("torchvision", by=f"data set '{name}'", install="hebbsim[torch]"):
        from torchvision import datasets

    return getattr(datasets, kind)


def _by_torchvision(
    name: str, kind: str, root: Path, download: bool, missing: FileNotFoundError
) -> ImageDataset:
    """Let torchvision fetch what is missing, or read the form that its first versions kept."""
    of_torchvision = _of_torchvision(name, kind)
    with _faults_of(name, root):
        try:
            train, test = (
                of_torchvision(root, train=split, download=download) for split in (True, False)
            )
        # torchvision lets through what its parsers raise: assertions, struct, pickle, torch errors
        except Exception as error:
            reason = f" ({type(error).__name__}: {error})" if download else ""
            raise DatasetError(f"{_missing(missing)}{reason}") from error
        return ImageDataset(
            name,
            _torchvision_images(train.data),
            np.asarray(train.targets, dtype=np.int64),
            _torchvision_images(test.data),
            np.asarray(test.targets, dtype=np.int64),
            tuple(train.classes),
        )


@contextmanager
def _faults_of(name: str, root: Path) -> Iterator[None]:
    """Say of what is wrong with files, but not of one that isn't there, whose they are."""
    try:
        yield
    except FileNotFoundError:
        raise
    except DatasetError as error:
        raise DatasetError(_cannot_load(name, root, str(error))) from error
    # Damaged pickles raise a dozen kinds of error.
    except Exception as error:
        fault = f"its files are damaged ({type(error).__name__}: {error})"
        raise DatasetError(_cannot_load(name, root, fault)) from error


def _missing(error: FileNotFoundError) -> str:
    return f"'{error.args[0] if error.filename is None else error.filename}' is missing"


def _cannot_load(name: str, root: Path, fault: str) -> str:
    """Word the error for files that are missing or damaged."""
    return (
        f"cannot load the data set '{name}' from '{root}': {fault}. Check data_root (--data-root, "
        f"{DATA_ROOT_VARIABLE}), or delete damaged files and load with download=True (--download)"
    )


def _torchvision_images(data: Any) -> Images:
    """Bring torchvision's `(n, rows, cols)` or `(n, rows, cols, channels)` into our order."""
    images = np.asarray(data)
    if images.ndim == 3:
        return images[:, np.newaxis]
    return np.ascontiguousarray(np.moveaxis(images, -1, 1))


#: What loads each data set, given its name, the data root and whether to download
LOADERS: dict[str, Callable[[str, StrPath | None, bool], ImageDataset]] = {
    "cifar10": _load_cifar,
    "digits": _load_digits,
    "fashion-mnist": _load_idx,
    "mnist": _load_idx,
}
