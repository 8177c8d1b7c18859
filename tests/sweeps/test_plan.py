"""What a file says, the units that follow, and what is refused before anything is computed."""

import json
from dataclasses import replace

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sweep_cases import FUNCTIONS, results, run, sweep_file

from hebbsim.errors import SettingsError
from hebbsim.experiments.results import ResultsError
from hebbsim.sweeps.plan import Sweep
from hebbsim.sweeps.run import Engine, SweepFolder
from hebbsim.sweeps.shard import Shard

HERE = Engine(shard=Shard(1, 1))


def plan(**given):
    values = {"function": f"{FUNCTIONS}:draw", "folder": "found"}
    return Sweep(**{**values, **given})


def compared(**given):
    return plan(function="compare", **given)


# --- units ----------------------------------------------------------------------------------


def test_units_are_seeds_times_cases_times_grid():
    sweep = plan(seeds=[3, 5], grid={"rule": ["a", "b"]}, cases=[{"scale": 1.0}, {"scale": 2.0}])
    assert [unit.label for unit in sweep.units()[:3]] == [
        "scale=1.0 rule=a seed=3",
        "scale=1.0 rule=b seed=3",
        "scale=2.0 rule=a seed=3",
    ]
    assert len(sweep.units()) == 8


def test_a_name_follows_from_what_numbers_depend_on():
    (unit,) = plan().units()
    assert plan(settings={"rule": "a", "scale": 1}).units()[0].key == unit.key  # the defaults
    assert plan(folder="elsewhere").units()[0].key == unit.key
    others = [
        plan(settings={"scale": 1.5}),
        plan(seeds=[1]),
        plan(version="2"),
    ]
    keys = {unit.key, replace(unit, version="hebbsim 0").key}
    keys |= {other.units()[0].key for other in others}
    assert len(keys) == 5


@hypothesis.settings(max_examples=30, deadline=None)
@given(st.dictionaries(st.text(min_size=1), st.integers() | st.floats(allow_nan=False) | st.text()))
def test_settings_are_as_the_file_gives_them(settings):
    kept = plan(function=f"{FUNCTIONS}:environment", settings=settings).units()[0].arguments
    assert kept == settings


def test_networks_of_a_comparison():
    grid = {"rule": ["oja", "random"], "channels": [[4, 6], [8, 8]], "learning_rate": [0.05]}
    first, *others = compared(grid=grid, settings={"data_root": "/elsewhere"}).units()
    assert first.settings["rule"] == "Oja"
    assert first.settings["learning_rate"] == "0.05"
    assert first.settings["zca_epsilon"] == 1.0  # of digits
    assert first.label == "rule=oja channels=4,6 learning_rate=0.05 seed=0"
    assert set(first.inputs) == {"train_images", "train_labels", "test_images", "test_labels"}
    assert first.key == compared(grid=grid).units()[0].key  # where images lie is all the same
    assert len(others) == 3


# --- what is refused ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"seeds": 0}, "seeds: expected a whole number from 1 on, got 0"),
        ({"seeds": [1, 1]}, r"seeds: expected a number of seeds, or .* different .* got \[1, 1\]"),
        ({"seeds": [-1]}, "seeds: expected a whole number from 0 on, got -1"),
        ({"seeds": [2**32]}, "seeds: expected at most 4294967295"),
        ({"grid": {"rule": "a"}}, r"grid: rule: expected a list of values.*for \[settings\]"),
        ({"grid": {"rule": []}}, "grid: rule: expected a list of values"),
        ({"grid": [1]}, r"grid: expected a table, \[grid\]"),
        ({"settings": 3}, r"settings: expected a table, \[settings\], got 3"),
        ({"cases": [1]}, r"cases: expected tables, each \[\[cases\]\]"),
        ({"cases": [{"rule": "a"}, {"rle": "b"}]}, "cases: unknown setting 'rle'.*'rule'"),
        (
            {"settings": {"rule": "a"}, "grid": {"rule": ["a"]}},
            r"rule: expected in one place, got it in \[settings\] and in \[grid\]",
        ),
        (
            {"cases": [{"rule": "a"}], "grid": {"rule": ["a"]}},
            r"rule: expected in one place, got it in \[\[cases\]\] and in \[grid\]",
        ),
        ({"function": "draw"}, "function: expected 'compare', 'my_module:run_one' or"),
        ({"function": "no_module:f"}, "no_module can't be imported .ModuleNotFoundError.*'.*'"),
        ({"function": "nowhere.py:f"}, "nowhere.py can't be imported .FileNotFoundError"),
        ({"function": f"{FUNCTIONS}:drow"}, "unknown function 'drow'; did you mean 'draw'"),
        ({"function": f"{FUNCTIONS}:too_few"}, r"called as run_one\(settings, seed, folder\), got"),
        ({"grid": {"scael": [1]}}, "scael=1: unknown setting 'scael'; did you mean 'scale'"),
        ({"grid": {"scale": [1, -1]}}, "scale=-1: Settings: scale: expected a number from 0"),
        ({"grid": {"scale": [1, 2, 1.0]}}, "two that are the same: 'scale=1 seed=0' and"),
    ],
)
def test_what_makes_no_sense_is_named(given, said):
    with pytest.raises(SettingsError, match=said):
        plan(**given).units()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"rule": "ojja"}, "unknown rule 'ojja'; did you mean 'Oja'"),
        ({"epoch": 3}, "unknown setting 'epoch'; did you mean 'epochs'"),
        ({"rules": ["Oja"]}, r"rules: expected none.*give rule, such as rule = \[.* in \[grid\]"),
        ({"seeds": 3}, "seeds: expected none.*give seeds outside of all tables"),
        ({"kernels": [9, 2]}, "layer 1"),
        ({"data": "digitz"}, "unknown data set 'digitz'; did you mean 'digits'"),
    ],
)
def test_settings_of_a_comparison_that_make_no_sense(settings, said):
    with pytest.raises(SettingsError, match=said):
        compared(settings=settings).units()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("function = ", "cannot read a sweep from '.*sweep.toml' .*examples/sweep.toml"),
        ("seeds = 2", "'.*sweep.toml': function: expected one, such as 'compare', got none"),
        ("functoin = 'compare'", "unknown key 'functoin'; did you mean 'function'"),
        ("function = 'compare'\nfolder = 3", "folder: expected a text, got 3"),
    ],
)
def test_files_that_make_no_sense(tmp_path, text, said):
    path = tmp_path / "sweep.toml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=said):
        Sweep.load(path)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(SettingsError, match=r"cannot read a sweep from '.*no.toml'"):
        Sweep.load(tmp_path / "no.toml")


# --- results --------------------------------------------------------------------------------


def one_result(folder):
    path = sweep_file(folder, grid={})
    run(path, HERE)
    sweep = Sweep.load(path)
    store = SweepFolder(sweep.folder).store
    first, second = sweep.units()
    return path, store.result(first), store.result(second)


def test_a_truncated_result_is_named(tmp_path):
    path, first, _ = one_result(tmp_path / "sweep")
    whole = first.read_bytes()
    first.write_bytes(whole[:-20])
    with pytest.raises(ResultsError, match=f"{first.name}' is no whole result.*delete it, and"):
        run(path, HERE)
    first.write_bytes(whole.replace(b'"mean": 0', b'"mean": 1'))
    with pytest.raises(ResultsError, match="is not as it was written; delete it"):
        run(path, HERE)
    first.unlink()
    assert len(run(path, HERE)[0]) == 1
    assert json.loads(first.read_bytes())["result"] == json.loads(whole)["result"]


def test_a_result_of_another_unit_is_named(tmp_path):
    path, first, second = one_result(tmp_path / "sweep")
    first.write_bytes(second.read_bytes())
    with pytest.raises(ResultsError, match="of other settings: seed is 1 there and 0 here; delete"):
        run(path, HERE)


def test_folders_that_cannot_be_written_to(tmp_path):
    path = sweep_file(tmp_path / "sweep")
    (tmp_path / "sweep" / "found").write_text("")
    with pytest.raises(ResultsError, match="found' is a file; give --output a folder"):
        run(path, HERE)
    (tmp_path / "sweep" / "found").unlink()
    (tmp_path / "sweep" / "found").mkdir()
    of_a_model = tmp_path / "sweep" / "found" / "settings.json"
    of_a_model.write_text("{}")
    with pytest.raises(ResultsError, match=r"results that are no sweep's .* another folder"):
        run(path, HERE)
    assert list(of_a_model.parent.iterdir()) == [of_a_model]
    of_a_model.unlink()
    (tmp_path / "sweep" / "found" / "units").write_text("")
    with pytest.raises(OSError, match="units"):
        run(path, HERE)


def test_a_function_has_to_return_a_mapping(tmp_path):
    path = sweep_file(tmp_path / "sweep", "returns_none", grid={}, seeds=1)
    (outcome,), _ = run(path, HERE)
    assert "expected it to return a mapping, such as" in outcome.said
    assert results(path) == {}


def test_a_function_whose_annotation_is_there_for_type_checkers_alone(tmp_path):
    (tmp_path / "own.py").write_text(
        "from __future__ import annotations\n"
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from pathlib import Path\n"
        "def run_one(settings, seed, folder: Path):\n    return {}\n"
    )
    with pytest.raises(SettingsError, match=r"'run_one'.*'Path' is not defined.*outside of TYPE"):
        plan(function=f"{tmp_path / 'own.py'}:run_one").units()
