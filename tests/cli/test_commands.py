"""The command line."""

import json

import pytest
from typer.testing import CliRunner

import hebbsim
from hebbsim import rules
from hebbsim.cli import app
from hebbsim.compare import comparison as module
from hebbsim.compare.results import ResultsFolder

TINY = [
    *("--rules", "OJA", "--seeds", "1", "--epochs", "1", "--channels", "4", "--kernels", "6"),
    *("--n-train", "100", "--n-test", "50"),
]


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HEBBSIM_DATA_ROOT", raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    return lambda *arguments: CliRunner().invoke(app, list(arguments))


def assert_error(result, *parts):
    assert result.exit_code == 2, result.output
    assert isinstance(result.exception, SystemExit)
    lines = result.stderr.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    for part in parts:
        assert part in lines[0]


def test_version(run):
    result = run("--version")
    assert result.exit_code == 0
    assert result.output == f"hebbsim {hebbsim.__version__}\n"


def test_rules_shows_equations_and_references(run):
    result = run("rules")
    assert result.exit_code == 0
    for name in rules.__all__:
        if name != "Rule":
            rule = getattr(rules, name)()
            assert str(rule) in result.output
            assert rule.reference in result.output


def test_datasets_lists_names(run):
    result = run("datasets")
    assert result.exit_code == 0
    names = [line.split()[0] for line in result.output.splitlines()]
    assert names[:4] == ["cifar10", "digits", "fashion-mnist", "mnist"]


def test_compare_writes_shows_and_reproduces(run, tmp_path):
    result = run("compare", *TINY)
    assert result.exit_code == 0, result.output
    assert "raw pixels" in result.stdout
    assert "random kernels" in result.stdout
    assert " s; written to results/compare-digits" in result.stdout
    first = ResultsFolder(tmp_path / "results" / "compare-digits")
    shown = [line for line in result.stdout.splitlines() if "Oja" in line]
    (oja,) = (row for row in first.read() if row.rule == "Oja")
    assert len(shown) == 1
    assert f" {100 * oja.accuracy:.2f} " in shown[0]

    result = run("compare", "--settings", str(first.settings), "--output", "again")
    assert result.exit_code == 0, result.output
    again = ResultsFolder(tmp_path / "again")
    assert [r.accuracy for r in again.read()] == [r.accuracy for r in first.read()]
    assert again.settings.read_text() == first.settings.read_text()

    assert_error(run("compare", *TINY), "holds results", "--resume", "--overwrite")
    assert_error(run("compare", "--resume", "--epochs", "2"), "epochs is 1 there and 2 here")
    assert_error(
        run("compare", "--quick", "--settings", str(first.settings), "--output", "x"), "--quick"
    )
    assert run("compare", "--resume").exit_code == 0


def test_ctrl_c_says_how_to_go_on(run, tmp_path, monkeypatch):
    original = module.run_network

    def interrupted(settings, images, rule, *rest):
        if rule == "Oja":
            raise KeyboardInterrupt
        return original(settings, images, rule, *rest)

    monkeypatch.setattr(module, "run_network", interrupted)
    result = run("compare", *TINY, "--output", "my results")
    assert result.exit_code == 130
    command = "hebbsim compare --output 'my results' --resume"
    assert result.stdout.splitlines()[-1] == f"interrupted; to go on: {command}"
    results = ResultsFolder(tmp_path / "my results")
    assert {row.rule for row in results.read()} == {"pixels", "random"}
    monkeypatch.setattr(module, "run_network", original)
    result = run("compare", "--output", "my results", "--resume")
    assert result.exit_code == 0, result.output
    assert {row.rule for row in results.read()} == {"pixels", "random", "Oja"}


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["--rules", "hebb,ojja"], ["unknown rule 'ojja'", "did you mean 'Oja'"]),
        (["--data", "digitz"], ["unknown data set 'digitz'", "did you mean 'digits'"]),
        (["--data", "./nowhere"], ["no file or folder 'nowhere'"]),
        (["--data", "mnist"], ["HEBBSIM_DATA_ROOT"]),
        (["--kernels", "9,2"], ["layer 1"]),
        (["--kernels", "6,4"], ["layer 2"]),
        (["--learning-rate", "1/n_share"], ["did you mean 'n_shared'"]),
        (["--channels", "8,x"], ["--channels: expected a number for each layer", "'8,x'"]),
        (["--channels", "8"], ["1 channels 8 and 2 kernels 6,2"]),
        (["--preprocessing", "dgo"], ["did you mean 'dog'"]),
        (["--n-train", "20", "--batch-size", "50"], ["batch_size", "20 training images"]),
        (["--settings", "nowhere.json"], ["cannot read settings from 'nowhere.json'"]),
        (["--settings", "settings.json"], ["cannot read settings from 'settings.json'"]),
        (["--overwrite", "--resume"], ["not both"]),
    ],
)
def test_what_the_user_can_mend_is_one_line(run, tmp_path, arguments, parts):
    assert_error(run("compare", *arguments), *parts)
    assert not (tmp_path / "results").exists()


def test_weights_that_explode_are_an_error_not_a_traceback(run):
    result = run("compare", *TINY, "--learning-rate", "1e38", "--dtype", "float32")
    assert_error(result, "conv1", "Lower the learning rate")


def test_options_reach_the_settings(run, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "compare", lambda *_, **__: [])
    seen = {}

    def keep(settings, folder, **_):
        seen.update(json.loads(json.dumps(settings.__dict__)), folder=str(folder))
        return []

    monkeypatch.setattr(module, "compare", keep)
    result = run(
        *("compare", "--data", "mnist", "--data-root", "/d", "--rules", "bcm, sanger"),
        *("--seeds", "5", "--epochs", "2", "--channels", "8,16,32", "--kernels", "5,3,3"),
        *("--padding", "1", "--pooling", "max", "--batch-size", "20", "--preprocessing", "dog"),
        *("--zca-epsilon", "0.5", "--n-train", "7", "--n-test", "8", "--activity", "softmax"),
        *("--learning-rate", "0.1", "--threshold-step", "0.5", "--output-activation", "linear"),
        *("--decoder", "svm", "--dtype", "float64", "--threads", "2"),
    )
    assert result.exit_code == 0, result.output
    expected = {
        "data": "mnist",
        "data_root": "/d",
        "rules": ["BCM", "Sanger"],
        "seeds": 5,
        "epochs": 2,
        "channels": [8, 16, 32],
        "kernels": [5, 3, 3],
        "padding": 1,
        "pooling": "max",
        "batch_size": 20,
        "preprocessing": "dog",
        "zca_epsilon": 0.5,
        "n_train": 7,
        "n_test": 8,
        "activity": "softmax",
        "learning_rate": "0.1",
        "threshold_step": 0.5,
        "output_activation": "linear",
        "decoder": "svm",
        "dtype": "float64",
        "threads": 2,
        "folder": "results/compare-mnist",
    }
    assert {name: seen[name] for name in expected} == expected


def test_quick_gives_way_to_options(run, monkeypatch):
    seen = []
    monkeypatch.setattr(module, "compare", lambda settings, *_, **__: seen.append(settings) or [])
    run("compare", "--quick", "--seeds", "2")
    assert (seen[0].seeds, seen[0].epochs, seen[0].n_train) == (2, 1, 500)
