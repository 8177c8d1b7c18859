"""Fingerprints of arrays."""

import hashlib

import numpy as np
import pytest

from hebbsim.networks import fingerprint as module
from hebbsim.networks.fingerprint import fingerprint

IMAGES = np.random.default_rng(0).random((10, 2, 3, 4))


def test_a_fingerprint_is_the_checksum_of_the_values():
    assert fingerprint(IMAGES) == {
        "shape": [10, 2, 3, 4],
        "dtype": "float64",
        "values": hashlib.sha256(IMAGES.tobytes()).hexdigest(),
    }


def test_memory_doesnt_matter(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_CHUNK_BYTES", 3 * IMAGES[0].nbytes)  # the last chunk is smaller
    mapped = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", float, IMAGES.shape)
    mapped[:] = IMAGES
    expected = hashlib.sha256(IMAGES.tobytes()).hexdigest()
    for same in (mapped, np.asfortranarray(IMAGES), IMAGES[::-1].copy()[::-1]):
        assert fingerprint(same)["values"] == expected


def changed(place, value):
    other = IMAGES.copy()
    other[place] = value
    return other


@pytest.mark.parametrize(
    ("other", "differs"),
    [
        (changed((9, 1, 2, 3), np.nextafter(IMAGES[9, 1, 2, 3], 1)), {"values"}),
        (IMAGES[::-1], {"values"}),
        (IMAGES[:9], {"shape", "values"}),
        (IMAGES.swapaxes(2, 3), {"shape", "values"}),
        (IMAGES.reshape(10, 2, 4, 3), {"shape"}),
        (IMAGES.astype(np.float32), {"dtype", "values"}),
        (IMAGES.view(np.int64), {"dtype"}),
    ],
)
def test_what_differs_shows(other, differs):
    one, two = fingerprint(IMAGES), fingerprint(other)
    assert {name for name in one if one[name] != two[name]} == differs
