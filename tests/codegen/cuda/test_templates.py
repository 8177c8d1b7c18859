"""CUDA: one network that runs through every template, on the CPU, in two orders of the threads."""

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from brian2 import Network, defaultclock, device, ms, prefs, second, set_device
from brian2.core.variables import ArrayVariable
from cuda_programs import missing, run_on_cpu, use_cuda
from numpy.testing import assert_allclose
from typer.testing import CliRunner

from hebbsim import (
    Assign,
    AveragePooling,
    ConvSynapses,
    Decision,
    EarliestSpike,
    FeatureMap,
    FirstWinners,
    LateralInhibition,
    MaxPooling,
    OrderPlasticity,
    PerChannel,
    PerMap,
    PerPosition,
    PerSample,
    Rectify,
    SoftWinnerTakeAll,
    Standardize,
    StoredImages,
    SumPooling,
    Triangle,
    WinnerTakeAll,
    pool_output_shape,
    rules,
)
from hebbsim.cli import app, listings
from hebbsim.codegen.cuda import toolkit
from hebbsim.networks.reset_at_onset import Restart

FOLDER = Path(toolkit.__file__).parent / "templates"
FRAMES = {"conv_spikes", "gather", "kernel_nest", "kernels", "loop_nest", "map_operation"}
FRAMES |= {"filter_norms", "neuron_indices", "product_tile"}
BATCH = 2

RATE_MODEL = """
w : 1
u_post = w*x_pre : 1 (summed)
back_pre = w*y_post : 1 (summed)
dw = y_post*(x_pre - y_post*w) : 1 (summed)
far = abs(x_pre - y_post) : 1 (summed)
heard = y_post*w : 1 (cumulative)
rest = y_post*(x_pre - heard) : 1 (summed)
square = w**2 : 1 (summed over filter)
typical = abs(w) : 1 (mean over kernel)
largest = abs(dw) : 1 (maximum over kernel)
lowest = dw/largest : 1 (minimum over filter)
"""


def rate_groups(rng):
    """Sums of all kinds, competition, pooling, and what belongs to channels."""
    source = FeatureMap((2, 7, 6), "x : 1\nback : 1", batch_size=BATCH, name="source")
    model = "u : 1\ny : 1\nz : 1\nr : 1\na : 1\ntri : 1\nother = u + 0.1*mean_u : 1\nnorm : 1"
    model += "\nseen : 1"
    layer = FeatureMap((18, 7, 6), model, batch_size=BATCH, name="layer")
    means = PerChannel(
        layer,
        "mean_u = u_map/map_size : 1 (summed)\ntheta : 1\nn_steps : 1 (shared)",
        update="n_steps += 1\ntheta += mean_u*n_steps",
        name="means",
    )
    intensity = PerSample(layer, "total = abs(u_map) : 1 (summed)", name="intensity")
    places = PerPosition(layer, "summed_y = y_map : 1 (summed)", name="places")
    whole = PerMap(layer, "power = y_map**2/map_size : 1 (summed)", name="whole")
    conv = ConvSynapses(
        source,
        layer,
        RATE_MODEL,
        kernel_size=3,
        padding=1,
        update="w += 0.001*dw + 0.0001*far + 0.001*rest + 0.01*(lowest*square - typical)",
        normalize="L2",
        name="conv",
    )
    WinnerTakeAll(layer, "u", "y", k=2, graded=True, condition="u > 0", name="winners")
    SoftWinnerTakeAll(layer, "u", "z", name="soft")
    Rectify(layer, "u - theta", "r", name="rectify")
    Assign(layer, "tanh(other)", "a", name="assign")
    Triangle(layer, "u", "tri", name="triangle")
    Standardize(layer, "u", "norm", name="standardize")
    pooled = FeatureMap((18, 4, 4), "x : 1\nm : 1", batch_size=BATCH, name="pooled")
    beyond = {"padding": (0, 1), "ceil_mode": True}
    AveragePooling(layer, pooled, 2, **beyond, source="u", activation="triangle", name="average")
    MaxPooling(layer, pooled, 2, **beyond, source="u", target="m", name="largest")
    within = FeatureMap((18, 3, 3), "x : 1", batch_size=BATCH, name="within")
    AveragePooling(layer, within, 2, source="u", activation="triangle", name="average_within")
    small = FeatureMap((4, 3, 2), "u : 1\nold = u : 1", batch_size=BATCH, name="small")
    grouped = ConvSynapses(
        source,
        small,
        "w : 1\nu_post = w*sqrt(abs(x_pre + old_post)) : 1 (summed)\n"
        "dd = x_pre*(1 + u_post) : 1 (summed)",
        kernel_size=(3, 2),
        stride=2,
        dilation=(1, 2),
        groups=2,
        update="w += 0.0001*dd",
        name="grouped",
    )
    torus = FeatureMap((18, 7, 6), "u : 1", batch_size=BATCH, name="torus")
    around = ConvSynapses(
        layer,
        torus,
        "w : 1\nu_post = w*y_pre : 1 (summed)\nseen_pre = w*u_post : 1 (summed)\n"
        "dw = u_post*(y_pre - u_post*w) : 1 (summed)\nfar = abs(y_pre - u_post) : 1 (summed)",
        kernel_size=3,
        padding=(1, 2),
        dilation=(1, 2),
        padding_mode="circular",
        update="w += 1e-7*dw + 1e-6*far",
        name="around",
    )
    wide = FeatureMap((32, 9, 9), "x : 1", batch_size=8, name="wide")
    deep = FeatureMap((140, 9, 9), "u : 1", batch_size=8, name="deep")
    tiles = ConvSynapses(  # several tiles of taps, channels and positions
        wide,
        deep,
        "w : 1\nu_post = w*x_pre : 1 (summed)\ndw = u_post*(x_pre - u_post*w) : 1 (summed)",
        kernel_size=3,
        padding=1,
        groups=2,
        update="w += 1e-6*dw",
        name="tiles",
    )
    wide.set_maps("x", rng.standard_normal((8, 32, 9, 9)))
    StoredImages(source, rng.integers(0, 256, (5, 2, 7, 6), dtype=np.uint8), value="5*pixel - 2")
    for synapses in (conv, grouped, around, tiles):
        synapses.set_kernel("w", rng.standard_normal(synapses.geometry.kernel_shape))
    return [
        source,
        layer,
        means,
        intensity,
        places,
        whole,
        conv,
        pooled,
        within,
        small,
        grouped,
        torus,
        around,
        wide,
        deep,
        tiles,
    ]


def spiking_groups(rng):
    """Spikes on their way, rewarded changes of each sample, inhibition, spike counts."""
    rule = rules.RewardGated(rules.PairSTDP(), tau_e=1 * second, per_sample=True)
    model = "dv/dt = (drive - v)/(2*ms) : 1\ndrive : 1"
    source = FeatureMap(
        (2, 5, 5),
        f"{model}\n{rule.pre_model}",
        "v > 1",
        f"v = 0\n{rule.pre_reset}",
        batch_size=BATCH,
        method="exact",
        name="spikes_in",
    )
    layer = FeatureMap(
        (3, 6, 6),
        f"{model}\ng : 1\nsilenced : 1\n{rule.post_model}",
        "v + g > 1 and silenced < 2",
        f"v = 0\ng = 0\n{rule.post_reset}",
        refractory=0.3 * ms,
        batch_size=BATCH,
        method="exact",
        name="spikes_out",
    )
    counts = PerChannel(layer, "n : 1", on_spike="n += 1", name="counts")
    reward = PerSample(layer, rule.post_samples, namespace=rule.parameters, name="given")
    LateralInhibition(layer, "silenced += 1", source="v + g", radius=1, name="inhibition")
    conv = ConvSynapses(
        source,
        layer,
        on_pre="g_post += w",
        delay=0.2 * ms,
        rule=rule,
        kernel_size=2,
        padding=1,
        padding_mode="reflect",
        name="stdp",
    )
    Restart(layer, ["v", "g", "silenced"], 6)
    reward.reward = [0.5, -1]
    source.set_maps("drive", rng.uniform(2, 20, (BATCH, 2, 5, 5)))
    layer.set_maps("drive", rng.uniform(0, 8, (BATCH, 3, 6, 6)))
    conv.set_kernel("w", rng.uniform(0, 1, conv.geometry.kernel_shape))
    return [source, layer, counts, reward, conv]


def order_groups(rng):
    """First spikes of stimuli of four steps: who wins, learns and decides, and what is pooled."""
    duration = 4 * defaultclock.dt
    first = FeatureMap(
        (2, 6, 5), "at : integer", "at == t_in_timesteps % 4", batch_size=BATCH, name="first"
    )
    layer = FeatureMap((5, 6, 5), "v : 1", "v > 1.5", "v = 0", batch_size=BATCH, name="layer_won")
    rule = rules.OrderSTDP(0.2, 0.1).rewarded(0.1, 0.2, block=2)
    conv = ConvSynapses(
        first,
        layer,
        rule.model,
        on_pre="v_post += w",
        kernel_size=3,
        padding=1,
        normalize="L1",
        norm=9,
        normalize_when="t_in_timesteps % 4 == 1",
        name="by_order",
    )
    winners = FirstWinners(layer, 3, radius=1, duration=duration)
    decision = Decision(layer, [0, 1, 0, 1, 2], [0, 1, 1, 0], duration=duration, name="decided")
    conv.reward = 1
    learning = OrderPlasticity(conv, rule, duration=duration)
    pooled = FeatureMap(
        pool_output_shape(layer.shape, 3, 2, padding=1),
        "arrived : boolean",
        batch_size=BATCH,
        name="arrived",
    )
    hands_on = EarliestSpike(layer, pooled, 3, 2, padding=1)
    spiked_at = rng.integers(0, 6, (BATCH, 2, 6, 5))
    spiked_at[..., 2:] = 9  # never
    first.set_maps("at", spiked_at)
    conv.set_kernel("w", rng.uniform(0, 1, conv.geometry.kernel_shape))
    return [first, layer, conv, winners, decision, learning, pooled, hands_on]


def run_all(steps):
    """Run all kinds of groups, and return what they hold, by ``group.variable``."""
    rng = np.random.default_rng(1)
    network = Network(rate_groups(rng), spiking_groups(rng), order_groups(rng))
    network.run(steps * defaultclock.dt, namespace={})
    groups = {item.name: item for item in network.sorted_objects if hasattr(item, "variables")}
    return {
        f"{name}.{variable.name}": np.array(variable.get_value())
        for name, group in groups.items()
        for variable in getattr(group, "variables", {}).values()
        if isinstance(variable, ArrayVariable)
        and variable.owner.name == name
        and variable.dtype != np.int32
    }


def test_every_template_equals_numpy_in_any_order_of_threads(tmp_path, monkeypatch):
    prefs.codegen.target = "numpy"
    expected = run_all(9)
    assert expected["counts.n"].sum() > 0
    assert expected["layer_won._channel_won"].sum() > 3
    assert 0 < expected["arrived.arrived"].mean() < 1
    assert set(expected["decided.reward"]) == {1, -1}
    folder = tmp_path / "cuda"
    graphs = tmp_path / "graphs"
    monkeypatch.setenv("CUDA_ON_CPU_GRAPHS", str(graphs))
    use_cuda(folder, monkeypatch, on_cpu=True)
    found = run_all(9)
    # captured in the second step
    launched = [int(line) for line in graphs.read_text().split()]
    assert len(launched) % 8 == 0
    assert sum(launched) > 8 * 20
    used = {code.template_name for code in device.code_objects.values()}
    stems = {path.stem for path in FOLDER.glob("*.cu")} - FRAMES
    assert stems <= used, f"{stems - used} not run"
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        assert_allclose(found[name], values, rtol=1e-7, atol=1e-9, err_msg=name)

    # a race between threads would show, and what graphs repeat that should change
    before = {path.name: path.read_bytes() for path in (folder / "results").glob("_array*")}
    subprocess.run(
        [folder / "main"],
        cwd=folder,
        env={**os.environ, "CUDA_ON_CPU_ORDER": "reverse", "CUDA_ON_CPU_WITHOUT_GRAPHS": "1"},
        check=True,
        capture_output=True,
    )
    for name, contents in before.items():
        assert (folder / "results" / name).read_bytes() == contents, name


@pytest.mark.slow
def test_long_sums_keep_their_precision(tmp_path, monkeypatch):
    """In single precision, of equal terms, whose errors add up."""
    prefs.core.default_float_dtype = np.float32
    use_cuda(tmp_path / "cuda", monkeypatch, on_cpu=True)
    exact, side = float(np.float32(0.1)), (100, 100)
    source = FeatureMap((1, *side), "x : 1", name="source")
    one = FeatureMap((1, 1, 1), "u : 1\ns : 1\nm : 1", name="one")
    some = FeatureMap((16, 1, 1), "u : 1", name="some")
    general, product = (
        ConvSynapses(source, target, f"w : 1\nu_post = {text} : 1 (summed)", kernel_size=side)
        for target, text in ((one, "abs(w + x_pre)"), (some, "w*x_pre"))
    )
    wide = FeatureMap((64, 200, 200), "x : 1", name="wide")
    deep = FeatureMap((64, 200, 200), "y : 1", name="deep")
    tiles = ConvSynapses(wide, deep, "w : 1\ndw = y_post*x_pre : 1 (summed)", kernel_size=1)
    many = FeatureMap((20_000, 1, 1), "x : 1\nz : 1\ntri : 1", name="many")
    source.x = general.w = product.w = wide.x = deep.y = many.x = "0.1"
    network = [source, one, some, general, product, wide, deep, tiles, many]
    for pooling, name in ((SumPooling, "s"), (AveragePooling, "m")):
        pooling(source, one, side, target=name)
    SoftWinnerTakeAll(many, "x", "z")
    Triangle(many, "x", "tri")
    Network(network).run(defaultclock.dt)
    used = {code.template_name for code in device.code_objects.values()}
    assert used >= {"conv_sum_post", "conv_sum_post_product", "conv_sum_kernel_products"}
    n = side[0] * side[1]
    for found, expected in (
        (one.u, 2 * n * exact),
        (some.u, n * exact**2),
        (one.s, n * exact),
        (one.m, exact),
        (tiles.dw, 200**2 * exact**2),
        (many.z, 1 / 20_000),
    ):
        assert_allclose(found[:], expected, rtol=1e-6)
    assert np.abs(many.tri[:]).max() <= 1e-6 * exact


@pytest.mark.slow  # some minutes
@pytest.mark.parametrize("single", [False, True], ids=["float64", "float32"])
def test_every_template_compiles_for_a_gpu_that_is_not_there(tmp_path, single):
    if missing("nvcc", "cuRAND", "Brian2CUDA"):
        pytest.skip(f"no {', '.join(missing('nvcc', 'cuRAND', 'Brian2CUDA'))}")
    prefs.core.default_float_dtype = np.float32 if single else np.float64
    set_device("cuda_standalone", build_on_run=False)
    toolkit.compile_without_gpu(9.0)
    rng = np.random.default_rng(1)
    Network(rate_groups(rng), spiking_groups(rng), order_groups(rng)).run(
        defaultclock.dt, namespace={}
    )
    device.build(directory=str(tmp_path), run=False, with_output=False)
    assert "-std=c++17 -arch=sm_90" in (tmp_path / "makefile").read_text()
    assert (tmp_path / "main").exists()


def test_the_command_says_what_is_missing(monkeypatch):
    found = [toolkit.Requirement("nvcc", "CUDA 13.0 in /usr/local/cuda", "install it")]
    monkeypatch.setattr(listings, "requirements", lambda: found)
    result = CliRunner().invoke(app, ["cuda"])
    assert result.exit_code == 0
    assert result.output.split() == ["nvcc", "CUDA", "13.0", "in", "/usr/local/cuda"]
    found.append(toolkit.Requirement("cuRAND", "", "install that"))
    result = CliRunner().invoke(app, ["cuda"])
    assert result.exit_code == 1
    assert "missing: install that" in result.output


def test_requirements_are_looked_up_here():
    names = [item.name for item in toolkit.requirements()]
    assert names == ["Brian2CUDA", "nvcc", "cuRAND", "GPU and driver"]
    assert all(item.found or item.way_out for item in toolkit.requirements())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--device", "gpu"], "unknown device 'gpu'"),
        (["--device", "cuda", "--parts", "a"], "part a is not measured on cuda, only c, d are"),
    ],
)
def test_benchmarks_that_a_gpu_is_not_for(arguments, message, tmp_path):
    result = CliRunner().invoke(app, ["benchmark", "--output", str(tmp_path / "x"), *arguments])
    assert result.exit_code == 2
    assert message in result.output
    assert not (tmp_path / "x").exists()


def test_a_benchmark_without_a_gpu_says_what_is_missing(monkeypatch):
    from hebbsim.benchmark import on_cuda
    from hebbsim.errors import SettingsError

    lacking = [toolkit.Requirement("nvcc", "", "install the toolkit")]
    monkeypatch.setattr(on_cuda, "requirements", lambda: lacking)
    with pytest.raises(SettingsError, match="missing are nvcc: install the toolkit"):
        on_cuda.torch_device()


@pytest.mark.slow
def test_benchmark_of_programs_that_run_on_the_cpu(tmp_path, monkeypatch):
    from hebbsim.benchmark import QUICK, Setting, benchmark, on_cuda

    if missing("Brian2CUDA"):
        pytest.skip("no Brian2CUDA")
    run_on_cpu(monkeypatch)
    monkeypatch.setattr(on_cuda, "torch_device", lambda: "cpu")
    rows = benchmark(Setting(1, 1, QUICK, device="cuda"), tmp_path / "results")
    assert [row.part for row in rows] == [*"ccc", *"dd" * 3]
    assert not any(row.differs for row in rows)
    assert all(row.ours > 0 and row.theirs > 0 for row in rows)
