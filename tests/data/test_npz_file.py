"""Files of arrays."""

import io

import numpy as np
import pytest
from data_cases import random_images
from numpy.testing import assert_array_equal

from hebbsim.data.dataset import DatasetError
from hebbsim.data.load import load_dataset


def write_npz(path, **changes):
    arrays = {
        "train_images": random_images(12, 4, 5),
        "train_labels": np.arange(12) % 3,
        "test_images": random_images(6, 4, 5, seed=1),
        "test_labels": np.arange(6) % 3,
    }
    arrays |= changes
    np.savez(path, **{key: array for key, array in arrays.items() if array is not None})
    return path


WHOLE = dict.fromkeys(("train_images", "train_labels", "test_images", "test_labels"))


def test_npz_with_a_split(tmp_path):
    data = load_dataset(write_npz(tmp_path / "set.npz"))
    assert_array_equal(data.train_images, random_images(12, 4, 5)[:, None])
    assert_array_equal(data.test_images, random_images(6, 4, 5, seed=1)[:, None])
    assert_array_equal(data.train_labels, np.arange(12) % 3)
    assert data.class_names == ("0", "1", "2")
    assert data.name == str(tmp_path / "set.npz")


def test_npz_without_a_split(tmp_path):
    images, labels = random_images(16, 4, 5), np.repeat([0, 1], 8)
    data = load_dataset(write_npz(tmp_path / "set.npz", **WHOLE, images=images, labels=labels))
    assert_array_equal(np.bincount(data.train_labels), [6, 6])
    assert_array_equal(np.bincount(data.test_labels), [2, 2])
    both = np.concatenate([data.train_images, data.test_images])
    assert {image.tobytes() for image in both} == {image.tobytes() for image in images}


@pytest.mark.parametrize(
    ("shape", "layout", "expected", "channel_axis"),
    [
        ((4, 5), None, (1, 4, 5), None),
        ((3, 7, 8), None, (3, 7, 8), 1),
        ((4, 7, 8), None, (4, 7, 8), 1),
        ((7, 8, 3), None, (3, 7, 8), 3),
        ((7, 8, 1), None, (1, 7, 8), 3),
        ((3, 7, 3), "channels_first", (3, 7, 3), 1),
        ((3, 7, 3), "channels_last", (3, 3, 7), 3),
        ((2, 7, 8), "channels_first", (2, 7, 8), 1),
    ],
)
def test_npz_layouts(tmp_path, shape, layout, expected, channel_axis):
    train, test = random_images(12, *shape), random_images(6, *shape, seed=1)
    given = {} if layout is None else {"layout": layout}
    path = write_npz(tmp_path / "set.npz", train_images=train, test_images=test, **given)
    data = load_dataset(path)
    assert data.shape == expected
    assert_array_equal(
        data.train_images,
        train[:, None] if channel_axis is None else np.moveaxis(train, channel_axis, 1),
    )


@pytest.mark.parametrize("shape", [(3, 7, 3), (1, 4, 4), (7, 8, 9)])
def test_npz_where_channels_cannot_be_told(tmp_path, shape):
    path = write_npz(tmp_path / "set.npz", train_images=random_images(12, *shape))
    with pytest.raises(
        DatasetError, match=r"which axis of train_images .* layout='channels_first'"
    ):
        load_dataset(path)


def test_npz_with_an_unknown_layout(tmp_path):
    path = write_npz(tmp_path / "set.npz", layout="channel_last")
    with pytest.raises(DatasetError, match="layout 'channel_last'; did you mean 'channels_last'"):
        load_dataset(path)


@pytest.mark.parametrize(
    ("train", "test", "names"),
    [
        ([7, 3, 7], [3, 3, 9], ("3", "7", "9")),
        (["newt", "cat", "newt"], ["cat", "cat", "owl"], ("cat", "newt", "owl")),
    ],
)
def test_npz_labels_become_indices(tmp_path, train, test, names):
    path = write_npz(
        tmp_path / "set.npz",
        train_images=random_images(3, 4, 5),
        test_images=random_images(3, 4, 5),
        train_labels=np.array(train),
        test_labels=np.array(test),
    )
    data = load_dataset(path)
    assert data.class_names == names
    assert data.train_labels.tolist() == [1, 0, 1]
    assert data.test_labels.tolist() == [0, 0, 2]


def test_npz_with_class_names(tmp_path):
    path = write_npz(tmp_path / "set.npz", class_names=["cat", "newt", "owl", "yak"])
    data = load_dataset(path)
    assert data.class_names == ("cat", "newt", "owl", "yak")
    assert_array_equal(data.train_labels, np.arange(12) % 3)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_npz_keeps_floats(tmp_path, dtype):
    train, test = np.ones((12, 4, 5), dtype), np.ones((6, 4, 5), dtype)
    path = write_npz(tmp_path / "set.npz", train_images=train, test_images=test)
    assert load_dataset(path).train_images.dtype == dtype


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train_labels": np.zeros(11, int)}, r"each of the 12 training images, .*\(11,\)"),
        ({"train_labels": np.zeros(12)}, r"labels must be integers or strings .* float64"),
        ({"test_labels": np.eye(6, 3, dtype=int)}, r"labels must be .* of shape \(6, 3\)"),
        ({"class_names": ["a", "b"]}, "between 0 and 1 for 2 classes, got 0 to 2"),
        ({"train_images": np.zeros((12, 20), np.uint8)}, r"train_images must .* got \(12, 20\)"),
        ({"test_images": np.full((6, 4, 5), np.nan)}, "NaN or infinity in 6 of 6 images"),
        ({"test_images": random_images(6, 5, 5)}, r"\(1, 4, 5\) and \(1, 5, 5\)"),
        ({"train_images": np.zeros((12, 4, 5), int)}, "uint8 .* got int64"),
        ({"test_labels": None}, r"holds \['test_images', 'train_images', .*Expected"),
        (WHOLE, "holds nothing. Expected an .npz file with train_images"),
        (WHOLE | {"images": random_images(8, 4, 5), "labels": np.arange(7)}, "the 8 images, got 7"),
        ({"train_images": np.array([None])}, r"\(ValueError: Object arrays"),
    ],
)
def test_npz_that_is_not_consistent(tmp_path, changes, message):
    path = write_npz(tmp_path / "set.npz", **changes)
    with pytest.raises(DatasetError, match=rf"set\.npz'.*{message}"):
        load_dataset(path)


def test_an_npz_with_and_without_a_split(tmp_path):
    both = {"images": random_images(8, 4, 5), "labels": np.arange(8) % 2}
    path = write_npz(tmp_path / "set.npz", **both)
    with pytest.raises(DatasetError, match=r"both train_images, .* which one would be left"):
        load_dataset(path)
    load_dataset(write_npz(path, images=both["images"]))  # which without labels are something else


def test_a_truncated_npz(tmp_path):
    path = write_npz(tmp_path / "set.npz")
    content = path.read_bytes()
    for size in range(0, len(content), 37):
        path.write_bytes(content[:size])
        with pytest.raises(DatasetError, match=r"cannot read '.*set\.npz' .*damaged"):
            load_dataset(path)


def test_a_corrupt_npz(tmp_path):
    path = write_npz(tmp_path / "set.npz")
    content = bytearray(path.read_bytes())
    start = content.index(random_images(12, 4, 5).tobytes())
    content[start + 30] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=r"cannot read '.*set\.npz' .*CRC"):
        load_dataset(path)


def test_an_npz_that_is_something_else(tmp_path):
    single = io.BytesIO()
    np.save(single, np.zeros(3))
    for content, message in [(single.getvalue(), "a single array"), (b"text", "cannot read")]:
        path = tmp_path / "set.npz"
        path.write_bytes(content)
        with pytest.raises(DatasetError, match=message):
            load_dataset(path)
