"""How a `ConvLayer` becomes Brian2 objects: maps, convolution, competition, pooling."""

import numpy as np
from brian2.core.base import BrianObject

from hebbsim.competition.activations import Assign, Rectify, Standardize, Triangle
from hebbsim.competition.batch_norm import BatchNorm
from hebbsim.competition.pooling import AveragePooling, MaxPooling, SumPooling
from hebbsim.competition.thresholds import AdaptiveThreshold
from hebbsim.competition.winners import SoftWinnerTakeAll, WinnerTakeAll
from hebbsim.maps.feature_map import FeatureMap
from hebbsim.maps.per_channel_sample_position import PerChannel
from hebbsim.networks.conv_layer import ConvLayer
from hebbsim.networks.stage import Stage, StagePlan
from hebbsim.synapses.model import DEFAULT_MODEL
from hebbsim.synapses.update import NORMS

__all__ = ["build_stage"]

_POOLING = {"average": AveragePooling, "max": MaxPooling, "sum": SumPooling}


def build_stage(plan: StagePlan[ConvLayer]) -> Stage:
    """Build the objects of a layer; they run in the order in which they are created here."""
    layer, source, number = plan.layer, plan.source, plan.number
    geometry, out_shape = plan.geometry, plan.output_shape
    feature_map = plan.feature_map(geometry.out_shape, _map_model(layer, plan.following), "layer")
    operations: list[BrianObject] = []
    groups = plan.rule_groups(feature_map)
    raw = "x" if number == 1 else "output"
    if layer.standardize:
        operations.append(Standardize(source, raw, "x", name=f"standardize{number}"))
        raw = "x"
    if layer.batch_norm:
        groups.append(BatchNorm(source, raw, "x", name=f"norm{number}"))
        operations.append(groups[-1].operation)
    if layer.threshold_step:
        share = layer.k / layer.out_channels
        groups.append(
            AdaptiveThreshold(
                feature_map, share, step=layer.threshold_step, name=f"threshold{number}"
            )
        )
    if layer.bias:
        groups.append(PerChannel(feature_map, "bias : 1", name=f"bias{number}"))
    rng, kernel_shape = plan.generator(), geometry.kernel_shape
    mask = (rng.random(kernel_shape) >= layer.pruned).astype(float) if layer.pruned else None
    conv = plan.convolution(
        feature_map, None if layer.rule else DEFAULT_MODEL, mask=mask if layer.rule else None
    )
    conv.set_kernel("w", _initial_kernel(rng, layer, kernel_shape, mask))
    operations += _competition(layer, feature_map, number)
    pooled = None
    if layer.pooling is not None:
        pooled = plan.feature_map(out_shape, _output_model(plan.following), "pool")
        operations.append(_pooling(layer, feature_map, pooled, number))
    return Stage(layer, source, conv, feature_map, pooled, groups, operations)


def _pooling(
    layer: ConvLayer, feature_map: FeatureMap, pooled: FeatureMap, number: int
) -> BrianObject:
    assert layer.pooling is not None
    return _POOLING[layer.pooling](
        feature_map,
        pooled,
        **layer.window(),
        source=_handed_on(layer),
        activation="triangle" if layer.output == "triangle" else None,
        power=layer.power,
        target="output",
        name=f"pooling{number}",
    )


def _handed_on(layer: ConvLayer) -> str:
    """Name of the variable of the layer's own map that is pooled or handed on."""
    name = {"activity": "y", "linear": "z", "triangle": "z"}.get(layer.output)
    return name if name and layer.pooling else "output"


def _output_model(following: ConvLayer | None) -> str:
    """Equations of what the next layer sees: ``x``, the output as it is or normalised."""
    changed = following is not None and (following.standardize or following.batch_norm)
    return "output : 1\n" + ("x : 1" if changed else "x = output : 1")


def _map_model(layer: ConvLayer, following: ConvLayer | None) -> str:
    """Equations of a layer's map; what is only another name costs nothing."""
    offset = " - theta" if layer.threshold_step else " + bias" if layer.bias else ""
    lines = [
        "u : 1",
        f"z = u{offset} : 1",
        "y = z : 1" if layer.activity == "linear" else "y : 1",
    ]
    if layer.pooling is None:
        lines.append(_output_model(following))
    elif _handed_on(layer) == "output":
        lines.append("output : 1")
    return "\n".join(lines)


def _competition(layer: ConvLayer, layer_map: FeatureMap, number: int) -> list[BrianObject]:
    """Return the operations that turn the drive into activity and output."""
    operations: list[BrianObject] = []
    activity, output = f"activity{number}", f"output{number}"
    if layer.activity in ("winners", "graded"):
        graded = layer.activity == "graded"
        operations.append(
            WinnerTakeAll(
                layer_map, "z", "y", layer.k, graded=graded, condition="z > 0", name=activity
            )
        )
    elif layer.activity in ("softmax", "signed_softmax"):
        signed = layer.activity == "signed_softmax"
        operations.append(
            SoftWinnerTakeAll(
                layer_map, "z", "y", temperature=layer.temperature, signed=signed, name=activity
            )
        )
    elif layer.activity == "rectified":
        operations.append(Rectify(layer_map, "z", "y", name=activity))
    if layer.output == "triangle" and layer.pooling is None:
        operations.append(Triangle(layer_map, "z", "output", power=layer.power, name=output))
    elif layer.output == "rectified":
        operations.append(Rectify(layer_map, "z", "output", name=output))
    elif _handed_on(layer) == "output":
        seen = "y" if layer.output == "activity" else "z"
        operations.append(Assign(layer_map, seen, "output", name=output))
    return operations


def _initial_kernel(
    rng: np.random.Generator,
    layer: ConvLayer,
    shape: tuple[int, ...],
    mask: np.ndarray | None,
) -> np.ndarray:
    """Gaussian weights, masked and normalised as learning will keep them, or of about the norm."""
    kernel = rng.standard_normal(shape) / np.sqrt(np.prod(shape[-3:]))
    if mask is not None:
        kernel *= mask
    if layer.normalize is not None:
        filters = np.abs(kernel).reshape(*shape[:-3], -1)
        norm = (filters ** NORMS[layer.normalize]).sum(axis=-1) ** (1 / NORMS[layer.normalize])
        kernel *= (layer.norm / np.where(norm > 0, norm, 1))[..., None, None, None]
        return kernel
    return layer.norm * kernel
