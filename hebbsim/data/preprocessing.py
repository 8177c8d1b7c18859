"""Preprocessing by name: something done to each image, then perhaps whitening."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from hebbsim.data.filters import (
    FloatImages,
    checked_images,
    difference_of_gaussians,
    standardize,
)
from hebbsim.data.image_transform import ImageTransform
from hebbsim.data.zca import ZCA
from hebbsim.errors import unknown

__all__ = ["PREPROCESSING", "Preprocessing", "make_preprocessing"]


def _unchanged(images: FloatImages) -> FloatImages:
    return checked_images(images)


@dataclass(frozen=True)
class Preprocessing(ImageTransform):
    """
    Map images to a network's input: something done to each image, then perhaps whitening.

    Parameters
    ----------
    name : str
        Its name in `PREPROCESSING`.
    function : callable
        Maps images `(n, channels, rows, cols)` to images, each for itself.
    whitening : ZCA, optional
        Fitted on, and applied to, what `function` returns.
    """

    name: str
    function: Callable[[FloatImages], FloatImages]
    whitening: ZCA | None = None

    def fit(self, images: FloatImages) -> Self:
        """Fit the whitening, if there is one; parameters and errors as `ImageTransform.fit`."""
        if self.whitening is None:
            checked_images(images)
        else:
            self.whitening.fit(self.function(images))
        return self

    def transform(self, images: FloatImages) -> FloatImages:
        """Preprocess images; parameters and errors as `ImageTransform.transform`."""
        images = self.function(images)
        return images if self.whitening is None else self.whitening.transform(images)


PREPROCESSING: dict[str, Callable[[], Preprocessing]] = {
    "none": lambda: Preprocessing("none", _unchanged),
    "standardize": lambda: Preprocessing("standardize", standardize),
    "dog": lambda: Preprocessing("dog", difference_of_gaussians),
    "zca": lambda: Preprocessing("zca", standardize, ZCA()),
}


def make_preprocessing(name: str) -> Preprocessing:
    """
    Make the preprocessing of a name.

    Parameters
    ----------
    name : {'none', 'standardize', 'dog', 'zca'}
        ``'none'`` checks images and leaves them as they are, ``'standardize'`` and ``'dog'``
        apply `standardize` and `difference_of_gaussians`, and ``'zca'`` applies `standardize`,
        then a `ZCA` that must be fitted; all with their defaults.

    Returns
    -------
    Preprocessing
        With ``fit(images)``, ``transform(images)`` and ``fit_transform(images)``; not fitted.

    Raises
    ------
    ValueError
        If the name is unknown.
    """
    if name not in PREPROCESSING:
        raise ValueError(unknown("preprocessing", name, PREPROCESSING))
    return PREPROCESSING[name]()
