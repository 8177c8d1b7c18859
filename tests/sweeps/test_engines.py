"""Twelve units are the same on each engine, and a killed worker costs its unit alone."""

import os
import signal
import subprocess
import time
from collections import Counter
from contextlib import suppress

import pytest
from sweep_cases import (
    HEBBSIM,
    calls,
    dask_cluster,
    logged_sweep,
    results,
    run,
    run_in_shards,
    sweep_file,
)

from hebbsim.errors import SettingsError
from hebbsim.experiments.held_folder import held
from hebbsim.sweeps import on_dask
from hebbsim.sweeps.fresh_process import THREAD_VARIABLES
from hebbsim.sweeps.on_loky import MOST_LOSSES
from hebbsim.sweeps.plan import Sweep
from hebbsim.sweeps.run import Engine, SweepFolder
from hebbsim.sweeps.shard import Shard
from hebbsim.sweeps.work import End

KILLED = "b-1-2"


def check_one_was_lost(path, expected):
    assert results(path) == expected
    counts = Counter(calls(path))
    assert len(counts) == 12
    assert counts.pop(KILLED) == 2
    assert set(counts.values()) == {1}


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """What the units give in this process, one after another."""
    path = logged_sweep(tmp_path_factory.mktemp("here") / "sweep")
    outcomes, _ = run(path, Engine(shard=Shard(1, 1)))
    assert [outcome.end for outcome in outcomes] == [End.COMPUTED] * 12
    found = results(path)
    assert len(found) == 12
    assert len({values["mean"] for values in found.values()}) == 4  # of seeds and scales
    return found


def test_a_killed_worker_of_loky(tmp_path, expected):
    path = logged_sweep(tmp_path / "sweep", kill=KILLED)
    outcomes, said = run(path, Engine(jobs=2))
    assert [outcome.end for outcome in outcomes] == [End.COMPUTED] * 12
    check_one_was_lost(path, expected)
    assert "a worker was killed while it computed rule=b scale=2.0 seed=1" in said.getvalue()
    assert run(path, Engine(jobs=2))[0] == []
    check_one_was_lost(path, expected)


def test_a_killed_worker_of_dask(tmp_path, expected):
    pytest.importorskip("distributed")
    path = logged_sweep(tmp_path / "sweep", kill=KILLED)
    with dask_cluster() as address:
        outcomes, said = run(path, Engine(dask=address))
    assert [outcome.end for outcome in outcomes] == [End.COMPUTED] * 12
    check_one_was_lost(path, expected)
    assert "seed=1: an earlier try was lost with its process" in said.getvalue()


def test_a_killed_shard(tmp_path, expected):
    path = logged_sweep(tmp_path / "sweep", kill=KILLED)
    assert sorted(run_in_shards(path, 3)) == [-signal.SIGKILL, 0, 0, 0]
    check_one_was_lost(path, expected)


@pytest.mark.slow
def test_comparisons_on_each_engine(tmp_path):
    """The example's, at a size of a few seconds; a worker of each engine is killed at work."""
    pytest.importorskip("distributed")

    def file(name):
        grid = {"rule": ["Hebb", "Instar", "Oja"], "zca_epsilon": [0.1, 1.0]}
        given = {"data": "digits", "epochs": 1, "n_train": 200, "n_test": 100}
        return sweep_file(tmp_path / name, "compare", grid=grid, **given)

    whole = file("here")
    run(whole, Engine(shard=Shard(1, 1)))
    expected = results(whole)
    assert len(expected) == 12

    on_loky = file("loky")
    killed = _kill_one(on_loky, ["--jobs", "2"])
    assert killed
    assert results(on_loky) == expected

    on_dask = file("dask")
    with dask_cluster() as address:
        assert _kill_one(on_dask, ["--dask", address])
    assert results(on_dask) == expected

    shards = file("shards")
    for number in (1, 2, 3):
        _kill_one(shards, ["--shard", f"{number}/3"])
    run_in_shards(shards, 3)
    assert results(shards) == expected


def _kill_one(path, options):
    """Run a sweep, and kill a process that is at work on its fourth unit or a later one."""
    store = SweepFolder(Sweep.load(path).folder).store.folder
    left = set(store.glob("*/.running"))  # by what was killed before
    process = subprocess.Popen([*HEBBSIM, "sweep", str(path), *options])
    killed = 0
    while process.poll() is None and not killed:
        at_work = sorted({*store.glob("*/.running")} - left)
        if len(list(store.glob("*.json"))) >= 3 and at_work:
            with suppress(FileNotFoundError, IndexError):  # done, or not yet written
                killed = int(at_work[0].read_text().split()[1])
                os.kill(killed, signal.SIGKILL)
        time.sleep(0.02)
    process.wait()
    return killed


def test_a_unit_that_kills_its_workers_is_given_up_and_named(tmp_path):
    path = logged_sweep(tmp_path / "sweep", kill="a-0-1", times=9)
    outcomes, said = run(path, Engine(jobs=2))
    (failed,) = (outcome for outcome in outcomes if outcome.end is End.FAILED)
    assert failed.unit.label == "rule=a scale=1.0 seed=0"
    assert f"its worker was killed {MOST_LOSSES} times" in said.getvalue()
    assert len(results(path)) == 11
    counts = Counter(calls(path))
    assert counts.pop("a-0-1") == MOST_LOSSES
    assert set(counts.values()) == {1}  # no other was lost with it


def test_each_worker_has_a_build_folder_and_capped_threads(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in THREAD_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    path = sweep_file(tmp_path / "sweep", "environment", grid={}, seeds=4)
    run(path, Engine(jobs=2))
    found = list(results(path).values())
    builds = {values["pid"]: values["build"] for values in found}
    assert len(builds) == 2
    assert len(set(builds.values())) == 2
    for values in found:
        assert values["build"].startswith(str(tmp_path / "cache"))
        assert values["cython"].startswith(values["build"])
        assert (values["openmp"], values["threads"]) == ("1", 1)


def test_what_fails_is_named_and_tried_again(tmp_path):
    path = sweep_file(tmp_path / "sweep", "fail", grid={})
    for _ in range(2):
        outcomes, said = run(path, Engine(shard=Shard(1, 1)))
        assert outcomes[-1].end is End.FAILED
        assert "failed: seed=1: ValueError: the dog ate it (traceback in '" in said.getvalue()
    assert list(results(path)) == ["seed=0"]
    (kept,) = (tmp_path / "sweep" / "found" / "units").glob("*.error.txt")
    assert "the dog ate it" in kept.read_text()


def test_a_unit_at_which_another_process_is_is_left_to_it(tmp_path):
    path = logged_sweep(tmp_path / "sweep")
    sweep = Sweep.load(path)
    unit = sweep.units()[3]
    with held(SweepFolder(sweep.folder).store.files(unit)):
        outcomes, said = run(path, Engine(shard=Shard(1, 1)))
    assert [o.unit.key for o in outcomes if o.end is End.ELSEWHERE] == [unit.key]
    assert f"{unit.label} is at work in another process, and left to it" in said.getvalue()
    assert len(results(path)) == len(calls(path)) == 11


@pytest.mark.slow
def test_ctrl_c_leaves_whole_results(tmp_path):
    path = sweep_file(tmp_path / "sweep", "environment", grid={}, seeds=12)
    folder = SweepFolder(Sweep.load(path).folder)
    process = subprocess.Popen(
        [*HEBBSIM, "sweep", str(path), "--jobs", "2"],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while not list(folder.store.folder.glob("*.json")):
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    said, _ = process.communicate()
    assert process.returncode == 130
    assert said.strip().endswith("what is done is kept; run it again to go on")
    assert 1 <= len(results(path)) < 12  # and none is damaged
    assert not list(folder.store.folder.glob("*.part"))


@pytest.mark.parametrize("text", ["0/40", "41/40", "0/0"])
def test_a_share_that_is_none(text):
    with pytest.raises(SettingsError, match=r"--shard: expected 1/.* to .*COMPLETION_INDEX \+ 1"):
        Shard.of(text)


@pytest.mark.parametrize("text", ["3", "3/", "a/b", "-1/4", "1.5/4"])
def test_a_share_that_cannot_be_read(text):
    with pytest.raises(SettingsError, match="--shard: expected a share such as 3/40, got"):
        Shard.of(text)


def test_shares_are_all_units_once():
    units = list(range(41))
    shares = [Shard(n, 7).take(units) for n in range(1, 8)]
    assert sorted(unit for share in shares for unit in share) == units
    assert {len(share) for share in shares} == {5, 6}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"jobs": 0}, "--jobs: expected a whole number from 1 on, got 0"),
        ({"threads": 0}, "--threads: expected a whole number from 1 on, got 0"),
        ({"jobs": 2, "dask": "tcp://x:1"}, "give --jobs, for workers of this machine, or --dask"),
    ],
)
def test_engines_that_make_no_sense(given, said):
    with pytest.raises(SettingsError, match=said):
        Engine(**given)


def test_an_address_at_which_nobody_answers(tmp_path, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr("hebbsim.sweeps.on_dask._SECONDS_TO_CONNECT", 1)
    path = sweep_file(tmp_path / "sweep")
    with pytest.raises(
        SettingsError, match=r"--dask: expected the address.*got 'tcp://127.0.0.1:9"
    ):
        run(path, Engine(dask="tcp://127.0.0.1:9"))


def test_nothing_is_made_without_dask(tmp_path, monkeypatch):
    monkeypatch.setattr(on_dask, "installed", lambda package: package != "distributed")
    path = sweep_file(tmp_path / "sweep")
    with pytest.raises(SettingsError, match="dask isn't installed; pip install 'hebbsim"):
        run(path, Engine(dask="tcp://nowhere:8786"))
    assert [file.name for file in path.parent.iterdir()] == ["sweep.toml"]
