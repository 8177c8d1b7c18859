"""What the tests of competition share."""

import pytest
from brian2 import (
    Network,
    defaultclock,
)
from brian2.core.base import BrianObjectException

SHAPE, BATCH = (7, 3, 4), 2


def run_steps(*objects, steps=1):
    Network(*objects).run(steps * defaultclock.dt, namespace={})


def cause_of_failed_run(*objects):
    with pytest.raises(BrianObjectException) as error:
        run_steps(*objects)
    return error.value.__cause__
