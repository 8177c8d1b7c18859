"""
What is usually done to images before a network sees them.

All functions take floating-point images `(n, channels, rows, cols)`, leave them unchanged, and
give back the same type, float32 or float64.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter  # type: ignore[import-untyped]

from hebbsim.errors import unknown

type FloatImages = NDArray[np.floating[Any]]
type ImageShape = tuple[int, int, int]
type Divisor = Literal["samples", "dimensions"]

_DIVISORS = ("samples", "dimensions")
_FIT_CHUNK = 1024


def _checked(images: ArrayLike) -> FloatImages:
    """Return images as an array, or say what is wrong with them."""
    images = np.asarray(images)
    if images.dtype not in (np.float32, np.float64):
        hint = "hebbsim.data.datasets.as_float(images) turns bytes into numbers in [0, 1]"
        if images.dtype.kind != "u":
            hint = "convert them with images.astype('float32')"
        raise TypeError(f"images must be of float32 or float64, got {images.dtype}; {hint}")
    if images.ndim != 4:
        raise ValueError(
            f"images must have shape (n, channels, rows, cols), got {images.shape}; a single "
            f"image needs images[None], grey images without a channel axis images[:, None]"
        )
    if images.size and not np.isfinite((images.min(), images.max())).all():
        bad = np.flatnonzero(~np.isfinite(images).all(axis=(1, 2, 3)))
        raise ValueError(
            f"images must be finite, got NaN or infinity in {len(bad)} of {len(images)} images, "
            f"the first at index {bad[0]}"
        )
    return images


def standardize(images: FloatImages, eps: float = 1e-8) -> FloatImages:
    """
    Give each image zero mean and unit standard deviation over all its channels and pixels.

    ``(x - mean) / (std + eps)``, with the standard deviation of the population (divided by the
    number of values). A constant image becomes exactly 0.

    Parameters
    ----------
    images : array of float32 or float64
        `(n, channels, rows, cols)`.
    eps : float, optional
        Keeps images of hardly any contrast from being amplified without bound; not negative.

    Returns
    -------
    array
        `(n, channels, rows, cols)`, in the type given.

    Raises
    ------
    TypeError
        If the images are not of float32 or float64.
    ValueError
        If the images have another number of axes or are not finite, or `eps` is negative.
    """
    images = _checked(images)
    if not (eps >= 0 and np.isfinite(eps)):
        raise ValueError(f"eps must be finite and not negative, got {eps}")
    axes = (1, 2, 3)
    # Rounding gives a constant image a mean that differs from its value, and so a tiny deviation.
    is_constant = images.min(axis=axes, keepdims=True) == images.max(axis=axes, keepdims=True)
    mean = images.mean(axis=axes, keepdims=True, dtype=np.float64)
    centred = images - mean.astype(images.dtype)
    deviation = np.sqrt(np.square(centred).mean(axis=axes, keepdims=True, dtype=np.float64))
    scale = np.where(is_constant, np.inf, deviation + eps)
    centred /= scale.astype(images.dtype)
    return centred


def difference_of_gaussians(
    images: FloatImages, sigma_centre: float = 1.0, sigma_surround: float = 1.6
) -> FloatImages:
    """
    Filter each channel as the centre and surround of retinal cells do.

    The image blurred by the narrow Gaussian, minus the image blurred by the wide one. The ratio
    1.6 of the widths is the one that best approximates the Laplacian of a Gaussian [1]_. Images
    are mirrored at their edges, so that a constant image becomes 0 everywhere.

    Parameters
    ----------
    images : array of float32 or float64
        `(n, channels, rows, cols)`.
    sigma_centre, sigma_surround : float, optional
        Standard deviations of the Gaussians in pixels, ``0 < sigma_centre < sigma_surround``.

    Returns
    -------
    array
        `(n, channels, rows, cols)`, signed, in the type given.

    Raises
    ------
    TypeError
        If the images are not of float32 or float64.
    ValueError
        If the images have another number of axes or are not finite, or the widths are not
        positive and in this order.

    References
    ----------
    .. [1] Marr, D. and Hildreth, E. (1980). Theory of edge detection. Proceedings of the Royal
       Society of London B 207, 187-217.
    """
    images = _checked(images)
    if not (0 < sigma_centre < sigma_surround < np.inf):
        raise ValueError(
            f"the widths must satisfy 0 < sigma_centre < sigma_surround, got "
            f"sigma_centre={sigma_centre} and sigma_surround={sigma_surround}"
        )
    centre, surround = (
        gaussian_filter(images, (0, 0, sigma, sigma), mode="reflect")
        for sigma in (sigma_centre, sigma_surround)
    )
    return centre - surround


def on_off_channels(images: FloatImages) -> FloatImages:
    """
    Split signed images into rectified ON and OFF channels, as retinal cells signal them.

    Parameters
    ----------
    images : array of float32 or float64
        `(n, channels, rows, cols)`.

    Returns
    -------
    array
        `(n, 2*channels, rows, cols)`, not negative, in the type given: first ``max(x, 0)`` of
        every channel, then ``max(-x, 0)`` of every channel.

    Raises
    ------
    TypeError
        If the images are not of float32 or float64.
    ValueError
        If the images have another number of axes or are not finite.
    """
    images = _checked(images)
    # maximum(-x, 0) would leave negative zeros.
    return np.concatenate([np.maximum(images, 0), -np.minimum(images, 0)], axis=1)


class ZCA:
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
        Compute the whitening matrix.

        Parameters
        ----------
        images : array of float32 or float64
            `(n, channels, rows, cols)`, the training images or a sample of them.

        Returns
        -------
        ZCA
            This object.

        Raises
        ------
        TypeError
            If the images are not of float32 or float64.
        ValueError
            If the images have another number of axes, are none, or are not finite; if `epsilon`
            is 0 and the covariance is singular.
        """
        images = _checked(images)
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
        Whiten images.

        Parameters
        ----------
        images : array of float32 or float64
            `(n, channels, rows, cols)`, of the shape that it was fitted on.

        Returns
        -------
        array
            `(n, channels, rows, cols)`, in the type given.

        Raises
        ------
        RuntimeError
            If it is not fitted.
        TypeError
            If the images are not of float32 or float64.
        ValueError
            If the images have another shape or are not finite.
        """
        self._check_fitted("transform")
        images = _checked(images)
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

    def fit_transform(self, images: FloatImages) -> FloatImages:
        """
        Fit on images and whiten the same images.

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
        TypeError, ValueError
            As `fit`.
        """
        return self.fit(images).transform(images)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """
        Write it to an ``.npz`` file.

        Parameters
        ----------
        path : str or path
            The file; ``.npz`` is added if it is missing.

        Returns
        -------
        Path
            The file written, for `load`.

        Raises
        ------
        RuntimeError
            If it is not fitted.
        """
        self._check_fitted("save")
        path = Path(path)
        if path.suffix != ".npz":
            path = path.with_name(f"{path.name}.npz")
        np.savez(
            path,
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


def _unchanged(images: FloatImages) -> FloatImages:
    return _checked(images)


@dataclass(frozen=True)
class Preprocessing:
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
        """
        Fit the whitening, if there is one.

        Parameters
        ----------
        images : array of float32 or float64
            `(n, channels, rows, cols)`, the training images or a sample of them.

        Returns
        -------
        Preprocessing
            This object.

        Raises
        ------
        TypeError, ValueError
            If the images can't be used.
        """
        if self.whitening is None:
            _checked(images)
        else:
            self.whitening.fit(self.function(images))
        return self

    def transform(self, images: FloatImages) -> FloatImages:
        """
        Preprocess images.

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
            If the whitening is not fitted.
        TypeError, ValueError
            If the images can't be used.
        """
        images = self.function(images)
        return images if self.whitening is None else self.whitening.transform(images)

    def fit_transform(self, images: FloatImages) -> FloatImages:
        """
        Fit on images and preprocess the same images.

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
        TypeError, ValueError
            As `fit`.
        """
        return self.fit(images).transform(images)


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
