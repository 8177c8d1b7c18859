"""The comparison: what it computes, what it keeps, what it refuses."""

import csv
import json
import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from brian2 import prefs
from safetensors.numpy import load_file

from hebbsim import ConvNetwork, rules
from hebbsim.codegen.cuda.toolkit import Requirement
from hebbsim.compare import comparison as module
from hebbsim.compare.comparison import compare
from hebbsim.compare.rate_rules import RATE_RULES, make_rule
from hebbsim.compare.results import ResultsFolder, Row
from hebbsim.compare.settings import CompareSettings
from hebbsim.compare.tables import label, markdown, summarize
from hebbsim.data.dataset import DatasetError, as_float
from hebbsim.data.load import load_dataset
from hebbsim.decoding.decode import decode
from hebbsim.errors import SettingsError
from hebbsim.experiments import standalone
from hebbsim.experiments.features import features, quadrants
from hebbsim.experiments.held_folder import FolderHeldError
from hebbsim.experiments.results import ResultsError
from hebbsim.geometry import GeometryError
from hebbsim.sweeps.unit import KEY_DIGITS


def tiny(**kwds):
    values = {
        "rules": ("Instar", "Oja"),
        "seeds": 1,
        "epochs": 1,
        "channels": (4, 6),
        "n_train": 200,
        "n_test": 100,
    }
    return CompareSettings.for_data("digits", **{**values, **kwds})


def small(**kwds):
    return tiny(**{"rules": ("Oja",), "channels": (4,), "kernels": (6,), "n_train": 100, **kwds})


def accuracies(rows):
    return {(row.rule, row.layer, row.seed): row.accuracy for row in rows}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Give the folder of a complete run; not to be changed."""
    folder = tmp_path_factory.mktemp("finished")
    compare(tiny(), folder, progress=False)
    return ResultsFolder(folder)


@pytest.fixture
def trained(monkeypatch):
    """Record which networks are trained."""
    calls = []

    def record(settings, images, rule, seed, *more):
        calls.append((rule, seed))
        return original(settings, images, rule, seed, *more)

    original = module.run_network
    monkeypatch.setattr(module, "run_network", record)
    return calls


# --- settings -------------------------------------------------------------------------------


def test_settings_come_back_from_their_file(tmp_path):
    settings = tiny(learning_rate="0.5/n_shared", threshold_step=0.3, threads=2)
    settings.save(tmp_path / "settings.json")
    assert CompareSettings.load(tmp_path / "settings.json") == settings
    assert settings.difference(CompareSettings.load(tmp_path / "settings.json")) is None


def test_rule_names_ignore_case_and_repetition():
    assert tiny(rules=["OJA", "bcm", "oja"]).rules == ("Oja", "BCM")


def test_a_learning_rate_may_be_a_number_or_an_expression():
    assert make_rule("Oja", "0.25").learning_rate == 0.25
    assert make_rule("Oja", "1/n_shared").learning_rate == "1/n_shared"
    assert tiny(learning_rate="exp(-t/(2*second))/n_shared").layers("Oja")[0].rule.scheduled


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"rules": ["Hebbb"]}, "unknown rule 'Hebbb'; did you mean 'Hebb'"),
        ({"rules": ["tripletstdp"]}, "rule 'TripletSTDP' doesn't learn from rates"),
        ({"rules": []}, "rules: expected one name or more"),
        ({"decoder": "rigde"}, "unknown decoder 'rigde'; did you mean 'ridge'"),
        ({"preprocessing": "zcaa"}, "unknown preprocessing 'zcaa'; did you mean 'zca'"),
        ({"output_activation": "triangel"}, "did you mean 'triangle'"),
        ({"dtype": "float16"}, "unknown dtype 'float16'"),
        ({"pooling": "avg"}, "unknown pooling 'avg'"),
        ({"seeds": 0}, "seeds: expected an integer from 1 on, got 0"),
        ({"epochs": 1.5}, "epochs: expected an integer"),
        ({"threads": -1}, "threads: expected an integer from 0 on"),
        ({"n_train": 0}, "n_train: expected an integer from 1 on"),
        ({"threshold_step": float("nan")}, "threshold_step: expected a finite number"),
        ({"learning_rate": 0.1}, "learning_rate: expected text"),
        ({"learning_rate": "1/"}, "expected a number or an expression, such as '1/n_shared'"),
        ({"learning_rate": "1/n_share"}, "unknown name 'n_share'; did you mean 'n_shared'"),
        ({"learning_rate": "w"}, "unknown name 'w'"),
        ({"k": 5}, "k: expected at most the 4 channels of the smallest layer, got 5"),
        ({"channels": (8,)}, "got 1 channels 8 and 2 kernels 6,2"),
        ({"channels": 8}, "channels: expected one number for each layer"),
        ({"epoch": 3}, "unknown setting 'epoch'; did you mean 'epochs'"),
    ],
)
def test_settings_that_make_no_sense(given, message):
    with pytest.raises(SettingsError) as error:
        tiny(**given)
    assert message in str(error.value)


@pytest.mark.parametrize("content", ["{", "[1]", '{"epoch": 3}', None])
def test_a_file_without_settings(tmp_path, content):
    path = tmp_path / "settings.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(SettingsError, match=r"settings\.json"):
        CompareSettings.load(path)


def test_a_path_is_made_absolute(tmp_path, monkeypatch):
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path)
    assert CompareSettings.for_data("./mine").data == str(tmp_path / "mine")
    assert CompareSettings.for_data("elsewhere").data == "elsewhere"


# --- features -------------------------------------------------------------------------------


def test_quadrants():
    maps = np.arange(2 * 3 * 4 * 6, dtype=float).reshape(2, 3, 4, 6)
    found = quadrants(maps)
    assert found.shape == (2, 3, 2, 2)
    assert found[1, 2, 0, 1] == maps[1, 2, :2, 3:].mean()
    assert found[0, 1, 1, 0] == maps[0, 1, 2:, :3].mean()


def test_a_middle_row_belongs_to_both_quadrants():
    maps = np.arange(9.0).reshape(1, 1, 3, 3)
    np.testing.assert_array_equal(quadrants(maps)[0, 0], [[2, 3], [5, 6]])
    np.testing.assert_array_equal(quadrants(maps[:, :, :1, :1])[0, 0], np.zeros((2, 2)))


def test_only_large_maps_are_reduced():
    assert features(np.zeros((1, 10, 20, 20))).shape == (1, 10, 20, 20)
    assert features(np.zeros((1, 11, 20, 20))).shape == (1, 11, 2, 2)


# --- what is computed -----------------------------------------------------------------------


def test_rows_are_complete(finished):
    rows = finished.read()
    pairs = {("pixels", 0)} | {(r, n) for r in ("random", "Instar", "Oja") for n in (1, 2)}
    assert {(row.rule, row.layer) for row in rows} == pairs
    assert len(rows) == len(pairs)
    assert {row.n_features for row in rows if row.layer == 1} == {4 * 3 * 3}
    assert {row.n_features for row in rows if row.layer == 2} == {6 * 2 * 2}
    assert {(row.data, row.method, row.seed) for row in rows} == {("digits", "ridge", 0)}
    assert all(0.3 < row.accuracy <= 1 for row in rows)


def test_pixels_are_decoded_raw(finished):
    data = load_dataset("digits").subset(200, 100)
    expected = decode(
        as_float(data.train_images), data.train_labels, as_float(data.test_images), data.test_labels
    )
    assert accuracies(finished.read())["pixels", 0, 0] == expected


def test_the_read_out_gets_the_saved_networks_features(finished):
    from hebbsim.bridge.weights import load_network

    settings = tiny()
    images = module.load_images(settings)
    with module.preferences(settings):
        network = load_network(finished.stem("Oja", 0))
        splits = [network.transform_all(split) for split in (images.train, images.test)]
    labels = (images.dataset.train_labels, images.dataset.test_labels)
    for layer, (train, test) in enumerate(zip(*splits, strict=True), start=1):
        expected = decode(train, labels[0], test, labels[1])
        assert accuracies(finished.read())["Oja", layer, 0] == expected


def test_random_kernels_are_those_that_learning_starts_from(finished):
    settings = tiny()
    with module.preferences(settings):
        untrained = module.build_network(settings, (1, 8, 8), "Oja", 0)
    for number, stage in enumerate(untrained.stages, start=1):
        start = stage.conv.get_kernel("w")
        saved = {
            rule: load_file(f"{finished.stem(rule, 0)}.safetensors")[f"conv{number}.weight"]
            for rule in ("random", "Instar", "Oja")
        }
        np.testing.assert_array_equal(saved["random"], start)
        assert all(np.abs(saved[rule] - start).max() > 0.05 for rule in ("Instar", "Oja"))
    thresholds = load_file(f"{finished.stem('random', 0)}.safetensors")["conv1.bias"]
    assert np.abs(thresholds).max() > 0  # they adapt as those of the others do


def test_settings_reproduce_every_digit(finished, tmp_path):
    compare(CompareSettings.load(finished.settings), tmp_path, progress=False)
    again = ResultsFolder(tmp_path)
    assert accuracies(again.read()) == accuracies(finished.read())
    for rule in ("random", "Instar", "Oja"):
        one, two = (load_file(f"{f.stem(rule, 0)}.safetensors") for f in (finished, again))
        for name in one:
            np.testing.assert_array_equal(one[name], two[name], err_msg=f"{rule} {name}")


def test_a_rule_has_the_layers_that_it_needs():
    settings = tiny(rules=("softhebb", "instar"), threshold_step=0.5)
    soft, instar = (settings.layers(rule)[1] for rule in settings.rules)
    for name, value in rules.SoftHebb.layer_settings.items():
        assert getattr(soft, name) == value
    assert (soft.activity, soft.norm, soft.rule.learning_rate) == ("signed_softmax", 25, 0.08)
    assert (instar.activity, instar.threshold_step, instar.normalize) == ("graded", 0.5, "L2")
    assert instar.rule.learning_rate == "1/n_shared"
    assert tiny(learning_rate="0.2").layers("SoftHebb")[0].rule.learning_rate == 0.2


@pytest.mark.parametrize("rule", [r for r in RATE_RULES if r not in ("Instar", "Oja")])
def test_every_rate_rule_runs(rule):
    settings = tiny(rules=(rule,), n_train=50, n_test=10, dtype="float64")
    images = module.load_images(settings)
    with module.preferences(settings):
        rows, network = module.run_network(settings, images, rule, 0)
    assert [row.rule for row in rows] == [rule] * 2
    assert network.stages[0].conv.get_kernel("w").dtype == np.float64


def test_preferences_are_put_back():
    before = prefs.core.default_float_dtype, prefs.devices.cpp_standalone.openmp_threads
    with module.preferences(tiny(dtype="float32", threads=2)):
        assert prefs.core.default_float_dtype is np.float32
        assert prefs.devices.cpp_standalone.openmp_threads == 2
    assert (prefs.core.default_float_dtype, prefs.devices.cpp_standalone.openmp_threads) == before


def test_test_images_change_no_kernel(tmp_path):
    settings = tiny(rules=("Oja",), channels=(4,), kernels=(6,), n_train=100, n_test=20)
    images = module.load_images(settings)
    kernels = []
    for test in (images.test, -images.test):
        with module.preferences(settings):
            _, network = module.run_network(settings, replace(images, test=test), "Oja", 0)
        kernels.append(network.stages[0].conv.get_kernel("w"))
    np.testing.assert_array_equal(*kernels)


# --- tables ---------------------------------------------------------------------------------


def row(rule, layer, seed, accuracy):
    return Row("digits", rule, layer, seed, accuracy, 9, 1.0, "ridge")


def test_summaries():
    rows = [row("pixels", 0, 0, 0.5)]
    rows += [row("random", 1, seed, value) for seed, value in enumerate((0.6, 0.7))]
    rows += [row("Oja", 1, seed, value) for seed, value in enumerate((0.7, 0.9))]
    pixels, random, oja = summarize(rows)
    assert (pixels.rule, random.rule, oja.rule) == ("pixels", "random", "Oja")
    assert np.isnan([pixels.deviation, pixels.vs_random, pixels.vs_pixels, random.vs_random]).all()
    assert oja.mean == pytest.approx(0.8)
    assert oja.deviation == pytest.approx(np.std([0.7, 0.9], ddof=1))
    assert oja.vs_random == pytest.approx(0.15)
    assert oja.vs_pixels == pytest.approx(0.3)
    assert random.vs_pixels == pytest.approx(0.15)


def test_differences_are_between_the_same_seeds():
    rows = [row("random", 1, 0, 0.6), row("random", 1, 1, 0.1), row("Oja", 1, 0, 0.7)]
    assert summarize(rows)[1].vs_random == pytest.approx(0.1)


def test_the_tables_numbers_are_the_files(finished):
    with finished.csv.open() as file:
        read = {(r["rule"], int(r["layer"])): float(r["accuracy"]) for r in csv.DictReader(file)}
    lines = [line for line in finished.table.read_text().splitlines() if line.startswith("| ")]
    shown = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
    assert len(shown) == len(read)
    for rule, layer in read:
        layer_text = str(layer) if layer else ""
        (line,) = (s for s in shown if s[:2] == [layer_text, label(rule)])
        assert line[3] == f"{100 * read[rule, layer]:.2f}"
        if layer:
            assert line[5] == f"{100 * (read[rule, layer] - read['pixels', 0]):+.2f}"
        if rule in ("Instar", "Oja"):
            assert line[4] == f"{100 * (read[rule, layer] - read['random', layer]):+.2f}"


def test_the_markdown_table_shows_the_spread():
    rows = [row("Oja", 1, seed, value) for seed, value in enumerate((0.7, 0.9))]
    assert "| 1 | Oja | 9 | 80.00 ± 14.14 |" in markdown(tiny(seeds=2), rows)


# --- the folder -----------------------------------------------------------------------------


def test_the_folder_holds_everything(finished):
    names = {str(f.relative_to(finished.path)) for f in finished.path.rglob("*") if f.is_file()}
    weights = {
        f"weights/{rule}-seed0.{suffix}"
        for rule in ("random", "Instar", "Oja")
        for suffix in ("pt", "safetensors", "json")
    }
    files = {"results.csv", "results.csv.sha256", "settings.json", "table.md"}
    files |= {"filters.png", "accuracy.png", "learning.png", "report.html"}
    files |= {"curves.csv", "curves.csv.sha256"}
    assert names == files | weights
    assert json.loads(finished.settings.read_text())["n_train"] == 200


def test_an_interrupted_run_goes_on(finished, tmp_path, monkeypatch, trained):
    calls = []

    def interrupt(maps):
        calls.append(maps)
        if len(calls) == 10:  # 4 training and 2 test batches of 2 layers: within the first network
            os.kill(os.getpid(), signal.SIGINT)
        return features(maps)

    # the second network is interrupted while it answers, not while it learns
    done = []
    original = module.run_network

    def second(*args):
        if done:
            monkeypatch.setattr(module, "features", interrupt)
        done.append(args)
        return original(*args)

    monkeypatch.setattr(module, "run_network", second)
    with pytest.raises(KeyboardInterrupt):
        compare(tiny(), tmp_path, progress=False)
    monkeypatch.setattr(module, "features", features)
    results = ResultsFolder(tmp_path)
    assert {row.rule for row in results.read()} == {"pixels", "random"}
    assert trained == [("random", 0), ("Instar", 0)]
    trained.clear()
    rows = compare(tiny(), tmp_path, resume=True, progress=False)
    assert trained == [("Instar", 0), ("Oja", 0)]
    assert accuracies(rows) == accuracies(results.read()) == accuracies(finished.read())
    assert results.table.read_text() == finished.table.read_text()


def cut(file, end):
    """Cut a file so that it ends with a text."""
    text = file.read_text()
    file.write_text(text[: text.rindex(end) + len(end)])


def damaged_weights(suffix, content):
    def damage(results):
        Path(f"{results.stem('Oja', 0)}{suffix}").write_bytes(content)

    return damage


DAMAGES = {
    "a line that ends early": lambda r: cut(r.csv, "digits,Oja,2,0"),
    "a word that is cut": lambda r: cut(r.csv, "rid"),
    "another number": lambda r: r.csv.write_text(r.csv.read_text().replace("Oja,2,0", "Oja,2,1")),
    "no weights": lambda r: Path(f"{r.stem('Oja', 0)}.safetensors").unlink(),
    "emptied weights": damaged_weights(".safetensors", b""),
    "emptied weights of torch": damaged_weights(".pt", b""),
    "an emptied description": damaged_weights(".json", b""),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_incomplete_is_not_gone_on_with(finished, tmp_path, damage):
    copy(finished.path, tmp_path)
    results = ResultsFolder(tmp_path)
    assert results.complete(results.read(), tiny()) == finished.read()
    DAMAGES[damage](results)
    kept = results.complete(results.read(), tiny())
    assert kept == [row for row in finished.read() if row.rule != "Oja"]


def test_what_is_incomplete_is_done_again(finished, tmp_path, trained):
    copy(finished.path, tmp_path)
    results = ResultsFolder(tmp_path)
    DAMAGES["a word that is cut"](results)
    DAMAGES["emptied weights"](results)
    compare(tiny(), tmp_path, resume=True, progress=False)
    assert trained == [("Oja", 0)]
    assert accuracies(results.read()) == accuracies(finished.read())
    assert len(results.read()) == len(finished.read())


def copy(source, target):
    for file in source.rglob("*"):
        if file.is_file():
            place = target / file.relative_to(source)
            place.parent.mkdir(exist_ok=True)
            place.write_bytes(file.read_bytes())


def test_resuming_what_is_finished_trains_nothing(finished, tmp_path, trained):
    copy(finished.path, tmp_path)
    rows = compare(tiny(data_root="/elsewhere"), tmp_path, resume=True, progress=False)
    assert trained == []
    assert rows == finished.read()


def test_results_are_not_overwritten_unasked(finished, trained):
    before = finished.csv.read_bytes()
    with pytest.raises(ResultsError, match=r"holds results \(results.csv\).*--resume.*--overwrite"):
        compare(tiny(), finished.path, progress=False)
    assert finished.csv.read_bytes() == before
    assert trained == []


def test_results_of_a_sweep_are_never_overwritten(tmp_path, trained):
    unit = tmp_path / "units" / f"{'0' * KEY_DIGITS}.json"
    unit.parent.mkdir()
    unit.write_text("{}")
    with pytest.raises(ResultsError, match=r"holds the results of a sweep.*--output"):
        compare(tiny(), tmp_path, overwrite=True, progress=False)
    assert unit.exists()
    assert trained == []


def test_resuming_names_the_first_other_setting(finished):
    with pytest.raises(ResultsError, match="epochs is 1 there and 2 here"):
        compare(tiny(epochs=2, seeds=1), finished.path, resume=True, progress=False)
    with pytest.raises(ResultsError, match="rules is Instar,Oja there and Oja here"):
        compare(tiny(rules=("Oja",)), finished.path, resume=True, progress=False)


def test_other_images_under_the_same_name_are_not_gone_on_with(tmp_path, monkeypatch, trained):
    """A folder of images that has changed: no setting says so."""
    digits = load_dataset("digits")
    data = tmp_path / "own.npz"

    def write(images):
        np.savez(
            data,
            train_images=images,
            train_labels=digits.train_labels,
            test_images=digits.test_images,
            test_labels=digits.test_labels,
        )

    write(digits.train_images)
    settings = replace(tiny(rules=("Oja",)), data=str(data))
    compare(settings, tmp_path / "r", progress=False)
    trained.clear()
    results = ResultsFolder(tmp_path / "r")
    before = {file: file.read_bytes() for file in results.written()}
    write(digits.train_images[::-1])
    with pytest.raises(
        ResultsError, match=r"of other images: train_images\.values is .*; give --ov"
    ):
        compare(settings, results.path, resume=True, progress=False)
    assert {file: file.read_bytes() for file in results.written()} == before
    write(digits.train_images)
    compare(settings, results.path, resume=True, progress=False)
    assert trained == []


def test_overwriting_replaces_our_files_alone(finished, tmp_path):
    copy(finished.path, tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "weights" / "mine.pt").write_text("mine")
    settings = tiny(rules=("Oja",), channels=(4,), kernels=(6,))
    rows = compare(settings, tmp_path, overwrite=True, progress=False)
    results = ResultsFolder(tmp_path)
    assert accuracies(results.read()) == accuracies(rows)
    assert CompareSettings.load(results.settings) == settings
    assert {f.stem for f in results.weights.iterdir()} == {"random-seed0", "Oja-seed0", "mine"}
    assert (tmp_path / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"data": "digitz"}, DatasetError),
        ({"kernels": (9, 2)}, GeometryError),
        ({"kernels": (6, 4)}, GeometryError),
        ({"n_train": 100_000}, ValueError),
        ({"batch_size": 1000}, SettingsError),
    ],
)
def test_what_fails_at_once_replaces_nothing(finished, given, error):
    before = finished.csv.read_bytes()
    with pytest.raises(error):
        compare(replace(tiny(), **given), finished.path, overwrite=True, progress=False)
    assert finished.csv.read_bytes() == before


def test_folders_that_cannot_be_used(finished, tmp_path):
    with pytest.raises(ResultsError, match="not both"):
        compare(tiny(), tmp_path, overwrite=True, resume=True, progress=False)
    (tmp_path / "file").write_text("")
    with pytest.raises(ResultsError, match="is a file"):
        compare(tiny(), tmp_path / "file", progress=False)
    (tmp_path / "results.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ResultsError, match=r"no settings\.json"):
        compare(tiny(), tmp_path, resume=True, progress=False)
    tiny().save(tmp_path / "settings.json")
    with pytest.raises(ResultsError, match="expected the columns data,rule,layer"):
        compare(tiny(), tmp_path, resume=True, progress=False)


@pytest.mark.parametrize("content", ["", "{"])
def test_damaged_settings_say_what_to_do(finished, tmp_path, trained, content):
    copy(finished.path, tmp_path)
    (tmp_path / "settings.json").write_text(content)
    with pytest.raises(ResultsError, match=r"--overwrite"):
        compare(tiny(), tmp_path, resume=True, progress=False)
    assert trained == []


def test_one_changed_value_of_the_settings_is_found(finished, tmp_path):
    copy(finished.path, tmp_path)
    path = tmp_path / "settings.json"
    changed = path.read_text().replace('"epochs": 1', '"epochs": 3')
    path.write_text(changed)
    with pytest.raises(ResultsError, match=r"settings\.json' is damaged or was changed .*--overw"):
        compare(tiny(), tmp_path, resume=True, progress=False)
    with pytest.raises(SettingsError, match='if you changed it, remove its line "checksum"'):
        CompareSettings.load(path)
    values = json.loads(changed)
    del values["checksum"]
    path.write_text(json.dumps(values))
    assert CompareSettings.load(path) == tiny(epochs=3)


# --- a folder that others use too -------------------------------------------------------------


def test_two_at_once_in_one_folder(tmp_path, monkeypatch):
    """The second is told who the first is, whatever it asks for; then it goes on."""
    said = []

    def second(settings, images, rule, seed, *more):
        if not said:
            for how in ({"resume": True}, {"overwrite": True}, {}):
                with pytest.raises(FolderHeldError) as error:
                    compare(small(), tmp_path, progress=False, **how)
                said.append(str(error.value))
        return original(settings, images, rule, seed, *more)

    original = module.run_network
    monkeypatch.setattr(module, "run_network", second)
    rows = compare(small(), tmp_path, progress=False)
    assert len(said) == 3
    assert f"is being written to by process {os.getpid()} on " in said[0]
    assert "wait for its end, or give another folder" in said[0]
    results = ResultsFolder(tmp_path)
    assert results.read() == rows
    assert not (tmp_path / ".running").exists()
    assert compare(small(), tmp_path, resume=True, progress=False) == rows


def test_what_fails_at_once_leaves_no_folder(tmp_path):
    with pytest.raises(DatasetError):
        compare(replace(tiny(), data="digitz"), tmp_path / "new" / "r", progress=False)
    assert not (tmp_path / "new").exists()


def test_a_folder_that_is_removed_meanwhile_is_an_error(tmp_path, monkeypatch):
    folder = tmp_path / "r"

    def remove(settings, images, rule, seed, *more):
        if rule == "Oja":
            shutil.rmtree(folder)
        return original(settings, images, rule, seed, *more)

    original = module.run_network
    monkeypatch.setattr(module, "run_network", remove)
    with pytest.raises(ResultsError, match=r"'.*r' was removed or emptied during the run"):
        compare(small(), folder, progress=False)
    assert not folder.exists()


def test_the_network_is_a_plain_one():
    settings = tiny(channels=(4,), kernels=(3,), padding=1, pooling="max", k=2)
    network = module.build_network(settings, (1, 8, 8), "Oja", 3)
    assert isinstance(network, ConvNetwork)
    assert tuple(network.stages[0].output.shape) == (4, 4, 4)
    assert (network.seed, network.batch_size, network.layers[0].k) == (3, 50, 2)


# --- devices --------------------------------------------------------------------------------


def test_a_program_gives_the_same_rows_and_weights():
    found = {}
    for device in ("runtime", "cpp"):
        settings = small(device=device)
        images = module.load_images(settings)
        with module.preferences(settings), module.device_of_networks(device):
            rows, network = module.run_network(settings, images, "Oja", 0)
            kernel = network.stages[0].conv.get_kernel("w")
        found[device] = [row.accuracy for row in rows], kernel
    assert found["cpp"][0] == found["runtime"][0]
    np.testing.assert_array_equal(found["cpp"][1], found["runtime"][1])


def test_a_device_that_is_not_there_is_refused_before_anything_is_written(tmp_path, monkeypatch):
    missing = Requirement("nvcc", "", "install it")
    monkeypatch.setattr(standalone, "requirements", lambda: [missing])
    with pytest.raises(
        SettingsError, match=r"cuda: missing are nvcc: install it\. .* --device cpp"
    ):
        compare(small(device="cuda"), tmp_path / "x", progress=False)
    assert not (tmp_path / "x" / "settings.json").exists()
    with pytest.raises(SettingsError, match="device"):
        small(device="gpu")
