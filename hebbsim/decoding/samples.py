"""Features with the class of each sample, checked."""

from math import prod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hebbsim.data.dataset import one_a_sample
from hebbsim.decoding.features import Features

__all__ = ["Samples", "refuse_other_labels", "refuse_other_width"]


class Samples:
    """Features and labels of one split.

    Parameters
    ----------
    features : array or sparse matrix
        ``(n, ...)``, see `Features`.
    labels : array
        ``(n,)`` or ``(n, 1)``, integers or strings.
    split : str
        What errors call it: ``'training'``.

    Raises
    ------
    ValueError
        If there is not one label for each sample, or one is neither an integer nor a string, and as
        of `Features`.
    """

    def __init__(self, features: Any, labels: ArrayLike, split: str) -> None:
        self.labels = _labels(split, labels)
        self.features = Features(features, split)
        if self.features.n_samples != len(self.labels):
            raise ValueError(
                f"there must be one label for each of the {self.features.n_samples} {split} "
                f"samples, got {len(self.labels)} labels"
            )


def refuse_other_labels(train: NDArray[Any], test: NDArray[Any]) -> None:
    """Refuse numbers in one split and strings in the other.

    Raises
    ------
    ValueError
        If they are.
    """
    if (train.dtype.kind == "U") != (test.dtype.kind == "U"):
        raise ValueError(
            f"training and test labels must be of one kind, got {train.dtype} and {test.dtype}"
        )


def refuse_other_width(train: tuple[int, ...], test: tuple[int, ...]) -> None:
    """Refuse features of shapes that differ in how many there are of a sample.

    Raises
    ------
    ValueError
        If they do.
    """
    if prod(train[1:]) != prod(test[1:]):
        raise ValueError(
            f"training and test samples must have the same number of features, got "
            f"{prod(train[1:])} and {prod(test[1:])}, from features of shape {train} and {test}"
        )


def _labels(split: str, labels: ArrayLike) -> NDArray[Any]:
    labels = one_a_sample(np.asarray(labels))
    if labels.dtype.kind == "O" and all(isinstance(label, str) for label in labels.ravel()):
        labels = labels.astype(str)  # as tables keep them
    if labels.ndim != 1 or labels.dtype.kind not in "iubU":
        raise ValueError(
            f"{split} labels must be integers or strings of shape (n,) or (n, 1), got "
            f"{labels.dtype} of shape {labels.shape}"
        )
    return labels
