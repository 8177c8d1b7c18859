"""Every example runs, and its own assertions hold."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("*.py"))
ARGUMENTS = {
    "distal_reward": ["--seconds", "60", "--seeds", "0"],
    "pairing_frequency": ["--output", "pairing_frequency.png"],
    "speed_against_synapses": ["--steps", "20"],
    "reward_digits": ["--seeds", "1", "--epochs", "5"],
    "spiking_features": ["--seeds", "1"],
    "spiking_speed": ["--quick"],
}
WITHOUT_PICTURE = ("own_rule", "speed_against_synapses", "spiking_speed", "torch_export")
SLOW = ("distal_reward", "reward_digits", "speed_against_synapses", "spiking_speed")


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=path.stem, marks=[pytest.mark.slow] * (path.stem in SLOW))
        for path in EXAMPLES
    ],
)
def test_example(path, tmp_path):
    done = subprocess.run(
        [sys.executable, str(path), *ARGUMENTS.get(path.stem, [])],
        cwd=tmp_path,
        env={**os.environ, "MPLBACKEND": "agg"},
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "WARNING" not in done.stderr
    assert done.stdout.strip()
    if path.stem not in WITHOUT_PICTURE:
        assert (tmp_path / f"{path.stem}.png").read_bytes()[1:4] == b"PNG"
