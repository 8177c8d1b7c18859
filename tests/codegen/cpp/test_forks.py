"""Workers: processes that are forked from one that ran compiled loops, or started anew."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import workers_cases


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
