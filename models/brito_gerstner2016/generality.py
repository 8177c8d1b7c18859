"""
The same rule on other inputs: pairs of what two eyes see, and the outputs of complex cells.

Two eyes that look at one place see it a little shifted; with strabismus they see different places.
A complex cell is the energy of two simple cells in quadrature, whose fields are Gabor functions.
"""

from dataclasses import dataclass

import numpy as np

from models.brito_gerstner2016.images import aperture, of_one_contrast, patches

__all__ = ["ComplexCells", "eye_pairs", "monocularity"]

#: Standard deviation of the horizontal shift between both eyes, in pixels (ours)
DISPARITY = 1.0


def eye_pairs(
    images: np.ndarray, n: int, size: int, rng: np.random.Generator, *, aligned: bool
) -> np.ndarray:
    """
    Cut what a left and a right eye see.

    Parameters
    ----------
    images : array
        `(n, rows, cols)`.
    n, size : int
        Number of pairs, and pixels along each side.
    rng : Generator
        What draws.
    aligned : bool
        Whether both eyes look at one place, or each at its own.

    Returns
    -------
    array
        `(n, 2, size, size)`, each eye's patch of one contrast, through an aperture.
    """
    if not aligned:
        eyes = [of_one_contrast(patches(images, n, size, rng)) for _ in range(2)]
        return np.stack(eyes, axis=1) * aperture(size)
    reach = int(np.ceil(3 * DISPARITY))
    wide = patches(images, n, size + 2 * reach, rng)[:, reach : reach + size]
    shift = np.clip(np.rint(rng.normal(0, DISPARITY, n)), -reach, reach).astype(int)
    columns = np.arange(size)
    left, right = (
        wide[np.arange(n)[:, None, None], np.arange(size)[:, None], first[:, None, None] + columns]
        for first in (np.full(n, reach), reach + shift)
    )
    return np.stack([of_one_contrast(left), of_one_contrast(right)], axis=1) * aperture(size)


def monocularity(filters: np.ndarray) -> np.ndarray:
    """Return how far the power of filters `(n, 2, size, size)` is in one eye, from 0 to 1."""
    left, right = (filters**2).sum(axis=(2, 3)).T
    return np.abs(left - right) / (left + right)


@dataclass(frozen=True)
class ComplexCells:
    """
    See a patch by complex cells of some orientations, on a grid of places.

    Parameters
    ----------
    orientations : int
        Of their bars, from 0 to below pi.
    places : int
        Along each side of the grid.
    spacing : int
        Pixels between places.
    frequency, width : float
        Of the Gabor functions: cycles a pixel, and standard deviation in pixels.
    """

    orientations: int = 8
    places: int = 4
    spacing: int = 4
    frequency: float = 0.18
    width: float = 2.2

    @property
    def size(self) -> int:
        """Pixels along each side of the patches that they see."""
        return self.spacing * (self.places - 1) + 2 * round(2 * self.width) + 1

    def respond(self, shown: np.ndarray) -> np.ndarray:
        """
        Return the energies of patches, each of root mean square 1.

        Parameters
        ----------
        shown : array
            `(n, size, size)`.

        Returns
        -------
        array
            `(n, orientations, places, places)`, less their mean over patches.
        """
        rows, cols = np.mgrid[: self.size, : self.size].astype(float)
        centres = round(2 * self.width) + self.spacing * np.arange(self.places)
        found = np.empty((len(shown), self.orientations, self.places, self.places))
        flat = shown.reshape(len(shown), -1)
        for number in range(self.orientations):
            bars = np.pi * number / self.orientations
            for i, row in enumerate(centres):
                for j, col in enumerate(centres):
                    y, x = rows - row, cols - col
                    phase = 2 * np.pi * self.frequency * (np.cos(bars) * y - np.sin(bars) * x)
                    envelope = np.exp(-(x**2 + y**2) / (2 * self.width**2))
                    pair = np.stack([envelope * np.cos(phase), envelope * np.sin(phase)])
                    energy = ((flat @ pair.reshape(2, -1).T) ** 2).sum(axis=1)
                    found[:, number, i, j] = np.sqrt(energy)
        found /= np.sqrt((found**2).mean(axis=(1, 2, 3), keepdims=True))
        return found - found.mean(axis=0)
