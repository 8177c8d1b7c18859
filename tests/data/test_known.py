"""Data sets known by name, whole and damaged."""

import gzip
import hashlib
import os
import pickle
import shutil
import struct
import sys
import tarfile
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
from data_cases import random_images
from numpy.testing import assert_array_equal

from hebbsim.data.dataset import DatasetError
from hebbsim.data.known import DATA_ROOT_VARIABLE
from hebbsim.data.load import load_dataset

needs_data = pytest.mark.skipif(
    not os.environ.get(DATA_ROOT_VARIABLE), reason=f"{DATA_ROOT_VARIABLE} is not set"
)


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


def compress(path):
    with gzip.open(path.with_name(f"{path.name}.gz"), "wb") as stream:
        stream.write(path.read_bytes())
    path.unlink()
    return path.with_name(f"{path.name}.gz")


def assert_is_the_idx_data(data):
    for split, n in (("train", 12), ("test", 6)):
        images = getattr(data, f"{split}_images")
        assert_array_equal(images, random_images(n, 4, 5, seed=n)[:, None])
        assert_array_equal(getattr(data, f"{split}_labels"), np.arange(n) % 10)
        assert images.flags.writeable


@pytest.mark.parametrize("compressed", [FILES, FILES[:1], FILES[1:]], ids=len)
@pytest.mark.parametrize("dotted", [False, True])
def test_compressed_idx_files_are_there(idx, compressed, dotted):
    name, root, folder = idx
    for file in compressed:
        compress(folder / file)
    if dotted:  # as some mirrors name them
        for path in list(folder.iterdir()):
            path.rename(path.with_name(path.name.replace("-idx", ".idx")))
    before = sorted(folder.iterdir())
    assert_is_the_idx_data(load_dataset(name, root))
    assert sorted(folder.iterdir()) == before  # nothing is written to a folder of data


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("size", [0, 5, 20, -9, -1])
def test_a_truncated_compressed_idx_file(idx, file, size):
    name, root, folder = idx
    path = compress(folder / file)
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(DatasetError, match=rf"'{name}' from .*{file}\.gz' is damaged.*--download"):
        load_dataset(name, root)


def test_a_compressed_idx_file_of_another_length(idx):
    name, root, folder = idx
    path = folder / "t10k-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-1])
    compress(path)
    with pytest.raises(DatasetError, match=r"ubyte.gz' is damaged: expected 136 decompressed byt"):
        load_dataset(name, root)


def test_a_file_that_is_called_compressed(idx):
    name, root, folder = idx
    path = folder / "t10k-images-idx3-ubyte"
    path.rename(folder / f"{path.name}.gz")
    with pytest.raises(DatasetError, match=r"ubyte.gz' is damaged: it can't be decompressed \(Not"):
        load_dataset(name, root)


def test_the_form_of_torchvisions_first_versions(idx):
    import torch

    name, root, folder = idx
    shutil.rmtree(folder)
    processed = folder.parent / "processed"
    processed.mkdir()
    for file, n in (("training.pt", 12), ("test.pt", 6)):
        images, labels = random_images(n, 4, 5, seed=n), np.arange(n) % 10
        torch.save((torch.tensor(images), torch.tensor(labels)), processed / file)
    assert_is_the_idx_data(load_dataset(name, root))


def test_classes_of_idx_files_are_those_of_torchvision(idx):
    from torchvision import datasets

    name, root, folder = idx
    kind = getattr(datasets, folder.parent.name)
    assert load_dataset(name, root).class_names == tuple(kind.classes)


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


@pytest.mark.parametrize("name", ["mnist", "cifar10"])
def test_a_torchvision_that_does_not_work_is_no_fault_of_files(name, tmp_path, monkeypatch):
    monkeypatch.delitem(sys.modules, "torchvision", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "torchvision.py").write_text("raise RuntimeError('operator nms does not exist')")
    with pytest.raises(RuntimeError, match=r"^operator nms does not exist$"):
        load_dataset(name, tmp_path)


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


def pack(root, suffix=".tar.gz", keep=False):
    """Pack the batches, as they are published."""
    folder, archive = root / "cifar-10-batches-py", root / f"cifar-10-python{suffix}"
    with tarfile.open(archive, "w:gz" if suffix == ".tar.gz" else "w") as tar:
        tar.add(folder, folder.name)
    if not keep:
        shutil.rmtree(folder)
    return archive


@pytest.mark.parametrize("suffix", [".tar.gz", ".tar"])
def test_packed_cifar_batches_are_there(cifar, suffix):
    expected = load_dataset("cifar10", cifar)
    archive = pack(cifar, suffix)
    found = load_dataset("cifar10", cifar)
    for name in ("train_images", "train_labels", "test_images", "test_labels"):
        assert_array_equal(getattr(found, name), getattr(expected, name))
    assert found.class_names == expected.class_names
    assert list(cifar.iterdir()) == [archive]


def test_an_archive_that_was_unpacked_in_part(cifar):
    expected = load_dataset("cifar10", cifar)
    pack(cifar, keep=True)
    (cifar / "cifar-10-batches-py" / "test_batch").unlink()
    found = load_dataset("cifar10", cifar)
    assert_array_equal(found.test_images, expected.test_images)


@pytest.mark.parametrize("size", [0, 100, 0.5, 0.9])
def test_a_truncated_archive(cifar, size):
    archive = pack(cifar)
    content = archive.read_bytes()
    archive.write_bytes(content[: int(size * len(content)) if size < 1 else size])
    with pytest.raises(DatasetError, match=r"cifar-10-python\.tar\.gz' is damaged: .*--download"):
        load_dataset("cifar10", cifar)


def test_a_damaged_or_missing_batch_in_an_archive(cifar, monkeypatch):
    from torchvision.datasets import CIFAR10

    batch = cifar / "cifar-10-batches-py" / "data_batch_2"
    batch.write_bytes(batch.read_bytes()[:-1])
    pack(cifar)
    with pytest.raises(DatasetError, match=r"tar\.gz/data_batch_2' is damaged: its checksum"):
        load_dataset("cifar10", cifar)
    monkeypatch.setattr(CIFAR10, "test_list", [["other_batch", "0"]])
    monkeypatch.setattr(CIFAR10, "train_list", CIFAR10.train_list[:1])
    with pytest.raises(DatasetError, match=r"tar\.gz/other_batch' is missing\."):
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
