"""Folders of images."""

import numpy as np
import pytest
from data_cases import random_images, write_image
from numpy.testing import assert_array_equal
from PIL import Image

from hebbsim.data.dataset import DatasetError
from hebbsim.data.load import load_dataset


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
