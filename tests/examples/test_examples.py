"""Every example runs, and its own assertions hold."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cuda_programs import missing

FOLDER = Path(__file__).parents[2] / "examples"
EXAMPLES = sorted(FOLDER.glob("*.py"))
TUTORIALS = sorted((FOLDER / "tutorials").glob("*.py"))
ARGUMENTS = {
    "distal_reward": ["--seconds", "60", "--seeds", "0"],
    "pairing_frequency": ["--output", "pairing_frequency.png"],
    "speed_against_synapses": ["--steps", "20"],
    "reward_digits": ["--seeds", "1", "--epochs", "5", "--images", "700"],
    "spiking_features": ["--seeds", "1", "--images", "500"],
}
#: Which of an example's networks are compiled for a GPU, under which options; by default the first
NETWORKS = {
    "distal_reward": [(0,), (0, "--sparse")],
    "own_rule": [(0,), (1,)],
    "speed_against_synapses": [(n, "--steps", "1") for n in (0, 1, 2, 4, 5, 6, 10)],
}
SLOW = ("distal_reward", "reward_digits", "speed_against_synapses")


def run_python(*arguments, folder, timeout):
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "MPLBACKEND": "agg"},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=path.stem, marks=[pytest.mark.slow] * (path.stem in SLOW))
        for path in EXAMPLES
    ],
)
def test_example(path, tmp_path):
    done = run_python(path, *ARGUMENTS.get(path.stem, []), folder=tmp_path, timeout=500)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "WARNING" not in done.stderr
    assert done.stdout.strip()
    assert (tmp_path / f"{path.stem}.png").read_bytes()[1:4] == b"PNG"


@pytest.mark.slow  # two minutes in all
@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_tutorial(path, tmp_path):
    done = run_python(path, folder=tmp_path, timeout=500)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "WARNING" not in done.stderr
    assert done.stdout.strip()


@pytest.mark.slow  # an hour in all
@pytest.mark.parametrize(
    ("path", "number", "options"),
    [
        pytest.param(path, number, options, id=" ".join((path.stem, str(number), *options)))
        for path in EXAMPLES
        for number, *options in NETWORKS.get(path.stem, [(0,)])
    ],
)
def test_example_compiles_for_a_gpu(path, number, options, tmp_path):
    if missing("nvcc", "cuRAND", "Brian2CUDA"):
        pytest.skip(f"no {', '.join(missing('nvcc', 'cuRAND', 'Brian2CUDA'))}")
    script = Path(__file__).parents[1] / "cuda_examples.py"
    arguments = ("-O", script, number, tmp_path, path, *options)
    done = run_python(*arguments, folder=tmp_path, timeout=3000)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "-arch=sm_90" in (tmp_path / "makefile").read_text()
    assert (tmp_path / "main").exists()
