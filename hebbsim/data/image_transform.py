"""What is fitted on training images and then applied to all, as in scikit-learn."""

from abc import ABC, abstractmethod
from typing import Self

from hebbsim.data.filters import FloatImages

__all__ = ["ImageTransform"]


class ImageTransform(ABC):
    """Base of what is fitted on images `(n, channels, rows, cols)` and maps images to images."""

    @abstractmethod
    def fit(self, images: FloatImages) -> Self:
        """
        Learn what the transform needs to know of the images.

        Parameters
        ----------
        images : array of float32 or float64
            `(n, channels, rows, cols)`, the training images or a sample of them.

        Returns
        -------
        Self
            This object.

        Raises
        ------
        TypeError
            If the images are not of float32 or float64.
        ValueError
            If the images have another number of axes or are not finite.
        """

    @abstractmethod
    def transform(self, images: FloatImages) -> FloatImages:
        """
        Map images.

        Parameters
        ----------
        images : array of float32 or float64
            `(n, channels, rows, cols)`.

        Returns
        -------
        array
            `(n, channels, rows, cols)`, in the type given.

        Raises
        ------
        RuntimeError
            If it is not fitted.
        TypeError, ValueError
            As `fit`.
        """

    def fit_transform(self, images: FloatImages) -> FloatImages:
        """Fit on images and map the same images; parameters and errors as `fit`."""
        return self.fit(images).transform(images)
