"""Event-driven pathways: what a spike does along its projective or receptive field."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from brian2.codegen.runtime.numpy_rt import NumpyCodeObject
from brian2.core.namespace import get_local_namespace
from brian2.core.variables import ArrayVariable, AuxiliaryVariable, Subexpression
from brian2.units.fundamentalunits import Quantity
from brian2.utils.stringtools import get_identifiers

from hebbsim.brian2_private import drop_variable
from hebbsim.codegen.expressions import add_renamed, drawn_function
from hebbsim.codegen.loop_nest import LoopNest
from hebbsim.codegen.targets import code_object_class, on_cuda
from hebbsim.rules.rule import Rule
from hebbsim.statements import Statement
from hebbsim.synapses.connections import Connections
from hebbsim.synapses.kernel import KernelGroup
from hebbsim.synapses.pathway_statements import (
    PathwayPart,
    between_spikes,
    closest_name,
    split_pathway,
)
from hebbsim.synapses.spike_products import SpikeProducts
from hebbsim.synapses.spike_queue import Delay, SpikeQueue
from hebbsim.synapses.touched import FILTERS, ROWS

__all__ = ["SpikePathway", "make_pathways"]


class SpikePathway(LoopNest):
    """Run statements along the connections of each neuron that spiked, on the neurons' clock.

    Parameters
    ----------
    kernel : KernelGroup
        The kernel, its connections, and what may be named.
    part : PathwayPart
        What is done along each connection.
    side : {'pre', 'post'}
        Whose spikes.
    event : str
        The event that counts, ``'spike'`` or one of the group's own.
    queue : SpikeQueue
        The spikes that are on their way.
    weight : str
        The kernel variable that is looked at for finite values, if it is changed at once.
    """

    def __init__(
        self,
        kernel: KernelGroup,
        part: PathwayPart,
        side: str,
        *,
        event: str,
        queue: SpikeQueue,
        weight: str,
        order: int,
        name: str,
    ) -> None:
        self.side, self.event = side, event
        self.statements, self.queue = part.statements, queue
        self.when_learning = part.when_learning
        self.connections = connections = kernel.connections
        self._kernel, self._in_order = kernel, part.in_order
        group = connections.group(side)
        space = f"_{event}space"
        self.variables = kernel.connection_variables()
        self.variables.add_reference(space, group, space)
        self._mark_unique(part)
        self._read_before(part)
        lines, additions = self._read(kernel, part, group.clock)
        #: The code that visits every connection of a spike
        self._text = "\n".join(lines)
        #: The products that it adds to the kernel, if it does nothing else
        self.products = self._separate(part, additions) if side == "post" else None
        self._needed = [space, *(self._name_of(target) for _, target, _ in additions)]
        #: Whether it changes elements of the kernel
        self.learns = bool(
            {*part.at_once, *(s.target for s in part.statements)} & kernel.plastic_names
        )
        self._weight = weight if weight in part.at_once else None
        n_neurons, first, n_stored = connections.neurons(side)
        # these indices stay the same in the innermost loop
        other = "pre" if side == "post" else "post"
        same = (f"_{side}", f"_{other}_position", f"_{other}_sample", "0")
        independent = not any(index.startswith(same) for _, _, index in additions)
        super().__init__(
            kernel,
            f"conv_spikes_{side}",
            self._text,
            when="synapses",
            order=order,
            name=name,
            clock=group.clock,
            override_conditional_write=["not_refractory"],  # see _conditional
            template_kwds={
                "geometry": connections.geometry,
                "batch_size": connections.batch_size,
                "additions": additions,
                "pre_start": connections.source_map.start,
                "vectorise": independent and not part.at_once,
                **_division(part, connections, [index for *_, index in additions]),
                "dtypes": [self.variables[name].dtype for name, *_ in additions],
                "at_once": bool(part.at_once),
                "looked_at": None,
                "marks": False,
                "in_order": part.in_order,
                "n_neurons": n_neurons,
                "first_neuron": first,
                "n_stored": n_stored,
                "_spikes_var": group.variables[space],
            },
        )
        self.active = part.when_learning is not False

    @property
    def delay(self) -> Quantity:
        """The delays of this pathway, of each kernel element: ``conv.pre.delay = 2*ms``.

        A time, an expression over the kernel, or an array in torch's order.
        """
        return self._kernel.state(self.queue.delays)

    @delay.setter
    def delay(self, value: Delay) -> None:
        self._kernel.set_delay(self.queue.delays, value, get_local_namespace(1))

    def _mark_unique(self, part: PathwayPart) -> None:
        """Tell numpy that no index repeats: what runs in order visits one connection at a time."""
        for name, variable in self.variables.items():
            is_index = name.endswith("_idx") and isinstance(variable, AuxiliaryVariable)
            if is_index and (part.in_order or (part.at_once and name == "_kernel_idx")):
                variable.unique = True

    def _read_before(self, part: PathwayPart) -> None:
        """Let subexpressions see what the statements change as it was before, as in `Synapses`."""
        if not part.at_once:
            return
        self.variables.add_constant("_unchanged", 1.0)  # see _copied
        before = {name: f"_before_{name}" for name in sorted(part.at_once)}
        for name, earlier in before.items():
            variable, index = self.variables[name], self.variables.indices[name]
            self.variables.add_reference(earlier, variable.owner, variable.name, index=index)
        for name, variable in list(self.variables.items()):
            if isinstance(variable, Subexpression) and variable.identifiers & {*before}:
                index = self.variables.indices[name]
                drop_variable(self.variables, name)
                add_renamed(self.variables, name, variable, before, index)

    def _read(
        self, kernel: KernelGroup, part: PathwayPart, clock: Any
    ) -> tuple[list[str], list[tuple[str, ArrayVariable, str]]]:
        """Return the abstract code, and what is added to which variable, by which index."""
        lines, additions = [], []
        for number, statement in enumerate(part.statements):
            variable = self.variables.get(statement.target)
            if not isinstance(variable, ArrayVariable) or statement.target in part.at_once:
                if statement.target in kernel.plastic_names and isinstance(variable, ArrayVariable):
                    kernel.change_at_once(statement.target)
                lines.append(str(_conditional(_copied(statement, part), variable)))
                continue
            addition = f"_add{number}"
            self.variables.add_auxiliary_variable(
                addition, dimensions=variable.dim, dtype=variable.dtype
            )
            addend = _conditional(statement, variable)
            value = addend.value if addend.operator == "+=" else f"-({addend.value})"
            lines.append(str(_copied(Statement(addition, "=", value), part)))
            target, index = variable, self.variables.indices[statement.target]
            if statement.target in kernel.plastic_names:
                target = kernel.change_variable(statement.target, clock)
                if target.name not in self.variables:
                    self.variables.add_reference(
                        target.name, target.owner, target.name, index=index
                    )
            additions.append((addition, target, index))
        return lines, additions

    def _separate(
        self, part: PathwayPart, additions: list[tuple[str, ArrayVariable, str]]
    ) -> SpikeProducts | None:
        if part.at_once or len(additions) < len(part.statements):  # local variables
            return None
        targets = [statement.target for statement in part.statements]
        changes = {
            name: change
            for name, (_, change, index) in zip(targets, additions, strict=True)
            if index == "_kernel_idx"
        }
        return SpikeProducts.of(self._kernel, self.variables, part.statements, changes)

    def _use_products(self, run_namespace: dict[str, Any]) -> None:
        """Add up products of a receptive field, in C++."""
        products = self.products
        in_cpp = code_object_class() is not NumpyCodeObject and not on_cuda()
        if products is None or not in_cpp or len(self.queue.ages) > 1:
            return
        if drawn_function(self.group, self._text, run_namespace, self.variables):
            return
        self.template = f"{self.plain_template}_products"
        self.user_code = self.abstract_code = products.declare(self, run_namespace)
        self.template_kwds |= products.template_kwds()

    def _name_of(self, target: ArrayVariable) -> str:
        return next(name for name, v in self.variables.items() if v is target)

    def look_at_weights(self) -> None:
        """Look for values that aren't finite in what it changes at once: no update does."""
        if self._weight is not None:
            self.template_kwds["looked_at"] = self.variables[self._weight]
            self._refer_to("_nonfinite", "0")
            self._needed.append(self._weight)

    def flag_touched(self) -> None:
        """Flag the elements that it changes, for the update."""
        self.template_kwds["marks"] = True
        self._refer_to(ROWS if self.side == "pre" else FILTERS, "_kernel_idx")

    def _refer_to(self, name: str, index: str) -> None:
        self.variables.add_reference(name, self._kernel, name, index=index)
        self._needed.append(name)

    def forget(self) -> None:
        """Drop the spikes that are on their way."""
        self.queue.forget()

    def _check_names(self, run_namespace: dict[str, Any]) -> None:
        """Say which name in a statement stands for nothing."""
        local = {s.target for s in self.statements if s.target not in self.variables}
        for statement in self.statements:
            for name in get_identifiers(statement.value) - local:
                try:
                    self.group.resolve_all(
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

    def before_run(self, run_namespace: dict[str, Any]) -> None:
        """Look at delays before the code object is made."""
        self.queue.prepare()
        for stored in ("_queue", "_queue_slot", "_steps", "_order", "_starts"):
            if stored in self.variables:
                drop_variable(self.variables, stored)
        for own, (stored, index) in self.queue.stored.items():
            self.variables.add_reference(own, self._kernel, stored, index=index)
        self.needed_variables = [*self._needed, *self.queue.stored]
        self.template_kwds |= {
            "slots": self.queue.slots,
            "ages": self.queue.ages,
            "has_starts": self.queue.has_starts,
        }
        super().before_run(run_namespace)

    def create_default_code_object(self, run_namespace: dict[str, Any]) -> Any:
        """Look at statements, and make the code object."""
        self.use_plain_code()
        self._check_names(run_namespace)
        self._check_target(run_namespace)
        self._use_products(run_namespace)
        return super().create_default_code_object(run_namespace)

    def _check_target(self, run_namespace: dict[str, Any]) -> None:
        """Refuse on CUDA what needs an order there, where connections run side by side."""
        if not on_cuda():
            return
        drawn = drawn_function(self.group, self._text, run_namespace, self.variables)
        if drawn:
            raise NotImplementedError(
                f"'{self.name}' calls {drawn}() along each connection, which CUDA code can't; put "
                "noise into the equations of the neurons, or run it in C++"
            )
        if self._in_order:
            text = "; ".join(map(str, self.statements))
            raise NotImplementedError(
                f"'{self.name}': what '{text}' gives depends on the order of spikes, and CUDA "
                "runs them side by side; accumulate with += or -=, or run it in C++"
            )


#: Indices that tell samples apart
_OF_SAMPLE = {
    *(f"_{side}{part}_idx" for side in ("pre", "post") for part in ("", "_position", "_sample")),
    "_pre_sub_idx",
    "_sample_kernel_idx",
}


def _division(part: PathwayPart, connections: Connections, indices: list[str]) -> dict[str, Any]:
    """Return how the work of spikes may be divided between threads, for C++."""
    geometry = connections.geometry
    in_any_order = not (part.at_once or part.in_order) and bool(indices)
    return {
        "by_sample": in_any_order and connections.batch_size > 1 and {*indices} <= _OF_SAMPLE,
        "only_kernel": in_any_order and geometry.weight_sharing and {*indices} == {"_kernel_idx"},
        # of a presynaptic spike, about
        "operations": math.prod(geometry.kernel_size) * geometry.out_channels_per_group,
    }


def _copied(statement: Statement, part: PathwayPart) -> Statement:
    """Keep what is read apart from what numpy goes on to change under the same name."""
    plain = statement.value.strip("()")
    return replace(statement, value=f"_unchanged*{plain}") if plain in part.at_once else statement


def _conditional(statement: Statement, variable: Any) -> Statement:
    """Let a neuron's variable stay as it is while the neuron is refractory, if it should.

    Brian2's own means confuses the neurons of the two sides.
    """
    condition = getattr(variable, "conditional_write", None)
    if condition is None:
        return statement
    name, value = statement.target, statement.value
    active = f"{condition.name}{name[name.rindex('_') :]}"
    if statement.operator in ("+=", "-="):
        return replace(statement, value=f"int({active})*({value})")
    if statement.operator != "=":
        value = f"{name} {statement.operator[:-1]} ({value})"
    return Statement(name, "=", f"int({active})*({value}) + int(not {active})*{name}")


def statements_of_pathways(
    rule: Rule | None,
    on_pre: str | Mapping[str, str] | None,
    on_post: str | Mapping[str, str] | None,
) -> list[str]:
    """Return the texts of all pathways of a convolution and its rule."""
    texts: list[Any] = [getattr(rule, f"on_{side}", "") for side in ("pre", "post")]
    for given in (on_pre, on_post):
        texts += given.values() if isinstance(given, Mapping) else [given]
    return [text for text in texts if isinstance(text, str)]


def make_pathways(
    kernel: KernelGroup,
    rule: Rule | None,
    on_pre: str | Mapping[str, str] | None,
    on_post: str | Mapping[str, str] | None,
    on_event: str | Mapping[str, str],
    weight: str,
) -> dict[str, SpikePathway]:
    """Return the pathways of a convolution and its rule, by name.

    What a pathway does to the kernel is one of its own, ``<name>_plasticity``, which rests while
    the kernel is frozen.

    Raises
    ------
    TypeError
        If what is to run is no text.
    ValueError
        If two pathways have one name, `on_event` names none, or the neurons have no such event.
    """
    codes: list[tuple[str, str, str]] = []
    for side, given in (("pre", on_pre), ("post", on_post)):
        named = given if isinstance(given, Mapping) else ({side: given} if given else {})
        for name, code in named.items():
            if not isinstance(code, str):
                raise TypeError(
                    f"{kernel.connections.label}, on_{side}: expected statements for the pathway "
                    f"'{name}', such as 'v_post += w', got {code!r}"
                )
            codes.append((name, side, code))
        of_rule = getattr(rule, f"on_{side}", "")
        if of_rule:
            codes.append((f"rule_{side}", side, of_rule))
    names = [name for name, _, _ in codes]
    if len(set(names)) < len(names):
        raise ValueError(f"{kernel.connections.label}: two pathways have one name: {names}")
    events = _events(kernel, on_event, codes)
    pathways: dict[str, SpikePathway] = {}
    for name, side, code in codes:
        whole = between_spikes(kernel, code)
        parts = [_masked(kernel, p, weight) for p in split_pathway(kernel, rule, name, whole)]
        in_turn = any(part.when_learning is False for part in parts)  # one runs, the other rests
        queue: SpikeQueue | None = None
        for part in parts:
            full_name = f"{name}_plasticity" if part.when_learning else name
            if queue is None or not in_turn:
                queue = SpikeQueue(kernel, name, full_name, kernel.connections.group(side))
            pathways[full_name] = SpikePathway(
                kernel,
                part,
                side,
                event=events[name],
                queue=queue,
                weight=weight,
                order=kernel.order + (-1 if side == "pre" else 1),
                name=f"{kernel.name}_{full_name}",
            )
    return pathways


def _masked(kernel: KernelGroup, part: PathwayPart, weight: str) -> PathwayPart:
    """Keep a weight that changes at once at 0 where the mask leaves it out."""
    if not (kernel.is_masked and weight in part.at_once):
        return part
    return replace(part, statements=[*part.statements, Statement(weight, "*=", "mask")])


def _events(
    kernel: KernelGroup, on_event: str | Mapping[str, str], codes: list[tuple[str, str, str]]
) -> dict[str, str]:
    """Return the event of each pathway, and check that the neurons have it."""
    label = kernel.connections.label
    given = dict(on_event) if isinstance(on_event, Mapping) else {}
    names = [name for name, _, _ in codes]
    for name in given:
        if name not in names:
            raise ValueError(f"{label}, on_event: there is no pathway '{name}', only {names}")
    default = "spike" if isinstance(on_event, Mapping) else on_event
    events = {}
    for name, side, _ in codes:
        event = events[name] = "spike" if name.startswith("rule_") else given.get(name, default)
        group = kernel.connections.group(side)
        if f"_{event}space" in group.variables:
            continue
        if event == "spike":
            raise ValueError(
                f"{label}: '{group.name}' doesn't spike, so on_{side} would never happen; give it "
                "a threshold"
            )
        known = [e for e in getattr(group, "events", {}) if f"_{e}space" in group.variables]
        raise ValueError(
            f"{label}, on_event: '{group.name}' has no event '{event}', only "
            f"{', '.join(known) or 'none'}; give it events={{'{event}': condition}}"
        )
    return events
