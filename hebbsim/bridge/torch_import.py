"""Import from torch: a `ConvNetwork` from a module of convolutions."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from brian2 import prefs
from torch import nn

from hebbsim.bridge.torch_export import build_module, layers_of
from hebbsim.bridge.torch_layers import leaves, read_layers
from hebbsim.bridge.torch_modules import LocallyConnected2d
from hebbsim.geometry import MapShape
from hebbsim.networks.conv_layer import ConvLayer
from hebbsim.networks.conv_network import ConvNetwork
from hebbsim.networks.layered_network import LayeredNetwork
from hebbsim.networks.spiking_layer import SpikingLayer
from hebbsim.networks.spiking_network import SpikingNetwork

__all__ = ["from_torch"]

BATCH_SIZE = 100
SEED = 0


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
        order and with all but the convolution optional: `Standardize`; `nn.Conv2d` or
        `LocallyConnected2d` without bias; `nn.ReLU`, `Triangle`, `WinnerTakeAll`,
        `SoftWinnerTakeAll`, `nn.Softmax2d`, or `nn.Softmax` over channels; `nn.AvgPool2d` or
        `nn.MaxPool2d`.
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
        With copies of the kernels. Layers that don't come from `to_torch` have no rule:
        ``dataclasses.replace(layer, rule=rules.Oja())`` gives them one in a new `ConvNetwork`.
        The network computes in Brian2's ``prefs.core.default_float_dtype``.

    Raises
    ------
    TypeError
        If `module` is no torch module.
    ValueError
        If a module can't be expressed by a `ConvLayer`, with its name; if `input_shape` is missing
        or doesn't fit; if float64 kernels would be rounded to float32.

    Notes
    -----
    A bias is refused unless it is 0: a layer's only offset is its adaptive threshold, and to have
    one would change how it learns.
    """
    if not isinstance(module, nn.Module):
        raise TypeError(
            f"from_torch: expected a torch.nn.Module, got {type(module).__name__}; a state_dict "
            "has to be loaded into its module first"
        )
    _check_precision(module)
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
        _check_unchanged(module, shape, layers_of(description))
        if "encoding" in description:
            return _spiking(module, description, shape, batch_size, seed)
        layers = [ConvLayer.from_dict(layer) for layer in description["layers"]]
    else:
        layers = read_layers(module, shape)
    network = ConvNetwork(
        shape,
        layers,
        batch_size=defaults["batch_size"] if batch_size is None else batch_size,
        seed=defaults["seed"] if seed is None else seed,
    )
    _fill(network, module)
    return network


def _spiking(
    module: nn.Module,
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
    _fill(network, module)
    return network


def _description(module: nn.Module) -> dict[str, Any] | None:
    """Return what `to_torch` noted on its module."""
    found = getattr(module, "description", None)
    known = isinstance(found, dict) and {"input_shape", "batch_size", "seed", "layers"} <= {*found}
    return found if known else None


def _check_precision(module: nn.Module) -> None:
    precision = np.dtype(prefs.core.default_float_dtype)
    for name, parameter in module.named_parameters():
        if not parameter.dtype.is_floating_point:
            raise ValueError(
                f"from_torch: expected real kernels, got {parameter.dtype} in '{name}'"
            )
        if parameter.dtype == torch.float64 and precision == np.float32:
            raise ValueError(
                f"from_torch: '{name}' is float64 and Brian2 computes in float32, which would "
                "round it; set brian2.prefs.core.default_float_dtype = numpy.float64, or round "
                "it on purpose: from_torch(module.float())"
            )


def _convolutions(module: nn.Module) -> list[nn.Conv2d | LocallyConnected2d]:
    kinds = (nn.Conv2d, LocallyConnected2d)
    return [leaf for _, leaf in leaves(module) if isinstance(leaf, kinds)]


def _check_unchanged(
    module: nn.Sequential, shape: MapShape, layers: Sequence[ConvLayer | SpikingLayer]
) -> None:
    """Compare what `to_torch` described with what there is now."""
    expected, found = (
        {name: _text(leaf) for name, leaf in leaves(whole)}
        for whole in (build_module(shape, layers, torch.float32), module)
    )
    for name in [*expected, *found]:
        if expected.get(name) != found.get(name):
            raise ValueError(
                f"from_torch: the module isn't as to_torch described it: expected '{name}' to be "
                f"{expected.get(name, 'absent')}, got {found.get(name, 'none')}. Delete "
                "module.description and give input_shape to have it read as a plain nn.Sequential"
            )


def _text(leaf: nn.Module) -> str:
    """Write a module with all its settings: torch leaves out the divisor of a pooling."""
    if isinstance(leaf, nn.AvgPool2d) and leaf.divisor_override is not None:
        return f"{leaf!r} with divisor_override={leaf.divisor_override}"
    return repr(leaf)


def _fill(network: LayeredNetwork, module: nn.Module) -> None:
    """Copy kernels and thresholds into a network of the module's structure."""
    for number, (stage, conv) in enumerate(
        zip(network.stages, _convolutions(module), strict=True), start=1
    ):
        kernel = _array(conv.weight)
        pruned = "mask" in stage.conv.variables
        if pruned and np.any(kernel[stage.conv.get_kernel("mask") == 0]):
            raise ValueError(
                f"from_torch: the pruning mask of layer {number}, drawn with seed={network.seed}, "
                "removes weights that are not 0 in the module; leave out seed="
            )
        stage.conv.set_kernel("w", kernel)
        for group in stage.groups:
            if "theta" in group.variables and conv.bias is not None:
                group.variables["theta"].get_value()[:] = 0 - _array(conv.bias)


def _array(parameter: torch.Tensor) -> np.ndarray:
    """Copy to float64, which holds all of torch's real types."""
    return parameter.detach().to("cpu", torch.float64, copy=True).numpy()
