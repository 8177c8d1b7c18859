"""What the tests of targets learn, and how they read it."""

import numpy as np
from brian2 import Network, defaultclock

from hebbsim import ConvSynapses, FeatureMap, rules


def spikes_of(monitor):
    """Return neurons and steps of recorded spikes; within a step a GPU has no order of them."""
    steps = np.rint(monitor.t_[:] / float(monitor.clock.dt)).astype(int)
    order = np.lexsort((monitor.i[:], steps))
    return monitor.i[:][order], steps[order]


def learn(name="", rate=0.01, seed=0):
    source = FeatureMap((1, 5, 5), "x : 1", name=f"source{name}")
    layer = FeatureMap((3, 3, 3), "u : 1\ny : 1", name=f"layer{name}")
    conv = ConvSynapses(source, layer, kernel_size=3, rule=rules.Oja(rate), name=f"conv{name}")
    rng = np.random.default_rng(seed)
    source.set_maps("x", rng.random((1, 5, 5)))
    layer.set_maps("y", rng.random((3, 3, 3)))
    Network(source, layer, conv).run(defaultclock.dt)
    return conv.get_kernel("w")
