"""Folders of results in which files were damaged: right, or an error with the way out."""

from dataclasses import replace

import numpy as np
import pytest

from hebbsim.compare.results import ResultsFolder, Row
from hebbsim.compare.settings import CompareSettings
from hebbsim.data.zca import ZCA
from hebbsim.experiments.results import ResultsError
from hebbsim.experiments.row_table import RowTable

SETTINGS = CompareSettings.for_data("digits", rules=("Oja",))
ROW = Row("digits", "Oja", 1, 0, 0.875, 144, 1.25, "ridge")
ROWS = [ROW, replace(ROW, layer=2, accuracy=0.5), replace(ROW, seed=1), replace(ROW, rule="random")]


def damages(whole, generator):
    """Fifty: a file that ends early, or one bit of it changed."""
    for number in range(50):
        place = int(generator.integers(len(whole)))
        flipped = bytes([whole[place] ^ (1 << int(generator.integers(8)))])
        yield whole[:place] + (flipped + whole[place + 1 :] if number % 2 else b"")


@pytest.fixture
def folder(tmp_path):
    results = ResultsFolder(tmp_path)
    SETTINGS.save(results.settings, {"train_images": {"shape": [9, 1, 8, 8]}})
    RowTable(results.csv, Row).write(ROWS)
    return results


@pytest.mark.parametrize("name", ["results.csv", "results.csv.sha256", "settings.json"])
def test_what_is_damaged_is_left_out_or_named(folder, name):
    place = folder.path / name
    whole, named = place.read_bytes(), 0
    for damaged in damages(whole, np.random.default_rng(0)):
        place.write_bytes(damaged)
        said = ""
        try:
            folder.check(SETTINGS, overwrite=False, resume=True)
            rows = folder.read()
        except ResultsError as error:
            said, rows = str(error), []
        assert set(rows) <= set(ROWS)
        named += bool(said)
        if said:
            assert str(folder.path) in said
            assert "--overwrite" in said
    assert named > 0 or name != "settings.json"
    place.write_bytes(whole)
    folder.check(SETTINGS, overwrite=False, resume=True)
    assert folder.read() == ROWS


def test_a_line_that_is_changed_by_hand_is_left_out_alone(folder):
    folder.csv.write_text(folder.csv.read_text().replace("0.875,144,1.25,ridge", "x", 1))
    assert folder.read() == ROWS[1:]
    folder.append([ROW])
    assert folder.read() == [*ROWS[1:], ROW]


def test_fifty_damaged_whitenings_are_named_or_right(tmp_path):
    images = np.random.default_rng(0).random((6, 1, 2, 3))
    zca = ZCA(0.1).fit(images)
    path = zca.save(tmp_path / "zca.npz")
    expected, said = zca.transform(images), []
    for damaged in damages(path.read_bytes(), np.random.default_rng(1)):
        path.write_bytes(damaged)
        try:
            read = ZCA.load(path)
        except ValueError as error:
            said.append(str(error))
        else:  # a bit that means nothing, such as of a date
            np.testing.assert_array_equal(read.transform(images), expected)
    assert len(said) > 35
    assert all(str(path) in text and "written by ZCA.save" in text for text in said)
