"""The distal reward problem: seconds after the spikes, a reward finds the synapse that earned it."""

import importlib.util
import shutil
from pathlib import Path

import numpy as np
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


def test_a_late_reward_strengthens_the_synapse_that_earned_it(example):
    """A masked 1x1 kernel of 8000 elements, half of them synapses, as one C++ program.

    Networks are chaotic, and another compiler gives other numbers: bounds are far from the values
    of seeds that were tried, and the late mean fluctuates less than the weight in the end.
    """
    rewarded, control = example.simulate(100, 50, 1200, (1.0, 0.0), number=10)
    for outcome in (rewarded, control):
        assert outcome.history.shape == (4000, 120)
        assert outcome.history[0, 0] == 0
        assert np.all(outcome.history[1:, 0] == 1)
        assert 0 <= outcome.history.min() < outcome.history.max() <= 4
        assert 0.5 < outcome.rate < 3
    assert len(rewarded.rewards) > 20
    assert rewarded.late[0] > 2 > 1.5 * rewarded.late[1:].mean()
    assert rewarded.rank < 0.15 * 4000
    assert control.late[0] < 0.3 < control.late[1:].mean()
    assert control.dopamine == pytest.approx(0.002)
    _, own, others, dopamine = example.around_rewards(rewarded, 0, 0)
    assert own[0] > abs(others[0])
    print(rewarded.late[0], rewarded.late[1:].mean(), rewarded.rank, control.late[0], control.late[1:].mean(), own, others, dopamine)
