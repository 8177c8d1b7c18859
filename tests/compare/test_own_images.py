"""The comparison on a user's own files: few images, odd types, photographs."""

import os
import re
import resource
import subprocess
import sys
from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from data_cases import write_image
from PIL import Image
from rich.console import Console

from hebbsim.compare.comparison import compare, load_images
from hebbsim.compare.settings import CompareSettings
from hebbsim.data.dataset import DatasetError, usual_type
from hebbsim.data.load import load_dataset
from hebbsim.decoding.decode import decode
from hebbsim.errors import SettingsError

SMALL = {"rules": ("Hebb",), "channels": (3, 4), "kernels": (3, 2)}


def write_photographs(folder, n, shape, classes=("cats", "dogs")):
    """Write blurred noise, horizontal in one class and vertical in the other."""
    rng = np.random.default_rng(0)
    for axis, name in enumerate(classes):
        for number in range(n):
            coarse = rng.integers(0, 256, (5 if axis else 40, 40 if axis else 5, 3), dtype=np.uint8)
            picture = Image.fromarray(coarse).resize(shape[::-1], Image.Resampling.BILINEAR)
            write_image(folder / name / f"{number}.png", np.asarray(picture))


def write_npz(path, n=24, dtype=np.uint8, labels=None, **more):
    rng = np.random.default_rng(0)
    images = (
        rng.random((n, 12, 12))
        if np.dtype(dtype).kind == "f"
        else rng.integers(0, 256, (n, 12, 12))
    )
    labels = np.arange(n) % 2 if labels is None else labels
    np.savez(path, images=images.astype(dtype), labels=labels, **more)
    return path


def test_a_quick_look_at_few_images_takes_them_all(tmp_path):
    path = write_npz(tmp_path / "few.npz", n=40)
    settings = CompareSettings.for_data(str(path), quick=True, **SMALL)
    assert (settings.n_train, settings.n_test, settings.batch_size) == (500, 200, 100)
    said = StringIO()
    rows = compare(settings, tmp_path / "out", console=Console(file=said, width=200))
    assert [row.rule for row in rows] == ["pixels", "random", "random", "Hebb", "Hebb"]
    assert "batches of 30 images, as many as there are or fit" in said.getvalue()
    assert CompareSettings.load(tmp_path / "out" / "settings.json") == settings


def test_what_somebody_asked_for_is_refused_where_it_is_not_there(tmp_path):
    path = str(write_npz(tmp_path / "few.npz"))
    with pytest.raises(ValueError, match="1 to 18 of them, got 19"):
        load_images(CompareSettings.for_data(path, quick=True, n_train=19))
    asked = CompareSettings.for_data(path, quick=True, batch_size=19)
    with pytest.raises(SettingsError, match="batch_size: expected at most the 18 training images"):
        asked.with_batches_that_fit(18, (1, 12, 12))
    later = replace(CompareSettings.for_data(path, quick=True), batch_size=19)
    with pytest.raises(SettingsError, match="at most the 18 training images"):
        later.with_batches_that_fit(18, (1, 12, 12))
    with pytest.raises(SettingsError, match="unknown limit 'k'"):
        CompareSettings(at_most={"k": 1})


def test_the_size_of_a_batch_follows_from_the_shape_of_the_images():
    """Of 240x320 RGB a sample takes 150 MB; small images keep the usual number."""
    settings = CompareSettings.for_data("photographs")
    assert settings.with_batches_that_fit(10**4, (3, 32, 32)).batch_size == 100
    assert settings.with_batches_that_fit(10**4, (3, 240, 320)).batch_size == 3


@pytest.mark.parametrize("dtype", ["<f2", ">f2", ">f4", ">f8", np.longdouble, np.float32, np.uint8])
def test_images_of_any_floating_point_type(tmp_path, dtype):
    """They have the values that they have in a usual type."""
    path = write_npz(tmp_path / "odd.npz", dtype=dtype)
    images = load_dataset(path).train_images
    assert images.dtype in (np.uint8, np.float32, np.float64)
    assert images.dtype.isnative
    with np.load(path) as file:
        stored = file["images"]
    np.testing.assert_array_equal(usual_type(stored), stored.astype(np.float64))
    loaded = load_images(CompareSettings.for_data(str(path), **SMALL))
    assert np.isfinite(loaded.train).all()


def test_labels_in_a_column_are_labels(tmp_path):
    labels = np.arange(24) % 3
    flat = load_dataset(write_npz(tmp_path / "flat.npz", labels=labels))
    column = load_dataset(write_npz(tmp_path / "column.npz", labels=labels.astype(">i4")[:, None]))
    named = write_npz(
        tmp_path / "named.npz", labels=labels[:, None], class_names=np.array(["a", "b", "c"])
    )
    for other in (column, load_dataset(named)):
        np.testing.assert_array_equal(other.train_labels, flat.train_labels)
    features = np.random.default_rng(0).random((24, 4))
    split = (features, labels[:, None], features, labels[:, None])
    assert decode(*split) == decode(features, labels, features, labels)
    with pytest.raises(DatasetError, match=r"of shape \(n,\) or \(n, 1\), got int64 of shape"):
        load_dataset(write_npz(tmp_path / "wide.npz", labels=np.zeros((24, 2), int)))


def test_one_class_is_refused_by_its_name_before_the_work(tmp_path):
    for n in range(6):
        write_image(tmp_path / "data" / "cats" / f"{n}.png", np.full((12, 12), n, np.uint8))
    settings = CompareSettings.for_data(str(tmp_path / "data"), quick=True)
    with pytest.raises(DatasetError, match=r"at least two classes, .* got 'cats' alone"):
        compare(settings, tmp_path / "out", progress=False)
    assert not (tmp_path / "out").exists()
    with pytest.raises(ValueError, match=r"got only 7$"):
        decode(np.ones((3, 1)), np.full(3, 7), np.ones((1, 1)), [7])


@pytest.mark.parametrize("link", ["birds", "cats/9.png", "train", "test/dogs"])
def test_a_broken_link_is_named(tmp_path, link):
    for name in ("cats", "dogs"):
        for n in range(4):
            parts = ("train", "test") if link.startswith("test") else ("",)
            for part in parts:
                file = tmp_path / part / name / f"{n}.png"
                write_image(file, np.full((6, 6), n, np.uint8))
    at = tmp_path / link
    if at.is_dir():
        at.rename(tmp_path / ".aside")
    at.symlink_to(tmp_path / "gone")
    with pytest.raises(DatasetError, match=re.escape(f"'{at}' is a link to '{tmp_path / 'gone'}'")):
        load_dataset(tmp_path)


def test_large_images_are_whitened_along_what_fits(tmp_path):
    """64x64 RGB: a matrix of 12,288 dimensions takes 5 GB."""
    write_photographs(tmp_path / "photos", 8, (64, 64))
    settings = CompareSettings.for_data(str(tmp_path / "photos"), quick=True, **SMALL)
    images = load_images(settings)
    assert "along 11 directions: images of 3x64x64 have 12,288" in images.notes[0]
    assert "would take 4 GiB; --zca-components sets" in images.notes[0]
    chosen = load_images(CompareSettings.for_data(settings.data, zca_components=5))
    assert chosen.notes == ()
    assert np.abs(chosen.train - images.train).max() > 0


def peak_of_comparison(photos, output, *options):
    """Return the peak memory of the command in bytes, and what it printed."""
    program = "from hebbsim.cli import app; app()"
    command = [sys.executable, "-c", program, "compare", "--data", str(photos)]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "2"}
    result = subprocess.run(
        [*command, "--quick", *options, "--output", str(output)],
        capture_output=True, text=True, check=False, env=environment,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    return peak, result.stdout


@pytest.mark.parametrize(
    ("n", "shape", "options"),
    [
        (8, (64, 72), ["--rules", "hebb", "--channels", "4,6"]),
        pytest.param(40, (240, 320), ["--rules", "hebb"], marks=pytest.mark.slow),
    ],
)
def test_photographs_end_with_a_table_within_two_gigabytes(tmp_path, n, shape, options):
    write_photographs(tmp_path / "photos", n, shape)
    peak, printed = peak_of_comparison(tmp_path / "photos", tmp_path / "out", *options)
    assert peak < 2e9
    assert "Hebb" in printed
    assert "random" in printed
    assert "--zca-components" in printed
    table = Path(tmp_path / "out" / "table.md").read_text()
    assert "Hebb" in table
