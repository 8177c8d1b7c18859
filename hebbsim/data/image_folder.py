"""A folder of the user's own images, with a sub-folder for each class."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hebbsim.data.dataset import DatasetError, ImageDataset
from hebbsim.data.image_file import read_image
from hebbsim.data.split import split_whole

__all__ = ["load_folder"]

_READ = (
    *(".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".ppm"),
    *(".tga", ".tif", ".tiff", ".webp"),
)
#: Images all the same: passed over, they would be missing without a word
_NOT_READ = (
    *(".apng", ".avif", ".cr2", ".dcm", ".dng", ".exr", ".heic", ".heif", ".hdr", ".j2k", ".jp2"),
    *(".jxl", ".nef", ".npy", ".psd", ".svg"),
)


def load_folder(path: Path) -> ImageDataset:
    """Read a folder of class folders, or of a ``train`` and a ``test`` folder of these."""
    splits = [path / "train", path / "test"]
    for entry in path.iterdir():
        _refuse_broken(entry)
    is_split = all(folder.is_dir() for folder in splits)
    classes = [_class_folders(folder) for folder in (splits if is_split else [path])]
    names = sorted({folder.name for split in classes for folder in split})
    files: list[Path] = []
    labels: list[int] = []
    n_train = 0
    for split in classes:
        n_train = len(files)
        for folder in split:
            found = _image_files(folder)
            files += found
            labels += [names.index(folder.name)] * len(found)
    images, indices = _read_images(files), np.array(labels)
    if not is_split:
        return split_whole(str(path), images, indices, tuple(names))
    return ImageDataset(
        str(path),
        images[:n_train],
        indices[:n_train],
        images[n_train:],
        indices[n_train:],
        tuple(names),
    )


def _refuse_broken(entry: Path) -> None:
    """Refuse a link to what isn't there: its images would be missing without a word."""
    if entry.is_symlink() and not entry.exists() and not entry.name.startswith("."):
        raise DatasetError(
            f"'{entry}' is a link to '{entry.readlink()}', which isn't there; mend the link, or "
            "take it out of the folder"
        )


def _class_folders(folder: Path) -> list[Path]:
    for entry in folder.iterdir():
        _refuse_broken(entry)
    found = sorted(
        entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith(".")
    )
    if not found:
        raise DatasetError(
            f"'{folder}' holds no sub-folders: expected one for each class, with its images in it"
        )
    return found


def _image_files(folder: Path) -> list[Path]:
    for entry in folder.iterdir():
        _refuse_broken(entry)
    found = sorted(
        entry
        for entry in folder.rglob("*")
        if not any(part.startswith(".") for part in entry.relative_to(folder).parts)
        and entry.suffix.lower() in (*_READ, *_NOT_READ)
        and entry.is_file()
    )
    if not any(entry.parent == folder for entry in found):
        raise DatasetError(
            f"the class folder '{folder}' holds no images: expected files that end in "
            f"{', '.join(_READ)}. A split needs both a 'train' and a 'test' "
            f"folder, with the class folders in them"
        )
    for entry in found:
        if entry.suffix.lower() in _NOT_READ:
            raise DatasetError(
                f"image '{entry}': files that end in {entry.suffix} are not read; convert it to "
                f".png, or move it out of the folder"
            )
        if entry.parent != folder:
            raise DatasetError(
                f"image '{entry}' lies in a folder within the class folder '{folder}': expected "
                f"its images in it; move them there, or out of the folder"
            )
    return found


def _read_images(files: Sequence[Path]) -> NDArray[np.uint8]:
    """Read images of one size into `(n, channels, rows, cols)`."""
    first = read_image(files[0])
    images = np.empty((len(files), *first.shape), dtype=np.uint8)
    for position, file in enumerate(files):
        image = read_image(file)
        if image.shape != first.shape:
            raise DatasetError(
                f"image '{file}': expected (channels, rows, cols) {first.shape} as in "
                f"'{files[0]}', got {image.shape}. Convert the images to one size and mode first"
            )
        images[position] = image
    return images
