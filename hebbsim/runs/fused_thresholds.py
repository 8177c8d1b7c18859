"""Equations and threshold of large groups in one pass, where nothing between them can tell."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from brian2 import NeuronGroup
from brian2.core.base import BrianObject
from brian2.core.variables import ArrayVariable, Variables
from brian2.groups.group import CodeRunner
from brian2.groups.neurongroup import StateUpdater, Thresholder

from hebbsim.codegen.expressions import arrays_of_others, draws
from hebbsim.codegen.loop_nest import LoopNest
from hebbsim.codegen.targets import CPPRuntimeCodeObject

__all__ = ["FusedThreshold", "fused_thresholds"]

#: Neurons from which on a pass costs more than one more loop to compile: they leave the cache
FEWEST_NEURONS = 2**16


class FusedThreshold(LoopNest):
    """Do what a group's state updater and its thresholder do, neuron by neuron.

    Parameters
    ----------
    group : NeuronGroup
        The group, which has both.
    """

    def __init__(self, group: NeuronGroup) -> None:
        self.updater: StateUpdater = group.state_updater
        self.thresholder: Thresholder = group.thresholder["spike"]
        self.variables = Variables(group)
        self.variables.add_auxiliary_variable("_cond", dtype=bool)
        super().__init__(
            group,
            "map_integrate_threshold",
            {},
            when=self.updater.when,
            order=self.updater.order,
            name=f"{group.name}_integrate_threshold*",
            clock=self.updater.clock,
            template_kwds=dict(self.thresholder.template_kwds),
            needed_variables=list(self.thresholder.needed_variables),
        )
        self.check_units = False  # both have been checked; Brian2's refractory code has no units

    def before_run(self, run_namespace: dict[str, Any]) -> None:
        """Take the code of both, which have been prepared."""
        self.plain_code = {
            "update": self.updater.abstract_code,
            "threshold": self.thresholder.abstract_code,
        }
        self.use_plain_code()
        super().before_run(run_namespace)

    def takes_place(self, chain: Sequence[BrianObject]) -> bool:
        """Whether the threshold may be looked at as soon as the equations have been integrated.

        So it is if each neuron's threshold looks at nothing of other neurons that is integrated,
        and what runs between them in a chain, which is all compiled, shares no variable with the
        threshold that changes during a run.
        """
        if self.updater not in chain or self.thresholder not in chain:
            return False
        if _of_other_neurons(self.thresholder) & _changing(self.updater):
            return False
        first, last = chain.index(self.updater), chain.index(self.thresholder)
        own = _changing(self.thresholder)
        return first < last and not any(own & _changing(item) for item in chain[first + 1 : last])


def fused_thresholds(
    items: Iterable[BrianObject], known: Mapping[BrianObject, FusedThreshold]
) -> Iterator[FusedThreshold]:
    """Yield what fuses equations and threshold of each group where that pays.

    Parameters
    ----------
    items : iterable of BrianObject
        What runs, prepared for it.
    known : mapping
        What was found before, by state updater, and is used again.
    """
    for group in items:
        if not isinstance(group, NeuronGroup) or len(group) < FEWEST_NEURONS:
            continue
        updater, thresholder = group.state_updater, group.thresholder.get("spike")
        if thresholder is None or updater.clock is not thresholder.clock:
            continue
        if _is_one_loop(updater) and _is_one_loop(thresholder):
            yield known.get(updater) or FusedThreshold(group)


def _is_one_loop(runner: CodeRunner) -> bool:
    """Whether a runner is compiled, and threads may share its loop."""
    code = runner.code_objects
    compiled = len(code) == 1 and isinstance(code[0], CPPRuntimeCodeObject)
    return compiled and not draws(code[0].variables)


def _of_other_neurons(runner: CodeRunner) -> set[ArrayVariable]:
    """Return the arrays of which a neuron's code names other elements than the neuron's own."""
    return {
        variable
        for code in runner.code_objects
        for variable in arrays_of_others(code.variables, code.variable_indices)
    }


def _changing(item: BrianObject) -> set[ArrayVariable]:
    """Return the arrays that an object's code names, without constants and clocks' own."""
    return {
        variable
        for code in item.code_objects
        for variable in code.variables.values()
        if isinstance(variable, ArrayVariable)
        and not variable.constant
        and variable.owner is not item.clock
    }
