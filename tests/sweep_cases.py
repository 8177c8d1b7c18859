"""Sweeps of twelve units, and what they give."""

import json
import re
import subprocess
import sys
from contextlib import contextmanager
from io import StringIO
from pathlib import Path

from rich.console import Console

from hebbsim.sweeps.plan import Sweep
from hebbsim.sweeps.run import SweepFolder, run_sweep

FUNCTIONS = Path(__file__).parent / "sweep_functions.py"
HEBBSIM = [sys.executable, "-c", "from hebbsim.cli import app; app()"]
GRID = {"rule": ["a", "b", "c"], "scale": [1.0, 2.0]}


def sweep_file(folder, function="draw", *, grid=GRID, seeds=2, **settings):
    """Write a sweep of a function of `sweep_functions`, or of another one, into a new folder."""
    if ":" not in function and function != "compare":
        function = f"{FUNCTIONS}:{function}"
    folder.mkdir()
    lines = [f'function = "{function}"', f'folder = "{folder / "found"}"', f"seeds = {seeds}"]
    for table, values in (("settings", settings), ("grid", grid)):
        lines += [f"[{table}]", *(f"{name} = {json.dumps(v)}" for name, v in values.items())]
    path = folder / "sweep.toml"
    path.write_text("\n".join(lines) + "\n")
    return path


def logged_sweep(folder, **settings):
    """A sweep each of whose calls leaves a line."""
    return sweep_file(folder, log=str(folder / "log"), **settings)


def calls(path):
    """The units that were begun, in words of their own."""
    return sorted((path.parent / "log").read_text().split())


def results(path):
    """What the units gave, by their words; without what depends on the clock."""
    sweep = Sweep.load(path)
    found = SweepFolder(sweep.folder).found(sweep.units())
    return {unit.label: _without_seconds(dict(result.values)) for unit, result in found}


def _without_seconds(value):
    if isinstance(value, dict):
        return {name: _without_seconds(v) for name, v in value.items() if name != "seconds"}
    return [_without_seconds(v) for v in value] if isinstance(value, list) else value


def run(path, engine):
    """Run a sweep; return how its units ended, and what was said."""
    said = StringIO()
    return run_sweep(Sweep.load(path), engine, console=Console(file=said, width=200)), said


def run_in_shards(path, total):
    """Run each share as a program of its own, and those that were killed again."""
    codes = []
    for number in range(1, total + 1):
        command = [*HEBBSIM, "sweep", str(path), "--shard", f"{number}/{total}"]
        while True:
            codes.append(subprocess.run(command, capture_output=True, check=False).returncode)
            if codes[-1] >= 0:
                break
    return codes


@contextmanager
def dask_cluster(n_workers=2):
    """Give the address of a scheduler with worker processes, each a program of its own."""
    command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1"]
    options = ["--port", "0", "--dashboard-address", "127.0.0.1:0"]
    scheduler = subprocess.Popen([*command, *options], stderr=subprocess.PIPE, text=True)
    processes = [scheduler]
    try:
        found = (re.search(r"Scheduler at:\s+(tcp://\S+)", line) for line in scheduler.stderr)
        address = next(match for match in found if match)[1]
        command = [sys.executable, "-m", "distributed.cli.dask_worker", address]
        options = ["--nthreads", "1", "--no-dashboard", "--host", "127.0.0.1"]
        for _ in range(n_workers):
            processes.append(subprocess.Popen([*command, *options], stderr=subprocess.DEVNULL))
        yield address
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait()
        scheduler.stderr.close()
