"""What the parts of a run share: images, patches, and what they found."""

from dataclasses import dataclass, field

import numpy as np

from models.brito_gerstner2016 import settings as s
from models.brito_gerstner2016.images import (
    Whitening,
    aperture,
    dead_leaves,
    filtered,
    halved,
    natural_images,
    of_one_contrast,
    patches,
)
from models.brito_gerstner2016.settings import Settings

__all__ = ["Stage", "kurtosis"]

#: Patches on which drives are looked at
LOOKED_AT = 50_000


@dataclass
class Stage:
    """
    Hold what the parts of a run share.

    Parameters
    ----------
    settings : Settings
        Sizes.
    number : int
        The seed.

    Attributes
    ----------
    numbers, arrays : dict
        What the parts found.
    images : array
        Filtered, `(n, size, size)`.
    whitening, inputs : Whitening, array
        Of patches, and their components `(n, components)`.
    """

    settings: Settings
    number: int
    numbers: dict[str, float] = field(default_factory=dict)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.number)
        self.images = filtered(self._images(), s.F0, s.BORDER)
        cut = patches(self.images, self.settings.n_patches, s.PATCH, self.rng)
        cut = of_one_contrast(cut) * aperture(s.PATCH)
        self.whitening = Whitening.of(cut, s.COMPONENTS)
        self.inputs = self.whitening.whiten(cut)

    def _images(self) -> np.ndarray:
        if self.settings.data_root is not None:
            return halved(natural_images(self.settings.data_root))
        return dead_leaves(self.settings.leaves, self.settings.leaf_size, self.rng)

    def order(self, inputs: np.ndarray, steps: int) -> np.ndarray:
        """Draw which inputs are shown."""
        return self.rng.integers(0, len(inputs), steps * self.settings.batch_size)

    def drives(self, weights: np.ndarray) -> np.ndarray:
        """Return what weights `(neurons, components)` make of patches, `(patches, neurons)`."""
        return self.inputs[:LOOKED_AT] @ weights.T


def kurtosis(drives: np.ndarray) -> np.ndarray:
    """Return the excess kurtosis of each column."""
    centred = drives - drives.mean(axis=0)
    return (centred**4).mean(axis=0) / (centred**2).mean(axis=0) ** 2 - 3
