"""Winners among the first spikes of a stimulus, against a plain transcription."""

import numpy as np
import pytest
from brian2 import EventMonitor, Network, SpikeMonitor, TimedArray, defaultclock, prefs
from numpy.testing import assert_array_equal

from hebbsim import FeatureMap
from hebbsim.competition.first_winners import FirstWinners

BATCH, CHANNELS, ROWS, COLS, STEPS, STIMULI = 2, 4, 6, 5, 4, 3


def winners(first, value, k, radius):
    """Return (step, row, col, channel) of the winners of one sample, in their order.

    First spikes ``(row, col, channel)``, with ``STEPS`` for none, and what decides between them;
    straight from the definition: one feature a position, then one winner after the other.
    """
    survivors = []
    for row, col in np.ndindex(first.shape[:2]):
        ranked = sorted((first[row, col, c], -value[row, col, c], c) for c in range(CHANNELS))
        survivors.append((*ranked[0][:2], row, col, ranked[0][2]))
    left, found = [s for s in survivors if s[0] < STEPS], []
    while left and len(found) < k:
        step, _, row, col, channel = min(left)
        found.append((step, row, col, channel))
        left = [
            s for s in left if s[4] != channel and max(abs(s[2] - row), abs(s[3] - col)) > radius
        ]
    return found


def spiking_map(first, value):
    """Return a map that spikes at given steps of each stimulus, ``(stimulus, sample, ...)``."""
    layer = FeatureMap(
        (CHANNELS, ROWS, COLS),
        "v : 1\nfirst : integer",
        threshold="first == t_in_timesteps % 4",
        batch_size=BATCH,
        name="layer",
    )
    length = STEPS * defaultclock.dt
    shown = {
        "firsts": TimedArray(first.reshape(STIMULI, -1).astype(float), dt=length),
        "values": TimedArray(value.reshape(STIMULI, -1), dt=length),
    }
    layer.namespace.update(shown)
    layer.run_regularly("first = int(firsts(t, i))\nv = values(t, i)", when="start")
    return layer


def test_winners_are_those_of_the_definition_and_all_spikes_stay(target):
    k, radius = 3, 1
    rng = np.random.default_rng(3)
    shape = (STIMULI, BATCH, ROWS, COLS, CHANNELS)
    # few values, so that many tie; some never spike, and one sample is silent
    first = rng.integers(0, STEPS + 3, shape)
    first[1, 0] = STEPS
    value = rng.integers(0, 4, shape).astype(float)
    layer = spiking_map(first, value)
    won = FirstWinners(layer, k, radius=radius, duration=STEPS * defaultclock.dt)
    wins, spikes = EventMonitor(layer, "win"), SpikeMonitor(layer)
    Network(layer, won, wins, spikes).run(STIMULI * STEPS * defaultclock.dt)

    steps = np.rint(wins.t[:] / defaultclock.dt).astype(int)
    expected = []
    for stimulus, sample in np.ndindex(STIMULI, BATCH):
        for step, *place in winners(first[stimulus, sample], value[stimulus, sample], k, radius):
            neuron = np.ravel_multi_index((sample, *place), shape[1:])
            expected.append((stimulus * STEPS + step, neuron))
    assert len(expected) == k * (STIMULI * BATCH - 1)
    assert sorted(zip(steps, wins.i[:], strict=True)) == sorted(expected)
    assert len(spikes.i) == (first < STEPS).sum()
    assert_array_equal(layer.variables["_n_won"].get_value(), [k, k])  # of the last stimulus


@pytest.mark.parametrize(("k", "radius"), [(1, 0), (20, 0), (5, 2)])
def test_number_and_distance_of_winners(k, radius):
    prefs.codegen.target = "numpy"
    rng = np.random.default_rng(k)
    shape = (STIMULI, BATCH, ROWS, COLS, CHANNELS)
    first, value = rng.integers(0, STEPS + 2, shape), rng.random(shape)
    layer = spiking_map(first, value)
    FirstWinners(layer, k, radius=radius, duration=STEPS * defaultclock.dt)
    wins = EventMonitor(layer, "win")
    Network(layer, wins).run(STIMULI * STEPS * defaultclock.dt)
    expected = [
        np.ravel_multi_index((sample, *place), shape[1:])
        for stimulus, sample in np.ndindex(STIMULI, BATCH)
        for _, *place in winners(first[stimulus, sample], value[stimulus, sample], k, radius)
    ]
    assert_array_equal(sorted(wins.i[:]), sorted(expected))


def test_what_has_no_meaning_is_refused():
    ms4 = 4 * defaultclock.dt
    silent = FeatureMap((1, 2, 2), "v : 1", name="silent")
    layer = FeatureMap((1, 2, 2), "u : 1", threshold="u > 1", name="layer")
    with pytest.raises(TypeError, match="expected a FeatureMap"):
        FirstWinners("layer", duration=ms4)
    with pytest.raises(ValueError, match="'silent': the map doesn't spike"):
        FirstWinners(silent, duration=ms4)
    with pytest.raises(ValueError, match="no variable 'v'; say with source="):
        FirstWinners(layer, duration=ms4)
    with pytest.raises(ValueError, match="k must be an integer from 1, got 0"):
        FirstWinners(layer, 0, source="u", duration=ms4)
    with pytest.raises(ValueError, match=r"radius must be an integer from 0, got 1\.5"):
        FirstWinners(layer, radius=1.5, source="u", duration=ms4)
    with pytest.raises(ValueError, match="duration"):
        FirstWinners(layer, source="u", duration=1.5 * defaultclock.dt)
    FirstWinners(layer, source="u", duration=ms4)
    with pytest.raises(ValueError, match="has an event 'win' already"):
        FirstWinners(layer, source="u", duration=ms4)
