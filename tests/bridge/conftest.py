"""Fixtures of the bridge's tests."""

import pytest
from brian2 import prefs
from bridge_cases import LAYERS, build


@pytest.fixture
def numpy_target():
    """Do without compiling: the map is the same, and the networks are many."""
    saved = prefs.codegen.target
    prefs.codegen.target = "numpy"
    yield
    prefs.codegen.target = saved


@pytest.fixture
def network():
    return build((2, 9, 14), LAYERS, seed=7)
