"""How a `SpikingLayer` becomes Brian2 objects: neurons, synapses, competition, reward."""

from typing import Any

import numpy as np
from brian2 import Quantity
from brian2.core.base import BrianObject
from brian2.core.namespace import DEFAULT_UNITS
from brian2.groups.group import Group
from brian2.utils.stringtools import get_identifiers

from hebbsim.competition.earliest_spike import EarliestSpike
from hebbsim.competition.first_winners import FirstWinners
from hebbsim.competition.inhibition import LateralInhibition
from hebbsim.maps.feature_map import FeatureMap
from hebbsim.maps.per_channel_sample_position import PerChannel, PerSample
from hebbsim.networks.initial_weights import draw_weights
from hebbsim.networks.spiking_layer import SpikingLayer
from hebbsim.networks.stage import Stage, StagePlan
from hebbsim.rules.order_stdp import OrderSTDP
from hebbsim.statements import parse_statements
from hebbsim.synapses.conv_synapses import ConvSynapses
from hebbsim.synapses.order_plasticity import OrderPlasticity

__all__ = ["build_stage"]


def build_stage(plan: StagePlan[SpikingLayer], duration: Quantity) -> Stage:
    """Build the objects of a layer to which each stimulus is shown for a `duration`."""
    layer, geometry = plan.layer, plan.geometry
    traces = ("", "") if layer.pooling else _traces(plan.following)
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
    by_order = layer.rule if isinstance(layer.rule, OrderSTDP) else None
    conv = plan.convolution(
        feature_map,
        by_order.model if by_order else "w : 1",
        on_pre={"transmit": layer.on_pre},
        delay=None if layer.delay is None else {"transmit": layer.delay},
    )
    weights = draw_weights(layer.initial_weights, plan.generator(), geometry.kernel_shape)
    conv.set_kernel("w", weights)
    feature_map.first_spike = duration
    _initialize(plan, feature_map)
    pooled = _pooled(plan, feature_map) if layer.pooling else None
    learners = _learners(plan, conv, by_order, duration) if by_order else []
    return Stage(layer, plan.source, conv, feature_map, pooled, groups, operations, learners)


def _traces(following: SpikingLayer | None) -> tuple[str, str]:
    """Return the model and the reset of what the next layer's rule needs of what it sees."""
    rule = following.rule if following is not None else None
    return (rule.pre_model, rule.pre_reset) if rule else ("", "")


def _pooled(plan: StagePlan[SpikingLayer], feature_map: FeatureMap) -> FeatureMap:
    """Return the map that hands on the earliest spike of each window; ``output`` says whether."""
    layer, (model, reset) = plan.layer, _traces(plan.following)
    pooled = plan.feature_map(
        plan.output_shape,
        f"arrived : boolean\nsilenced : 1\noutput : 1\n{model}",
        "pool",
        threshold="arrived and silenced < 1",
        reset=f"output = 1\nsilenced = 1\n{reset}",
        method=("exact", "euler"),
    )
    EarliestSpike(
        feature_map,
        pooled,
        **layer.window(),
        name=f"pooling{plan.number}",
    )
    return pooled


def _learners(
    plan: StagePlan[SpikingLayer], conv: ConvSynapses, rule: OrderSTDP, duration: Quantity
) -> list[BrianObject]:
    """Let the first neurons to spike learn; return what is switched off when nobody learns."""
    layer, number, found = plan.layer, plan.number, list[BrianObject]()
    assert layer.learners is not None
    if layer.learns_from == "first":
        if "silenced" not in plan.source.variables:
            raise ValueError(
                f"layer {number}: learns_from='first' silences neurons of '{plan.source.name}', "
                "which can't be silent; let it follow a layer with pooling='earliest', "
                "single_spike=True or inhibition="
            )
        found.append(
            LateralInhibition(plan.source, source="-channel", name=f"first_inputs{number}")
        )
    found.append(
        FirstWinners(
            conv.target,
            layer.learners,
            radius=layer.learners_radius,
            duration=duration,
            source="margin",
            name=f"learners{number}",
        )
    )
    found.append(OrderPlasticity(conv, rule, duration=duration, name=f"plasticity{number}"))
    return found


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
