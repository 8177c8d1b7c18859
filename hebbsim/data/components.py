"""Principal components of images of many more dimensions than a covariance matrix can hold."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["leading_components", "total_variance"]

_CHUNK = 2**22  # values at a time
_MOST_IMAGES = 2048

type Samples = NDArray[np.floating]


def leading_components(
    samples: Samples, mean: NDArray[np.float64], count: int
) -> tuple[NDArray[np.float64], Samples]:
    """
    Find the directions of largest variance, from the products of images with each other.

    Memory and time grow with the dimensions, not with their square. Of more than 2048 images as
    many are taken, at equal distances.

    Parameters
    ----------
    samples : array
        `(n, d)`.
    mean : array
        `(d,)`, subtracted.
    count : int
        How many directions at most.

    Returns
    -------
    variances : array
        `(k,)`, descending, all positive: the mean squares along them.
    directions : array
        `(d, k)`, orthonormal columns, in the type of the samples.
    """
    if len(samples) > _MOST_IMAGES:
        samples = samples[np.linspace(0, len(samples) - 1, _MOST_IMAGES).astype(int)]
    n, d = samples.shape
    products = np.zeros((n, n))
    parts = [slice(start, start + _CHUNK // n) for start in range(0, d, _CHUNK // n)]
    for part_of in parts:
        part = samples[:, part_of] - mean[part_of]
        products += part @ part.T
    values, weights = np.linalg.eigh(products)
    kept = np.flatnonzero(values > values[-1] * n * np.finfo(float).eps)[::-1][:count]
    weights = weights[:, kept] / np.sqrt(values[kept])
    directions = np.empty((d, len(kept)), samples.dtype)
    for part_of in parts:
        directions[part_of] = (samples[:, part_of] - mean[part_of]).T @ weights
    return values[kept] / n, directions


def total_variance(samples: Samples, mean: NDArray[np.float64]) -> float:
    """Return the mean over the samples of their squared distance from the mean."""
    return float(np.mean([np.square(sample - mean).sum() for sample in samples]))
