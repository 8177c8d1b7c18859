"""Fixtures of the bridge's tests."""

import pytest
from bridge_cases import LAYERS, build


@pytest.fixture
def network():
    return build((2, 9, 14), LAYERS, seed=7)
