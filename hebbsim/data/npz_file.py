"""An ``.npz`` file with the user's own images and labels."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hebbsim.data.dataset import DatasetError, ImageDataset, Images, Labels, one_a_sample, reading
from hebbsim.data.split import split_whole
from hebbsim.errors import unknown

__all__ = ["load_npz"]

_CHANNEL_COUNTS = (1, 3, 4)
_LAYOUTS = ("channels_first", "channels_last")
_SPLIT_KEYS = ("train_images", "train_labels", "test_images", "test_labels")
_WHOLE_KEYS = ("images", "labels")
_EXPECTED = f"Expected an .npz file with {', '.join(_SPLIT_KEYS)}, or with images and labels"


def load_npz(path: Path) -> ImageDataset:
    """Read a file with two splits, or with images and labels that are to be split."""
    name = str(path)
    with reading(f"'{path}'", _EXPECTED):
        arrays = _read_npz(path)
    if arrays.keys() >= {*_SPLIT_KEYS, *_WHOLE_KEYS}:
        raise DatasetError(
            f"'{path}' holds both {', '.join(_SPLIT_KEYS)}, and images and labels, of which one "
            f"would be left out: take it out of the file"
        )
    keys = next((k for k in (_SPLIT_KEYS, _WHOLE_KEYS) if arrays.keys() >= set(k)), None)
    if keys is None:
        raise DatasetError(f"'{path}' holds {sorted(arrays) or 'nothing'}. {_EXPECTED}")
    layout = str(arrays["layout"]) if "layout" in arrays else None
    if layout is not None and layout not in _LAYOUTS:
        raise DatasetError(f"'{path}': {unknown('layout', layout, _LAYOUTS)}")
    images = [_channels_first(path, key, arrays[key], layout) for key in keys[::2]]
    labels, class_names = _index_labels(
        path, [arrays[key] for key in keys[1::2]], arrays.get("class_names")
    )
    if keys is _WHOLE_KEYS:
        return split_whole(name, images[0], labels[0], class_names)
    return ImageDataset(name, images[0], labels[0], images[1], labels[1], class_names)


def _read_npz(path: Path) -> dict[str, NDArray[Any]]:
    # Given a path, np.load leaves a damaged file open.
    with path.open("rb") as stream:
        loaded = np.load(stream, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            raise DatasetError(f"'{path}' holds a single array. {_EXPECTED}")
        with loaded:
            return {key: loaded[key] for key in loaded.files}


def _channels_first(path: Path, key: str, images: Images, layout: str | None) -> Images:
    if images.ndim == 3:
        return images[:, np.newaxis]
    if images.ndim != 4:
        raise DatasetError(
            f"'{path}': {key} must have shape (n, rows, cols), (n, channels, rows, cols) or "
            f"(n, rows, cols, channels), got {images.shape}"
        )
    if layout is None:
        candidates = [
            candidate
            for candidate, axis in zip(_LAYOUTS, (1, 3), strict=True)
            if images.shape[axis] in _CHANNEL_COUNTS
        ]
        if len(candidates) != 1:
            raise DatasetError(
                f"'{path}': cannot tell which axis of {key} holds the channels: expected 1, 3 or "
                f"4 channels on axis 1 or else on axis 3, got {images.shape}. Add a string "
                f"layout='channels_first' or 'channels_last' to the file"
            )
        layout = candidates[0]
    if layout == "channels_first":
        return images
    return np.ascontiguousarray(np.moveaxis(images, -1, 1))


def _index_labels(
    path: Path, splits: list[NDArray[Any]], class_names: NDArray[Any] | None
) -> tuple[list[Labels], tuple[str, ...]]:
    """Replace labels by indices of class names."""
    splits = [one_a_sample(labels) for labels in splits]
    for labels in splits:
        if labels.ndim != 1 or labels.dtype.kind not in "iubU":
            raise DatasetError(
                f"'{path}': labels must be integers or strings of shape (n,) or (n, 1), got "
                f"{labels.dtype} of shape {labels.shape}"
            )
    if class_names is not None:
        return splits, tuple(map(str, class_names.ravel()))
    values, indices = np.unique(np.concatenate(splits), return_inverse=True)
    ends = np.cumsum([len(labels) for labels in splits])
    return np.split(indices, ends[:-1]), tuple(map(str, values))
