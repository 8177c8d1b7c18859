"""Networks that several tests share."""

import numpy as np

from hebbsim import rules
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


def kernels(network):
    return [stage.conv.get_kernel("w") for stage in network.stages]


def assert_same(one, two):
    for name, variable in one.state_variables().items():
        np.testing.assert_array_equal(
            variable.get_value(), two.state_variables()[name].get_value(), err_msg=name
        )
