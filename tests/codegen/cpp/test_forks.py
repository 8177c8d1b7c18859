"""Workers: processes that are forked from one that ran compiled loops, or started anew."""

import os
import subprocess
import sys
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import workers_cases

from hebbsim.codegen.cpp.forks import ask


@pytest.mark.parametrize(
    ("method", "kind", "threads"),
    [
        ("fork", "plain", 0),
        ("fork", "joblib", 2),
        ("fork", "fork", 2),
        pytest.param("fork", "joblib", 0, marks=pytest.mark.slow),
        pytest.param("forkserver", "plain", 2, marks=pytest.mark.slow),
        pytest.param("forkserver", "joblib", 0, marks=pytest.mark.slow),
        pytest.param("spawn", "plain", 2, marks=pytest.mark.slow),
        pytest.param("spawn", "joblib", 0, marks=pytest.mark.slow),
    ],
)
def test_workers_end_in_time_with_the_same_numbers(method, kind, threads):
    paths = [str(Path(workers_cases.__file__).parent), os.environ.get("PYTHONPATH", "")]
    code = f"from workers_cases import main; main({method!r}, {kind!r}, {threads})"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        capture_output=True,
        text=True,
        timeout=240,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )
    assert "in time" in done.stdout, done.stderr


def test_a_fork_waits_for_a_program_that_is_asked():
    """Else the forked process holds the pipe whose end the program waits for."""
    words = "x" * 200_000  # more than a pipe holds
    with ThreadPoolExecutor(1) as threads, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forks beside threads
        began = time.monotonic()
        asked = threads.submit(ask, ["sh", "-c", "sleep 0.3; wc -c"], words)
        time.sleep(0.1)
        child = os.fork()
        if child == 0:
            time.sleep(10)
            os._exit(0)
        try:
            assert asked.result().stdout.strip() == "200000"
            assert time.monotonic() - began < 5
        finally:
            os.kill(child, 9)
            os.waitpid(child, 0)
