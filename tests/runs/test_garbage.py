"""Runs of networks, and the garbage collection with which Brian2 begins each."""

import gc
import weakref

import numpy as np
import pytest

from hebbsim import ConvLayer, ConvNetwork, rules
from hebbsim.runs import garbage
from hebbsim.runs.garbage import old_objects_kept


@pytest.fixture
def thawed(monkeypatch):
    """As in a process in which nobody has frozen anything."""
    monkeypatch.setattr(garbage, "_seen_frozen", [False])
    gc.unfreeze()
    yield
    gc.collect()
    gc.freeze()


class Cycle:
    def __init__(self):
        self.itself = self


def test_what_is_there_is_collected_later_alone(thawed):
    cycle = weakref.ref(Cycle())
    with old_objects_kept():
        new = weakref.ref(Cycle())
        gc.collect()
        assert cycle() is not None
        assert new() is None
    gc.collect()
    assert cycle() is None
    assert gc.get_freeze_count() < 1000


def test_an_error_leaves_nothing_frozen(thawed):
    network = ConvNetwork((1, 4, 4), [ConvLayer(2, 3, rules.Hebb(0.1))], batch_size=2)
    with pytest.raises(ValueError, match="finite"):
        network.transform(np.full((2, 1, 4, 4), np.nan))
    assert gc.get_freeze_count() < 1000


def test_what_the_user_froze_stays(thawed):
    gc.freeze()
    frozen = gc.get_freeze_count()
    network = ConvNetwork((1, 4, 4), [ConvLayer(2, 3, rules.Hebb(0.1))], batch_size=2)
    network.fit(np.zeros((2, 1, 4, 4)))
    assert gc.get_freeze_count() == pytest.approx(frozen, rel=0.01)


def test_networks_that_nobody_holds_are_collected(thawed):
    def shown():
        network = ConvNetwork((1, 4, 4), [ConvLayer(2, 3, rules.Hebb(0.1))], batch_size=2)
        for _ in range(2):
            network.transform(np.zeros((2, 1, 4, 4)))
        return weakref.ref(network)

    networks = [shown() for _ in range(4)]
    assert sum(network() is not None for network in networks) <= 1
