"""Tensor cores: convolutions and changes of kernels in TF32, and in three products of it."""

import numpy as np
import pytest
from brian2 import Network, defaultclock, device, prefs, set_device
from brian2.core.preferences import PreferenceError
from cuda_programs import missing, use_cuda

from hebbsim import ConvSynapses, FeatureMap
from hebbsim.codegen.cuda import toolkit
from hebbsim.codegen.cuda.tensor_cores import tensor_cores

MODEL = "w : 1\nu_post = w*x_pre : 1 (summed)\ndw = u_post*x_pre : 1 (summed)"


@pytest.fixture(autouse=True)
def _none_afterwards():
    yield
    prefs.hebbsim.tensor_cores = "none"


def layer(x, kernel, groups):
    """Return one convolution: the drive, and the sum that would change the kernel."""
    source = FeatureMap(x.shape[1:], "x : 1", batch_size=len(x), name="source")
    target = FeatureMap((len(kernel), *x.shape[2:]), "u : 1", batch_size=len(x), name="target")
    conv = ConvSynapses(source, target, MODEL, kernel_size=3, padding=1, groups=groups, name="conv")
    source.set_maps("x", x)
    conv.set_kernel("w", kernel)
    return target, conv, Network(source, target, conv)


def exact_sums(x, kernel, groups):
    """Return drive and change in double precision."""
    prefs.codegen.target = "numpy"
    target, conv, network = layer(x.astype(float), kernel.astype(float), groups)
    network.run(defaultclock.dt)
    return np.array(target.u), np.array(conv.dw)


def generated(folder) -> str:
    """Return the code of all code objects."""
    return "".join(path.read_text() for path in (folder / "code_objects").glob("conv*.cu"))


@pytest.mark.parametrize(
    "target",
    [
        pytest.param("cuda_on_cpu", marks=pytest.mark.slow),
        pytest.param("cuda", marks=pytest.mark.gpu),
    ],
)
@pytest.mark.parametrize("sign", ["both signs", "one sign"])
@pytest.mark.parametrize(
    ("channels", "groups"), [((20, 70), 1), ((20, 140), 2)], ids=["chains", "groups"]
)
@pytest.mark.parametrize(
    ("cores", "least", "most"), [("none", 0, -20), ("TF32", -18, -10), ("3xTF32", 0, -19)]
)
def test_products_are_as_exact_as_is_said(
    cores, least, most, channels, groups, sign, target, tmp_path, monkeypatch
):
    n_in, n_out = channels
    rng = np.random.default_rng(7)
    x = rng.standard_normal((3, n_in, 9, 8)).astype(np.float32)
    kernel = rng.standard_normal((n_out, n_in // groups, 3, 3)).astype(np.float32)
    if sign == "one sign":  # what is cut off adds up
        x, kernel = abs(x), abs(kernel)
    exact = exact_sums(x, kernel, groups)
    magnitudes = exact_sums(abs(x), abs(kernel), groups)
    prefs.core.default_float_dtype = np.float32
    use_cuda(tmp_path / "program", monkeypatch, on_cpu=target == "cuda_on_cpu")
    prefs.hebbsim.tensor_cores = cores
    neurons, conv, network = layer(x, kernel, groups)
    network.run(defaultclock.dt)
    ours = (np.array(neurons.u), np.array(conv.dw))
    for found, theirs, magnitude in zip(ours, exact, magnitudes, strict=True):
        error = (abs(found - theirs) / magnitude).max()
        assert 2.0**most > error
        assert error > 2.0**least or not least  # TF32's alone is seen
    code = generated(tmp_path / "program")
    assert ("mma_sync" in code) == (cores != "none")
    assert ("_split(_x" in code) == (cores == "3xTF32")


@pytest.mark.slow
@pytest.mark.parametrize("cores", ["TF32", "3xTF32"])
def test_nvcc_compiles_them_for_a_gpu_that_is_not_there(cores, tmp_path):
    if missing("nvcc", "cuRAND", "Brian2CUDA"):
        pytest.skip(f"no {', '.join(missing('nvcc', 'cuRAND', 'Brian2CUDA'))}")
    prefs.core.default_float_dtype = np.float32
    set_device("cuda_standalone", build_on_run=False)
    toolkit.compile_without_gpu(9.0)
    prefs.hebbsim.tensor_cores = cores
    ones = np.ones((1, 20, 5, 5))
    *_, network = layer(ones, np.ones((70, 20, 3, 3)), 1)
    network.run(defaultclock.dt)
    device.build(directory=str(tmp_path), run=False, with_output=False)
    assert "mma_sync" in generated(tmp_path)
    assert (tmp_path / "main").exists()


def test_the_preference_is_of_single_precision_and_has_three_values():
    assert prefs.hebbsim.tensor_cores == "none"
    assert tensor_cores("float32") == ""
    prefs.hebbsim.tensor_cores = "TF32"
    assert tensor_cores("float32") == "TF32"
    assert tensor_cores("float64") == ""
    with pytest.raises(PreferenceError, match=r"hebbsim\.tensor_cores"):
        prefs.hebbsim.tensor_cores = "fp16"
    assert prefs.hebbsim.tensor_cores == "TF32"
