"""Small networks whose lives tests follow, here and in other processes."""

from functools import cache

import numpy as np
from brian2 import Hz, Network, ms, prefs, seed

from hebbsim import ConvLayer, ConvNetwork, PoissonEncoder, SpikingLayer, SpikingNetwork, rules

SHAPE = (1, 4, 4)
IMAGES = np.random.default_rng(0).random((8, *SHAPE))
LABELS = np.arange(8) % 2


def rate():
    """A layer with a learning rate that decays in time, and noise of the user's own."""
    rule = rules.Oja("exp(-t/(50*ms))/n_shared")
    layer = ConvLayer(2, 2, rule, threshold_step=0.5, pruned=0.2, standardize=False)
    network = ConvNetwork(SHAPE, [layer], batch_size=4)
    conv = network.stages[0].conv
    conv.run_regularly("w += 0.01*(rand() - 0.5)", clock=network.clock, name="noise")
    return network


def spiking():
    """Poisson spikes, delays, adaptive thresholds, and a current to be set by hand."""
    rule = rules.RewardGated(rules.PairSTDP(1, mu=0.5), 1e3 * ms, 10 * ms, trial_by_trial=True)
    layer = SpikingLayer(
        2,
        2,
        rule,
        model="dv/dt = (I - v)/(20*ms) : 1\nI : 1",
        threshold="v > 0.6 + theta",
        theta_plus=0.3,
        delay=1 * ms,
    )
    return SpikingNetwork(
        SHAPE, [layer], batch_size=4, duration=4 * ms, encoding="poisson", max_rate=500 * Hz
    )


KINDS = {"rate": rate, "spiking": spiking}


def resumed(kind, dt, path, **settings):
    """Go on with a checkpoint in a new network."""
    network = KINDS[kind]()
    network.clock.dt = dt * ms
    network.fit(IMAGES, checkpoint=path, resume=True, progress=False, **settings)
    return network


def resume_in_this_process(target, *args, **settings):
    """Do so in another process; the checkpoint is what comes back."""
    prefs.codegen.target = target
    resumed(*args, **settings)


@cache
def _users_network():
    encoder = PoissonEncoder(SHAPE, name="own_encoder")
    encoder.run_regularly("x = clip(x + 0.01*(rand() - 0.5), 0, 1)")
    return encoder, Network(encoder)


class User:
    """Random numbers that a user draws by numpy and in a Brian2 network, and can draw again."""

    def __init__(self):
        self.encoder, self.network = _users_network()
        self.done = []

    def seed(self, number):
        seed(number)
        self.done.append((number, None))

    def draw(self):
        self.done.append((None, self._drawn()))

    def _drawn(self):
        self.encoder.x = 0.5
        self.network.run(0.2 * ms, namespace={})
        return [*self.encoder.x[:], np.random.rand()]  # noqa: NPY002

    def check(self):
        """Draw everything again, with nothing in between."""
        for number, drawn in self.done:
            if drawn is None:
                seed(number)
            else:
                assert drawn == self._drawn()
