"""What is killed goes on bit-identically: nothing but the work in hand is lost."""

from itertools import count
from time import monotonic

import numpy as np
import pytest
from brian2 import prefs
from kills_cases import JOBS, finish, kill, kill_at_change, outcome, start, wait

KILLS = 20


@pytest.fixture
def whole(request, tmp_path):
    """What a job gives that nothing interrupts, and how long it takes."""
    prefs.codegen.target = "numpy"
    folder = tmp_path / "whole"
    folder.mkdir()
    began = monotonic()
    finish(JOBS[request.param], folder)
    return JOBS[request.param], outcome(folder), monotonic() - began


def new_folder(tmp_path, number):
    folder = tmp_path / str(number)
    folder.mkdir()
    return folder


@pytest.mark.parametrize(
    "whole",
    ["one layer", *(pytest.param(n, marks=pytest.mark.slow) for n in ("reward", "compare"))],
    indirect=True,
)
def test_killed_at_each_change_of_the_folder(tmp_path, whole):
    job, expected, _ = whole
    assert expected
    for number in count(1):
        for after in (False, True):
            folder = new_folder(tmp_path, f"{number}-{after}")
            status = wait(start(kill_at_change, job, folder, number, after), 120)
            assert status in (0, 9)
            finish(job, folder)
            assert outcome(folder) == expected
        if status == 0:  # there was no such change
            break
    assert number > 2


@pytest.mark.slow
@pytest.mark.parametrize("whole", JOBS, indirect=True)
def test_killed_at_random_moments(tmp_path, whole):
    job, expected, seconds = whole
    generator, killed, numbers = np.random.default_rng(0), 0, count(1)
    folder = new_folder(tmp_path, next(numbers))
    while killed < KILLS:
        child = start(job, folder)
        if wait(child, seconds * generator.random()) is None:
            kill(child)
            killed += 1
        else:
            assert outcome(folder) == expected
            folder = new_folder(tmp_path, next(numbers))
    finish(job, folder)
    assert outcome(folder) == expected
