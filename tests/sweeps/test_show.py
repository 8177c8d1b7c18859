"""The table, the figure and the lines of all that is there, and what the terminal shows."""

import csv

import numpy as np
import pytest
from sweep_cases import results, run, sweep_file
from typer.testing import CliRunner

from hebbsim.cli import app
from hebbsim.sweeps.figure import sweep_figure
from hebbsim.sweeps.plan import Sweep
from hebbsim.sweeps.run import Engine, SweepFolder
from hebbsim.sweeps.shard import Shard
from hebbsim.sweeps.store import Result
from hebbsim.sweeps.summary import summary_table
from hebbsim.sweeps.unit import Unit


def unit(seed=0, **varied):
    return Unit("f", varied, seed, "1", varied=varied)


def test_means_over_seeds():
    found = [
        (unit(seed, scale=scale), Result({"mean": scale * value, "words": "no number"}, 1.0))
        for seed, value in enumerate((0.7, 0.9))
        for scale in (1.0, 100.0)
    ]
    text = summary_table(found, 6)
    assert text.startswith("4 of 6 units; mean ± standard deviation over seeds.")
    assert "| settings | seeds | mean |" in text
    assert f"| scale=1.0 | 2 | 0.80 ± {np.std([0.7, 0.9], ddof=1):.2f} |" in text
    assert "| scale=100.0 | 2 | 80.00 ± 14.14 |" in text


@pytest.mark.parametrize(
    ("value", "text"),
    [(3, "3.000"), (True, "1.000"), (0, "0.0000"), (12345, "12345"), (2e-9, "2.000e-09")],
)
def test_numbers_have_four_digits(value, text):
    assert f"| {text} |" in summary_table([(unit(), Result({"n": value}, 1.0))], 1)


def test_a_number_that_some_units_lack():
    found = [(unit(a=1), Result({"x": 1}, 1.0)), (unit(a=2), Result({"y": 2}, 1.0))]
    assert "| a=2 | 1 |  | 2.000 |" in summary_table(found, 2)
    assert len(sweep_figure(found).axes) == 2


def test_the_figure_has_a_line_for_each_rule():
    found = [
        (unit(seed, rule=rule, scale=scale), Result({"mean": scale + seed}, 1.0))
        for rule in ("Oja", "Hebb")
        for scale in (1.0, 2.0, 30.0)
        for seed in (0, 1)
    ]
    (ax,) = sweep_figure(found).axes
    assert ax.get_xscale() == "log"
    assert (ax.get_title(), ax.get_xlabel()) == ("mean", "scale")
    assert [container.get_label() for container in ax.containers] == ["rule=Oja", "rule=Hebb"]
    drawn = ax.containers[0].lines[0]
    np.testing.assert_array_equal(drawn.get_xdata(), [1, 2, 30])
    np.testing.assert_array_equal(drawn.get_ydata(), [1.5, 2.5, 30.5])


def test_a_figure_over_words():
    found = [(unit(rule=rule), Result({"mean": 1.0}, 1.0)) for rule in ("Oja", "Hebb")]
    (ax,) = sweep_figure(found).axes
    assert [label.get_text() for label in ax.get_xticklabels()] == ["Oja", "Hebb"]


@pytest.fixture
def shown(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    return lambda *arguments: CliRunner().invoke(app, ["sweep", *map(str, arguments)])


def test_what_is_there_is_shown_at_any_time(tmp_path, shown):
    path = sweep_file(tmp_path / "sweep")
    folder = SweepFolder(Sweep.load(path).folder)
    before = shown(path, "--show")
    assert (before.exit_code, before.stdout.strip()) == (0, "0 of 12 units.")
    assert not folder.path.exists()

    run(path, Engine(shard=Shard(1, 3)))
    part = shown(path, "--show")
    assert part.exit_code == 0, part.output
    assert "4 of 12 units; mean" in part.stdout

    rest = shown(path, "--shard", "1/1")
    assert rest.exit_code == 0, rest.output
    assert "12 units in all; now: 8 computed" in rest.stdout
    assert shown(path, "--shard", "1/1").stdout.count("now: nothing to compute") == 1
    lines = rest.stdout.splitlines()
    assert all(len(line) <= 80 for line in lines if "written to" not in line)
    found = results(path)
    for scale in (1.0, 2.0):
        (line,) = (line for line in lines if line.startswith(f"  rule=b scale={scale}"))
        mean = np.mean([found[f"rule=b scale={scale} seed={seed}"]["mean"] for seed in (0, 1)])
        assert f" {mean:.3f} ± " in line
    with folder.csv.open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["mean"]) for row in rows] == [values["mean"] for values in found.values()]
    assert [row["rule"] for row in rows[::2]] == ["a", "b", "c"] * 2
    assert folder.figure.read_bytes().startswith(b"\x89PNG")
    assert folder.table.read_text().startswith("12 of 12 units")


def test_many_numbers_are_whole_on_eighty_columns(tmp_path, shown):
    path = sweep_file(tmp_path / "sweep", "many_numbers", grid={"rule": ["Hebb", "Oja"]})
    result = shown(path, "--shard", "1/1")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert all(len(line) <= 80 for line in lines if "written to" not in line)
    for number in range(9):
        assert f"quantity {number}" in result.stdout
        assert result.stdout.count(f"0.{number + 1}123 ± 0.0000") == 2
    assert "…" not in result.stdout


def test_what_fails_is_an_exit_status(tmp_path, shown):
    result = shown(sweep_file(tmp_path / "sweep", "fail", grid={}), "--shard", "1/1")
    assert result.exit_code == 1
    assert "2 units in all; now: 1 computed, 1 failed" in result.stdout


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--shard", "0/40"], "--shard: expected 1/40 to 40/40, got 0/40"),
        (["--shard", "41/40"], "--shard: expected 1/40 to 40/40, got 41/40"),
        (["--jobs", "2", "--dask", "tcp://x:1"], "give --jobs"),
        (["--output", "/dev/null"], "'/dev/null' is a file; give --output a folder"),
        (["--output", "/proc/1/x"], "/proc/1/x"),
    ],
)
def test_what_the_user_can_mend_is_one_line(tmp_path, shown, options, said):
    result = shown(sweep_file(tmp_path / "sweep"), *options)
    assert result.exit_code == 2, result.output
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: ")
    assert said in line


def test_results_of_an_earlier_version_are_counted(tmp_path, shown):
    path = sweep_file(tmp_path / "sweep", grid={})
    shown(path, "--shard", "1/1")
    path.write_text(f'version = "2"\n{path.read_text()}')
    result = shown(path, "--shard", "1/1")
    assert "2 results of other settings or versions lie there too" in result.stdout
    assert "now: 2 computed" in result.stdout
