"""The distal reward problem: seconds after the spikes, a reward finds the synapse that earned it."""

import importlib.util
import shutil
from pathlib import Path

import pytest

PATH = Path(__file__).parent.parent / "examples" / "distal_reward.py"


@pytest.fixture
def example():
    if shutil.which("g++") is None:
        pytest.skip("no C++ compiler")
    spec = importlib.util.spec_from_file_location("distal_reward", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_late_reward_strengthens_the_synapse_that_earned_it(example, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "distal_reward", example)
    rewarded, control = example.simulate(100, 50, 1200, (1.0, 0.0), number=10)
    print(rewarded.late[0], rewarded.rank, rewarded.wall, control.late[0], control.rank)
