r"""
The images as the network gets them: standardised, whitened whole, mirrored at random.

With ``x`` an image as a row of ``d = channels*rows*cols`` numbers (notebook, cell 3)::

    x <- (x - mean(x))/std(x)
    C  = sum_{images} x'x / d + 1e-3 I        divided by the dimension, not by their number
    x <- x C^(-1/2)

The notebook mirrors images at random before it whitens them, in ``C`` too. Here ``C`` is the mean
over both mirrorings of each image, so that whitening and mirroring commute: images are whitened
once, and mirrored batch by batch.
"""

import hashlib
from dataclasses import dataclass

import numpy as np

from hebbsim.codegen.cache_folder import cache_folder
from hebbsim.data.dataset import ImageDataset, as_float
from hebbsim.data.filters import standardize
from hebbsim.data.load import load_dataset
from hebbsim.data.zca import ZCA
from hebbsim.errors import SettingsError
from models.miconi2021.settings import Settings
from models.miconi2021.standin import digits_on_photographs

__all__ = ["Images", "fitted_zca", "load_images", "mirrored", "whitened"]

EPSILON = 1e-3
_CHUNK = 5000


@dataclass(frozen=True, eq=False)
class Images:
    """Hold both splits, as they were and as the network gets them, in float32."""

    raw: ImageDataset
    train: np.ndarray
    test: np.ndarray


def load_images(settings: Settings) -> Images:
    """
    Load, whiten and split the images; only training images enter the whitening.

    Raises
    ------
    DatasetError
        If the data set is missing or damaged.
    SettingsError
        If it has fewer images than asked for.
    """
    if settings.data == "stand-in":
        n_train = settings.n_train + settings.validation
        dataset = digits_on_photographs(n_train, settings.n_test)
    else:
        dataset = load_dataset("cifar10", settings.data_root)
    for_zca = dataset.train_images[: len(dataset.train_images) - settings.validation]
    zca = fitted_zca(for_zca[: settings.n_zca])
    dataset = _chosen(dataset, settings)
    return Images(dataset, whitened(dataset.train_images, zca), whitened(dataset.test_images, zca))


def _chosen(dataset: ImageDataset, settings: Settings) -> ImageDataset:
    train, train_labels = dataset.train_images, dataset.train_labels
    test, test_labels = dataset.test_images, dataset.test_labels
    if settings.validation:
        n_left = len(train) - settings.validation
        test, test_labels = train[n_left:], train_labels[n_left:]
        train, train_labels = train[: max(n_left, 0)], train_labels[: max(n_left, 0)]
    if len(train) < settings.n_train:
        raise SettingsError(
            f"n_train: '{dataset.name}' has {len(train)} training images"
            f"{' beside the validation part' if settings.validation else ''}, "
            f"{settings.n_train} are asked for"
        )
    n_train, n_test = settings.n_train, settings.n_test
    return ImageDataset(
        dataset.name,
        train[:n_train],
        train_labels[:n_train],
        test[:n_test],
        test_labels[:n_test],
        dataset.class_names,
    )


def fitted_zca(images: np.ndarray) -> ZCA:
    """
    Fit the whitening on images and their mirror images, or read it from the cache.

    Parameters
    ----------
    images : array
        `(n, channels, rows, cols)`, of uint8 or floating point.

    Returns
    -------
    ZCA
        To be applied to standardised images; commutes with mirroring.

    Notes
    -----
    The file's name is a checksum of the images and of how they are used.
    """
    checksum = hashlib.sha256(f"mirrored, /d, {EPSILON}, {images.shape} {images.dtype}".encode())
    checksum.update(np.ascontiguousarray(images))
    path = cache_folder() / f"zca-{checksum.hexdigest()[:24]}.npz"
    try:
        return ZCA.load(path)
    except (OSError, ValueError):  # not there, or damaged
        pass
    samples = standardize(as_float(images)) / np.sqrt(2, dtype=np.float32)
    zca = ZCA(EPSILON, center=False, divide_by="dimensions")
    zca.fit(np.concatenate([samples, samples[..., ::-1]]))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        zca.save(path, overwrite=True)
    except OSError:  # a cache that can't be written costs time alone
        pass
    return zca


def whitened(images: np.ndarray, zca: ZCA) -> np.ndarray:
    """Standardise and whiten images, a part at a time; float32, `(n, channels, rows, cols)`."""
    result = np.empty(images.shape, dtype=np.float32)
    for start in range(0, len(images), _CHUNK):
        part = standardize(as_float(images[start : start + _CHUNK]))
        result[start : start + _CHUNK] = zca.transform(part)
    return result


def mirrored(batch: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Mirror half of the images of a batch, chosen at random, left to right (in place)."""
    chosen = rng.random(len(batch)) < 0.5
    batch[chosen] = batch[chosen][..., ::-1]
    return batch
