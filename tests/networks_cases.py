"""Networks that several tests share."""

import numpy as np
from brian2 import Hz, ms

from hebbsim import SpikingLayer, SpikingNetwork, rules
from hebbsim.networks.conv_layer import ConvLayer
from hebbsim.networks.conv_network import ConvNetwork

SHAPE = (1, 8, 8)


def images(n=60, seed=0):
    return np.random.default_rng(seed).random((n, *SHAPE))


def two_layers(rule=None, **kwds):
    rule = rule or rules.Oja("2/n_shared")
    return ConvNetwork(
        SHAPE,
        [
            ConvLayer(6, 3, rule, threshold_step=0.5, pooling="average", pruned=0.2),
            ConvLayer(5, 2, rule, k=2, output="rectified"),
        ],
        batch_size=10,
        **kwds,
    )


def spiking_network(delay=None, model="du/dt = -u/(20*ms) : 1", **kwds):
    """One layer with adaptive thresholds; ``u`` is its potential."""
    layer = SpikingLayer(
        4,
        3,
        rules.PairSTDP(1, A_plus=0.03, A_minus=0.02, mu=0.5),
        model=model,
        threshold="u > 1.5 + theta",
        reset="u = 0",
        margin="u - theta",
        on_pre="u_post += w",
        theta_plus=0.3,
        tau_theta=20,
        normalize="L1",
        norm=4.5,
        delay=delay,
    )
    options = {"batch_size": 10, "duration": 20 * ms, "max_rate": 300 * Hz} | kwds
    return SpikingNetwork(SHAPE, [layer], **options)


class Stop:
    """Stop a network's simulation while a given batch is being presented, as an augmentation."""

    def __init__(self, network, batch):
        self.network, self.left = network, batch

    def __call__(self, batch, rng):
        self.left -= 1
        if self.left == 0:
            self.network.brian2.stop()
        return batch


def kernels(network):
    return [stage.conv.get_kernel("w") for stage in network.stages]


def assert_same(one, two):
    for name, variable in one.state_variables().items():
        np.testing.assert_array_equal(
            variable.get_value(), two.state_variables()[name].get_value(), err_msg=name
        )
