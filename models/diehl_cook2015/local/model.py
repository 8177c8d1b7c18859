"""Sixteen neurons compete at each of 25 places, and see 12x12 pixels."""

from functools import partial
from typing import Any

import numpy as np

from hebbsim import ConvSynapses
from hebbsim.geometry import MapShape, conv_output_shape
from models.diehl_cook2015.model import INPUT, RATES, DigitNetwork, first_weights, scaling
from models.diehl_cook2015.settings import NETWORK

__all__ = ["VARIANTS", "LocalNetwork"]

KERNEL_SIZE, STRIDE = 12, 4
#: As much for each pixel as in the network that sees all
SUM_OF_WEIGHTS = NETWORK.sum_of_weights * KERNEL_SIZE**2 / 28**2

#: Without delays a trace is the neuron's: where a kernel is shared, no connection can have its own
DEPRESSION, POTENTIATION = "a_minus*post1_post", "a_plus*pre_pre*post2_post"
#: Each spike of a kernel of one's own sees what the spike before it left
OF_OWN = {
    "on_pre": f"ge += w; w = clip(w - {DEPRESSION}, 0, 1)",
    "on_post": f"w = clip(w + {POTENTIATION}, 0, 1)",
}
#: Changes of a shared one are summed in a step, at whose end it is cut
OF_SHARED = {
    "on_pre": f"ge += w; w -= {DEPRESSION}",
    "on_post": f"w += {POTENTIATION}",
    "update": "w = clip(w, 0, 1)",
}


class LocalNetwork(DigitNetwork):
    """
    Build the network; see `DigitNetwork`.

    Parameters
    ----------
    *args, **kwds
        As there, but that neurons are counted at a position.
    shared : bool
        Whether the neurons of a channel share their kernel, which learns by the sum of all changes.
    """

    input_model = f"{INPUT}\npre : 1"
    input_reset = f"{DigitNetwork.input_reset}\npre = 1"

    def __init__(self, *args: Any, shared: bool, **kwds: Any) -> None:
        self.shared = shared
        super().__init__(*args, **kwds)

    def shape(self, n: int) -> MapShape:
        """Return the shape of the map of `n` neurons at a position."""
        return conv_output_shape((1, 28, 28), n, KERNEL_SIZE, stride=STRIDE)

    def learning_synapses(self, random: np.random.Generator, plastic: bool) -> ConvSynapses:
        """Return what leads from the inputs to the excitatory neurons, with first weights."""
        how: dict[str, Any] = {"on_pre": "ge += w"}
        if plastic:
            self.retina.run_regularly("pre *= exp(-dt/(20*ms))", when="start")
            how = {**(OF_SHARED if self.shared else OF_OWN), **scaling(SUM_OF_WEIGHTS)}
        conv = ConvSynapses(
            self.retina,
            self.exc,
            "w : 1",
            kernel_size=KERNEL_SIZE,
            stride=STRIDE,
            weight_sharing=self.shared,
            namespace=RATES,
            name="conv",
            **how,
        )
        conv.set_kernel("w", first_weights(random, conv.geometry.kernel_shape, SUM_OF_WEIGHTS))
        return conv


#: What makes the network, by name
VARIANTS = {
    "unshared": partial(LocalNetwork, shared=False),
    "shared": partial(LocalNetwork, shared=True),
}
