import hashlib
import io
import os
import pickle
import re
import struct
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image

from hebbsim.data.datasets import (
    DATA_ROOT_VARIABLE,
    DatasetError,
    ImageDataset,
    as_float,
    available_datasets,
    load_dataset,
)

needs_data = pytest.mark.skipif(
    not os.environ.get(DATA_ROOT_VARIABLE), reason=f"{DATA_ROOT_VARIABLE} is not set"
)


def random_images(n, *shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, *shape), dtype=np.uint8)


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


# ImageDataset


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


# as_float


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


# Names


def test_available_datasets():
    assert available_datasets() == ("cifar10", "digits", "fashion-mnist", "mnist")


def test_digits():
    digits = load_dataset("digits")
    assert digits.shape == (1, 8, 8)
    assert (len(digits.train_images), len(digits.test_images)) == (1346, 451)
    assert digits.class_names == tuple("0123456789")
    images = np.concatenate([digits.train_images, digits.test_images])
    assert images.dtype == np.float32
    assert set(np.unique(images)) == set(np.arange(17, dtype=np.float32) / 16)
    shares = np.bincount(digits.test_labels) / (
        np.bincount(digits.test_labels) + np.bincount(digits.train_labels)
    )
    np.testing.assert_allclose(shares, 0.25, atol=0.003)


def test_the_split_of_digits_never_changes():
    digits = load_dataset("digits")
    assert_array_equal(digits.test_images, load_dataset("digits").test_images)
    assert digits.test_labels[:12].tolist() == [1, 5, 9, 2, 4, 5, 6, 7, 9, 3, 4, 6]


def test_an_unknown_name():
    message = (
        "unknown data set 'fashion_mnst'; did you mean 'fashion-mnist'? Known: cifar10, digits, "
        "fashion-mnist, mnist; or the path of a folder of images or of an .npz file"
    )
    with pytest.raises(DatasetError, match=re.escape(message)):
        load_dataset("fashion_mnst")


def test_an_empty_name():
    with pytest.raises(DatasetError, match="unknown data set ''"):
        load_dataset("")


@pytest.mark.parametrize("name", ["nowhere/images", "images.npz", Path("images")])
def test_a_missing_path(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DatasetError, match=f"no file or folder '{name}'"):
        load_dataset(name)


def test_a_file_of_another_kind(tmp_path):
    path = tmp_path / "images.zip"
    path.touch()
    with pytest.raises(DatasetError, match=r"images\.zip' .* folder .* \.npz .* '\.zip'"):
        load_dataset(path)


# torchvision's files


def write_idx(path, array):
    header = bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape)
    path.write_bytes(header + array.astype(np.uint8).tobytes())


@pytest.fixture(params=["mnist", "fashion-mnist"])
def idx(request, tmp_path):
    """A name, its data root and the folder of four tiny idx files."""
    folder = tmp_path / {"mnist": "MNIST", "fashion-mnist": "FashionMNIST"}[request.param] / "raw"
    folder.mkdir(parents=True)
    for prefix, n in (("train", 12), ("t10k", 6)):
        write_idx(folder / f"{prefix}-images-idx3-ubyte", random_images(n, 4, 5, seed=n))
        write_idx(folder / f"{prefix}-labels-idx1-ubyte", np.arange(n) % 10)
    return request.param, tmp_path, folder


def test_idx_files(idx):
    name, root, _ = idx
    data = load_dataset(name, root)
    assert_array_equal(data.train_images, random_images(12, 4, 5, seed=12)[:, None])
    assert_array_equal(data.test_images, random_images(6, 4, 5, seed=6)[:, None])
    assert_array_equal(data.train_labels, np.arange(12) % 10)
    assert data.train_images.dtype == np.uint8
    assert data.n_classes == 10


def test_the_data_root_from_the_environment(idx, monkeypatch):
    name, root, _ = idx
    monkeypatch.setenv(DATA_ROOT_VARIABLE, str(root))
    assert load_dataset(name).shape == (1, 4, 5)


FILES = [
    f"{prefix}-{kind}"
    for prefix in ("train", "t10k")
    for kind in ("images-idx3-ubyte", "labels-idx1-ubyte")
]


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("size", [0, 3, 7, 13, -1])
def test_a_truncated_idx_file(idx, file, size):
    name, root, folder = idx
    path = folder / file
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(DatasetError, match=rf"'{name}' from .*{file}' is damaged.*--download"):
        load_dataset(name, root)


def test_the_error_for_a_truncated_idx_file_counts_bytes(idx):
    name, root, folder = idx
    path = folder / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DatasetError, match="expected 256 bytes by its own header, got 100 bytes"):
        load_dataset(name, root)


@pytest.mark.parametrize("file", FILES)
def test_an_idx_file_with_bytes_to_spare(idx, file):
    name, root, folder = idx
    with (folder / file).open("ab") as stream:
        stream.write(b"\0")
    with pytest.raises(DatasetError, match=f"{file}' is damaged"):
        load_dataset(name, root)


def test_an_idx_file_that_is_something_else(idx):
    name, root, folder = idx
    (folder / "t10k-labels-idx1-ubyte").write_text("<html>not found, try again later</html>")
    with pytest.raises(DatasetError, match="does not begin as an idx file"):
        load_dataset(name, root)


def test_a_missing_idx_file(idx):
    name, root, folder = idx
    (folder / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(DatasetError, match=r"t10k-labels-idx1-ubyte' is missing.*--data-root"):
        load_dataset(name, root)


def test_idx_files_with_too_few_labels(idx):
    name, root, folder = idx
    write_idx(folder / "train-labels-idx1-ubyte", np.arange(11) % 10)
    with pytest.raises(DatasetError, match=r"each of the 12 training images, .*\(11,\)"):
        load_dataset(name, root)


def test_idx_labels_that_name_no_class(idx):
    name, root, folder = idx
    write_idx(folder / "train-labels-idx1-ubyte", np.arange(12))
    with pytest.raises(DatasetError, match="between 0 and 9 for 10 classes, got 0 to 11"):
        load_dataset(name, root)


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "cifar10"])
def test_an_empty_data_root(name, tmp_path):
    with pytest.raises(DatasetError, match=f"'{name}' from .* is missing.*download=True"):
        load_dataset(name, tmp_path)


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "cifar10"])
def test_no_data_root(name, monkeypatch):
    monkeypatch.delenv(DATA_ROOT_VARIABLE, raising=False)
    with pytest.raises(DatasetError, match=f"'{name}' .* pass data_root .*{DATA_ROOT_VARIABLE}"):
        load_dataset(name)


def test_a_data_root_that_is_missing(tmp_path):
    with pytest.raises(DatasetError, match=r"data root '.*nowhere' is no folder; .*--download"):
        load_dataset("mnist", tmp_path / "nowhere")


def test_download_creates_the_data_root(tmp_path, monkeypatch):
    from torchvision.datasets import MNIST

    def download(self):
        folder = Path(self.raw_folder)
        folder.mkdir(parents=True, exist_ok=True)
        for prefix in ("train", "t10k"):
            write_idx(folder / f"{prefix}-images-idx3-ubyte", random_images(2, 3, 3))
            write_idx(folder / f"{prefix}-labels-idx1-ubyte", np.arange(2))

    monkeypatch.setattr(MNIST, "download", download)
    assert load_dataset("mnist", tmp_path / "new", download=True).shape == (1, 3, 3)


@pytest.mark.parametrize(("name", "kind"), [("mnist", "MNIST"), ("cifar10", "CIFAR10")])
def test_a_download_that_fails(name, kind, tmp_path, monkeypatch):
    import torchvision.datasets

    def download(self):
        raise URLError("no route to host")

    monkeypatch.setattr(getattr(torchvision.datasets, kind), "download", download)
    with pytest.raises(DatasetError, match=r"is missing \(URLError: .*no route to host"):
        load_dataset(name, tmp_path, download=True)


@pytest.fixture
def cifar(tmp_path, monkeypatch):
    """A data root with tiny CIFAR-10 batches whose checksums torchvision expects."""
    from torchvision.datasets import CIFAR10

    folder = tmp_path / CIFAR10.base_folder
    folder.mkdir()

    def write(file, content):
        data = pickle.dumps(content)
        (folder / file).write_bytes(data)
        return hashlib.md5(data).hexdigest()

    def batch(n, seed):
        return {"data": random_images(n, 3072, seed=seed), "labels": [k % 10 for k in range(n)]}

    train = [[f"data_batch_{k}", write(f"data_batch_{k}", batch(3, k))] for k in (1, 2)]
    monkeypatch.setattr(CIFAR10, "train_list", train)
    monkeypatch.setattr(CIFAR10, "test_list", [["test_batch", write("test_batch", batch(4, 0))]])
    names = write("batches.meta", {"label_names": [f"class {k}" for k in range(10)]})
    monkeypatch.setattr(CIFAR10, "meta", CIFAR10.meta | {"md5": names})
    return tmp_path


def test_cifar_batches(cifar):
    data = load_dataset("cifar10", cifar)
    expected = np.concatenate([random_images(3, 3, 32, 32, seed=k) for k in (1, 2)])
    assert_array_equal(data.train_images, expected)
    assert data.train_images.flags.c_contiguous
    assert data.train_labels.tolist() == [0, 1, 2, 0, 1, 2]
    assert len(data.test_images) == 4
    assert data.class_names[3] == "class 3"


@pytest.mark.parametrize("file", ["data_batch_2", "test_batch", "batches.meta"])
@pytest.mark.parametrize("size", [0, 50, -1])
def test_a_truncated_cifar_batch(cifar, file, size):
    path = cifar / "cifar-10-batches-py" / file
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(DatasetError, match=f"{file}' is damaged: its checksum .*--download"):
        load_dataset("cifar10", cifar)


def test_a_missing_cifar_batch(cifar):
    (cifar / "cifar-10-batches-py" / "test_batch").unlink()
    with pytest.raises(DatasetError, match="test_batch' is missing"):
        load_dataset("cifar10", cifar)


def test_a_cifar_batch_that_cannot_be_parsed(cifar, monkeypatch):
    from torchvision.datasets import CIFAR10

    path = cifar / "cifar-10-batches-py" / "test_batch"
    path.write_bytes(path.read_bytes()[:-20])
    checksum = hashlib.md5(path.read_bytes()).hexdigest()
    monkeypatch.setattr(CIFAR10, "test_list", [["test_batch", checksum]])
    with pytest.raises(DatasetError, match=r"its files are damaged \(\w+: "):
        load_dataset("cifar10", cifar)


@needs_data
@pytest.mark.parametrize(
    ("name", "shape", "n_train"),
    [("fashion-mnist", (1, 28, 28), 60_000), ("cifar10", (3, 32, 32), 50_000)],
)
def test_the_published_data(name, shape, n_train):
    data = load_dataset(name)
    assert data.shape == shape
    assert (len(data.train_images), len(data.test_images)) == (n_train, 10_000)
    assert data.train_images.dtype == np.uint8
    assert_array_equal(np.bincount(data.train_labels), n_train // 10)
    assert_array_equal(np.bincount(data.test_labels), 1000)


# Folders of images


def write_image(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def folder(tmp_path):
    """Two classes of eight grey images each."""
    images = random_images(16, 4, 5)
    for k, pixels in enumerate(images):
        write_image(tmp_path / "set" / ("newt" if k < 8 else "cat") / f"{k % 8}.png", pixels)
    return tmp_path / "set"


def test_a_folder_is_split_by_class(folder):
    data = load_dataset(folder)
    assert data.class_names == ("cat", "newt")
    assert data.shape == (1, 4, 5)
    assert data.train_images.dtype == np.uint8
    assert_array_equal(np.bincount(data.train_labels), [6, 6])
    assert_array_equal(np.bincount(data.test_labels), [2, 2])
    assert_array_equal(data.test_images, load_dataset(str(folder)).test_images)
    newts = {image.tobytes() for image in random_images(16, 4, 5)[:8]}
    for image, label in zip(data.train_images, data.train_labels, strict=True):
        assert (image.tobytes() in newts) == (label == 1)


def test_the_name_of_a_folder_loads_it_again(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    data = load_dataset("set")
    assert load_dataset(data.name).shape == data.shape


def test_a_folder_with_its_own_split(tmp_path):
    for split, n in (("train", 3), ("test", 2)):
        for name in ("cat", "newt"):
            for k, pixels in enumerate(random_images(n, 3, 3, 3, seed=n)):
                write_image(tmp_path / split / name / f"{k}.bmp", pixels)
    write_image(tmp_path / "test" / "axolotl" / "0.bmp", random_images(1, 3, 3, 3)[0])
    data = load_dataset(tmp_path)
    assert data.class_names == ("axolotl", "cat", "newt")
    assert data.train_labels.tolist() == [1, 1, 1, 2, 2, 2]
    assert data.test_labels.tolist() == [0, 1, 1, 2, 2]
    assert_array_equal(
        data.train_images[:3], random_images(3, 3, 3, 3, seed=3).transpose(0, 3, 1, 2)
    )


def test_other_files_are_passed_over(folder):
    (folder / "README.txt").write_text("newts")
    (folder / "cat" / "notes.txt").write_text("cats")
    (folder / "cat" / "._0.png").write_bytes(b"resource fork")
    (folder / ".git").mkdir()
    assert load_dataset(folder).n_classes == 2


@pytest.mark.parametrize(
    ("mode", "channels"), [("1", 1), ("L", 1), ("P", 3), ("RGB", 3), ("RGBA", 4)]
)
def test_image_modes(tmp_path, mode, channels):
    for k, pixels in enumerate(random_images(4, 3, 3, 3)):
        file = tmp_path / "only" / f"{k}.png"
        file.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels).convert(mode).save(file)
    assert load_dataset(tmp_path).shape == (channels, 3, 3)


def test_a_palette_with_transparency(tmp_path):
    for k in range(2):
        image = Image.fromarray(random_images(1, 3, 3, seed=k)[0]).convert("P")
        (tmp_path / "only").mkdir(exist_ok=True)
        image.save(tmp_path / "only" / f"{k}.png", transparency=b"\x00\xff")
    assert load_dataset(tmp_path).shape == (4, 3, 3)


def test_an_unusual_image_mode(folder):
    Image.fromarray(np.zeros((4, 5), np.uint16)).save(folder / "cat" / "3.png")
    with pytest.raises(DatasetError, match=r"cat/3\.png': expected 8 bits .*mode 'I;16'"):
        load_dataset(folder)


@pytest.mark.parametrize(
    ("pixels", "got"),
    [(np.zeros((5, 4), np.uint8), (1, 5, 4)), (np.zeros((4, 5, 3), np.uint8), (3, 4, 5))],
)
def test_images_of_several_shapes(folder, pixels, got):
    write_image(folder / "newt" / "3.png", pixels)
    with pytest.raises(DatasetError) as caught:
        load_dataset(folder)
    message = str(caught.value)
    assert "newt/3.png': expected (channels, rows, cols) (1, 4, 5)" in message
    assert f"got {got}" in message


@pytest.mark.parametrize("size", [0, 20, -30])
def test_a_truncated_image(folder, size):
    path = folder / "newt" / "3.png"
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(DatasetError, match=r"cannot read the image '.*newt/3\.png' .*replace it"):
        load_dataset(folder)


def test_a_folder_without_classes(tmp_path):
    write_image(tmp_path / "0.png", random_images(1, 3, 3)[0])
    with pytest.raises(DatasetError, match="holds no sub-folders: expected one for each class"):
        load_dataset(tmp_path)


def test_a_class_without_images(folder):
    (folder / "zebra").mkdir()
    with pytest.raises(DatasetError, match=r"zebra' holds no images: .*\.png"):
        load_dataset(folder)


def test_half_a_split(folder, tmp_path):
    (tmp_path / "half").mkdir()
    folder.rename(tmp_path / "half" / "train")
    with pytest.raises(DatasetError, match="needs both a 'train' and a 'test' folder"):
        load_dataset(tmp_path / "half")


def test_a_folder_too_small_to_be_split(tmp_path):
    for name in ("cat", "newt"):
        write_image(tmp_path / name / "0.png", random_images(1, 3, 3)[0])
    with pytest.raises(DatasetError, match=r"too small to be split: .* 2 images in a class, got 2"):
        load_dataset(tmp_path)


# .npz files


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
