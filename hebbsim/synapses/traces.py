"""The traces that a rule needs and its neurons don't keep: kept beside them."""

from collections.abc import Iterable

from brian2 import Clock, Equations, NeuronGroup, Subgroup
from brian2.groups.group import CodeRunner, Group
from brian2.utils.stringtools import get_identifiers

from hebbsim.brian2_private import MadeByUser
from hebbsim.codegen.loop_nest import compile_directly
from hebbsim.rules.rule import Rule
from hebbsim.statements import Statement, parse_statements
from hebbsim.synapses.connections import Connections

__all__ = ["SpikeTraces", "missing_traces"]


class SpikeTraces(MadeByUser, NeuronGroup):
    """Keep a rule's traces for neurons whose group has none, such as a `PoissonGroup`'s.

    One element for each neuron, that decays by the rule's equations, and that a spike of its neuron
    changes by the rule's reset statements, after the pathways of the step, as a reset of the
    neuron's own would.

    Parameters
    ----------
    group : Group
        The neurons that spike; of a `Subgroup` all that it is part of.
    equations : Equations
        The traces.
    reset : str
        What a spike does to them.
    rule : Rule
        Whose parameters they name.
    clock : Clock
        With whose steps they decay.
    name : str
        Name of this object.
    """

    add_to_magic_network = True

    def __init__(
        self,
        group: Group,
        equations: Equations,
        reset: str,
        rule: Rule,
        *,
        clock: Clock,
        name: str,
    ) -> None:
        super().__init__(
            len(group),
            equations,
            method=("exact", "euler"),
            namespace=rule.parameters,
            clock=clock,
            name=name,
        )
        self.add_dependency(group)
        self.variables.add_reference("_spikespace", group, "_spikespace")
        resetter = CodeRunner(  # a `Resetter` has the clock of the traces
            self,
            "reset",
            code=reset,
            clock=group.clock,
            when="resets",
            name=f"{self.name}_resetter",
            needed_variables=["_spikespace"],
            template_kwds={"eventspace_variable": self.variables["_spikespace"]},
        )
        self.contained_objects.append(resetter)
        for runner in self.contained_objects:
            compile_directly(runner)


def missing_traces(
    connections: Connections, rule: Rule | None, side: str, name: str
) -> SpikeTraces | None:
    """Return the traces that a rule needs on a side and its neurons lack; None if there are none.

    Raises
    ------
    ValueError
        If the neurons have a trace that no spike of theirs changes.
    """
    group = connections.group(side)
    if not isinstance(rule, Rule) or "_spikespace" not in group.variables:
        return None
    model = getattr(rule, f"{side}_model")
    if not model.strip():
        return None
    equations = Equations(model)
    reset = parse_statements(getattr(rule, f"{side}_reset"))
    _check_reset(connections, rule, side, [s for s in reset if s.target in group.variables])
    lacking = [e for e in equations.values() if e.varname not in group.variables]
    if not lacking:
        return None
    names = {e.varname for e in lacking}
    changes = [s for s in reset if s.target in names]
    read = {n for e in lacking for n in e.identifiers}
    read |= {n for s in changes for n in get_identifiers(s.value)}
    if (read - names - {"t", "dt"}) & set(group.variables):
        return None  # not a trace of spikes alone: it belongs into the neurons' model
    clocks = (connections.source.clock, connections.target.clock)
    return SpikeTraces(
        group.source if isinstance(group, Subgroup) else group,
        Equations(lacking),
        "\n".join(map(str, changes)),
        rule,
        clock=min(clocks, key=lambda clock: float(clock.dt)),  # as fine as they are read
        name=name,
    )


def _check_reset(
    connections: Connections, rule: Rule, side: str, needed: Iterable[Statement]
) -> None:
    """Refuse half a rule: a trace in the model of neurons whose spikes don't change it.

    Raises
    ------
    ValueError
        With the statement that is missing, and where.
    """
    group = connections.group(side)
    owner = group.source if isinstance(group, Subgroup) else group
    codes = [code for code in getattr(owner, "event_codes", {}).values() if isinstance(code, str)]
    changed = {s.target for code in codes for s in parse_statements(code)}
    pathways = f"{rule.on_pre}\n{rule.on_post}"
    changed |= {s.target.removesuffix(f"_{side}") for s in parse_statements(pathways)}
    for statement in needed:
        if statement.target not in changed:
            raise ValueError(
                f"{connections.label}: '{owner.name}' has the trace '{statement.target}' of "
                f"{rule.name}, but no spike changes it, so that nothing would be learned from it; "
                f"add rule.{side}_reset, '{statement}', to its reset, or leave rule.{side}_model "
                "out of its model: then it is kept for you"
            )
