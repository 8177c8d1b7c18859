r"""
The images, and the patches of them that neurons see: filtered, of one contrast, exactly white.

The filter is that of Olshausen and Field (from memory, as the patches' size is; the same form is in
Miconi's notebook)::

    rho*exp(-(rho/f0)^4),   f0 = 0.4 cycles a pixel

A patch less its mean, divided by its root mean square, is seen through a round aperture, and along
the directions of largest variance alone, each of which is brought to variance 1. In the corners of
a square neurons find fields of a few pixels; and regularising instead of leaving directions out
lets them prefer gratings of high frequency and hardly any variance.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hebbsim.data.dataset import DatasetError

__all__ = [
    "Whitening",
    "aperture",
    "dead_leaves",
    "filtered",
    "halved",
    "natural_images",
    "of_norm_1",
    "of_one_contrast",
    "patches",
]

FOLDER = "natural"
#: Radii of the leaves in pixels; their density falls with the third power
RADII = (3.0, 40.0)
#: How often a place is painted over, on average: e^-7 of it stays bare
LAYERS_OF_LEAVES = 7


def natural_images(data_root: str | Path) -> np.ndarray:
    """
    Read grey images from the first ``.npz`` file in the folder ``natural`` of a data root.

    Returns
    -------
    array
        `(n, rows, cols)`, the file's ``images``, as floating point.

    Raises
    ------
    DatasetError
        If there is none, or it holds something else.
    """
    folder = Path(data_root).expanduser() / FOLDER
    files = sorted(folder.glob("*.npz"))
    wanted = "expected grey images (n, rows, cols) under the key 'images' of an .npz file there"
    if not files:
        raise DatasetError(
            f"there are no natural images in '{folder}': {wanted}; without a data root (--data-root"
            ", HEBBSIM_DATA_ROOT) images of dead leaves are made"
        )
    with np.load(files[0]) as file:
        images = file["images"] if "images" in file else np.empty(0)
    if images.ndim != 3:
        raise DatasetError(f"'{files[0]}' holds no natural images: {wanted}, got {images.shape}")
    return images.astype(float)


def halved(images: np.ndarray) -> np.ndarray:
    """Return images `(n, rows, cols)` at half the resolution, without traces of compression."""
    n, rows, cols = images.shape
    even = images[:, : rows // 2 * 2, : cols // 2 * 2]
    return even.reshape(n, rows // 2, 2, cols // 2, 2).mean(axis=(2, 4))


def dead_leaves(n: int, size: int, rng: np.random.Generator) -> np.ndarray:
    """
    Paint leaves over each other: discs of uniform grey, whose radii have the density r^-3.

    Parameters
    ----------
    n, size : int
        Number of images, and pixels along each side.
    rng : Generator
        What draws.

    Returns
    -------
    array
        `(n, size, size)`, between 0 and 1.
    """
    low, high = (radius**-2 for radius in RADII)
    mean_area = np.pi * 2 * np.log(RADII[1] / RADII[0]) / (low - high)
    whole = size + 2 * RADII[1]
    n_leaves = int(LAYERS_OF_LEAVES * whole**2 / mean_area)
    images = np.full((n, size, size), 0.5)
    for image in images:
        radii = (low + (high - low) * rng.random(n_leaves)) ** -0.5
        places = rng.uniform(-RADII[1], size + RADII[1], (n_leaves, 2))
        for (row, col), radius, grey in zip(places, radii, rng.random(n_leaves), strict=True):
            _paint(image, row, col, radius, grey)
    return images


def _paint(image: np.ndarray, row: float, col: float, radius: float, grey: float) -> None:
    top, bottom, left, right = (
        min(max(int(np.ceil(edge)), 0), len(image))
        for edge in (row - radius, row + radius, col - radius, col + radius)
    )
    rows, cols = np.ogrid[top:bottom, left:right]
    image[top:bottom, left:right][(rows - row) ** 2 + (cols - col) ** 2 < radius**2] = grey


def filtered(images: np.ndarray, f0: float, border: int) -> np.ndarray:
    """
    Filter images by ``rho*exp(-(rho/f0)^4)``, and cut off the border, which sees the other side.

    Parameters
    ----------
    images : array
        `(n, size, size)`.
    f0 : float
        In cycles a pixel.
    border : int
        Pixels that are cut off on each side.

    Returns
    -------
    array
        `(n, size - 2*border, size - 2*border)`, of mean square 1.
    """
    frequency = np.fft.fftfreq(images.shape[-1])
    rho = np.hypot(frequency[:, None], frequency)
    gain = rho * np.exp(-((rho / f0) ** 4))
    inside = slice(border, images.shape[-1] - border)
    shown = np.stack([np.fft.ifft2(np.fft.fft2(i) * gain).real[inside, inside] for i in images])
    return shown / np.sqrt((shown**2).mean())


def patches(images: np.ndarray, n: int, size: int, rng: np.random.Generator) -> np.ndarray:
    """Cut patches at random places, `(n, size, size)`."""
    windows = np.lib.stride_tricks.sliding_window_view(images, (size, size), axis=(1, 2))
    which = (rng.integers(0, extent, n) for extent in windows.shape[:3])
    return windows[tuple(which)]


def of_one_contrast(shown: np.ndarray) -> np.ndarray:
    """Return patches, ``(n, ...)``, less their means and of root mean square 1."""
    axes = tuple(range(1, shown.ndim))
    centred = shown - shown.mean(axis=axes, keepdims=True)
    return centred / np.sqrt((centred**2).mean(axis=axes, keepdims=True) + 1e-12)


def aperture(size: int) -> np.ndarray:
    """Return a disc of 1 in a square of 0, `(size, size)`, with an edge of a pixel."""
    away = np.arange(size) - (size - 1) / 2
    return np.clip((size + 1) / 2 - np.hypot(away[:, None], away), 0, 1)


@dataclass(frozen=True)
class Whitening:
    r"""
    See patches along their directions of largest variance, each brought to variance 1.

    With directions `E` and variances `L` a patch `p` becomes :math:`x = L^{-1/2} E^T p`. A neuron
    of weights `w` thus answers `w.x = g.p`, with the *filter* :math:`g = E L^{-1/2} w` on the
    pixels.

    Parameters
    ----------
    directions : array
        `(pixels, components)`, orthonormal columns.
    variances : array
        `(components,)`.
    shape : tuple of int
        Of a patch.
    kept : float
        Share of the variance along the directions.
    """

    directions: np.ndarray
    variances: np.ndarray
    shape: tuple[int, ...]
    kept: float

    @classmethod
    def of(cls, shown: np.ndarray, components: int) -> "Whitening":
        """Fit it on patches, ``(n, ...)``."""
        flat = shown.reshape(len(shown), -1)
        values, vectors = np.linalg.eigh(flat.T @ flat / len(flat))
        chosen = values[::-1][:components]
        kept = float(chosen.sum() / values.sum())
        return cls(vectors[:, ::-1][:, :components], chosen, shown.shape[1:], kept)

    def whiten(self, shown: np.ndarray) -> np.ndarray:
        """Return the components `x` of patches ``(n, ...)``, `(n, components)`."""
        return shown.reshape(len(shown), -1) @ (self.directions * self.variances**-0.5)

    def in_pixels(self, components: np.ndarray) -> np.ndarray:
        """Put components, `(n, components)`, or weights on them back into pixels, ``(n, ...)``."""
        return (components @ self.directions.T).reshape(-1, *self.shape)

    def of_pixels(self, shown: np.ndarray) -> np.ndarray:
        """Return what is left of ``(n, ...)`` along the directions, `(n, components)`."""
        return shown.reshape(len(shown), -1) @ self.directions

    def filter_of(self, weights: np.ndarray) -> np.ndarray:
        """Return the filters of weights `(n, components)`, ``(n, ...)``."""
        return self.in_pixels(weights * self.variances**-0.5)

    def weights_of(self, filters: np.ndarray) -> np.ndarray:
        """Return the weights of norm 1 that come closest to filters ``(n, ...)``."""
        return of_norm_1(self.of_pixels(filters) * self.variances**0.5)

    def random_weights(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Draw weights of norm 1, `(n, components)`."""
        return of_norm_1(rng.normal(size=(n, len(self.variances))))


def of_norm_1(weights: np.ndarray) -> np.ndarray:
    """Return weights ``(n, components)``, each of norm 1."""
    return weights / np.linalg.norm(weights, axis=1, keepdims=True)
