"""Real pictures through a convolutional layer that learned without reward."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.ndimage import zoom  # type: ignore[import-untyped]
from sklearn.datasets import load_sample_images

from hebbsim import ConvLayer, ConvNetwork, rules
from hebbsim.data.filters import difference_of_gaussians
from hebbsim.data.image_file import read_image
from hebbsim.errors import SettingsError

__all__ = ["VIEW", "Eye", "open_eye", "two_photographs", "views"]

#: Rows and columns of what is seen, and what is left around it for shifts
VIEW, MARGIN = 32, 8
N_FILTERS, KERNEL, POOL = 16, 5, 7
N_PATCHES = 2000


@dataclass(frozen=True)
class Eye:
    """
    Hold the layer and the threshold of each of its features.

    Parameters
    ----------
    network : ConvNetwork
        Convolution, competition and pooling.
    thresholds : array
        `(features,)`: the medians over the patches that it learned from.
    pixel_thresholds : array
        The same of pooled pixels, `(pixels,)`, to compare with.
    """

    network: ConvNetwork
    thresholds: np.ndarray
    pixel_thresholds: np.ndarray

    def features(self, images: np.ndarray) -> np.ndarray:
        """Return the bits of images `(n, 1, 32, 32)`: which features are above their median."""
        return (_flat(self.network.transform(images)) > self.thresholds).astype(float)

    def pixels(self, images: np.ndarray) -> np.ndarray:
        """Return as many bits of pooled pixels."""
        return (_pooled(images) > self.pixel_thresholds).astype(float)


def two_photographs(paths: Sequence[str] = ()) -> list[np.ndarray]:
    """
    Read the user's two pictures, or scikit-learn's sample photographs.

    Parameters
    ----------
    paths : sequence of str
        Two image files, or none.

    Returns
    -------
    list of array
        Grey, `(rows, cols)`, in [0, 1].

    Raises
    ------
    SettingsError
        If there are more or fewer, or one is no larger than what is seen at once.
    """
    if not paths:
        return [photo.mean(axis=2, dtype=np.float64) / 255 for photo in load_sample_images().images]
    if len(paths) != 2:
        raise SettingsError(f"pictures: expected two image files, or none, got {len(paths)}")
    photos = [read_image(Path(path))[:3].mean(axis=0, dtype=np.float64) / 255 for path in paths]
    for path, photo in zip(paths, photos, strict=True):
        if min(photo.shape) <= VIEW:
            raise SettingsError(
                f"pictures: '{path}' has {photo.shape[0]} rows and {photo.shape[1]} columns; "
                f"expected more than {VIEW} of both, since patches of that size are cut from it"
            )
    return photos


def open_eye(photos: Sequence[np.ndarray], seed: int) -> Eye:
    """Learn features from patches of photographs by the instar, without reward."""
    rng = np.random.default_rng(seed)
    layer = ConvLayer(
        N_FILTERS,
        kernel_size=KERNEL,
        rule=rules.Instar("2/n_shared"),
        threshold_step=0.3,
        standardize=False,
        output="triangle",
        pooling="average",
        pool_size=POOL,
    )
    network = ConvNetwork((1, VIEW, VIEW), [layer], batch_size=20, seed=seed)
    patches = np.concatenate([_patches(photo, rng) for photo in map(_as_seen, photos)])
    network.fit(patches[rng.permutation(len(patches))], burn_in=10)
    seen = (_flat(network.transform(patches)), _pooled(patches))
    return Eye(network, *(np.median(values, axis=0) for values in seen))


def views(
    photos: Sequence[np.ndarray], n: int, shift: int, noise: float, rng: np.random.Generator
) -> np.ndarray:
    """
    Show two photographs, whole and small, shifted and noisy.

    Parameters
    ----------
    photos : sequence of array
        What `two_photographs` returned.
    n : int
        Versions of each.
    shift : int
        Largest shift in pixels, along both axes.
    noise : float
        Standard deviation of the noise of each pixel, in that of a picture.

    Returns
    -------
    array
        `(2, n, 1, 32, 32)`.
    """
    seen = np.empty((2, n, 1, VIEW, VIEW))
    for photo, versions in zip(photos, seen, strict=True):
        picture = _as_seen(photo, VIEW + 2 * MARGIN)
        for version in versions:
            row, col = MARGIN + rng.integers(-shift, shift + 1, size=2)
            version[0] = picture[row : row + VIEW, col : col + VIEW]
    return _standard(seen + noise * rng.normal(size=seen.shape))


def _as_seen(photo: np.ndarray, size: int | None = None) -> np.ndarray:
    """Filter a photograph as retina and thalamus do, made a small square if a size is given."""
    grey = np.log(photo + 0.05)
    if size is not None:
        grey = zoom(grey, [size / n for n in grey.shape], order=1)
    return _standard(difference_of_gaussians(grey[None, None], 1.0, 3.0)[0, 0])


def _standard(images: np.ndarray) -> np.ndarray:
    """Give each image mean 0 and standard deviation 1."""
    axes = (-2, -1)
    mean = images.mean(axis=axes, keepdims=True)
    return (images - mean) / np.maximum(images.std(axis=axes, keepdims=True), 1e-9)


def _patches(photo: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    rows, cols = (rng.integers(n - VIEW, size=N_PATCHES // 2) for n in photo.shape)
    cut = [photo[r : r + VIEW, c : c + VIEW] for r, c in zip(rows, cols, strict=True)]
    return _standard(np.stack(cut)[:, None])


def _flat(maps: np.ndarray) -> np.ndarray:
    return maps.reshape(len(maps), -1)


def _pooled(images: np.ndarray) -> np.ndarray:
    """Average 2x2 pixels: as many bits as there are features."""
    n = VIEW // 2
    return images.reshape(len(images), n, 2, n, 2).mean(axis=(2, 4)).reshape(len(images), -1)
