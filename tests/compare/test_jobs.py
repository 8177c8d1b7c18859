"""Networks that learn at once, each in a process of its own, are those that learn one by one."""

from dataclasses import replace

import pytest

from hebbsim.compare import comparison as module
from hebbsim.compare.comparison import compare
from hebbsim.compare.networks import NetworkError
from hebbsim.compare.results import ResultsFolder
from hebbsim.compare.settings import CompareSettings
from hebbsim.errors import SettingsError

SETTINGS = CompareSettings.for_data(
    *("digits",),
    rules=("Oja",),
    seeds=1,
    epochs=2,
    channels=(4,),
    kernels=(6,),
    n_train=100,
    n_test=50,
)


def contents(folder):
    """All that a comparison wrote, but for seconds."""
    results = ResultsFolder(folder)
    files = {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}
    weights = {path.name: path.read_bytes() for path in results.weights.glob("*.safetensors")}
    rows = [replace(row, seconds=0) for row in results.read()]
    return files, weights, rows, results.curves.read_text(), results.table.read_text()


def test_two_at_once(tmp_path):
    alone, both = tmp_path / "alone", tmp_path / "both"
    compare(SETTINGS, alone, progress=False)
    rows = compare(SETTINGS, both, jobs=2, progress=False)
    assert contents(both) == contents(alone)
    assert rows == ResultsFolder(both).read()


def test_what_was_computed_is_added_before_anything_else(tmp_path, monkeypatch):
    """The process is killed when a network is kept, and not among the rows yet."""

    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("hebbsim.compare.networks.NetworksToDo._add", stop)
        with pytest.raises(KeyboardInterrupt):
            compare(SETTINGS, tmp_path, progress=False)
    results = ResultsFolder(tmp_path)
    assert {row.rule for row in results.read()} == {"pixels"}
    assert len(list(results.units.folder.glob("*.json"))) == 1
    trained = []
    original = module.run_network
    monkeypatch.setattr(
        module, "run_network", lambda *given: trained.append(given[2]) or original(*given)
    )
    compare(SETTINGS, tmp_path, resume=True, progress=False)
    assert trained == ["Oja"]
    assert {row.rule for row in results.read()} == {"pixels", "random", "Oja"}
    assert not results.units.folder.exists()


@pytest.mark.slow
def test_a_network_that_fails_is_named(tmp_path):
    with pytest.raises(NetworkError, match=r"Oja, seed 0: NonFiniteWeightsError: .*conv1"):
        compare(replace(SETTINGS, learning_rate="1e38"), tmp_path, jobs=2, progress=False)


def test_no_jobs(tmp_path):
    with pytest.raises(SettingsError, match="jobs: expected a whole number from 1 on, got 0"):
        compare(SETTINGS, tmp_path, jobs=0)
