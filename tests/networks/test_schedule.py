"""Schedules: who learns when, and where learning stands."""

import pytest

from hebbsim.networks.checkpoint import Position
from hebbsim.networks.schedule import Schedule


def schedule(**changes):
    given = {"epochs": 2, "layers": None, "layerwise": False, "burn_in": 0}
    given |= {"shuffle": True} | changes
    return Schedule.of(3, **given)


@pytest.mark.parametrize(
    ("changes", "phases"),
    [
        ({}, [[True, True, True]]),
        ({"layers": [2, -3]}, [[True, False, True]]),
        ({"layerwise": True}, [[True, False, False], [False, True, False], [False, False, True]]),
        ({"layerwise": True, "layers": [1]}, [[False, True, False]]),
        ({"layers": [0, 0]}, [[True, False, False]]),
    ],
)
def test_phases(changes, phases):
    assert schedule(**changes).phases == phases


@pytest.mark.parametrize("layerwise", [False, True])
def test_stepping_through_visits_each_batch_once(layerwise):
    """From place to place in steps of two of an epoch's five batches."""
    whole, visited, position = schedule(layerwise=layerwise), [], Position()
    while places := list(whole.places(position)):
        _, here = places[0]
        done = min(here.batch + 2, 5)
        visited += [(here.phase, here.epoch, batch) for batch in range(here.batch, done)]
        assert whole.batches_before(here, 5) == len(visited) - (done - here.batch)
        position = whole.next(here, done, 5)
    phases = 3 if layerwise else 1
    assert visited == [(p, e, b) for p in range(phases) for e in range(2) for b in range(5)]
    more = list(schedule(epochs=3, layerwise=layerwise).places(position))
    assert [here for _, here in more] == [Position(phases - 1, 2)]


@pytest.mark.parametrize(
    ("burn_in", "expected"), [(0, [0, 0, 0]), (3, [3, 0, 0]), (7, [5, 2, 0]), (99, [5, 5, 5])]
)
def test_burn_in_goes_on_in_the_next_epoch(burn_in, expected):
    whole = schedule(epochs=3, burn_in=burn_in, layerwise=True)
    assert [whole.burning(Position(0, epoch), 5) for epoch in range(3)] == expected
    assert whole.burning(Position(1), 5) == 0


@pytest.mark.parametrize("layers", [[], [3], [-4], [0.5]])
def test_layers_that_are_not_there(layers):
    with pytest.raises(ValueError, match="layers: expected numbers from 0 to 2, got"):
        schedule(layers=layers)


def test_each_layer_has_epochs_of_its_own():
    whole = schedule(epochs=[2, 0, 3], layerwise=True)
    visited, position = [], Position()
    while places := list(whole.places(position)):
        _, here = places[0]
        assert whole.batches_before(here, 5) == 5 * len(visited)
        visited.append((here.phase, here.epoch))
        position = whole.next(here, 5, 5)
    assert visited == [(0, 0), (0, 1), (2, 0), (2, 1), (2, 2)]
    assert whole.epochs_begun(Position(2, 1, 3)) == 4
    assert whole.describe()["epochs"] == [2, 0, 3]
    assert schedule(epochs=[2, 2, 2], layerwise=True) == schedule(epochs=2, layerwise=True)


@pytest.mark.parametrize(
    ("epochs", "layerwise", "n"), [([1, 2], True, 3), ([1, 2, 3], False, 1), ([], True, 3)]
)
def test_as_many_epochs_as_layers_that_learn_apart(epochs, layerwise, n):
    with pytest.raises(ValueError, match=f"epochs: expected {n}, one for each layer"):
        schedule(epochs=epochs, layerwise=layerwise)
