"""The images of a comparison: loaded, a choice of them, and preprocessed for the network."""

import json
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from hebbsim.compare.settings import CompareSettings
from hebbsim.data.dataset import DatasetError, ImageDataset, as_float
from hebbsim.data.filters import standardize
from hebbsim.data.load import load_dataset
from hebbsim.data.preprocessing import Preprocessing, make_preprocessing
from hebbsim.data.zca import ZCA, matrix_bytes
from hebbsim.experiments.results import image_fingerprints

__all__ = ["Images", "choose_images", "described_images", "kept_images", "load_images"]

_OF_CHOICE = ("data", "data_root", "n_train", "n_test", "at_most")
_OF_IMAGES = (*_OF_CHOICE, "preprocessing", "zca_epsilon", "zca_components")


@dataclass(frozen=True, eq=False)
class Images:
    """Hold a data set and its two splits as the network gets them, in float32."""

    dataset: ImageDataset
    train: np.ndarray
    test: np.ndarray
    #: What the user is told about the preprocessing
    notes: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape `(channels, rows, cols)` of one image."""
        return self.dataset.shape


def choose_images(settings: CompareSettings, *, download: bool = False) -> ImageDataset:
    """Load the data set, or the choice of its images that is asked for."""
    dataset = load_dataset(settings.data, settings.data_root, download)
    dataset = dataset.subset(
        settings.limited("n_train", len(dataset.train_images)),
        settings.limited("n_test", len(dataset.test_images)),
    )
    _check_classes(dataset)
    return dataset


def load_images(settings: CompareSettings, *, download: bool = False) -> Images:
    """Load and preprocess the data set; whatever is fitted is fitted on the training split."""
    dataset = choose_images(settings, download=download)
    preprocessing = _preprocessing(settings)
    train = preprocessing.fit_transform(as_float(dataset.train_images))
    test = preprocessing.transform(as_float(dataset.test_images))
    return Images(dataset, train, test, _whitening(settings, preprocessing.whitening))


def _check_classes(dataset: ImageDataset) -> None:
    """Refuse what a read-out can't tell apart, before the work begins."""
    present = np.unique(dataset.train_labels)
    if len(present) < 2:
        raise DatasetError(
            f"data set '{dataset.name}': expected training images of at least two classes, which "
            f"a read-out can tell apart, got '{dataset.class_names[present[0]]}' alone"
        )


def _preprocessing(settings: CompareSettings) -> Preprocessing:
    if settings.preprocessing == "zca":
        zca = ZCA(settings.zca_epsilon, components=settings.zca_components)
        return Preprocessing("zca", standardize, zca)
    return make_preprocessing(settings.preprocessing)


def _whitening(settings: CompareSettings, zca: ZCA | None) -> tuple[str, ...]:
    """Say which whitening was chosen for large images, and why."""
    if zca is None or zca.directions_ is None or settings.zca_components is not None:
        return ()
    d, k = zca.directions_.shape
    size = "x".join(map(str, zca.shape_))
    return (
        f"whitening along {k:,} directions: images of {size} have {d:,}, and a whole matrix would "
        f"take {matrix_bytes(d) / 2**30:,.0f} GiB; --zca-components sets their number, "
        "--preprocessing standardize does without",
    )


def _values(settings: CompareSettings, names: tuple[str, ...]) -> str:
    values = asdict(settings)
    return json.dumps({name: values[name] for name in names}, sort_keys=True)


def kept_images(settings: CompareSettings) -> Images:
    """Load images, or take those that this process loaded last if they are the same."""
    return _kept_images(_values(settings, _OF_IMAGES))


@lru_cache(maxsize=1)
def _kept_images(values: str) -> Images:
    return load_images(CompareSettings.from_dict(json.loads(values)))


def described_images(
    settings: CompareSettings,
) -> tuple[dict[str, Any], tuple[int, int, int]]:
    """Return the fingerprints and the shape of the images that settings choose."""
    return _described(_values(settings, _OF_CHOICE))


@lru_cache(maxsize=16)
def _described(values: str) -> tuple[dict[str, Any], tuple[int, int, int]]:
    dataset = choose_images(CompareSettings.from_dict(json.loads(values)))
    return image_fingerprints(dataset), dataset.shape
