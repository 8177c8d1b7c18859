"""The explicit form of a convolution: an ordinary Brian2 `Synapses` with every synapse stored."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from brian2 import Clock, Quantity, Synapses, prefs, second
from brian2.core.variables import ArrayVariable, AuxiliaryVariable, Subexpression, Variables
from brian2.equations.equations import SingleEquation
from brian2.groups.group import CodeRunner, Group

from hebbsim.brian2_private import (
    MadeByUser,
    drop_variable,
    mark_as_used,
    name_users_line,
    network_of,
    replace_variable,
)
from hebbsim.codegen.expressions import add_renamed, bind_names
from hebbsim.geometry import MapShape
from hebbsim.synapses.kernel import KernelGroup
from hebbsim.synapses.pathways import SpikePathway
from hebbsim.synapses.sums import ConnectionSum
from hebbsim.synapses.update import KernelUpdate
from hebbsim.units import unit_text

__all__ = ["ExplicitSynapses"]


def _connect(synapses: Synapses, pre: np.ndarray, post: np.ndarray) -> None:
    """Create synapses in numpy: what runs once is soon done, and compiling it takes seconds."""
    target = prefs.codegen.target
    prefs.codegen.target = "numpy"
    try:
        synapses.connect(i=pre, j=post)
    finally:
        prefs.codegen.target = target


class ExplicitSynapses(MadeByUser, Synapses):
    """Store every synapse of a convolution, with its weight looked up in the shared kernel.

    Run it in place of the `ConvSynapses` that it was made from: sums to neurons are Brian2's own
    summed variables, sums to the kernel run over all synapses through Brian2's own template, and
    the kernel's equations and update are those of the convolution. Synapse ``s`` joins neurons
    ``i[s]`` and ``j[s]`` by kernel element ``kernel[s]``.

    It has the memory and the speed of explicit synapses: a tool to inspect and to compare with.

    Parameters
    ----------
    kernel : KernelGroup
        The kernel, which lives on in this object's references.
    sums, pathways : mapping of str to runner
        What runs over the convolution's connections, and is replaced.
    cumulative : list of SingleEquation
        Sums that run over the output channels.
    update : KernelUpdate, optional
        What is done to the kernel at the end of a step; stays.
    """

    add_to_magic_network = False

    def __init__(
        self,
        kernel: KernelGroup,
        sums: Mapping[str, ConnectionSum],
        pathways: Mapping[str, SpikePathway],
        cumulative: list[SingleEquation],
        update: KernelUpdate | None,
    ) -> None:
        self.shared, self._update = kernel, update
        pathways = {name: p for name, p in pathways.items() if p.active}
        geometry, batch_size = kernel.geometry, kernel.batch_size
        taps = [np.concatenate(p) for p in zip(*geometry.taps(batch_size), strict=True)]
        by_neuron = np.argsort(taps[1], kind="stable")  # one receptive field after the other
        pre, post, elements = (part[by_neuron] for part in taps)
        neuron_sums = [r for r in sums.values() if r.side != "kernel"]
        changed = {name: kernel.variables[name] for name in kernel.changed_by_spikes}
        clocks = dict(kernel.changed_by_spikes)
        if kernel.samples is not None:
            samples = kernel.samples
            changed |= {n: samples.variables[n] for n in samples.changed_by_spikes}
            clocks |= {n: [kernel.clock] for n in samples.changed_by_spikes}
        super().__init__(
            kernel.connections.source,
            kernel.connections.target,
            _model(neuron_sums, cumulative, changed),
            on_pre=_pathways(pathways, "pre", changed),
            on_post=_pathways(pathways, "post", changed),
            on_event={name: pathway.event for name, pathway in pathways.items()},
            order=kernel.order,
            namespace=kernel.namespace,
            clock=kernel.clock,
            name=f"{kernel.name}_explicit*",
        )
        _connect(self, pre, post)
        self._elements = elements
        self.kernel = elements
        self.sample_kernel = post // (len(self.target) // batch_size) * len(kernel) + elements
        self._refer_to_map_groups(self.source, geometry.in_shape, "_pre", pre)
        self._refer_to_map_groups(self.target, geometry.out_shape, "_post", post)
        for side, traces in kernel.traces.items():
            for name in traces.equations.names:
                self.variables.add_reference(
                    f"{name}_{side}", traces, name, index=f"_synaptic_{side}"
                )
        self._refer_to_kernel({equation.varname for equation in cumulative})
        for runner in neuron_sums:
            self.summed_updaters[runner.equation.varname].order = runner.order
        for equation in cumulative:
            self._add_running_sum(equation, post, elements)
        for runner in sums.values():
            if runner.side == "kernel":
                term = runner.equation.expr.code
                if runner.left_out:
                    term = f"mask*({term})"
                self._sum_to_kernel(runner.equation.varname, term)
        for name in changed:
            for clock in clocks[name]:
                self._collect_changes(name, clock)
        for name in pathways:  # which refer to what there is when they are made
            own = getattr(self, name).variables
            for known in [n for n in self.variables if n not in own and not n.startswith("_")]:
                own.add_reference(known, self, known, index=self.variables.indices[known])
        self._delays = {name: pathway.queue.delays for name, pathway in pathways.items()}
        for runner in self.contained_objects:
            name_users_line(runner)
        replaced = [*sums.values(), *pathways.values()]
        self.contained_objects.extend(r for r in kernel.contained_objects if r not in replaced)

    def _collect_changes(self, name: str, clock: Clock) -> None:
        """Add up what spikes changed on each synapse, with the steps of a clock."""
        owner, index = self._kernels_of(name)
        change, none = f"_change_{name}", f"_none_{name}"
        if change not in self.variables:
            self.variables.add_reference(change, owner, index=index)
            self.variables.add_constant(none, 0.0, dimensions=owner.variables[none].dim)
        self._sum_to_kernel(change, f"{name}_change", clock)
        self.run_regularly(f"{name}_change = {none}", clock=clock, when="after_end")

    def _kernels_of(self, name: str) -> tuple[Group, str]:
        """Return the group that stores a kernel variable, and the synapses' index into it."""
        samples = self.shared.samples
        if samples is not None and name.removeprefix("_change_") in samples.names:
            return samples, "sample_kernel"
        return self.shared, "kernel"

    def _sum_to_kernel(self, target: str, expression: str, clock: Clock | None = None) -> None:
        self.contained_objects.append(_KernelSum(self, target, expression, clock or self.clock))

    def before_run(self, run_namespace: dict[str, Any]) -> None:
        """Prepare the run; the convolution counts as used."""
        if self._update is not None:
            self._update.prune()
        for pathway, delays in self._delays.items():
            seconds = np.asarray(self.shared.variables[delays].get_value())
            getattr(self, pathway).delay = Quantity(seconds[self._elements], dim=second.dim)
        super().before_run(run_namespace)
        mark_as_used(self.shared, network_of(self))

    def _refer_to_map_groups(
        self, group: Group, shape: MapShape, suffix: str, neurons: np.ndarray
    ) -> None:
        """Let quantities per channel, sample and position, and what uses them, be referred to."""
        channels, rows, cols = shape
        places = {
            "channel": neurons % channels,
            "position": neurons // channels,
            "sample": neurons // (channels * rows * cols),
        }
        for per, values in places.items():
            setattr(self, f"{suffix[1:]}_{per}", values)
        own = {name: name + suffix for name in group.variables if not name.startswith("_")}
        for name, full_name in own.items():
            variable, index = group.variables[name], group.variables.indices[name]
            if isinstance(variable, Subexpression):
                named = self._named(group, variable, suffix)
                if named and full_name in self.variables:
                    drop_variable(self.variables, full_name)  # where they mean something else
                if full_name not in self.variables:
                    add_renamed(self.variables, full_name, variable, own | named)
            elif full_name in self.variables:
                continue
            elif index.removeprefix("_").removesuffix("_idx") in places:
                per = index.removeprefix("_").removesuffix("_idx")
                self.variables.add_reference(
                    full_name, variable.owner, name, index=f"{suffix[1:]}_{per}"
                )

    def _named(self, group: Group, expression: Subexpression, suffix: str) -> dict[str, str]:
        """Let names in a neuron's expression mean what they mean in its own group."""
        private = {n for n in expression.identifiers & set(group.variables) if n[0] == "_"}
        for name in private:
            replace_variable(self.variables, name, group.variables[name], "0")
        bound = bind_names(self.variables, group, expression, f"named{suffix}")
        return bound | {name: name for name in private}

    def _refer_to_kernel(self, running: set[str]) -> None:
        """Let the names of kernel variables mean the element that each synapse uses."""
        shared, samples = self.shared, self.shared.samples
        for name, variable in shared.variables.items():
            if name.startswith("_") or name in self.variables or name in running:
                continue
            if isinstance(variable, Subexpression):
                add_renamed(self.variables, name, variable, {"i": "kernel"})
            elif not isinstance(variable, AuxiliaryVariable):
                index = "0" if shared.variables.indices[name] == "0" else "kernel"
                self.variables.add_reference(name, shared, name, index=index)
        if samples is not None:
            for name in samples.names:
                self.variables.add_reference(name, samples, name, index="sample_kernel")

    def _add_running_sum(
        self, equation: SingleEquation, post: np.ndarray, elements: np.ndarray
    ) -> None:
        """Sum over the output channels up to each synapse's own, by synapses between synapses."""
        name = equation.varname
        channels = self.target.shape.channels
        per_group = self.shared.geometry.out_channels_per_group
        channel = post % channels
        # all channels of a position and a kernel's row, column and input channel
        meeting = np.stack([post // channels, elements // channels, channel // per_group])
        _, bundle = np.unique(meeting, axis=1, return_inverse=True)
        order = np.lexsort((channel, bundle)).reshape(-1, per_group)
        low, high = np.triu_indices(per_group)
        self.run_regularly(f"{name}_term = {equation.expr.code}", when="end", order=-2)
        between = Synapses(
            self,
            self,
            f"{name}_post = {name}_term_pre : {unit_text(equation.dim)} (summed)",
            name=f"{self.name}_{name}*",
        )
        _connect(between, order[:, low].ravel(), order[:, high].ravel())
        between.summed_updaters[f"{name}_post"].when = "end"
        between.summed_updaters[f"{name}_post"].order = -1
        self.contained_objects.append(between)


_INDICES = [f"{s}_{per}" for per in ("channel", "position", "sample") for s in ("pre", "post")]


def _model(
    neuron_sums: list[ConnectionSum],
    cumulative: list[SingleEquation],
    changed: Mapping[str, ArrayVariable],
) -> str:
    """Write the model of the synapses: where they belong, what they sum and what they collect."""
    indices = ("kernel", "sample_kernel", *_INDICES)
    lines = [f"{index} : integer (constant)" for index in indices]
    for equation in (runner.equation for runner in neuron_sums):
        unit = unit_text(equation.dim)
        lines.append(f"{equation.varname} = {equation.expr.code} : {unit} (summed)")
    for equation in cumulative:
        lines += [f"{equation.varname}{end} : {unit_text(equation.dim)}" for end in ("", "_term")]
    lines += [f"{name}_change : {unit_text(v.dim)}" for name, v in changed.items()]
    return "\n".join(lines)


def _pathways(
    pathways: Mapping[str, SpikePathway], side: str, changed: Iterable[str]
) -> dict[str, str]:
    """Return the pathways' code with kernel changes collected on each synapse."""
    collected = {name: f"{name}_change" for name in changed}
    return {
        name: "\n".join(
            f"{collected.get(s.target, s.target)} {s.operator} {s.value}"
            for s in pathway.statements
        )
        for name, pathway in pathways.items()
        if pathway.side == side
    }


class _KernelSum(MadeByUser, CodeRunner):
    """Brian2's template for summed variables, with a kernel as its target."""

    def __init__(
        self, synapses: ExplicitSynapses, target: str, expression: str, clock: Clock
    ) -> None:
        owner, index = synapses._kernels_of(target)
        self.variables = Variables(synapses)
        self.variables.add_constant("_kernel_elements", len(owner))
        super().__init__(
            synapses,
            "summed_variable",
            code=f"_synaptic_var = {expression}",
            needed_variables=[target, "_kernel_elements", index],
            clock=clock,
            when="end",
            order=synapses.shared.order,
            name=f"{synapses.name}_sum{'' if target.startswith('_') else '_'}{target}*",
            template_kwds={
                "_target_var": owner.variables[target],
                "_target_size_name": "_kernel_elements",
                "_index_var": synapses.variables[index],
                "_target_start": 0,
                "_target_stop": -1,
            },
        )
