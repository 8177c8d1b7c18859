"""A script that runs on `Synapses` gives the same numbers on `ConvSynapses`."""

import pytest
from brian2 import BrianLogger
from brian2.codegen.generators.numpy_generator import NumpyCodeGenerator
from brian2_scripts import Script, run
from numpy.testing import assert_allclose


@pytest.fixture(autouse=True)
def _one_synapse_after_the_other():
    BrianLogger.suppress_hierarchy("brian2.codegen.generators")
    yield
    NumpyCodeGenerator._use_ufunc_at_vectorisation = True


def compare(number, target):
    script = Script(number)
    expected, found = run(script, convolve=False), run(script, convolve=True, target=target)
    for name, values in expected.items():
        scale = abs(values).max(initial=0) or 1
        assert_allclose(
            found[name], values, rtol=1e-9, atol=1e-12 * scale, err_msg=f"{name} of\n{script}"
        )


@pytest.mark.parametrize("number", range(24))
def test_random_scripts(number):
    compare(number, "numpy")


@pytest.mark.parametrize("number", range(100, 105))
def test_random_scripts_in_cpp(number):
    compare(number, "auto")


@pytest.mark.slow
@pytest.mark.parametrize("number", range(1000, 1300))
def test_many_random_scripts(number):
    compare(number, "numpy")


@pytest.mark.slow
@pytest.mark.parametrize("number", range(2000, 2030))
def test_many_random_scripts_in_cpp(number):
    compare(number, "auto")
