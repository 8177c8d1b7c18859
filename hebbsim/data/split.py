"""The fixed split of a data set that comes without one."""

import math

import numpy as np
from numpy.typing import NDArray

from hebbsim.data.dataset import DatasetError, ImageDataset, Images, Labels

__all__ = ["SPLIT_SEED", "TEST_FRACTION", "split_whole"]

TEST_FRACTION = 0.25
SPLIT_SEED = 0


def _split(labels: Labels) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Draw a fixed quarter of each class for testing: indices of both splits, ascending."""
    rng = np.random.default_rng(SPLIT_SEED)
    is_test = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        is_test[members[: math.floor(TEST_FRACTION * len(members) + 0.5)]] = True
    return np.flatnonzero(~is_test), np.flatnonzero(is_test)


def split_whole(
    name: str, images: Images, labels: Labels, class_names: tuple[str, ...]
) -> ImageDataset:
    """Take a fixed quarter of each class as the test set."""
    if len(labels) != len(images):
        raise DatasetError(
            f"data set '{name}': there must be one label for each of the {len(images)} images, "
            f"got {len(labels)}"
        )
    train, test = _split(labels)
    if len(test) == 0:
        raise DatasetError(
            f"data set '{name}' is too small to be split: expected at least 2 images in a class, "
            f"got {len(images)} in all"
        )
    return ImageDataset(name, images[train], labels[train], images[test], labels[test], class_names)
