"""Import from torch: a `ConvNetwork` from a module of convolutions."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from hebbsim.bridge.torch_export import build_module, layers_of
from hebbsim.bridge.torch_kernels import statistics_of, weight_and_bias
from hebbsim.bridge.torch_layers import read_layers
from hebbsim.bridge.torch_leaves import leaves, unwrap
from hebbsim.bridge.torch_modules import LocallyConnected2d
from hebbsim.geometry import MapShape
from hebbsim.networks.conv_layer import ConvLayer
from hebbsim.networks.conv_network import ConvNetwork
from hebbsim.networks.layered_network import LayeredNetwork
from hebbsim.networks.spiking_network import SpikingNetwork

__all__ = ["from_torch"]

BATCH_SIZE = 100
SEED = 0

type Array = NDArray[np.float64]
#: Of each layer the kernel, the bias, and the running mean and variance of its input's channels
type Weights = Sequence[tuple[Array, Array | None, tuple[Array, Array] | None]]
_CONVOLUTIONS = (nn.Conv2d, LocallyConnected2d)


def from_torch(
    module: nn.Module,
    input_shape: tuple[int, int, int] | None = None,
    *,
    batch_size: int | None = None,
    seed: int | None = None,
) -> ConvNetwork | SpikingNetwork:
    """
    Build the network with the same forward map as a torch module.

    Parameters
    ----------
    module : torch.nn.Module
        Either what `to_torch` gave, which comes back with its rules and thresholds; or a single
        `nn.Conv2d`, or an `nn.Sequential` (of `nn.Sequential`) in which each layer is, in this
        order and with all but the convolution optional: `Standardize`; `nn.BatchNorm2d` with
        ``affine=False``; `nn.Conv2d`,
        `LocallyConnected2d`, or after `nn.Flatten` an `nn.Linear`; `nn.BatchNorm2d`;
        `nn.ReLU`, `Triangle`, `WinnerTakeAll`, `SoftWinnerTakeAll`, `nn.Softmax2d`, or
        `nn.Softmax` over channels; `nn.AvgPool2d` or `nn.MaxPool2d`. `nn.Dropout` in evaluation
        and `nn.Identity` may stand anywhere. `DataParallel`, `DistributedDataParallel`,
        `AveragedModel` and what `torch.compile` gives are read as what they hold.
    input_shape : tuple of int, optional
        ``(channels, rows, cols)`` of an image. What `to_torch` gave knows its own.
    batch_size : int, optional
        Stimuli presented side by side; by default what the exported network had, else 100.
    seed : int, optional
        Of the order of presentation and of pruning masks; by default what the exported network
        had, else 0.

    Returns
    -------
    ConvNetwork or SpikingNetwork
        With copies of the kernels and biases. Layers that don't come from `to_torch` have no rule:
        ``dataclasses.replace(layer, rule=rules.Oja())`` gives them one in a new `ConvNetwork`.
        The network computes in Brian2's ``prefs.core.default_float_dtype``.

    Raises
    ------
    TypeError
        If `module` is no torch module.
    ValueError
        If a module can't be expressed by a `ConvLayer`, with its name; if its forward pass is not
        that of its class, or depends on the training mode; if `input_shape` is missing or doesn't
        fit; if float64 kernels would be rounded to float32.

    Notes
    -----
    What is copied is what a forward pass computes with: the weight after weight normalisation,
    pruning, and in evaluation after spectral normalisation and other parametrizations. A module
    that is used twice becomes two layers, which learn each for itself. Weights of 16 bits keep
    their values; the network doesn't round what it computes to 16 bits, as torch does.

    Batch normalisation in evaluation is the affine map ``scale*x + offset`` of each channel, with
    ``scale = gamma/sqrt(var + eps)`` and ``offset = beta - mean*scale`` [1]_. Right after a
    convolution it is folded into it, so that each layer keeps one kernel and one drive to learn
    from: the kernel is multiplied by ``scale``, the bias becomes ``scale*bias + offset``. Right
    before one, without an affine part and with torch's eps and momentum, it is the layer's
    ``batch_norm``. Anywhere else it becomes a layer of its own, a 1x1 convolution of each channel
    by itself.

    An `nn.Linear` becomes a convolution whose kernel covers the whole map. The network gives
    `(n, features, 1, 1)` where the module gives `(n, features)`, and takes such images for a
    module that begins with vectors, with ``input_shape=(features, 1, 1)``.

    References
    ----------
    .. [1] Ioffe, S. and Szegedy, C. (2015). Batch normalization: accelerating deep network
       training by reducing internal covariate shift. ICML, algorithm 2.

    See Also
    --------
    hebbsim.bridge.state_dicts.load_state_dict : read a file of weights into a module first.

    Examples
    --------
    >>> from torch import nn
    >>> module = nn.Sequential(nn.Conv2d(1, 16, 5), nn.ReLU(), nn.MaxPool2d(2))
    >>> network = from_torch(module, (1, 28, 28))
    >>> network.transform(images).shape
    (10, 16, 12, 12)
    """
    if not isinstance(module, nn.Module):
        raise TypeError(
            f"from_torch: expected a torch.nn.Module, got {type(module).__name__}; a state_dict "
            "has to be loaded into its module first, with hebbsim.bridge.state_dicts."
            "load_state_dict(module, state_dict)"
        )
    module = unwrap(module)
    description = _description(module)
    if input_shape is None and description is None:
        raise ValueError(
            f"from_torch: {type(module).__name__} doesn't know how large its images are, as what "
            "to_torch gives does; give input_shape=(channels, rows, cols)"
        )
    defaults = description or {"batch_size": BATCH_SIZE, "seed": SEED}
    shape = MapShape.of(
        defaults["input_shape"] if input_shape is None else input_shape, "from_torch: input_shape"
    )
    if description is not None and isinstance(module, nn.Sequential):
        weights = _described_weights(module, description, shape)
        if "encoding" in description:
            return _spiking(weights, description, shape, batch_size, seed)
        layers = [ConvLayer.from_dict(layer) for layer in description["layers"]]
    else:
        read = read_layers(module, shape)
        layers = [one.layer for one in read]
        weights = [(one.kernel, one.bias, one.statistics) for one in read]
    network = ConvNetwork(
        shape,
        layers,
        batch_size=defaults["batch_size"] if batch_size is None else batch_size,
        seed=defaults["seed"] if seed is None else seed,
    )
    _fill(network, weights)
    return network


def _spiking(
    weights: Weights,
    description: dict[str, Any],
    shape: MapShape,
    batch_size: int | None,
    seed: int | None,
) -> SpikingNetwork:
    given = {"batch_size": batch_size, "seed": seed}
    changed = {name: value for name, value in given.items() if value is not None}
    network = SpikingNetwork.from_description(
        {**description, "input_shape": list(shape), **changed}
    )
    _fill(network, weights)
    return network


def _description(module: nn.Module) -> dict[str, Any] | None:
    """Return what `to_torch` noted on its module."""
    found = getattr(module, "description", None)
    known = isinstance(found, dict) and {"input_shape", "batch_size", "seed", "layers"} <= {*found}
    return found if known else None


def _described_weights(
    module: nn.Sequential, description: dict[str, Any], shape: MapShape
) -> Weights:
    """Read the weights of a module that is still as `to_torch` described it."""
    described, now = (
        {leaf.name: leaf for leaf in leaves(whole)}
        for whole in (build_module(shape, layers_of(description), torch.float32), module)
    )
    expected, found = (
        {name: leaf.text for name, leaf in whole.items()} for whole in (described, now)
    )
    for name in [*expected, *found]:
        if expected.get(name) != found.get(name):
            raise ValueError(
                f"from_torch: the module isn't as to_torch described it: expected '{name}' to be "
                f"{expected.get(name, 'absent')}, got {found.get(name, 'none')}. Delete "
                "module.description and give input_shape to have it read as a plain nn.Sequential"
            )
    weights = []
    for name, leaf in now.items():
        if leaf.kind in _CONVOLUTIONS:
            norm = now.get(name.replace("conv", "norm"))
            weights.append((*weight_and_bias(leaf), statistics_of(norm) if norm else None))
    return weights


def _fill(network: LayeredNetwork, weights: Weights) -> None:
    """Copy kernels, biases and thresholds into a network of the module's structure."""
    for number, (stage, (kernel, bias, statistics)) in enumerate(
        zip(network.stages, weights, strict=True), start=1
    ):
        pruned = "mask" in stage.conv.variables
        if pruned and np.any(kernel[stage.conv.get_kernel("mask") == 0]):
            raise ValueError(
                f"from_torch: the pruning mask of layer {number}, drawn with seed={network.seed}, "
                "removes weights that are not 0 in the module; leave out seed="
            )
        stage.conv.set_kernel("w", kernel)
        if stage.batch_norm is not None and statistics is not None:
            for name, values in zip(("running_mean", "running_variance"), statistics, strict=True):
                stage.batch_norm.variables[name].set_value(values)
        for kind, name, sign in (("bias", "bias", 1), ("threshold", "theta", -1)):
            variable = stage.offset(kind, name)
            if variable is not None and bias is not None:
                variable.get_value()[:] = 0 + sign * bias  # not -0.0
