"""Fixtures of the data's tests."""

import pytest
from data_cases import random_images, write_image


@pytest.fixture
def folder(tmp_path):
    """Two classes of eight grey images each."""
    images = random_images(16, 4, 5)
    for k, pixels in enumerate(images):
        write_image(tmp_path / "set" / ("newt" if k < 8 else "cat") / f"{k % 8}.png", pixels)
    return tmp_path / "set"
