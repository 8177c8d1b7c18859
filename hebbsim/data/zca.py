"""Whitening of whole images."""

import os
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from hebbsim.data.components import leading_components, total_variance
from hebbsim.data.filters import FloatImages, checked_images
from hebbsim.data.image_transform import ImageTransform
from hebbsim.errors import unknown
from hebbsim.whole_file import whole_file

__all__ = ["ZCA", "matrix_bytes"]

type ImageShape = tuple[int, int, int]
type Divisor = Literal["samples", "dimensions"]

_DIVISORS = ("samples", "dimensions")
_FIT_CHUNK = 1024
#: Memory that a whole matrix may take while it is fitted, and that directions may take
_MOST_OF_MATRIX, _MOST_OF_DIRECTIONS = 2**30, 2**28


def matrix_bytes(dimensions: int) -> int:
    """Return what fitting a whole matrix takes: covariance, eigenvectors, and their workspace."""
    return 32 * dimensions**2


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

    Large images have no such matrix: it takes ``32*d**2`` bytes to fit, 24 GB for RGB of 96x96.
    Beyond 1 GiB, or where `components` says so, `W` is whole along the `k` directions of largest
    variance alone, and a single number along all others, whose variances are taken for equal.
    With no more images than directions that is the same `W`.

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
    components : int, optional
        How many directions are whitened one by one; by default all of them where the matrix fits,
        else as many as fit into 256 MiB.

    Attributes
    ----------
    shape_ : tuple of int
        The shape `(channels, rows, cols)` of the images it was fitted on.
    mean_ : array
        `(d,)`, the mean image, 0 without `center`.
    whitening_ : array
        `(d, d)`, the symmetric matrix `W`; or None with directions.
    directions_ : array
        `(d, k)`, orthonormal columns, or None.
    gains_, rest_ : array, float
        `(k,)`, how much more the directions are amplified than all others, and how much these.

    Raises
    ------
    ValueError
        If `epsilon` is negative or not finite, `divide_by` is unknown, or `components` no positive
        integer.

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
    whitening_: FloatImages | None
    directions_: FloatImages | None
    gains_: FloatImages
    rest_: float

    def __init__(
        self,
        epsilon: float = 1e-3,
        *,
        center: bool = True,
        divide_by: Divisor = "samples",
        components: int | None = None,
    ) -> None:
        if not (epsilon >= 0 and np.isfinite(epsilon)):
            raise ValueError(f"epsilon must be finite and not negative, got {epsilon}")
        if divide_by not in _DIVISORS:
            raise ValueError(unknown("divisor", divide_by, _DIVISORS))
        if components is not None and not (isinstance(components, int) and components > 0):
            raise ValueError(f"components must be a positive integer or None, got {components!r}")
        self.components = components
        self.epsilon = epsilon
        self.center = center
        self.divide_by: Divisor = divide_by

    def __repr__(self) -> str:
        defaults = {"epsilon": 1e-3, "center": True, "divide_by": "samples", "components": None}
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
        d = samples.shape[1]
        mean = samples.mean(axis=0, dtype=np.float64) if self.center else np.zeros(d)
        self.mean_ = mean.astype(images.dtype)
        _, channels, rows, cols = images.shape
        self.shape_ = channels, rows, cols
        self.whitening_ = self.directions_ = None
        if self.components is None and matrix_bytes(d) <= _MOST_OF_MATRIX:
            self._fit_whole(samples, mean)
        else:
            self._fit_directions(samples, mean)
        return self

    def _fit_whole(self, samples: FloatImages, mean: NDArray[np.float64]) -> None:
        n, d = samples.shape
        covariance = np.zeros((d, d))
        for start in range(0, n, _FIT_CHUNK):
            chunk = samples[start : start + _FIT_CHUNK] - mean
            covariance += chunk.T @ chunk
        covariance /= n if self.divide_by == "samples" else d
        eigenvalues, vectors = np.linalg.eigh(covariance)
        self._check_singular(n, d, eigenvalues[0], eigenvalues[-1])
        # Rounding leaves eigenvalues that are 0 slightly negative.
        scale = 1 / np.sqrt(np.maximum(eigenvalues, 0) + self.epsilon)
        self.whitening_ = ((vectors * scale) @ vectors.T).astype(samples.dtype)

    def _fit_directions(self, samples: FloatImages, mean: NDArray[np.float64]) -> None:
        n, d = samples.shape
        most = max(1, _MOST_OF_DIRECTIONS // (d * samples.itemsize))
        variances, self.directions_ = leading_components(samples, mean, self.components or most)
        k = len(variances)
        others = max(1, min(n - self.center, d) - k)
        remaining = max(0.0, total_variance(samples, mean) - variances.sum()) / others
        if k == min(n - self.center, d):
            remaining = 0.0  # but for rounding
        if self.divide_by == "dimensions":
            variances, remaining = variances * n / d, remaining * n / d
        lowest = remaining if k < d else variances[-1]
        self._check_singular(n, d, lowest, variances[0] if k else 0.0)
        self.rest_ = float(1 / np.sqrt(remaining + self.epsilon)) if k < d else 0.0
        gains = 1 / np.sqrt(variances + self.epsilon) - self.rest_
        self.gains_ = gains.astype(samples.dtype)

    def _check_singular(self, n: int, d: int, lowest: float, highest: float) -> None:
        if self.epsilon == 0 and lowest <= highest * d * np.finfo(float).eps:
            raise ValueError(
                f"the covariance of {n} images of {d} dimensions is singular (smallest eigenvalue "
                f"{lowest:.3g}, largest {highest:.3g}); give a positive epsilon"
            )

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
        centred = samples - self.mean_.astype(images.dtype, copy=False)
        if self.whitening_ is not None:
            whitening = self.whitening_.astype(images.dtype, copy=False)
            return (centred @ whitening).reshape(images.shape)
        assert self.directions_ is not None
        directions = self.directions_.astype(images.dtype, copy=False)
        along = (centred @ directions) * self.gains_.astype(images.dtype, copy=False)
        centred *= images.dtype.type(self.rest_)
        for start in range(0, len(centred), _FIT_CHUNK):
            centred[start : start + _FIT_CHUNK] += along[start : start + _FIT_CHUNK] @ directions.T
        return centred.reshape(images.shape)

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
                components=self.components or 0,
                mean=self.mean_,
                **self._matrices(),
            )
        return path

    def _matrices(self) -> dict[str, Any]:
        """Return what `transform` multiplies with."""
        if self.whitening_ is not None:
            return {"whitening": self.whitening_}
        return {"directions": self.directions_, "gains": self.gains_, "rest": self.rest_}

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
                    components=int(file["components"]) or None,
                )
                channels, rows, cols = file["shape"].tolist()
                zca.shape_ = channels, rows, cols
                zca.mean_ = file["mean"]
                zca.whitening_ = zca.directions_ = None
                if "whitening" in file:
                    zca.whitening_ = file["whitening"]
                else:
                    zca.directions_, zca.gains_ = file["directions"], file["gains"]
                    zca.rest_ = float(file["rest"])
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
        if not hasattr(self, "mean_"):
            raise RuntimeError(
                f"this ZCA is not fitted; call fit with the training images before {method}"
            )
