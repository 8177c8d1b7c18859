"""
What is done to each image by itself before a network sees it.

All functions take floating-point images `(n, channels, rows, cols)`, leave them unchanged, and
give back the same type, float32 or float64.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter  # type: ignore[import-untyped]

__all__ = [
    "FloatImages",
    "checked_images",
    "difference_of_gaussians",
    "on_off_channels",
    "standardize",
]

type FloatImages = NDArray[np.floating[Any]]


def checked_images(images: ArrayLike) -> FloatImages:
    """Return images as an array, or say what is wrong with them."""
    images = np.asarray(images)
    images = images.astype(images.dtype.newbyteorder("="), copy=False)
    if images.dtype not in (np.float32, np.float64):
        hint = "hebbsim.data.dataset.as_float(images) turns bytes into numbers in [0, 1]"
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
    images = checked_images(images)
    if not (eps >= 0 and np.isfinite(eps)):
        raise ValueError(f"eps must be finite and not negative, got {eps}")
    axes = (1, 2, 3)
    # Rounding gives a constant image a mean that differs from its value, and so a tiny deviation.
    is_constant = images.min(axis=axes, keepdims=True) == images.max(axis=axes, keepdims=True)
    # squares of what is very large or small must stay in range: a power of 2 rounds nothing
    largest = np.abs((images.min(axis=axes), images.max(axis=axes))).max(axis=0)
    exponents = np.frexp(largest)[1].reshape(-1, 1, 1, 1)
    images = np.ldexp(images, -exponents)
    mean = images.mean(axis=axes, keepdims=True, dtype=np.float64)
    centred = images - mean.astype(images.dtype)
    deviation = np.sqrt(np.square(centred).mean(axis=axes, keepdims=True, dtype=np.float64))
    scale = np.where(is_constant, np.inf, deviation + np.ldexp(eps, -exponents))
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
    images = checked_images(images)
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
    images = checked_images(images)
    # maximum(-x, 0) would leave negative zeros.
    return np.concatenate([np.maximum(images, 0), -np.minimum(images, 0)], axis=1)
