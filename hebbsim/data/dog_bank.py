"""
A bank of centre-surround filters, and answers that are brought to one scale.

Together they are the first stage of Kheradpisheh et al. 2018 (Neural Networks 99:56) and Mozafari
et al. 2019 (Pattern Recognition 94:87)::

    maps = normalize_locally(dog_bank(images, [(7, 1, 2), (7, 2, 1)]), radius=8)
"""

from collections.abc import Sequence

import numpy as np

from hebbsim.data.filters import FloatImages, checked_images

__all__ = ["dog_bank", "dog_window", "normalize_locally"]


def dog_window(size: int, sigma_centre: float, sigma_surround: float) -> np.ndarray:
    """
    Return a difference of two Gaussians in a square window, of mean 0 and with the maximum 1.

    Parameters
    ----------
    size : int
        Rows and columns; odd.
    sigma_centre, sigma_surround : float
        Standard deviations in pixels. A centre wider than its surround answers to dark spots.

    Returns
    -------
    array of float64
        `(size, size)`.

    Raises
    ------
    ValueError
        If the size is not odd, or the widths are not positive or equal.
    """
    if size < 3 or size % 2 == 0:
        raise ValueError(f"a window's size must be odd and at least 3, got {size}")
    if not (0 < sigma_centre < np.inf and 0 < sigma_surround < np.inf):
        raise ValueError(
            f"a window's widths must be positive, got {sigma_centre} and {sigma_surround}"
        )
    if sigma_centre == sigma_surround:
        raise ValueError(f"a window's widths must differ, both are {sigma_centre}")
    place = np.arange(size) - size // 2
    squared = place[:, None] ** 2 + place**2

    def gaussian(sigma: float) -> np.ndarray:
        return np.exp(-squared / (2 * sigma**2)) / (2 * np.pi * sigma**2)

    window = gaussian(sigma_centre) - gaussian(sigma_surround)
    window -= window.mean()
    return np.asarray(window / window.max())


def dog_bank(
    images: FloatImages,
    windows: Sequence[tuple[int, float, float]],
    threshold: float = 50 / 255,
) -> FloatImages:
    """
    Filter images with several differences of Gaussians, and keep what answers strongly.

    Images are padded with zeros; each filter is centred on its pixel, so that all answers have the
    images' size.

    Parameters
    ----------
    images : array of float32 or float64
        `(n, channels, rows, cols)`, from 0 to 1.
    windows : sequence of (int, float, float)
        Size, sigma of the centre and sigma of the surround of each filter, see `dog_window`.
    threshold : float, optional
        Smaller answers become 0; positive.

    Returns
    -------
    array
        `(n, len(windows)*channels, rows, cols)`, not negative, in the type given: all channels
        under the first filter, then all under the second.

    Raises
    ------
    TypeError
        If the images are not of float32 or float64.
    ValueError
        If the images have another number of axes or are not finite, there is no window, one is
        wrong, or `threshold` is not positive.
    """
    images = checked_images(images)
    if not windows:
        raise ValueError("dog_bank: give at least one window, such as (7, 1, 2)")
    if not 0 < threshold < np.inf:
        raise ValueError(f"dog_bank: threshold must be positive and finite, got {threshold}")
    answers = [_correlated(images, dog_window(*window)) for window in windows]
    maps = np.concatenate(answers, axis=1)
    maps[maps < threshold] = 0
    return maps


def normalize_locally(maps: FloatImages, radius: int = 8, eps: float = 1e-12) -> FloatImages:
    """
    Divide each value by the mean of its surroundings in its channel.

    Parameters
    ----------
    maps : array of float32 or float64
        `(n, channels, rows, cols)`, not negative.
    radius : int, optional
        The surroundings are a square of ``2*radius + 1`` rows and columns; beyond the border there
        are zeros, which count.
    eps : float, optional
        Is added to the mean; positive.

    Returns
    -------
    array
        `(n, channels, rows, cols)`, in the type given.

    Raises
    ------
    TypeError
        If the maps are not of float32 or float64.
    ValueError
        If the maps have another number of axes, are not finite or have negative values, or
        `radius` is negative or `eps` not positive.
    """
    maps = checked_images(maps)
    if maps.size and maps.min() < 0:
        raise ValueError("normalize_locally: expected values that are not negative")
    if radius < 0 or not eps > 0:
        raise ValueError(
            f"normalize_locally: expected radius >= 0 and eps > 0, got {radius} and {eps}"
        )
    size = 2 * radius + 1
    column = np.ones((size, 1))
    total = _correlated(_correlated(maps, column), column.T)
    result: FloatImages = maps / (total / size**2 + eps)
    return result.astype(maps.dtype, copy=False)


def _correlated(images: FloatImages, window: np.ndarray) -> FloatImages:
    """Slide a window over images that zeros surround; each sum runs in the window's order."""
    rows, cols = images.shape[2:]
    above, left = window.shape[0] // 2, window.shape[1] // 2
    padded = np.pad(images, ((0, 0), (0, 0), (above, above), (left, left)))
    result = np.zeros_like(images)
    for (row, col), value in np.ndenumerate(window.astype(images.dtype)):
        result += value * padded[:, :, row : row + rows, col : col + cols]
    return result
