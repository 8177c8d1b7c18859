"""The benchmark: its rivals compute what ours compute, and what it measures is written."""

import csv
import json
import math

import numpy as np
import pytest
import torch
from brian2 import defaultclock, ms, prefs
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from hebbsim.benchmark import (
    QUICK,
    Row,
    Series,
    Setting,
    Target,
    against_torch,
    rivals,
    spiking,
    synapses,
)
from hebbsim.benchmark import spiking_libraries as libraries
from hebbsim.benchmark.charts import benchmark_figure
from hebbsim.benchmark.report import BenchmarkFolder, markdown
from hebbsim.benchmark.rows import exponent, largest_difference
from hebbsim.benchmark.runner import check_parts
from hebbsim.benchmark.spiking_rivals import output_rate
from hebbsim.benchmark.timing import Repeated, interleave
from hebbsim.benchmark.worker import ask
from hebbsim.cli import app
from hebbsim.errors import SettingsError
from hebbsim.experiments.preferences import preferences
from hebbsim.experiments.results import ResultsError

SETTING = Setting(threads=1, repeats=1, sizes=QUICK)


@pytest.fixture
def single():
    with preferences({"core.default_float_dtype": np.float32}):
        yield


# --- rivals -------------------------------------------------------------------------------------


def drawn(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def unit(kernel):
    return kernel / kernel.flatten(1).norm(dim=1)[:, None, None, None]


def instar(x, kernel, rate, theta=0.0):
    """Write the rule out: position by position, and winner by winner."""
    kernel, size = kernel.clone(), kernel.shape[-1]
    change = torch.zeros_like(kernel)
    for sample in x:
        for row in range(x.shape[2] - size + 1):
            for col in range(x.shape[3] - size + 1):
                patch = sample[:, row : row + size, col : col + size]
                drive = (kernel * patch).sum((1, 2, 3)) - theta
                if drive.max() > 0:
                    change[drive.argmax()] += patch - kernel[drive.argmax()]
    return unit(kernel + rate * change)


@settings(max_examples=10, deadline=None)
@given(
    seed=st.integers(0, 100),
    batch=st.integers(1, 3),
    channels=st.integers(1, 3),
    filters=st.integers(2, 5),
    size=st.integers(1, 3),
)
def test_closed_forms_are_the_instar_rule(seed, batch, channels, filters, size):
    x, kernel = drawn(seed, batch, channels, 5, 5), unit(drawn(seed, filters, channels, size, size))
    expected = instar(x, kernel, 0.01)
    for form in rivals.ClosedForm.FORMS:
        rival = rivals.ClosedForm(kernel, 0.01, form)
        rival.step(x)
        torch.testing.assert_close(rival.kernel, expected)


@pytest.mark.parametrize("layout", rivals.LAYOUTS)
def test_gradient_of_the_surrogate_loss_is_the_instar_rule(layout):
    x, kernel = drawn(3, 4, 2, 8, 8), unit(drawn(4, 5, 2, 3, 3))
    deviation, mean = torch.std_mean(x, (1, 2, 3), correction=0, keepdim=True)
    rival = rivals.GradientTrick([kernel], [0.01], 3.0, layout)
    rival.step(x)
    torch.testing.assert_close(
        rival.weights[0].detach(), instar((x - mean) / deviation, kernel, 0.01)
    )
    assert abs(rival.thresholds[0].sum()) <= 3.0
    assert rival.thresholds[0].abs().max() > 0


@pytest.mark.parametrize("number", [0, 2])
def test_layer_and_closed_forms_learn_the_same(single, number):
    shape = against_torch.shapes(QUICK)[number]
    assert against_torch.winner_difference(SETTING, shape) < 1e-5


def test_network_and_gradient_trick_learn_the_same(single):
    assert against_torch.network_difference(SETTING) < 1e-5


def test_explicit_synapses_learn_the_same(single):
    assert synapses.same_kernel(SETTING, steps=3) < 1e-5


# --- numbers ------------------------------------------------------------------------------------


@given(
    power=st.floats(-3, 3),
    factor=st.floats(1e-3, 1e3),
    x=st.lists(st.integers(1, 1000), min_size=2, max_size=8, unique=True),
)
def test_exponent_of_a_power_law_is_found(power, factor, x):
    y = [factor * value**power for value in x]
    assert exponent(x, y) == pytest.approx(power, abs=1e-6)


def test_exponent_needs_two_sizes():
    assert math.isnan(exponent([3], [1.0]))
    assert math.isnan(exponent([3, 3], [1.0, 2.0]))


def test_differences_are_relative_and_see_what_is_not_finite():
    assert largest_difference(np.array([1.0, 2.0]), np.array([1.0, 4.0])) == 0.5
    assert math.isnan(largest_difference(np.array([np.nan]), np.array([1.0])))
    with pytest.raises(ValueError, match="shapes"):
        largest_difference(np.zeros(2), np.zeros((2, 1)))


@pytest.mark.parametrize(
    ("target", "text", "met"),
    [
        (Target(3), "≥ 3", True),
        (Target(4, aim=5), "≥ 4 (aim 5)", False),
        (Target(high=2, of="ours"), "≤ 2", True),
        (Target(0.9, 1.1, of="ours"), "0.9 to 1.1", False),
        (None, "None", None),
    ],
)
def test_targets_bound_the_ratio_or_ours(target, text, met):
    row = Row("b", "step", 1, "ms", 2.0, 6.0, "torch", target)
    assert str(target) == text
    assert row.ratio == 3
    assert row.met is met


@pytest.mark.parametrize("difference", [0.1, float("nan")])
def test_a_different_result_meets_no_target(difference):
    row = Row("b", "step", 1, "ms", 1.0, 6.0, "torch", Target(3), difference, 1e-3)
    assert row.differs
    assert row.met is False
    assert "differs" in markdown([row])


def test_contenders_take_turns():
    calls = []
    contenders = {name: Repeated(lambda name=name: calls.append(name)) for name in "ab"}
    times = interleave(contenders, 3, 1e-12)
    assert list(times) == ["a", "b"]
    assert all(time >= 0 for time in times.values())
    assert "".join(calls[8:]) == 3 * ("aaaaa" + "bbbbb")


def test_preferences_come_back():
    before = prefs.core.default_float_dtype
    with preferences({"core.default_float_dtype": np.float32}):
        assert prefs.core.default_float_dtype == np.float32
    assert prefs.core.default_float_dtype == before


# --- workers ------------------------------------------------------------------------------------


def test_memory_is_that_of_a_process_without_torch():
    found = ask("memory", image=(1, 6, 6), filters=2, kernel=3, threads=1, explicit=False)
    assert found["synapses"] == 2 * (6 * 3 - 2) ** 2
    assert found["weights"] == 18
    assert found["learned"]
    assert 10 < found["megabytes"] < 300


def test_a_failing_worker_says_why():
    with pytest.raises(RuntimeError, match="memory: TypeError"):
        ask("memory", image=(1, 6, 6))


# --- what is written ----------------------------------------------------------------------------


def test_figure_has_bars_and_curves():
    rows = [Row("b", "step", 1, "ms", 1.0, 6.0, "torch", Target(3)), Row("f", "n", 1, "", 1.0)]
    series = [
        Series("e", "ours", "synapses", "MB", [1, 2], [3, 3]),
        Series("e", "explicit", "synapses", "MB", [1, 2], [3, 6]),
        Series("f", "batch", "batch", "ms", [1, 2], [1, 4]),
    ]
    figure = benchmark_figure(rows, series)
    assert len([ax for ax in figure.axes if ax.axison]) == 3
    labels = [
        text.get_text() for ax in figure.axes if ax.get_legend() for text in ax.get_legend().texts
    ]
    assert labels == ["ours", "explicit", "exponent 2.00"]
    assert len(benchmark_figure([], []).axes) == 0


def test_folder_keeps_results(tmp_path):
    folder = BenchmarkFolder(tmp_path)
    folder.check(overwrite=False)
    folder.save([], [], {"cpu": "fast"})
    with pytest.raises(ResultsError, match=r"holds results.*--overwrite"):
        folder.check(overwrite=False)
    folder.check(overwrite=True)
    with pytest.raises(ResultsError, match="is a file"):
        BenchmarkFolder(folder.environment).check(overwrite=True)


@pytest.mark.parametrize("learning", [True, False])
def test_spiking_rivals_do_the_same(learning, monkeypatch):
    defaultclock.dt = 1 * ms
    case = spiking.SpikingSetting(QUICK.spiking[0], QUICK.kernel)
    assert spiking.spiking_difference(case, learning=learning) < spiking.ROUNDING
    rate = output_rate(case.spikes, case.kernel, case.threshold, spiking.decay())
    assert rate == pytest.approx(case.size.rate, rel=0.1)
    monkeypatch.setattr(spiking, "decay", lambda: 0.9)
    assert spiking.spiking_difference(case, learning=learning) > 1e-3


class ByHand(libraries.Library):
    """A library that does what SpikingJelly does."""

    name, package = "by hand", "hebbsim"
    step = staticmethod(libraries.SpikingJelly.step)
    #: What it keeps of a potential besides
    leak = 1.0

    def _build(self, kernel):
        given = self.threshold, self.decay * self.leak, self.changes
        self.net = libraries.WrittenOut(self.step, self.spikes.numpy(), kernel.numpy(), *given)

    def _simulate(self, x):
        return [self.step(self.net, one) for one in x]

    @property
    def kernel(self):
        return self.net.w


def test_libraries_are_measured_at_the_same_rate_and_compared(monkeypatch):
    defaultclock.dt = 1 * ms
    case = spiking.SpikingSetting(QUICK.spiking[0], QUICK.kernel)
    monkeypatch.setattr(spiking, "LIBRARIES", {"by hand 1": ByHand})
    contenders = {}
    found = spiking._add_libraries(contenders, case)
    rate, difference = found["by hand 1"]
    assert rate == pytest.approx(case.size.rate, rel=0.1)
    assert difference == 0
    assert contenders["by hand 1"].measure(3) > 0
    monkeypatch.setattr(ByHand, "leak", 0.8)
    assert spiking._add_libraries({}, case)["by hand 1"][1] > spiking.LIBRARY_ROUNDING


@pytest.mark.parametrize("library", [libraries.BindsNet, libraries.SpikingJelly])
@pytest.mark.filterwarnings("ignore")  # the libraries' own
def test_installed_libraries_do_what_is_written_out(library):
    if library not in libraries.LIBRARIES.values():
        pytest.skip(f"{library.name} isn't installed: pip install '.[benchmark]'")
    defaultclock.dt = 1 * ms
    case = spiking.SpikingSetting(QUICK.spiking[0], QUICK.kernel)
    given = case.spikes, case.kernel
    threshold, _ = libraries.find_threshold(library, *given, spiking.decay(), 0.05)
    own = threshold, spiking.decay(), spiking.changes()
    assert libraries.library_difference(library, *given, *own) < spiking.LIBRARY_ROUNDING


def test_parts_come_in_their_order():
    assert check_parts(("d", "b", "d")) == ["b", "d"]
    assert check_parts(("spiking",)) == ["h"]
    with pytest.raises(SettingsError, match="'z'"):
        check_parts(("z",))


# --- the command --------------------------------------------------------------------------------


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    before = torch.get_num_threads()
    yield lambda *arguments: CliRunner().invoke(app, ["benchmark", "--quick", *arguments])
    torch.set_num_threads(before)


def test_command_measures_and_writes(run, tmp_path):
    small = ("--parts", "b,d,f", "--threads", "1", "--repeats", "1")
    result = run(*small)
    assert result.exit_code == 0, result.output
    assert "written to results/benchmark" in result.stdout
    folder = tmp_path / "results" / "benchmark"
    with (folder / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["part"] for row in rows] == ["b"] * 2 + ["d"] * 5 + ["f"] * 3
    assert all(float(row["ours"]) > 0 for row in rows[:7])
    assert all(float(row["difference"]) < 1e-4 for row in rows[:7])
    with (folder / "series.csv").open() as file:
        names = {row["series"] for row in csv.DictReader(file)}
    assert names == {"batch", "filters", "positions", "threads"}
    environment = json.loads((folder / "environment.json").read_text())
    assert environment["dtype"] == "float32"
    assert environment["threads"] == 1
    assert (folder / "benchmark.png").read_bytes()[1:4] == b"PNG"
    assert (folder / "table.md").read_text().startswith("| part |")

    again = run(*small)
    assert again.exit_code == 2
    assert "holds results" in again.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--parts", "a,z"), "'z'"),
        (("--parts", ""), "parts"),
        (("--threads", "0"), "threads: expected a whole number from 1 on, got 0"),
        (("--repeats", "0"), "repeats"),
    ],
)
def test_bad_input_is_a_clean_error(run, tmp_path, arguments, message):
    result = run(*arguments)
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr.startswith("error: ")
    assert message in result.stderr
    assert not (tmp_path / "results").exists()


def test_a_result_that_differs_is_told(run, monkeypatch):
    monkeypatch.setattr(against_torch, "ROUNDING", -1.0)
    result = run("--parts", "d", "--threads", "1", "--repeats", "1")
    assert result.exit_code == 1
    assert "results differ: d, forward" in result.stdout


@pytest.mark.slow
def test_command_measures_all_parts(run):
    result = run("--threads", "1", "--repeats", "1", "--output", "all")
    assert result.exit_code == 0, result.output
