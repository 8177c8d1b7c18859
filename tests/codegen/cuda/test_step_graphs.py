"""Which code objects launch the same in each step, and that graphs of them compute the same."""

import numpy as np
import pytest
from brian2 import set_device
from cuda_programs import use_cuda

from hebbsim import ConvLayer, ConvNetwork, rules
from hebbsim.codegen.cuda.step_graphs import mark_fixed_launches

FRAME = """
__global__ void _sum_x(int _N) {{}}

void _run_x()
{{
    using namespace brian;
    ///// HOST_CONSTANTS ///////////
    const int _numw = 7500;
    const double rate = 0.01f;
{body}
CUDA_CHECK_ERROR("x");


}}
"""
KEPT = """
static double* _sums = nullptr;
if (_sums == nullptr)
{
    const size_t _bytes = sizeof(double) * (size_t) (480000);
    CUDA_SAFE_CALL(cudaMalloc((void**) &_sums, _bytes));
    CUDA_SAFE_CALL(cudaMemset(_sums, 0, _bytes));
}
"""
LAUNCH = """
_sum_x<<<(_N + 255) / 256, 256, 0, step_stream>>>(
    _N,
    _sums, _sums + (size_t) 12,
    dev_array_conv_w
    );
"""


def launched_with(argument):
    return LAUNCH.replace("dev_array_conv_w", argument)


@pytest.mark.parametrize(
    ("body", "is_fixed"),
    [
        (LAUNCH, True),
        (KEPT + LAUNCH + LAUNCH, True),
        (LAUNCH + "host_part = _look_x;\nif (step_stream == 0) host_part();\n", True),
        (KEPT, False),
        (LAUNCH.replace(", 0, step_stream", ""), False),
        (LAUNCH.replace("(_N + 255)", "(_steps + 255)"), False),
        (launched_with("_array_defaultclock_t[0]"), False),
        (launched_with("dev_layer_spikespace[current_idx_layer_spikespace]"), False),
        (launched_with("dev_array_1_winners_codeobject_rand"), False),
        (launched_with("dev_array_1_u"), True),
        ("const int _numx = dev_n;\n" + LAUNCH, False),
        ("const double minus = -1.5e-3;\nconst char on = true;\n" + LAUNCH, True),
        (launched_with("thrust::raw_pointer_cast(&dev_dynamic_array_x[0])"), False),
        (LAUNCH + "if (_array_clock_timestep[0] % 4 == 0)\n{\n" + LAUNCH + "}\n", False),
        (LAUNCH + "cudaMemcpy(dev_array_a, dev_array_b, 8, cudaMemcpyDeviceToDevice);\n", False),
        ("const int _numx = dev_dynamic_array_x.size();\n" + LAUNCH, False),
    ],
)
def test_what_launches_the_same_in_each_step_says_so(body, is_fixed, tmp_path):
    file = tmp_path / "code_objects" / "x.cu"
    file.parent.mkdir()
    text = FRAME.format(body=body)
    file.write_text(text)
    for _ in range(2):  # a project may be compiled again
        mark_fixed_launches(tmp_path)
    mark = "\n    launches_are_fixed = true;\n}\n"
    assert file.read_text() == (text.removesuffix("\n}\n") + mark if is_fixed else text)


def test_what_is_replaced_is_in_brian2cudas_templates():
    templates = pytest.importorskip("brian2cuda.codeobject").CUDAStandaloneCodeObject.templater
    objects, network = (
        templates.templates.get_template(name).template_source for name in ("objects", "network")
    )
    assert objects.count("extern cudaStream_t step_stream;") == 1
    assert network.count("cudaStream_t step_stream = 0;") == 1
    assert network.count("run_together(functions);") == 1
    assert " func();\n" not in network.partition("void Network::run")[2]


def learned(images, folder, monkeypatch, **environment):
    """Learn both layers, then one, on Brian2CUDA's program for the CPU."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    use_cuda(folder, monkeypatch, on_cpu=True, build_on_run=False)
    network = ConvNetwork((2, 8, 8), [ConvLayer(4, 3, rules.Instar(0.01))] * 2, batch_size=2)
    network.fit(images, epochs=2, progress=False)
    network.fit(images, layers=[1], progress=False)
    features = network.transform(images)
    kernels = [stage.conv.get_kernel("w") for stage in network.stages]
    for name in environment:
        monkeypatch.delenv(name)
    set_device("runtime")
    return [features, *kernels]


@pytest.mark.slow
def test_graphs_learn_what_single_launches_do(tmp_path, monkeypatch):
    images = np.random.default_rng(0).standard_normal((8, 2, 8, 8))
    counts = tmp_path / "graphs"
    found = learned(images, tmp_path / "with", monkeypatch, CUDA_ON_CPU_GRAPHS=str(counts))
    launched = counts.read_text().split()
    assert len(launched) > 8
    assert len(set(launched)) > 1  # a layer that rests is in no graph
    wanted = learned(images, tmp_path / "without", monkeypatch, CUDA_ON_CPU_WITHOUT_GRAPHS="1")
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(one, other)
