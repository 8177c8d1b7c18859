"""Labelled images: consistency, subsets, numbers from bytes."""

import numpy as np
import pytest
from data_cases import random_images
from numpy.testing import assert_array_equal

from hebbsim.data.dataset import DatasetError, ImageDataset, as_float


def dataset(**changes):
    parts = {
        "name": "tiny",
        "train_images": random_images(20, 1, 4, 5),
        "train_labels": np.arange(20) % 3,
        "test_images": random_images(10, 1, 4, 5, seed=1),
        "test_labels": np.arange(10) % 3,
        "class_names": ("a", "b", "c"),
    }
    return ImageDataset(**(parts | changes))


def test_properties():
    tiny = dataset()
    assert tiny.shape == (1, 4, 5)
    assert tiny.n_classes == 3
    assert repr(tiny) == (
        "<ImageDataset 'tiny': 20 training and 10 test images of shape (1, 4, 5), 3 classes>"
    )


def test_subset_keeps_images_with_their_labels():
    tiny = dataset()
    subset = tiny.subset(n_train=8, n_test=4, seed=5)
    assert (len(subset.train_images), len(subset.test_images)) == (8, 4)
    for split in ("train", "test"):
        images, labels = getattr(tiny, f"{split}_images"), getattr(tiny, f"{split}_labels")
        chosen = [
            np.flatnonzero((images == image).all(axis=(1, 2, 3))).item()
            for image in getattr(subset, f"{split}_images")
        ]
        assert len(set(chosen)) == len(chosen)
        assert_array_equal(labels[chosen], getattr(subset, f"{split}_labels"))


def test_subset_is_decided_by_its_seed():
    tiny = dataset()
    same, again, other = (tiny.subset(8, 4, seed=seed) for seed in (1, 1, 2))
    assert_array_equal(same.train_images, again.train_images)
    assert_array_equal(same.test_images, again.test_images)
    assert (same.train_images != other.train_images).any()


def test_a_smaller_subset_begins_a_larger_one():
    tiny = dataset()
    small, large = tiny.subset(5, 3), tiny.subset(12, 3)
    assert_array_equal(small.train_images, large.train_images[:5])
    assert_array_equal(small.test_images, large.test_images)


def test_subset_of_nothing_is_everything():
    tiny = dataset()
    subset = tiny.subset()
    assert_array_equal(subset.train_images, tiny.train_images)
    assert_array_equal(subset.test_labels, tiny.test_labels)
    assert len(tiny.subset(n_train=20).train_images) == 20


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_train": 21}, "'tiny' has 20 training images, .* 1 to 20 of them, got 21"),
        ({"n_test": 11}, "'tiny' has 10 test images, .* got 11"),
        ({"n_train": 0}, "got 0"),
        ({"n_test": -1}, "got -1"),
    ],
)
def test_subset_of_more_than_there_is(arguments, message):
    with pytest.raises(ValueError, match=message):
        dataset().subset(**arguments)


def test_subset_takes_whole_numbers():
    with pytest.raises(TypeError, match="float"):
        dataset().subset(n_train=2.5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train_images": random_images(20, 4, 5)}, r"training .*cols\).* got \(20, 4, 5\)"),
        ({"test_images": random_images(0, 1, 4, 5)}, r"test images .* at least one"),
        ({"test_images": random_images(10, 1, 5, 4)}, r"one shape .*\(1, 4, 5\) and \(1, 5, 4\)"),
        ({"train_images": np.zeros((20, 1, 4, 5), int)}, r"training .* uint8 .* got int64"),
        ({"train_labels": np.zeros(19, int)}, r"each of the 20 training images.*\(19,\)"),
        ({"test_labels": np.zeros((10, 3), int)}, r"each of the 10 test images.*\(10, 3\)"),
        ({"train_labels": np.zeros(20)}, "training labels must be integers, got float64"),
        ({"train_labels": np.full(20, 3)}, "between 0 and 2 for 3 classes, got 3 to 3"),
        ({"test_labels": np.full(10, -1)}, "between 0 and 2 for 3 classes, got -1 to -1"),
    ],
)
def test_inconsistent_parts(changes, message):
    with pytest.raises(DatasetError, match=f"data set 'tiny': .*{message}"):
        dataset(**changes)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("split", ["train", "test"])
def test_images_that_are_not_finite(split, value):
    images = getattr(dataset(), f"{split}_images").astype(np.float32)
    images[6, 0, 1, 1] = value
    with pytest.raises(DatasetError, match=r"finite, got NaN or infinity in 1 of .* at index 6"):
        dataset(**{f"{split}_images": images})


def test_bytes_become_float32_between_0_and_1():
    result = as_float(np.array([0, 51, 255], np.uint8))
    assert result.dtype == np.float32
    assert_array_equal(result, np.array([0, 0.2, 1], np.float32))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_are_returned_as_they_are(dtype):
    images = np.array([-1.5, 0, 300], dtype)
    assert as_float(images) is images


def test_other_types_are_refused():
    with pytest.raises(TypeError, match=r"got int64; .*astype\('uint8'\)"):
        as_float(np.array([1, 2]))
