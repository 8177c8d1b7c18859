"""Export to torch: the forward map of a network as standard modules."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from brian2.core.variables import ArrayVariable
from brian2.parsing.sympytools import str_to_sympy
from brian2.utils.stringtools import get_identifiers
from torch import Tensor, nn

from hebbsim.bridge.forward_state import forward_state, has_offset
from hebbsim.bridge.torch_modules import (
    LocallyConnected2d,
    SoftWinnerTakeAll,
    Standardize,
    Triangle,
    WinnerTakeAll,
)
from hebbsim.geometry import ConvGeometry, MapShape, as_pair
from hebbsim.networks.conv_layer import ConvLayer
from hebbsim.networks.layered_network import LayeredNetwork
from hebbsim.networks.spiking_layer import SpikingLayer
from hebbsim.statements import Statement, as_accumulation
from hebbsim.synapses.conv_synapses import ConvSynapses

__all__ = ["build_module", "layers_of", "to_torch"]


def to_torch(network: LayeredNetwork | ConvSynapses, *, weight: str | None = None) -> nn.Module:
    """
    Give the forward map of a network as a torch module.

    Parameters
    ----------
    network : ConvNetwork, SpikingNetwork or ConvSynapses
        A whole network, or one convolution.
    weight : str, optional
        The kernel variable of a `ConvSynapses`; by default the one in its summed equation of the
        form ``u_post = w*x_pre``, or in a pathway of the form ``v_post += w``.

    Returns
    -------
    torch.nn.Module
        Of a `ConvNetwork` an `nn.Sequential` that takes images `(n, channels, rows, cols)` and
        gives what ``network.transform(images)`` gives, the last layer's ``output``. Its modules
        are named by their layer, counted from 1: ``standardize1``, ``norm1``, ``conv1``,
        ``output1`` and ``pool1``, as far as the layer has them. ``norm1`` is in evaluation mode,
        in which it normalises by the running values. ``output1`` is the activation that the next
        layer sees; the ``bias`` of ``conv1`` is that of the layer, or ``-threshold`` of an adaptive
        threshold. Of a `ConvSynapses`
        the convolution alone, an `nn.Conv2d` or, without weight sharing, a `LocallyConnected2d`.
        Of a `SpikingNetwork` the convolutions of its layers, ``conv1``, ``conv2``, ...: its
        kernels, with ``bias = -theta`` of an adaptive threshold, but not its neurons, for which
        torch has no modules.

        The kernels are copies in the precision of the Brian2 variables, float32 or float64, with
        ``requires_grad`` False; call ``module.requires_grad_()`` to train them on. The structure
        of the network is in ``module.description``, for `from_torch`.

    Raises
    ------
    TypeError
        If `network` is anything else.
    ValueError
        If no single kernel variable is the forward one.
    MissingPackageError
        If torch isn't installed.

    Notes
    -----
    The images have to be in the module's precision: bytes are not scaled to [0, 1], as
    ``network.transform`` does. On a GPU torch may round convolutions to TF32
    (``torch.backends.cudnn.allow_tf32``).

    A binary winner jumps from 0 to 1: where two channels differ by a rounding error alone, torch
    and Brian2, which sum in another order, may choose different ones. Exact ties are decided
    alike.

    Examples
    --------
    >>> module = to_torch(network)
    >>> features = module(torch.from_numpy(images))
    """
    if isinstance(network, LayeredNetwork):
        if weight is not None:
            raise ValueError(
                f"to_torch: weight={weight!r} chooses a kernel variable of a ConvSynapses; a "
                f"{type(network).__name__} has 'w' alone. Leave it out"
            )
        return _network_module(network)
    if isinstance(network, ConvSynapses):
        return _synapses_module(network, weight)
    raise TypeError(
        f"to_torch: expected a ConvNetwork, a SpikingNetwork or a ConvSynapses, got "
        f"{type(network).__name__}; of a Brian2 Network export each ConvSynapses by itself"
    )


def build_module(
    input_shape: tuple[int, int, int],
    layers: Sequence[ConvLayer | SpikingLayer],
    dtype: torch.dtype,
) -> nn.Sequential:
    """
    Build the module of a network's declaration, with parameters that are still to be set.

    Parameters
    ----------
    input_shape : tuple of int
        ``(channels, rows, cols)`` of an image.
    layers : sequence of ConvLayer or SpikingLayer
        From the input on.
    dtype : torch.dtype
        Of the parameters.

    Returns
    -------
    torch.nn.Sequential
        As `to_torch` gives it, without a description; the parameters' memory is uninitialised.
    """
    shape = MapShape.of(input_shape)
    modules: OrderedDict[str, nn.Module] = OrderedDict()
    for number, layer in enumerate(layers, start=1):
        if isinstance(layer, SpikingLayer):
            geometry = layer.geometry(shape)
            modules[f"conv{number}"] = _convolution(geometry, has_offset(layer), dtype)
            shape = geometry.out_shape
            continue
        if layer.standardize:
            modules[f"standardize{number}"] = Standardize()
        if layer.batch_norm:
            norm = nn.BatchNorm2d(shape.channels, affine=False, dtype=dtype)
            modules[f"norm{number}"] = norm.eval()
        modules[f"conv{number}"] = _convolution(layer.geometry(shape), has_offset(layer), dtype)
        output = _output(layer)
        if output is not None:
            modules[f"output{number}"] = output
        if layer.pooling is not None:
            modules[f"pool{number}"] = _pooling(layer)
        shape = layer.output_shape(shape)
    return nn.Sequential(modules).requires_grad_(False)


def layers_of(description: dict[str, Any]) -> Sequence[ConvLayer | SpikingLayer]:
    """
    Return the layers of a described network, without their rules.

    Parameters
    ----------
    description : dict
        What ``network.describe()`` gave.
    """
    # the rules don't matter here, and may be of a class that is not known
    plain = [{**layer, "rule": None} for layer in description["layers"]]
    if "encoding" in description:
        return [SpikingLayer.from_dict(layer) for layer in plain]
    return [ConvLayer.from_dict(layer) for layer in plain]


def _network_module(network: LayeredNetwork) -> nn.Sequential:
    dtype = _torch_dtype(network.stages[0].conv.variables["w"])
    module = build_module(network.input_shape, network.layers, dtype)
    state = forward_state(network)
    module.load_state_dict({name: torch.from_numpy(values) for name, values in state.items()})
    module.description = network.describe()  # type: ignore[assignment]
    return module


def _synapses_module(conv: ConvSynapses, weight: str | None) -> nn.Module:
    weight = _forward_weight(conv) if weight is None else _checked_weight(conv, weight)
    g = conv.geometry
    module = _convolution(g, False, _torch_dtype(conv.variables[weight])).requires_grad_(False)
    module.load_state_dict({"weight": _tensor(conv, weight)})
    layer = ConvLayer(
        g.out_channels,
        g.kernel_size,
        stride=g.stride,
        padding=g.padding,
        dilation=g.dilation,
        groups=g.groups,
        weight_sharing=g.weight_sharing,
        padding_mode=g.padding_mode,
        activity="linear",
        output="linear",
        standardize=False,
        normalize=None,
    )
    module.description = {  # type: ignore[assignment]
        "input_shape": list(g.in_shape),
        "batch_size": conv.batch_size,
        "seed": 0,
        "layers": [layer.to_dict()],
    }
    return module


def _forward_weight(conv: ConvSynapses) -> str:
    """Name the kernel variable that the convolution multiplies its input with."""
    kernels = set(_kernel_variables(conv))
    equations = [runner.equation for runner in conv.sums.values() if runner.side == "post"]
    statements = [] if equations else _sent(conv, kernels)
    forms = [_multiplied(equation.expr.code, kernels) for equation in equations]
    forms += [_added(statement, kernels) for statement in statements]
    if len(forms) != 1 or forms[0] is None:
        told = [f"'{e.varname} = {e.expr.code}'" for e in equations]
        told += [f"'{statement}'" for statement in statements]
        raise ValueError(
            f"to_torch: expected ConvSynapses '{conv.name}' to have one equation of the form "
            f"'u_post = w*x_pre : 1 (summed)' or one statement of the form 'v_post += w', which "
            f"is what nn.Conv2d computes, got {', '.join(told) or 'none'}; name the kernel "
            "variable to export with weight="
        )
    return forms[0]


def _multiplied(expression: str, kernels: set[str]) -> str | None:
    """Return ``w`` of ``w*x_pre``."""
    product = str_to_sympy(expression)
    factors = [str(factor) for factor in product.args]
    found = [name for name in factors if name in kernels]
    inputs = [name for name in factors if name.endswith("_pre")]
    return found[0] if product.is_Mul and len(factors) == 2 and inputs and found else None


def _added(statement: Statement, kernels: set[str]) -> str | None:
    """Return ``w`` of ``v_post += w``."""
    statement = as_accumulation(statement) or statement
    return statement.value if statement.operator == "+=" and statement.value in kernels else None


def _sent(conv: ConvSynapses, kernels: set[str]) -> list[Statement]:
    """Return what presynaptic spikes do to the postsynaptic variables that get a kernel."""
    sent = [
        statement
        for pathway in conv.pathways.values()
        for statement in pathway.statements
        if pathway.side == "pre" and statement.target.endswith("_post")
    ]
    reached = {s.target for s in sent if kernels & get_identifiers(s.value)}
    return [statement for statement in sent if statement.target in reached]


def _checked_weight(conv: ConvSynapses, weight: str) -> str:
    known = _kernel_variables(conv)
    if weight not in known:
        raise ValueError(
            f"to_torch: expected weight= to name a kernel variable of ConvSynapses "
            f"'{conv.name}', one of {', '.join(known)}, got {weight!r}"
        )
    return weight


def _kernel_variables(conv: ConvSynapses) -> list[str]:
    return [
        name
        for name, variable in conv.variables.items()
        if isinstance(variable, ArrayVariable)
        and variable.owner.name == conv.name
        and variable.size == conv.geometry.kernel_elements
        and np.issubdtype(variable.dtype, np.floating)
        and not variable.scalar
    ]


def _tensor(conv: ConvSynapses, variable: str) -> Tensor:
    """Copy a kernel variable, `geometry.kernel_shape`, in base SI units."""
    return torch.from_numpy(np.asarray(conv.get_kernel(variable)))


def _torch_dtype(variable: Any) -> torch.dtype:
    return torch.from_numpy(np.empty(0, variable.dtype)).dtype


def _convolution(geometry: ConvGeometry, bias: bool, dtype: torch.dtype) -> nn.Module:
    g = geometry
    shared = (g.kernel_size, g.stride, g.padding, g.dilation, g.groups, bias, g.padding_mode)
    # `skip_init` draws no random numbers: exporting leaves torch's generator as it is
    if g.weight_sharing:
        return nn.utils.skip_init(
            nn.Conv2d, g.in_shape.channels, g.out_channels, *shared, dtype=dtype
        )
    return nn.utils.skip_init(
        LocallyConnected2d, tuple(g.in_shape), g.out_channels, *shared, dtype=dtype
    )


def _output(layer: ConvLayer) -> nn.Module | None:
    """Return what makes the layer's output of its ``z``; None if they are the same."""
    kind = layer.activity if layer.output == "activity" else layer.output
    if kind == "softmax" and layer.temperature == 1:
        return nn.Softmax2d()
    if kind in ("softmax", "signed_softmax"):
        return SoftWinnerTakeAll(layer.temperature, kind == "signed_softmax")
    if kind in ("winners", "graded"):
        return WinnerTakeAll(layer.k, graded=kind == "graded")
    if kind == "triangle":
        return Triangle(layer.power)
    return nn.ReLU() if kind == "rectified" else None


def _pooling(layer: ConvLayer) -> nn.Module:
    window = as_pair(layer.pool_size, "pool_size", 1)
    step = window if layer.pool_stride is None else as_pair(layer.pool_stride, "pool_stride", 1)
    padding, ceil_mode = as_pair(layer.pool_padding, "pool_padding", 0), layer.pool_ceil_mode
    if layer.pooling == "max":
        return nn.MaxPool2d(window, step, padding, ceil_mode=ceil_mode)
    divisor = 1 if layer.pooling == "sum" else None
    return nn.AvgPool2d(window, step, padding, ceil_mode, divisor_override=divisor)
