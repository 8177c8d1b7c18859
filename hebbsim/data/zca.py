"""Whitening of whole images."""

import os
from pathlib import Path
from typing import Literal, Self

import numpy as np

from hebbsim.data.filters import FloatImages, checked_images
from hebbsim.data.image_transform import ImageTransform
from hebbsim.errors import unknown
from hebbsim.whole_file import whole_file

__all__ = ["ZCA"]

type ImageShape = tuple[int, int, int]
type Divisor = Literal["samples", "dimensions"]

_DIVISORS = ("samples", "dimensions")
_FIT_CHUNK = 1024


class ZCA(ImageTransform):
    """
    Whiten whole images, keeping them as close to the originals as whitening can.

    With the training images less their mean as the rows of `X` `(n, d)`, where
    ``d = channels*rows*cols``, ::

        C = X'X / n + epsilon I
        W = C^(-1/2)
        x -> W (x - mean)

    in which the inverse root is the symmetric one, hence "zero-phase component analysis" [1]_.
    Fitting computes in float64, because the smallest eigenvalues are those that whitening
    amplifies most; the results have the type of the images.

    Parameters
    ----------
    epsilon : float, optional
        What is added to each eigenvalue of the covariance, not negative. It must be positive if
        there are no more images than dimensions, or a pixel never varies.
    center : bool, optional
        Whether to subtract the mean of the training images.
    divide_by : {'samples', 'dimensions'}, optional
        Whether `X'X` is divided by the number of images `n` or by the number of dimensions
        `d`. Miconi's notebook [2]_ divides by the dimensions, and does not centre:
        ``ZCA(center=False, divide_by='dimensions')`` after `standardize`.

    Attributes
    ----------
    shape_ : tuple of int
        The shape `(channels, rows, cols)` of the images it was fitted on.
    mean_ : array
        `(d,)`, the mean image, 0 without `center`.
    whitening_ : array
        `(d, d)`, the symmetric matrix `W`.

    Raises
    ------
    ValueError
        If `epsilon` is negative or not finite, or `divide_by` is unknown.

    References
    ----------
    .. [1] Bell, A. J. and Sejnowski, T. J. (1997). The "independent components" of natural scenes
       are edge filters. Vision Research 37, 3327-3338.
    .. [2] Miconi, T. (2021). Hebbian learning with gradients: Hebbian convolutional neural
       networks with modern deep learning frameworks. arXiv 2107.01729; its notebook
       ``HebbGrad_Github.ipynb``.
    """

    shape_: ImageShape
    mean_: FloatImages
    whitening_: FloatImages

    def __init__(
        self, epsilon: float = 1e-3, *, center: bool = True, divide_by: Divisor = "samples"
    ) -> None:
        if not (epsilon >= 0 and np.isfinite(epsilon)):
            raise ValueError(f"epsilon must be finite and not negative, got {epsilon}")
        if divide_by not in _DIVISORS:
            raise ValueError(unknown("divisor", divide_by, _DIVISORS))
        self.epsilon = epsilon
        self.center = center
        self.divide_by: Divisor = divide_by

    def __repr__(self) -> str:
        defaults = {"epsilon": 1e-3, "center": True, "divide_by": "samples"}
        changed = [
            f"{name}={getattr(self, name)!r}"
            for name, default in defaults.items()
            if getattr(self, name) != default
        ]
        return f"ZCA({', '.join(changed)})"

    def fit(self, images: FloatImages) -> Self:
        """
        Compute the whitening matrix; parameters and errors as `ImageTransform.fit`.

        Raises
        ------
        ValueError
            Also if there are no images, or `epsilon` is 0 and the covariance is singular.
        """
        images = checked_images(images)
        if images.size == 0:
            raise ValueError(f"fit needs at least one image, got images of shape {images.shape}")
        samples = images.reshape(len(images), -1)
        n, d = samples.shape
        mean = samples.mean(axis=0, dtype=np.float64) if self.center else np.zeros(d)
        covariance = np.zeros((d, d))
        for start in range(0, n, _FIT_CHUNK):
            chunk = samples[start : start + _FIT_CHUNK] - mean
            covariance += chunk.T @ chunk
        covariance /= n if self.divide_by == "samples" else d
        eigenvalues, vectors = np.linalg.eigh(covariance)
        if self.epsilon == 0 and eigenvalues[0] <= eigenvalues[-1] * d * np.finfo(float).eps:
            raise ValueError(
                f"the covariance of {n} images of {d} dimensions is singular (smallest eigenvalue "
                f"{eigenvalues[0]:.3g}, largest {eigenvalues[-1]:.3g}); give a positive epsilon"
            )
        # Rounding leaves eigenvalues that are 0 slightly negative.
        scale = 1 / np.sqrt(np.maximum(eigenvalues, 0) + self.epsilon)
        self.mean_ = mean.astype(images.dtype)
        self.whitening_ = ((vectors * scale) @ vectors.T).astype(images.dtype)
        _, channels, rows, cols = images.shape
        self.shape_ = channels, rows, cols
        return self

    def transform(self, images: FloatImages) -> FloatImages:
        """
        Whiten images; parameters and errors as `ImageTransform.transform`.

        Raises
        ------
        ValueError
            Also if the images have another shape than those that it was fitted on.
        """
        self._check_fitted("transform")
        images = checked_images(images)
        if images.shape[1:] != self.shape_:
            raise ValueError(
                f"this ZCA is fitted on images of shape (channels, rows, cols) {self.shape_}, "
                f"got {images.shape[1:]}; fit another one on images of that shape"
            )
        samples = images.reshape(len(images), len(self.mean_))
        mean, whitening = (
            array.astype(images.dtype, copy=False) for array in (self.mean_, self.whitening_)
        )
        return ((samples - mean) @ whitening).reshape(images.shape)

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
        """
        Write it to an ``.npz`` file.

        Parameters
        ----------
        path : str or path
            The file; ``.npz`` is added if it is missing.
        overwrite : bool, optional
            Whether to replace the file, if there is one.

        Returns
        -------
        Path
            The file written, for `load`.

        Raises
        ------
        RuntimeError
            If it is not fitted.
        FileExistsError
            If there is such a file and it isn't to be replaced.
        """
        self._check_fitted("save")
        path = Path(path)
        if path.suffix != ".npz":
            path = path.with_name(f"{path.name}.npz")
        if path.exists() and not overwrite:
            raise FileExistsError(
                f"'{path}' exists; give overwrite=True to replace it, or another file"
            )
        with whole_file(path) as file:
            np.savez(
                file,
                epsilon=self.epsilon,
                center=self.center,
                divide_by=self.divide_by,
                shape=self.shape_,
                mean=self.mean_,
                whitening=self.whitening_,
            )
        return path

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """
        Read one that `save` wrote.

        Parameters
        ----------
        path : str or path
            The file.

        Returns
        -------
        ZCA
            Fitted.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If the file is damaged or holds something else.
        """
        try:
            # Given a path, np.load leaves a damaged file open.
            with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as file:
                zca = cls(
                    float(file["epsilon"]),
                    center=bool(file["center"]),
                    divide_by=str(file["divide_by"]),  # type: ignore[arg-type]
                )
                channels, rows, cols = file["shape"].tolist()
                zca.shape_ = channels, rows, cols
                zca.mean_ = file["mean"]
                zca.whitening_ = file["whitening"]
        except FileNotFoundError:
            raise
        # Damaged files make zipfile, zlib and numpy raise many kinds of error.
        except Exception as error:
            raise ValueError(
                f"cannot read a ZCA from '{os.fspath(path)}' ({type(error).__name__}: {error}); "
                f"expected an .npz file written by ZCA.save"
            ) from error
        return zca

    def _check_fitted(self, method: str) -> None:
        if not hasattr(self, "whitening_"):
            raise RuntimeError(
                f"this ZCA is not fitted; call fit with the training images before {method}"
            )
