"""Runs on Brian2's runtime device, as that lets a device run networks its own way."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import nullcontext
from functools import partial
from typing import Any

from brian2 import Network, second
from brian2.core.base import BrianObject
from brian2.devices.device import get_device, runtime_device
from brian2.groups.group import CodeRunner
from brian2.groups.neurongroup import Resetter, StateUpdater, SubexpressionUpdater, Thresholder
from brian2.input.spikegeneratorgroup import SpikeGeneratorGroup
from brian2.monitors import EventMonitor, PopulationRateMonitor, SpikeMonitor, StateMonitor
from brian2.synapses.synapses import StateUpdater as SynapsesStateUpdater
from brian2.synapses.synapses import SummedVariableUpdater, SynapticPathway

from hebbsim.brian2_private import schedule_held
from hebbsim.codegen.loop_nest import LoopNest, compile_directly
from hebbsim.codegen.targets import CPPRuntimeCodeObject, code_object_class
from hebbsim.runs.chains import Chains
from hebbsim.runs.checked_units import units_checked_once
from hebbsim.runs.fused_thresholds import fused_thresholds
from hebbsim.runs.garbage import old_objects_kept
from hebbsim.runs.kept_code import code_kept

__all__ = ["run_networks"]

#: Brian2's runners of which it is known what they make their code of
_KNOWN = {
    CodeRunner,
    EventMonitor,
    PopulationRateMonitor,
    Resetter,
    SpikeGeneratorGroup,
    SpikeMonitor,
    StateMonitor,
    StateUpdater,
    SubexpressionUpdater,
    SummedVariableUpdater,
    SynapsesStateUpdater,
    SynapticPathway,
    Thresholder,
}

#: Where a network that has run keeps its chains; not in a dictionary, which would keep networks
_CHAINS = "_chains"


def run_networks() -> None:
    """Let networks that hold objects of this project start at once in later runs."""
    runtime_device.network_run = _run
    runtime_device.network_before_run = _before_run


def _is_ours(item: BrianObject) -> bool:
    return type(item).__module__.startswith("hebbsim.")


def _holds_ours(network: Network) -> bool:
    return any(map(_is_ours, network.objects))


def _with_parts(items: Iterable[BrianObject]) -> Iterator[BrianObject]:
    for item in items:
        yield item
        yield from _with_parts(item.contained_objects)


def _run(
    network: Network,
    duration: Any,
    report: Any = None,
    report_period: Any = 10 * second,
    namespace: Mapping[str, Any] | None = None,
    profile: bool | None = None,
    level: int = 0,
) -> None:
    original = partial(Network.run.original_function, network, duration, report, report_period)
    if not _holds_ours(network):
        original(namespace, profile, level + 1)
        return
    for item in _with_parts(network.objects):
        if isinstance(item, LoopNest):
            item.block = None
    ran_before = _CHAINS in network.__dict__
    chains = network.__dict__.setdefault(_CHAINS, Chains())
    chains.allowed = not (get_device().build_options.get("profile") if profile is None else profile)
    # a first run warns of objects that are in no network
    with schedule_held(network), old_objects_kept() if ran_before else nullcontext():
        try:
            original(namespace, profile, level + 1)
        finally:
            chains.allowed = False
            chains.take_apart()


def _before_run(network: Network, run_namespace: Mapping[str, Any]) -> None:
    if not _holds_ours(network):
        Network.before_run.original_function(network, run_namespace)
        return
    chains = network.__dict__.get(_CHAINS)
    if chains is not None and not chains.allowed:  # nobody runs it now
        chains = None
    if chains is not None and code_object_class() is CPPRuntimeCodeObject:
        chains.begin()
    runners = {item for item in _with_parts(network.objects) if isinstance(item, CodeRunner)}
    for runner in runners:
        if type(runner) is SpikeGeneratorGroup and runner.codeobj_class is None:
            # else each step waits for Python to call it
            compile_directly(runner, made_now=False)
    known = (item for item in runners if type(item) in _KNOWN or _is_ours(item))
    with code_kept(known), units_checked_once():
        Network.before_run.original_function(network, run_namespace)
    if chains is not None:
        fused = {f.updater: f for f in fused_thresholds(_with_parts(network.objects), chains.fused)}
        with code_kept(fused.values()):
            for one in fused.values():
                one.before_run(dict(run_namespace))
        chains.link(network, fused)
