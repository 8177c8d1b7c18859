"""Labelled images, split into a training and a test set.

Whatever the source, images come as `(n, channels, rows, cols)` arrays in the type they are stored
in. `as_float` turns a batch at a time into floating point, so that a big set of bytes is never
copied whole.

**The range of images**, one rule wherever images enter (`fit`, `transform`, `present`,
`FeatureMap.set_maps`, `StoredImages`, the encoders): bytes (`numpy.uint8`) are 0 to 255 and are
read as 0 to 1; floating-point numbers are taken as they are. A variable of a map that is an integer
or boolean takes bytes as they are too, since it can't hold what lies between 0 and 1. Where numbers
can't be what they are to be, such as a probability above 1, they are refused.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from operator import index
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["DatasetError", "ImageDataset", "Images", "Labels", "StrPath", "as_float"]
__all__ += ["one_a_sample", "reading", "usual_type"]

type Images = NDArray[Any]
type Labels = NDArray[np.integer[Any]]
type StrPath = str | os.PathLike[str]

_REMEDY = "The file is damaged or of another kind: replace it or copy it again"


class DatasetError(ValueError):
    """A data set that is unknown, missing, damaged or not consistent."""


@dataclass(frozen=True, eq=False, repr=False)
class ImageDataset:
    """
    Hold labelled images, split into a training and a test set.

    Parameters
    ----------
    name : str
        A name that `load_dataset` accepts.
    train_images : array
        `(n_train, channels, rows, cols)`, of uint8 (0 to 255) or floating point, which becomes
        float32 or float64 where it is neither.
    train_labels : array of int
        `(n_train,)` or `(n_train, 1)`, the index of each image's class in `class_names`.
    test_images : array
        `(n_test, channels, rows, cols)`, as the training images.
    test_labels : array of int
        `(n_test,)`.
    class_names : tuple of str
        One name for each class.

    Raises
    ------
    DatasetError
        If a split is empty; if an array has another shape or type, or the two splits' images
        differ in shape; if there are not as many labels as images; if a label is no index of
        `class_names`; if an image holds NaN or infinity.
    """

    name: str
    train_images: Images
    train_labels: Labels
    test_images: Images
    test_labels: Labels
    class_names: tuple[str, ...]

    def __post_init__(self) -> None:
        for split in ("train", "test"):
            images, labels = getattr(self, f"{split}_images"), getattr(self, f"{split}_labels")
            object.__setattr__(self, f"{split}_images", usual_type(np.asarray(images)))
            object.__setattr__(self, f"{split}_labels", one_a_sample(np.asarray(labels)))
        self._check_split("training", self.train_images, self.train_labels)
        self._check_split("test", self.test_images, self.test_labels)
        test_shape = self.test_images.shape[1:]
        if test_shape != self.shape:
            raise self._error(
                f"training and test images must have one shape (channels, rows, cols), "
                f"got {self.shape} and {test_shape}"
            )

    def _check_split(self, split: str, images: Images, labels: Labels) -> None:
        if images.ndim != 4 or images.size == 0:
            raise self._error(
                f"{split} images must have shape (n, channels, rows, cols) and be at least one, "
                f"got {images.shape}"
            )
        if images.dtype != np.uint8 and images.dtype.kind != "f":
            raise self._error(
                f"{split} images must be of uint8 (0 to 255) or floating point, got {images.dtype}"
            )
        if labels.shape != (len(images),):
            raise self._error(
                f"there must be one label for each of the {len(images)} {split} images, "
                f"got labels of shape {labels.shape}"
            )
        if labels.dtype.kind not in "iu":
            raise self._error(f"{split} labels must be integers, got {labels.dtype}")
        if labels.min() < 0 or labels.max() >= self.n_classes:
            raise self._error(
                f"{split} labels must lie between 0 and {self.n_classes - 1} for "
                f"{self.n_classes} classes, got {labels.min()} to {labels.max()}"
            )
        # The extremes show NaN and infinity without a mask as large as the images.
        if not np.isfinite((images.min(), images.max())).all():
            bad = np.flatnonzero(~np.isfinite(images).all(axis=(1, 2, 3)))
            raise self._error(
                f"{split} images must be finite, got NaN or infinity in {len(bad)} of "
                f"{len(images)} images, the first at index {bad[0]}"
            )

    def _error(self, message: str) -> DatasetError:
        return DatasetError(f"data set '{self.name}': {message}")

    def __repr__(self) -> str:
        return (
            f"<ImageDataset '{self.name}': {len(self.train_images)} training and "
            f"{len(self.test_images)} test images of shape {self.shape}, {self.n_classes} classes>"
        )

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape `(channels, rows, cols)` of one image."""
        channels, rows, cols = self.train_images.shape[1:]
        return channels, rows, cols

    @property
    def n_classes(self) -> int:
        """The number of classes."""
        return len(self.class_names)

    def subset(
        self, n_train: int | None = None, n_test: int | None = None, seed: int = 0
    ) -> "ImageDataset":
        """
        Choose images at random, without replacement.

        With one seed, a smaller choice is the beginning of a larger one, and the choice of the
        test images does not depend on that of the training images.

        Parameters
        ----------
        n_train, n_test : int, optional
            How many images of each split; None keeps a split as it is, in its order.
        seed : int, optional
            Seed of the choice, not negative.

        Returns
        -------
        ImageDataset
            The chosen images, with all the class names.

        Raises
        ------
        ValueError
            If a number is below 1 or above the number of images there are.
        """
        train = self._choose("training", len(self.train_images), n_train, (seed, 0))
        test = self._choose("test", len(self.test_images), n_test, (seed, 1))
        return ImageDataset(
            self.name,
            self.train_images[train],
            self.train_labels[train],
            self.test_images[test],
            self.test_labels[test],
            self.class_names,
        )

    def _choose(
        self, split: str, available: int, wanted: int | None, seed: tuple[int, int]
    ) -> NDArray[np.integer[Any]] | slice:
        if wanted is None:
            return slice(None)
        if not 1 <= index(wanted) <= available:
            raise ValueError(
                f"data set '{self.name}' has {available} {split} images, so that a subset can "
                f"have 1 to {available} of them, got {wanted}"
            )
        return np.random.default_rng(seed).permutation(available)[:wanted]


def usual_type(images: Images) -> Images:
    """Return images in the type that loops are compiled for, with the machine's byte order.

    Halves become float32, long doubles float64; all other types stay.
    """
    kind = images.dtype
    if kind.kind != "f":
        return images
    wanted = np.dtype(np.float32 if kind.itemsize <= 4 else np.float64)
    with np.errstate(over="ignore"):  # what a double can't hold becomes infinite, and is refused
        return images if kind == wanted and kind.isnative else images.astype(wanted)


def one_a_sample(labels: NDArray[Any]) -> NDArray[Any]:
    """Return labels of shape `(n,)`: also those of `(n, 1)`, as many tools store them."""
    return labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels


def as_float(images: Images) -> NDArray[np.floating]:
    """
    Give images as floating-point numbers, bytes as 0 to 1: the rule of the whole package.

    Parameters
    ----------
    images : array
        Of any shape, usually a batch `(n, channels, rows, cols)`; uint8 or floating point.

    Returns
    -------
    array
        In the shape given. Bytes are divided by 255, and so become float32 in [0, 1];
        floating-point images are returned as they are.

    Raises
    ------
    TypeError
        If the images have any other type.
    """
    images = np.asarray(images)
    if images.dtype == np.uint8:
        return np.divide(images, 255, dtype=np.float32)
    if images.dtype.kind == "f":
        return images
    raise TypeError(
        f"images must be of uint8 (0 to 255) or floating point, got {images.dtype}; convert them "
        f"first, with images.astype('uint8') if the values are 0 to 255"
    )


@contextmanager
def reading(what: str, expected: str = "") -> Iterator[None]:
    """Turn whatever a library raises while it reads into a `DatasetError`."""
    remedy = f"{_REMEDY}. {expected}" if expected else _REMEDY
    try:
        yield
    except DatasetError:
        raise
    # Damaged files make zipfile, zlib, pickle, struct and Pillow raise a dozen kinds of error.
    except Exception as error:
        raise DatasetError(
            f"cannot read {what} ({type(error).__name__}: {error}). {remedy}"
        ) from error
