"""What all models share: claims, runs over seeds, the command and the page."""

import sys
from dataclasses import dataclass, replace
from importlib import import_module

import numpy as np
import pytest
from brian2 import Quantity, ms, nS
from typer.testing import CliRunner

from hebbsim.errors import SettingsError
from hebbsim.experiments.figures import new_figure
from hebbsim.experiments.results import ResultsError
from hebbsim.experiments.settings import SavedSettings
from hebbsim.units import quantity_of, quantity_text
from models.common import Claim, Model, Results, make_app
from models.common.claim import claims_table, failing
from models.common.folder import ModelFolder
from models.common.page import PAGE, write_page


@dataclass(frozen=True)
class Sizes(SavedSettings):
    n: int
    tau: Quantity
    rates: tuple[float, ...] = (1.0, 2.0)
    slower: tuple[tuple[int, float], ...] = ((3, 0.5),)


def run(settings, seed, announce):
    announce("adding")
    values = np.arange(settings.n) + seed
    return Results({"sum": float(values.sum()), "gap": np.nan if seed == 2 else 0.5}, {"x": values})


def figures(settings, results):
    figure = new_figure(2, 2)
    figure.subplots().plot(results[0].arrays["x"])
    return {"values": figure}


FULL = Sizes(n=4, tau=20 * ms)
CLAIMS = [Claim("The sum is large", "sum", "9 (from memory)", least=6), Claim("A gap", "gap")]
MODEL = Model("counting", "Counting", FULL, replace(FULL, n=3), run, CLAIMS, figures)


@pytest.mark.parametrize(
    ("over", "values", "holds"),
    [
        ("each", [6, 7], True),
        ("each", [5, 7], False),
        ("each", [6, np.nan], False),
        ("mean", [5, 7], True),
        ("mean", [5, 7, np.nan], True),
        ("mean", [np.nan], False),
        ("median", [1, 6, 90], True),
        ("median", [1, 5, 90], False),
    ],
)
def test_a_claim_is_about_each_seed_their_mean_or_their_median(over, values, holds):
    assert Claim("", "x", least=6, over=over).holds(values) is holds


def test_the_table_has_numbers_ranges_and_what_diverged():
    table = claims_table(CLAIMS, [{"sum": 6, "gap": 1}, {"sum": 8, "gap": np.nan}], quick=False)
    assert "| The sum is large | 9 (from memory) | 7.00 ± 1.41 [6.00, 8.00] | ≥ 6 | yes |" in table
    assert "| A gap |  | 1.00; 1 of 2 diverged |  |  |" in table


def test_claims_of_the_full_size_are_not_asked_of_the_quick_one():
    claims = [replace(CLAIMS[0], quick=False)]
    assert failing(claims, [{"sum": 1}], quick=True) == []
    assert claims_table(claims, [{"gap": 1}], quick=True).count("\n| The sum") == 0
    assert claims_table(claims, [{"sum": 1}], quick=True).count("\n| The sum") == 1
    assert failing(claims, [{"sum": 1}], quick=False) == [
        "The sum is large: expected ≥ 6, got 1.00"
    ]


def test_a_run_goes_on_with_the_seeds_that_are_left(tmp_path):
    MODEL.run_seeds([0, 1], tmp_path)
    with pytest.raises(ResultsError, match="--resume"):
        MODEL.run_seeds([2], tmp_path)
    results = MODEL.run_seeds([1, 2], tmp_path, resume=True)
    assert [found.numbers["sum"] for found in results] == [6, 10, 14]
    np.testing.assert_array_equal(results[2].arrays["x"], [2, 3, 4, 5])
    assert "10.00 ± 4.00" in (tmp_path / "table.md").read_text()
    assert (tmp_path / "values.png").stat().st_size > 1000


def test_a_seed_whose_files_are_damaged_is_run_again(tmp_path):
    MODEL.run_seeds([0, 1], tmp_path)
    before = (tmp_path / "results.csv").read_text()
    (tmp_path / "arrays/seed1.npz").write_bytes(b"PK")
    lines = before.splitlines(keepends=True)
    (tmp_path / "results.csv").write_text("".join(lines[:2] + lines[3:]))  # of seed 0
    results = MODEL.run_seeds([0, 1], tmp_path, resume=True)
    assert [found.numbers["sum"] for found in results] == [6, 10]
    np.testing.assert_array_equal(results[1].arrays["x"], [1, 2, 3, 4])


def test_results_of_other_settings_are_not_mixed(tmp_path):
    MODEL.run_seeds([0], tmp_path)
    with pytest.raises(ResultsError, match="n is 4 there and 3 here"):
        MODEL.run_seeds([1], tmp_path, quick=True, resume=True)
    slower = replace(MODEL, full=replace(FULL, tau=25 * ms))
    with pytest.raises(ResultsError, match="tau is 20"):
        slower.run_seeds([1], tmp_path, resume=True)


def test_threads_are_none_or_more(tmp_path):
    with pytest.raises(SettingsError, match=r"threads: expected 0 .* or more, got -3"):
        MODEL.run_seeds([0], tmp_path / "x", threads=-3)
    assert not (tmp_path / "x").exists()
    assert MODEL.run_seeds([0], tmp_path / "x", threads=0)[0].numbers["sum"] == 6


def test_a_missing_torch_is_told_before_anything_runs(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    app = make_app(replace(MODEL, needs_torch=True))
    found = CliRunner().invoke(app, ["--output", str(tmp_path / "out")])
    assert found.exit_code == 2
    assert "models.counting needs the package torch" in found.output
    assert "hebbsim[torch]" in found.output
    assert not (tmp_path / "out").exists()


def test_settings_with_units_come_back_from_a_file(tmp_path):
    settings = Sizes(n=4, tau=3.3 * ms)
    settings.save(tmp_path / "settings.json")
    assert Sizes.load(tmp_path / "settings.json") == settings


@pytest.mark.parametrize("value", [0.5, 3.3 * nS, 20 * ms, 7 * ms**-1, 1.5 * nS / ms])
def test_quantities_are_read_as_they_were_written(value):
    found = quantity_of(quantity_text(value))
    assert found == value


def test_the_command_says_which_claims_fail(tmp_path):
    app = make_app(MODEL)
    folder = ["--output", str(tmp_path / "out")]
    found = CliRunner().invoke(app, [*folder, "--seed", "0,1"])
    assert found.exit_code == 0, found.output
    found = CliRunner().invoke(app, [*folder, "--quick", "--overwrite"])
    assert found.exit_code == 1
    assert "does not hold: The sum is large: expected ≥ 6, got 3.00" in found.output
    found = CliRunner().invoke(app, ["--quick", "--page"])
    assert found.exit_code == 2
    assert "leave out --quick" in found.output


def test_the_page_gets_the_numbers_of_the_run(tmp_path):
    page = tmp_path / "README.md"
    page.write_text(
        "| [Other](#o) | x |\n| [Counting](#counting) | former |\n\n## Counting\n\nText.\n\n"
        "<!-- counting -->\nformer\n<!-- end of counting -->\n\nMore.\n"
    )
    (tmp_path / "figures").mkdir()
    results = MODEL.run_seeds([0, 1], tmp_path / "out")
    shown = figures(None, results)
    seconds = ModelFolder(tmp_path / "out").seconds()
    for _ in range(2):  # the second time there are the results of the first
        write_page(MODEL, results, seconds, shown, "python -m x", page, threads=1)
    text = page.read_text()
    assert "2 seeds, 0 s each on one thread: `python -m x`." in text
    assert "| [Counting](#counting) | The sum is large | 9 (from memory) | 8.00" in text
    assert text.count("| The sum is large |") == 2
    assert "former" not in text
    assert text.startswith("| [Other](#o) | x |\n")
    assert text.endswith("<!-- end of counting -->\n\nMore.\n")
    assert (tmp_path / "figures/counting-values.png").exists()
    page.write_text("nothing")
    with pytest.raises(SettingsError, match="it needs a line"):
        write_page(MODEL, results, seconds, shown, "python -m x", page)


@dataclass(frozen=True)
class WithData(SavedSettings):
    n: int = 1
    data_root: str | None = None


def test_a_model_of_data_is_told_where_they_are(tmp_path, monkeypatch):
    def see(settings, seed, announce):
        return Results({"sum": 0.0, "given": float(settings.data_root is not None)}, {"x": [0]})

    claims = [Claim("A folder", "given", least=1)]
    model = Model("data", "Data", WithData(), WithData(n=2), see, claims, figures)
    output = ["--output", str(tmp_path / "out"), "--overwrite"]
    monkeypatch.delenv("HEBBSIM_DATA_ROOT", raising=False)
    assert CliRunner().invoke(make_app(model), output).exit_code == 1
    assert CliRunner().invoke(make_app(model), [*output, "--data-root", "there"]).exit_code == 0
    monkeypatch.setenv("HEBBSIM_DATA_ROOT", "there")
    assert CliRunner().invoke(make_app(model), [*output, "--quick"]).exit_code == 0
    others = [*output, "--data-root", "there"]
    found = CliRunner().invoke(make_app(MODEL), others)
    assert found.exit_code == 2
    assert "leave out --data-root" in found.output


#: One has a page of its own making, the other was never run
WITHOUT_A_SECTION = ("models.miconi2021", "models.softhebb2023.stl10")
NAMES = sorted(
    ".".join(main.parent.relative_to(PAGE.parents[1]).parts)
    for main in PAGE.parent.rglob("__main__.py")
)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in WITHOUT_A_SECTION])
def test_each_model_has_a_row_and_a_section_on_the_page(name):
    model, page = import_module(f"{name}.__main__").MODEL, PAGE.read_text(encoding="utf-8")
    assert name == f"models.{model.name}"
    assert f"| [{model.title}](#" in page
    assert f"<!-- {model.name} -->" in page
    assert f"<!-- end of {model.name} -->" in page
