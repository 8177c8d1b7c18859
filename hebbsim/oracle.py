"""The explicit form of a convolution: an ordinary Brian2 `Synapses` with every synapse stored."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from brian2 import Synapses
from brian2.core.variables import AuxiliaryVariable, Subexpression, Variables
from brian2.equations.equations import SingleEquation
from brian2.groups.group import CodeRunner, Group
from brian2.units.fundamentalunits import Dimension
from brian2.utils.stringtools import word_substitute

from hebbsim.geometry import MapShape

if TYPE_CHECKING:
    from hebbsim.convsynapses import ConvSynapses

__all__ = ["ExplicitSynapses"]


class ExplicitSynapses(Synapses):
    """Store every synapse of a convolution, with its weight looked up in the shared kernel.

    Run it in place of the `ConvSynapses` that it was made from: sums to neurons are Brian2's own
    summed variables, sums to the kernel run over all synapses through Brian2's own template, and
    the kernel's equations and update are those of the convolution. Synapse ``s`` joins neurons
    ``i[s]`` and ``j[s]`` by kernel element ``kernel[s]``.

    It has the memory and the speed of explicit synapses: a tool to inspect and to compare with.

    Parameters
    ----------
    conv : ConvSynapses
        The convolution.
    """

    add_to_magic_network = False

    def __init__(self, conv: "ConvSynapses") -> None:
        self.conv = conv  # its kernel lives on in this object's references
        taps = [np.concatenate(p) for p in zip(*conv.geometry.taps(conv.batch_size), strict=True)]
        by_neuron = np.argsort(taps[1], kind="stable")  # one receptive field after the other
        pre, post, kernel = (part[by_neuron] for part in taps)
        running = {e.varname: e for e in conv.model.cumulative}
        neuron_sums = [r for r in conv.sums.values() if r.side != "kernel"]
        lines = ["kernel : integer (constant)", "sample_kernel : integer (constant)"]
        lines += [f"{index} : integer (constant)" for index in _INDICES]
        lines += [f"{r.equation.varname} = {_right_side(r.equation)} (summed)" for r in neuron_sums]
        for name, equation in running.items():
            lines += [f"{name} : {_unit(equation.dim)}", f"{name}_term : {_unit(equation.dim)}"]
        changed = {name: conv.variables[name] for name in conv.changed_by_spikes}
        if conv.samples is not None:
            changed |= {n: conv.samples.variables[n] for n in conv.samples.changed_by_spikes}
        lines += [f"{name}_change : {_unit(v.dim)}" for name, v in changed.items()]
        super().__init__(
            conv.source,
            conv.target,
            "\n".join(lines),
            on_pre=_pathways(conv, "pre", changed),
            on_post=_pathways(conv, "post", changed),
            delay={n: p.delay for n, p in conv.pathways.items() if p.delay is not None},
            order=conv.order,
            namespace=conv.namespace,
            clock=conv.clock,
            name=f"{conv.name}_explicit*",
        )
        self.connect(i=pre, j=post)
        self.kernel = kernel
        per_sample = len(self.target) // conv.batch_size
        self.sample_kernel = post // per_sample * len(conv) + kernel
        for suffix, group, neurons in (("_pre", self.source, pre), ("_post", self.target, post)):
            shape = conv.geometry.in_shape if suffix == "_pre" else conv.geometry.out_shape
            self._refer_to_map_groups(group, shape, suffix, neurons)
        self._refer_to_kernel(conv, set(running))
        for runner in neuron_sums:
            self.summed_updaters[runner.equation.varname].order = runner.order
        for name, equation in running.items():
            self._add_running_sum(name, equation, pre, post)
        for runner in conv.sums.values():
            if runner.side == "kernel":
                self._sum_to_kernel(runner.equation.varname, runner.equation.expr.code)
        for name in changed:
            owner, index = self._kernels_of(name)
            self.variables.add_reference(f"_change_{name}", owner, index=index)
            self._sum_to_kernel(f"_change_{name}", f"{name}_change")
            self.run_regularly(f"{name}_change = 0", when="after_end")
        replaced = [*conv.sums.values(), *conv.pathways.values()]
        self.contained_objects.extend(r for r in conv.contained_objects if r not in replaced)

    def _kernels_of(self, name: str) -> tuple[Group, str]:
        """Return the group that stores a kernel variable, and the synapses' index into it."""
        samples = self.conv.samples
        if samples is not None and name.removeprefix("_change_") in samples.names:
            return samples, "sample_kernel"
        return self.conv, "kernel"

    def _sum_to_kernel(self, target: str, expression: str) -> None:
        self.contained_objects.append(_KernelSum(self, target, expression))

    def before_run(self, run_namespace: dict[str, Any]) -> None:
        """Prepare the run; the convolution counts as used."""
        self.conv.prune()
        super().before_run(run_namespace)
        self.conv._network = self._network

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
            if full_name in self.variables:
                continue
            if isinstance(variable, Subexpression):
                self.variables.add_subexpression(
                    full_name,
                    expr=word_substitute(variable.expr, own),
                    dimensions=variable.dim,
                    dtype=variable.dtype,
                )
            elif index.removeprefix("_").removesuffix("_idx") in places:
                per = index.removeprefix("_").removesuffix("_idx")
                self.variables.add_reference(
                    full_name, variable.owner, name, index=f"{suffix[1:]}_{per}"
                )

    def _refer_to_kernel(self, conv: "ConvSynapses", running: set[str]) -> None:
        """Let the names of kernel variables mean the element that each synapse uses."""
        for name, variable in conv.variables.items():
            if name.startswith("_") or name in self.variables or name in running:
                continue
            if isinstance(variable, Subexpression):
                self.variables.add_subexpression(
                    name,
                    expr=word_substitute(variable.expr, {"i": "kernel"}),
                    dimensions=variable.dim,
                    dtype=variable.dtype,
                    scalar=variable.scalar,
                )
            elif not isinstance(variable, AuxiliaryVariable):
                index = "0" if conv.variables.indices[name] == "0" else "kernel"
                self.variables.add_reference(name, conv, name, index=index)
        if conv.samples is not None:
            for name in conv.samples.names:
                self.variables.add_reference(name, conv.samples, name, index="sample_kernel")

    def _add_running_sum(
        self, name: str, equation: SingleEquation, pre: np.ndarray, post: np.ndarray
    ) -> None:
        """Sum over the output channels up to each synapse's own, by synapses between synapses."""
        channels = self.target.shape.channels
        per_group = self.conv.geometry.out_channels_per_group
        channel = post % channels
        meeting = np.stack([pre, post // channels, channel // per_group])
        _, bundle = np.unique(meeting, axis=1, return_inverse=True)
        order = np.lexsort((channel, bundle)).reshape(-1, per_group)
        low, high = np.triu_indices(per_group)
        self.run_regularly(f"{name}_term = {equation.expr.code}", when="end", order=-2)
        between = Synapses(
            self,
            self,
            f"{name}_post = {name}_term_pre : {_unit(equation.dim)} (summed)",
            name=f"{self.name}_{name}*",
        )
        between.connect(i=order[:, low].ravel(), j=order[:, high].ravel())
        between.summed_updaters[f"{name}_post"].when = "end"
        between.summed_updaters[f"{name}_post"].order = -1
        self.contained_objects.append(between)


_INDICES = [f"{s}_{per}" for per in ("channel", "position", "sample") for s in ("pre", "post")]


def _right_side(equation: SingleEquation) -> str:
    return f"{equation.expr.code} : {_unit(equation.dim)}"


def _unit(dimension: Dimension) -> str:
    """Write a dimension in base units: Brian2 can't read all units that it prints."""
    names = ("metre", "kilogram", "second", "amp", "kelvin", "mol", "candle")
    powers = [f"{n}**{float(d):g}" for n, d in zip(names, dimension._dims, strict=True) if d]
    return "*".join(powers) or "1"


def _pathways(conv: "ConvSynapses", side: str, changed: Iterable[str]) -> dict[str, str]:
    """Return the pathways' code with kernel changes collected on each synapse."""
    collected = {name: f"{name}_change" for name in changed}
    return {
        name: "\n".join(
            f"{collected.get(s.target, s.target)} {s.operator} {s.value}"
            for s in pathway.statements
        )
        for name, pathway in conv.pathways.items()
        if pathway.side == side
    }


class _KernelSum(CodeRunner):
    """Brian2's template for summed variables, with a kernel as its target."""

    def __init__(self, synapses: ExplicitSynapses, target: str, expression: str) -> None:
        owner, index = synapses._kernels_of(target)
        self.variables = Variables(synapses)
        self.variables.add_constant("_kernel_elements", len(owner))
        super().__init__(
            synapses,
            "summed_variable",
            code=f"_synaptic_var = {expression}",
            needed_variables=[target, "_kernel_elements", index],
            clock=synapses.clock,
            when="end",
            order=synapses.conv.order,
            name=f"{synapses.name}_sum{'' if target.startswith('_') else '_'}{target}",
            template_kwds={
                "_target_var": owner.variables[target],
                "_target_size_name": "_kernel_elements",
                "_index_var": synapses.variables[index],
                "_target_start": 0,
                "_target_stop": -1,
            },
        )
