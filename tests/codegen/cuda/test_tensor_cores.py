"""Tensor cores: convolutions and changes of kernels in TF32, and in three products of it."""

import numpy as np
import pytest
from brian2 import Network, defaultclock, prefs
from brian2.core.preferences import PreferenceError
from cuda_programs import use_cuda

from hebbsim import ConvSynapses, FeatureMap
from hebbsim.codegen.cuda.tensor_cores import tensor_cores

MODEL = "w : 1\nu_post = w*x_pre : 1 (summed)\ndw = u_post*x_pre : 1 (summed)"


@pytest.fixture(autouse=True)
def _none_afterwards():
    yield
    prefs.hebbsim.tensor_cores = "none"


def layer(x, kernel):
    """Return one convolution: the drive, and the sum that would change the kernel."""
    source = FeatureMap(x.shape[1:], "x : 1", batch_size=len(x), name="source")
    target = FeatureMap((len(kernel), *x.shape[2:]), "u : 1", batch_size=len(x), name="target")
    conv = ConvSynapses(source, target, MODEL, kernel_size=3, padding=1, name="conv")
    source.set_maps("x", x)
    conv.set_kernel("w", kernel)
    return target, conv, Network(source, target, conv)


def exact_sums(x, kernel):
    """Return drive and change in double precision."""
    prefs.codegen.target = "numpy"
    target, conv, network = layer(x.astype(float), kernel.astype(float))
    network.run(defaultclock.dt)
    return np.array(target.u), np.array(conv.dw)


@pytest.mark.parametrize(
    "target",
    [
        pytest.param("cuda_on_cpu", marks=pytest.mark.slow),
        pytest.param("cuda", marks=pytest.mark.gpu),
    ],
)
@pytest.mark.parametrize(
    ("cores", "least", "most"), [("none", 0, -21), ("TF32", -18, -10), ("3xTF32", 0, -20)]
)
def test_products_are_as_exact_as_is_said(cores, least, most, target, tmp_path, monkeypatch):
    rng = np.random.default_rng(7)
    x = rng.standard_normal((3, 20, 9, 8)).astype(np.float32)  # 180 terms: longer than a chain
    kernel = rng.standard_normal((70, 20, 3, 3)).astype(np.float32)  # two tiles of channels
    exact = exact_sums(x, kernel)
    magnitudes = exact_sums(abs(x), abs(kernel))
    prefs.core.default_float_dtype = np.float32
    use_cuda(tmp_path / "program", monkeypatch, on_cpu=target == "cuda_on_cpu")
    prefs.hebbsim.tensor_cores = cores
    neurons, conv, network = layer(x, kernel)
    network.run(defaultclock.dt)
    ours = (np.array(neurons.u), np.array(conv.dw))
    for found, theirs, magnitude in zip(ours, exact, magnitudes, strict=True):
        error = (abs(found - theirs) / magnitude).max()
        assert 2.0**most > error
        assert error > 2.0**least or not least  # TF32's alone is seen


def test_the_preference_is_of_single_precision_and_has_three_values():
    assert prefs.hebbsim.tensor_cores == "none"
    assert tensor_cores("float32") == ""
    prefs.hebbsim.tensor_cores = "TF32"
    assert tensor_cores("float32") == "TF32"
    assert tensor_cores("float64") == ""
    with pytest.raises(PreferenceError, match=r"hebbsim\.tensor_cores"):
        prefs.hebbsim.tensor_cores = "fp16"
    assert prefs.hebbsim.tensor_cores == "TF32"
