"""How a `SpikingLayer` becomes Brian2 objects: neurons, synapses, competition, reward."""

from typing import Any

import numpy as np
from brian2 import Quantity
from brian2.core.base import BrianObject
from brian2.core.namespace import DEFAULT_UNITS
from brian2.groups.group import Group
from brian2.utils.stringtools import get_identifiers

from hebbsim.competition.inhibition import LateralInhibition
from hebbsim.maps.feature_map import FeatureMap
from hebbsim.maps.per_channel_sample_position import PerChannel, PerSample
from hebbsim.networks.initial_weights import draw_weights
from hebbsim.networks.spiking_layer import SpikingLayer
from hebbsim.networks.stage import Stage, StagePlan
from hebbsim.statements import parse_statements

__all__ = ["build_stage"]


def build_stage(plan: StagePlan[SpikingLayer], duration: Quantity) -> Stage:
    """Build the objects of a layer to which each stimulus is shown for a `duration`."""
    layer, geometry = plan.layer, plan.geometry
    # the traces that the next layer's rule needs are this layer's
    following = plan.following.rule if plan.following is not None else None
    traces = (following.pre_model, following.pre_reset) if following else ("", "")
    feature_map = plan.feature_map(
        geometry.out_shape,
        f"{layer.equations()}\n{traces[0]}",
        "layer",
        threshold=layer.threshold_condition(),
        reset=f"{layer.reset_statements()}\n{traces[1]}",
        method=("exact", "euler"),
        dtype={"onset": np.float64},  # single precision would lose steps of a long run
    )
    groups = _groups(plan, feature_map, duration)
    operations: list[BrianObject] = []
    if layer.inhibition is not None:
        operations.append(
            LateralInhibition(
                feature_map,
                source="margin",
                radius=layer.inhibition_radius,
                channels=layer.inhibition,
                name=f"inhibition{plan.number}",
            )
        )
    conv = plan.convolution(
        feature_map,
        "w : 1",
        on_pre={"transmit": layer.on_pre},
        delay=None if layer.delay is None else {"transmit": layer.delay},
    )
    weights = draw_weights(layer.initial_weights, plan.generator(), geometry.kernel_shape)
    conv.set_kernel("w", weights)
    feature_map.first_spike = duration
    _initialize(plan, feature_map)
    return Stage(layer, plan.source, conv, feature_map, None, groups, operations)


def _initialize(plan: StagePlan[SpikingLayer], feature_map: FeatureMap) -> None:
    """Set what the declaration says a stimulus starts from."""
    try:
        for statement in parse_statements(plan.layer.initial):
            setattr(feature_map, statement.target, _value(statement.value, feature_map))
    except (SyntaxError, AttributeError) as error:
        raise ValueError(
            f"layer {plan.number}: initial={plan.layer.initial!r} sets no variables of the layer, "
            f"as 'v = -70*mV' does: {error}"
        ) from None


def _value(text: str, feature_map: FeatureMap) -> Any:
    """Return a constant such as ``-70*mV`` as it is: a standalone device needn't compute it."""
    names = get_identifiers(text)
    if any(name in feature_map.variables or name not in DEFAULT_UNITS for name in names):
        return text
    return eval(text, {"__builtins__": {}}, {name: DEFAULT_UNITS[name] for name in names})


def _groups(
    plan: StagePlan[SpikingLayer], feature_map: FeatureMap, duration: Quantity
) -> list[Group]:
    """Return what the layer keeps per channel and per sample."""
    layer, groups = plan.layer, plan.rule_groups(feature_map)
    if layer.theta_plus:
        groups.append(
            PerChannel(
                feature_map,
                "dtheta/dt = -theta/tau_theta : 1",
                on_spike="theta += theta_plus/map_size",
                namespace={
                    "tau_theta": layer.tau_theta * duration,
                    "theta_plus": layer.theta_plus,
                },
                name=f"threshold{plan.number}",
            )
        )
    if layer.rule is not None and layer.rule.post_samples:
        groups.append(
            PerSample(
                feature_map,
                layer.rule.post_samples,
                namespace=layer.rule.parameters,
                name=f"reward{plan.number}",
            )
        )
    return groups
