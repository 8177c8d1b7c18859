"""Event-driven pathways: what a spike does along its projective or receptive field."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from brian2.core.variables import ArrayVariable
from brian2.devices.device import RuntimeDevice, get_device
from brian2.units import second
from brian2.units.fundamentalunits import Quantity, have_same_dimensions
from brian2.utils.stringtools import get_identifiers

from hebbsim.codegen.expressions import check_random
from hebbsim.codegen.loop_nest import LoopNest
from hebbsim.maps.durations import check_same_step
from hebbsim.rules.rule import Rule
from hebbsim.statements import Statement
from hebbsim.synapses.kernel import KernelGroup
from hebbsim.synapses.pathway_statements import closest_name, split_pathway

__all__ = ["SpikePathway", "make_pathways"]


def read_delay(
    delay: Quantity | Mapping[str, Quantity] | None, names: list[str]
) -> dict[str, Quantity]:
    """Return the delay of each named pathway; a single one is that of ``'pre'``, as in Brian2."""
    single = {} if delay is None else {"pre": delay}
    delays: dict[str, Any] = dict(delay) if isinstance(delay, Mapping) else single
    for name, value in delays.items():
        if name not in names:
            raise ValueError(f"delay: there is no pathway '{name}', only {', '.join(names)}")
        is_time = have_same_dimensions(value, second) and np.asarray(value).size == 1
        if not is_time or float(value) < 0:
            raise ValueError(f"delay of '{name}': expected a time, such as 2*ms, got {value!r}")
    return delays


class SpikePathway(LoopNest):
    """Run statements along the connections of each neuron that spiked.

    Parameters
    ----------
    kernel : KernelGroup
        The kernel, its connections, and what may be named.
    statements : list of Statement
        Accumulations into neuron or kernel variables, and local variables.
    side : {'pre', 'post'}
        Whose spikes.
    delay : Quantity, optional
        Time between the spike and its effect, the same for all connections.
    """

    def __init__(
        self,
        kernel: KernelGroup,
        statements: list[Statement],
        side: str,
        *,
        delay: Quantity | None,
        order: int,
        name: str,
    ) -> None:
        self.side, self.statements, self.delay = side, statements, delay
        self.connections = connections = kernel.connections
        group = connections.group(side)
        if "_spikespace" not in group.variables:
            raise ValueError(
                f"{connections.label}: '{group.name}' doesn't spike, so on_{side} would never "
                "happen; give it a threshold"
            )
        self.variables = kernel.connection_variables()
        self.variables.add_reference("_spikespace", group, "_spikespace")
        lines, additions = self._read(kernel, statements)
        needed = ["_spikespace", *(self._name_of(target) for _, target, _ in additions)]
        n_neurons, first, n_stored = connections.neurons(side)
        self.slots = self._add_queue(kernel, name, n_neurons)
        if self.slots:
            needed += ["_queue", "_queue_slot"]
        # these indices stay the same in the innermost loop
        other = "pre" if side == "post" else "post"
        same = (f"_{side}", f"_{other}_position", f"_{other}_sample", "0")
        super().__init__(
            kernel,
            f"conv_spikes_{side}",
            "\n".join(lines),
            when="synapses",
            order=order,
            name=name,
            template_kwds={
                "geometry": connections.geometry,
                "batch_size": connections.batch_size,
                "additions": additions,
                "pre_start": connections.source_map.start,
                "vectorise": not any(index.startswith(same) for _, _, index in additions),
                "slots": self.slots,
                "n_neurons": n_neurons,
                "first_neuron": first,
                "n_stored": n_stored,
                "_spikes_var": group.variables["_spikespace"],
            },
            needed_variables=needed,
        )

    def _read(
        self, kernel: KernelGroup, statements: list[Statement]
    ) -> tuple[list[str], list[tuple[str, ArrayVariable, str]]]:
        """Return the abstract code, and what is added to which variable, by which index."""
        lines, additions = [], []
        for number, statement in enumerate(statements):
            variable = self.variables.get(statement.target)
            if not isinstance(variable, ArrayVariable):
                lines.append(str(statement))
                continue
            addition = f"_add{number}"
            self.variables.add_auxiliary_variable(
                addition, dimensions=variable.dim, dtype=variable.dtype
            )
            lines.append(f"{addition} = {self._value(statement, variable)}")
            target, index = variable, self.variables.indices[statement.target]
            if statement.target in kernel.plastic_names:
                target = kernel.change_variable(statement.target)
                self.variables.add_reference(target.name, target.owner, target.name, index=index)
            additions.append((addition, target, index))
        return lines, additions

    def _name_of(self, target: ArrayVariable) -> str:
        return next(name for name, v in self.variables.items() if v is target)

    @staticmethod
    def _value(statement: Statement, variable: ArrayVariable) -> str:
        value = f"({statement.value})" if statement.operator == "+=" else f"-({statement.value})"
        if variable.conditional_write is not None:  # "unless refractory"
            suffix = statement.target[statement.target.rindex("_") :]
            value += f"*int({variable.conditional_write.name}{suffix})"
        return value

    def _add_queue(self, kernel: KernelGroup, name: str, n_neurons: int) -> int:
        """Keep the spikes of the last steps, for as long as the delay is; return their number."""
        steps = 0 if self.delay is None else round(float(self.delay) / float(kernel.clock.dt))
        self._delay_dt = kernel.clock.dt
        if steps == 0:
            return 0
        queue, slot = f"_{name}_queue", f"_{name}_slot"
        kernel.variables.add_array(queue, size=(steps + 1) * (n_neurons + 1), dtype=np.int32)
        kernel.variables.add_array(slot, size=1, dtype=np.int32, scalar=True)
        self.variables.add_reference("_queue", kernel, queue)
        self.variables.add_reference("_queue_slot", kernel, slot, index="0")
        return steps + 1

    def forget(self) -> None:
        """Drop the spikes that are on their way."""
        if self.slots and isinstance(get_device(), RuntimeDevice):
            self.variables["_queue"].get_value()[:] = 0

    def _resolved(self, statement: Statement, run_namespace: dict[str, Any]) -> dict[str, Any]:
        """Return what the names in a statement stand for, or say which stands for nothing."""
        found: dict[str, Any] = {}
        for name in get_identifiers(statement.value) - {s.target for s in self.statements}:
            try:
                found |= self.group.resolve_all(
                    {name},
                    run_namespace,
                    user_identifiers=set(),
                    additional_variables=self.variables,
                )
            except KeyError:
                raise KeyError(
                    f"'{self.name}': nothing defines '{name}' in '{statement}'"
                    f"{closest_name(name, self.variables)}"
                ) from None
        return found

    def before_run(self, run_namespace: dict[str, Any]) -> None:
        """Check the time step and the statements before the code object is made."""
        if self.slots:
            check_same_step(f"'{self.name}'", "delay", self._delay_dt, self.group.clock.dt)
        for statement in self.statements:
            resolved = self._resolved(statement, run_namespace)
            way_out = "put noise into the equations of the neurons"
            check_random(f"'{self.name}': '{statement}'", resolved, way_out)
        super().before_run(run_namespace)


def make_pathways(
    kernel: KernelGroup,
    rule: Rule | None,
    on_pre: str | Mapping[str, str] | None,
    on_post: str | Mapping[str, str] | None,
    delay: Quantity | Mapping[str, Quantity] | None,
) -> dict[str, SpikePathway]:
    """Return the pathways of a convolution and its rule, by name.

    What a pathway does to the kernel is one of its own, ``<name>_plasticity``, which rests while
    the kernel is frozen.
    """
    codes: list[tuple[str, str, str]] = []
    for side, given in (("pre", on_pre), ("post", on_post)):
        named = given if isinstance(given, Mapping) else ({side: given} if given else {})
        codes += [(name, side, code) for name, code in named.items()]
        of_rule = getattr(rule, f"on_{side}", "")
        if of_rule:
            codes.append((f"rule_{side}", side, of_rule))
    names = [name for name, _, _ in codes]
    if len(set(names)) < len(names):
        raise ValueError(f"{kernel.connections.label}: two pathways have one name: {names}")
    delays = read_delay(delay, names)
    pathways = {}
    for name, side, code in codes:
        for part, statements in zip(
            ("", "_plasticity"), split_pathway(kernel, rule, name, code), strict=True
        ):
            if statements:
                pathways[name + part] = SpikePathway(
                    kernel,
                    statements,
                    side,
                    delay=delays.get(name),
                    order=kernel.order + (-1 if side == "pre" else 1),
                    name=f"{kernel.name}_{name}{part}",
                )
    return pathways
