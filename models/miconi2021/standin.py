"""Images for a run without a data set: handwritten digits on photographs, from scikit-learn."""

import numpy as np
from scipy.ndimage import zoom  # type: ignore[import-untyped]
from sklearn.datasets import load_sample_images

from hebbsim.data.dataset import ImageDataset
from hebbsim.data.load import load_dataset

__all__ = ["digits_on_photographs"]

SIZE = 32
MAGNIFIED = 2


def digits_on_photographs(n_train: int, n_test: int, seed: int = 0) -> ImageDataset:
    """
    Put digits on patches of the two sample photographs, at random places and polarities.

    Natural images around them, so that whitening and competition have something to do. Training
    and test images share neither digits nor any part of the photographs.

    Parameters
    ----------
    n_train, n_test : int
        Number of images.
    seed : int
        Of everything that is drawn.

    Returns
    -------
    ImageDataset
        Images `(n, 1, 32, 32)`, float32 in [0, 1], and the digits' classes.
    """
    digits = load_dataset("digits")
    photographs = [image.mean(axis=2) / 255 for image in load_sample_images().images]
    train = (digits.train_images, digits.train_labels, n_train)
    test = (digits.test_images, digits.test_labels, n_test)
    images, labels = [], []
    for number, (strokes, classes, n_images) in enumerate((train, test)):
        rng = np.random.default_rng([seed, number])
        halves = [np.array_split(photograph, 2, axis=1)[number] for photograph in photographs]
        chosen = rng.integers(len(strokes), size=n_images)
        magnified = zoom(strokes[:, 0], (1, MAGNIFIED, MAGNIFIED), order=1)[chosen]
        images.append(_composed(magnified, halves, rng)[:, None])
        labels.append(classes[chosen])
    return ImageDataset("stand-in", images[0], labels[0], images[1], labels[1], digits.class_names)


def _composed(
    strokes: np.ndarray, photographs: list[np.ndarray], rng: np.random.Generator
) -> np.ndarray:
    """Blend each digit with a patch of its own, `(n, 32, 32)`."""
    composed = np.empty((len(strokes), SIZE, SIZE), dtype=np.float32)
    rows, cols = strokes.shape[1:]
    for image, stroke in zip(composed, strokes, strict=True):
        photograph = photographs[rng.integers(len(photographs))]
        top, left = (rng.integers(n - SIZE + 1) for n in photograph.shape)
        image[...] = photograph[top : top + SIZE, left : left + SIZE]
        row, col = rng.integers(SIZE - rows + 1), rng.integers(SIZE - cols + 1)
        place = image[row : row + rows, col : col + cols]
        ink = 1.0 if place.mean() < 0.5 else 0.0
        place += stroke * (ink - place)
    return composed
