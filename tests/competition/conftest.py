"""Fixtures of the competitions' tests."""

import pytest
from brian2 import (
    prefs,
)
from competition_cases import SHAPE

from hebbsim import FeatureMap


@pytest.fixture
def layer():
    prefs.codegen.target = "numpy"
    return FeatureMap(SHAPE, "u : 1\ny : 1\nv : volt\ns = 2*u : 1\ng : 1 (shared)", name="layer")
