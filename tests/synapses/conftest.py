"""Fixtures of the convolutions' tests."""

import pytest
from brian2 import (
    prefs,
)

from hebbsim import ConvSynapses, FeatureMap


@pytest.fixture
def conv():
    prefs.codegen.target = "numpy"
    source = FeatureMap((2, 4, 4), "x : 1", name="source")
    target = FeatureMap((3, 3, 3), "u : 1\ny : 1", name="target")
    model = "w : 1\nc : siemens\ntwice = 2*w : 1\ng : 1 (shared)\nu_post = w*x_pre : 1 (summed)"
    return ConvSynapses(source, target, model, kernel_size=2, name="conv")
