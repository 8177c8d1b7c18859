"""Names and paths."""

import re
from pathlib import Path

import pytest

from hebbsim.data.dataset import DatasetError
from hebbsim.data.load import available_datasets, load_dataset


def test_available_datasets():
    assert available_datasets() == ("cifar10", "digits", "fashion-mnist", "mnist")


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
