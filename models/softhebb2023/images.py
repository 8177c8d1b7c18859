"""Images as the network gets them: bytes read as 0 to 1, without whitening or augmentation."""

import os
from dataclasses import dataclass, replace

import numpy as np

from hebbsim.data.dataset import DatasetError
from hebbsim.data.known import DATA_ROOT_VARIABLE
from hebbsim.data.load import load_dataset
from hebbsim.errors import SettingsError
from models.miconi2021.standin import digits_on_photographs
from models.softhebb2023.settings import Settings

__all__ = ["Images", "load_images"]


@dataclass(frozen=True, eq=False)
class Images:
    """Hold what kernels are learned from, and both splits that classes are told of."""

    shown: np.ndarray
    train: np.ndarray
    train_labels: np.ndarray
    test: np.ndarray
    test_labels: np.ndarray

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, rows and columns of an image."""
        _, channels, rows, cols = self.shown.shape
        return channels, rows, cols

    def first(self, n_train: int, n_test: int) -> "Images":
        """Return the first images of each; kernels learn from all where others have labels."""
        return Images(
            self.shown[:n_train] if len(self.shown) == len(self.train) else self.shown,
            self.train[:n_train],
            self.train_labels[:n_train],
            self.test[:n_test],
            self.test_labels[:n_test],
        )


def load_images(settings: Settings) -> Images:
    """
    Load the images, and set a validation part aside.

    Raises
    ------
    DatasetError
        If the data set is missing or damaged.
    SettingsError
        If it has fewer images than asked for.
    """
    images = _all(settings)
    if settings.validation:
        left = len(images.train) - settings.validation
        if left < settings.n_train:
            raise SettingsError(
                f"n_train: '{settings.data}' has {left} training images beside the validation "
                f"part, {settings.n_train} are asked for"
            )
        test, labels = images.train[left:], images.train_labels[left:]
        images = replace(images.first(left, 0), test=test, test_labels=labels)
    n_train, n_test = settings.n_train or len(images.train), settings.n_test or len(images.test)
    if n_train > len(images.train) or n_test > len(images.test):
        raise SettingsError(
            f"'{settings.data}' has {len(images.train)} training and {len(images.test)} test "
            f"images, {n_train} and {n_test} are asked for"
        )
    return images.first(n_train, n_test)


def _all(settings: Settings) -> Images:
    if settings.data == "stl10":
        return _load_stl10(settings)
    if settings.data == "stand-in":
        found = digits_on_photographs(settings.n_train + settings.validation, settings.n_test)
    else:
        found = load_dataset(settings.data, settings.data_root)
    train, labels = found.train_images, found.train_labels
    return Images(train, train, labels, found.test_images, found.test_labels)


def _load_stl10(settings: Settings) -> Images:
    """Load all of STL-10, whose kernels are learned from images that have no labels."""
    from torchvision.datasets import STL10

    root = settings.data_root or os.environ.get(DATA_ROOT_VARIABLE) or "."
    try:
        shown, train, test = (STL10(root, split) for split in ("unlabeled", "train", "test"))
    except (OSError, RuntimeError) as error:
        raise DatasetError(
            f"data set 'stl10': '{root}' holds no whole stl10_binary ({error}); name its folder "
            f"with --data-root or {DATA_ROOT_VARIABLE}"
        ) from error
    return Images(
        shown.data, train.data, np.asarray(train.labels), test.data, np.asarray(test.labels)
    )
