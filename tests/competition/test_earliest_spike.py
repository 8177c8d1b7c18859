"""Pooling of spikes: first times of windows, against torch's maximum of negative times."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from brian2 import Network, SpikeMonitor, defaultclock, prefs
from numpy.testing import assert_array_equal

from hebbsim import EarliestSpike, FeatureMap, pool_output_shape
from hebbsim.geometry import GeometryError

STEPS = 5


def pooled_map(shape, batch=1, **windows):
    return FeatureMap(
        pool_output_shape(shape, **windows),
        "arrived : boolean\nfired : boolean",
        threshold="arrived and not fired",
        reset="fired = True",
        batch_size=batch,
        name="pooled",
    )


def first_times(shape, windows, seed=0):
    """Run; return the first times of the pooled map, and torch's."""
    first = np.random.default_rng(seed).integers(0, 3 * STEPS, (2, *shape))
    first[first >= STEPS] = STEPS + 1
    source = FeatureMap(
        shape, "first : integer", "first == t_in_timesteps", batch_size=2, name="source"
    )
    source.set_maps("first", first)
    pooled = pooled_map(shape, 2, **windows)
    hands_on, spikes = EarliestSpike(source, pooled, **windows), SpikeMonitor(pooled)
    Network(source, pooled, hands_on, spikes).run((STEPS + 1) * defaultclock.dt, namespace={})
    found = np.full(len(pooled), STEPS + 1)
    found[spikes.i[:]] = np.rint(spikes.t[:] / defaultclock.dt) - 1  # a step later
    assert len(set(spikes.i[:])) == len(spikes.i[:]) > 0
    times = torch.as_tensor(-first.astype(float))
    expected = -F.max_pool2d(times, **windows).numpy()
    return np.moveaxis(found.reshape(pooled.memory_shape), -1, 1), expected


def test_first_times_are_the_earliest_of_each_window(target):
    found, expected = first_times((3, 6, 5), {"kernel_size": 2, "padding": 1})
    assert_array_equal(found, expected)


@pytest.mark.parametrize(
    "windows",
    [
        {"kernel_size": (3, 2), "stride": (2, 3)},  # overlap, and gaps
        {"kernel_size": (3, 2), "stride": (1, 1), "padding": (1, 0)},
        {"kernel_size": 4, "stride": 3, "padding": 2, "ceil_mode": True},
    ],
)
@pytest.mark.parametrize("target", ["numpy", "cpp_runtime"], indirect=True)
def test_windows_are_those_of_torch(target, windows):
    found, expected = first_times((2, 8, 7), windows, seed=1)
    assert_array_equal(found, expected)


def test_what_has_no_meaning_is_refused():
    prefs.codegen.target = "numpy"
    silent = FeatureMap((1, 4, 4), "v : 1", name="silent")
    source = FeatureMap((1, 4, 4), "v : 1", threshold="v > 1", name="source")
    pooled = pooled_map((1, 4, 4), kernel_size=2)
    number = FeatureMap((1, 2, 2), "arrived : 1", name="number")
    with pytest.raises(ValueError, match="'silent' doesn't spike"):
        EarliestSpike(silent, pooled, 2)
    with pytest.raises(ValueError, match="'arrived : boolean'"):
        EarliestSpike(source, number, 2)
    with pytest.raises(GeometryError, match="gives shape"):
        EarliestSpike(source, pooled, 3)
    with pytest.raises(TypeError, match="source must be a FeatureMap"):
        EarliestSpike("source", pooled, 2)
