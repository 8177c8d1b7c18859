"""What a network's forward map consists of: kernels, offsets and statistics in torch's names."""

import numpy as np

from hebbsim.networks.conv_layer import ConvLayer
from hebbsim.networks.layered_network import LayeredNetwork
from hebbsim.networks.spiking_layer import SpikingLayer
from hebbsim.networks.stage import Stage

__all__ = ["forward_state", "has_offset"]


def forward_state(network: LayeredNetwork) -> dict[str, np.ndarray]:
    """
    Copy the arrays that `to_torch` gives its module, under the names of its ``state_dict``.

    Parameters
    ----------
    network : ConvNetwork or SpikingNetwork
        The network.

    Returns
    -------
    dict of str to array
        In the order of the layers, in the precision of the kernels; ``conv1.weight`` is
        `(out_channels, in_channels/groups, krows, kcols)`, ``conv1.bias`` `(out_channels,)`.
    """
    state: dict[str, np.ndarray] = {}
    for number, (layer, stage) in enumerate(
        zip(network.layers, network.stages, strict=True), start=1
    ):
        kernel = np.asarray(stage.conv.get_kernel("w"))
        for name, values in _statistics(stage).items():
            state[f"norm{number}.{name}"] = values.astype(kernel.dtype)
        if stage.batch_norm is not None:
            # torch counts batches for averages of all, which these are not
            state[f"norm{number}.num_batches_tracked"] = np.array(0)
        state[f"conv{number}.weight"] = kernel
        if has_offset(layer):
            # a layer has one of them; the negative of no threshold would be -0.0
            state[f"conv{number}.bias"] = (stage.bias - stage.thresholds).astype(kernel.dtype)
    return state


def has_offset(layer: ConvLayer | SpikingLayer) -> bool:
    """Whether the layer's convolution has a bias: its own, or minus an adaptive threshold."""
    if isinstance(layer, SpikingLayer):
        return layer.theta_plus > 0
    return layer.bias or layer.threshold_step > 0


def _statistics(stage: Stage) -> dict[str, np.ndarray]:
    """Return the running values of a layer's batch normalisation."""
    norm = stage.batch_norm
    if norm is None:
        return {}
    return {
        "running_mean": norm.variables["running_mean"].get_value(),
        "running_var": norm.variables["running_variance"].get_value(),
    }
