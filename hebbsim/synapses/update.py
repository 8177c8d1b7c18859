"""The end of a learning step: change, mask, bounds, normalisation, applied once."""

from itertools import takewhile
from typing import Any

import numpy as np
from brian2 import Clock, Quantity
from brian2.core.base import BrianObject
from brian2.devices.device import RuntimeDevice, get_device
from brian2.units.fundamentalunits import DimensionMismatchError, get_dimensions
from brian2.utils.stringtools import get_identifiers

from hebbsim.codegen.loop_nest import LoopNest
from hebbsim.rules.rule import Rule
from hebbsim.statements import parse_statements
from hebbsim.synapses.kernel import KernelGroup
from hebbsim.synapses.sample_updates import update_samples
from hebbsim.synapses.touched import FILTERS, ROWS, TouchedElements
from hebbsim.synapses.weight_range import check_weight_range
from hebbsim.units import unit_text

__all__ = [
    "NORMS",
    "KernelUpdate",
    "NonFiniteWeightsError",
    "apply_changes",
    "check_norm",
    "make_update",
]

NORMS = {"L1": 1, "L2": 2}


class NonFiniteWeightsError(ArithmeticError):
    """A weight became NaN or infinite while it was learned."""


class KernelUpdate(LoopNest):
    """Run the update statements of a rule on each kernel element, then normalise its filters.

    Parameters
    ----------
    kernel : KernelGroup
        The kernel.
    code : str
        Statements such as ``w += eta*dw``, run once a step for each kernel element.
    weight : str
        The kernel variable that is masked, normalised and checked for finite values.
    normalize : {None, 'L1', 'L2'}
        Norm that each filter is brought to: all weights onto one output channel.
    norm : float or Quantity
        Its value, in the units of the weight.
    rule : Rule, optional
        What errors name as the cause.
    order : int
        Place at the end of a step.
    nothing_left : bool
        Whether there is nothing to do: spikes look at the weights that they change.
    touched : TouchedElements, optional
        What spikes touched, if the rest may be left alone.
    clock, name : optional
        If it isn't the kernel's own clock; what the object is called after the kernel.
    """

    def __init__(
        self,
        kernel: KernelGroup,
        code: str,
        *,
        weight: str,
        normalize: str | None,
        norm: float | Quantity,
        rule: Rule | None,
        order: int,
        nothing_left: bool = False,
        touched: TouchedElements | None = None,
        clock: Clock | None = None,
        name: str = "update",
    ) -> None:
        self.weight, self.rule = weight, rule
        #: Whether the update is the rule's own, and weights beyond its bounds are refused
        self.of_rule = False
        self._normalized = normalize is not None
        self.nothing_left, self.touched = nothing_left, touched
        #: What sets the flags of touched elements
        self.pathways: tuple[BrianObject, ...] = ()
        self.fault = kernel.variables["_nonfinite"]
        super().__init__(
            kernel,
            "kernel_update",
            code,
            when="end",
            order=order,
            name=f"{kernel.name}_{name}",
            clock=clock,
            template_kwds={
                "geometry": kernel.geometry,
                "norm": NORMS.get(normalize or ""),
                "norm_value": float(np.asarray(norm)),
                "nothing_left": nothing_left,
                "touched": False,
                "standalone": not isinstance(get_device(), RuntimeDevice),
                "_weight_var": kernel.variables[weight],
            },
            needed_variables=[weight, "_nonfinite"],
        )

    def prune(self) -> None:
        """Zero the weights that the mask leaves out."""
        if not self.group.is_masked:
            return
        weights, mask = (self.group.variables[name] for name in (self.weight, "mask"))
        try:
            weights.set_value(weights.get_value() * mask.get_value())
        except NotImplementedError:  # a standalone device is to compute them
            self.group.state(self.weight)[:] = f"{self.weight}*mask"

    def before_run(self, run_namespace: dict[str, Any]) -> None:
        """Look at the weights, before the code object is made."""
        if self.rule is not None and self.of_rule:
            check_weight_range(self.group, self.rule, self._normalized)
        if self.nothing_left and isinstance(get_device(), RuntimeDevice):
            bad = np.flatnonzero(~np.isfinite(self.group.variables[self.weight].get_value()))
            self.group.variables["_nonfinite"].set_value(bad[0] if len(bad) else -1)
        of_touched = self.touched is not None and self.touched.begin(self, (*self.pathways, self))
        self.template_kwds["touched"] = of_touched
        self.needed_variables = [
            self.weight,
            "_nonfinite",
            *((ROWS, FILTERS) if of_touched else ()),
        ]
        super().before_run(run_namespace)

    @property
    def needs_python(self) -> bool:
        """Whether operations of the user's have to be looked for, which may set weights."""
        return bool(self.template_kwds["touched"] and self.touched and self.touched.operations)

    def run(self) -> None:
        """Run the step, and stop if a weight is no longer finite."""
        if self.touched is not None and self.needs_python:
            self.touched.look_out(float(self.clock.variables["t"].get_value()[0]))
        super().run()

    def complain(self) -> None:
        """Raise an error about a weight that is no longer finite."""
        kernel = self.group
        place = int(kernel.variables["_nonfinite"].get_value()[0])
        value = kernel.variables[self.weight].get_value()[place]
        rule = f" under the rule {self.rule.name}" if self.rule is not None else ""
        raise NonFiniteWeightsError(
            f"'{self.weight}' of '{kernel.name}' became {value} at kernel element {place}"
            f"{rule}, step {int(kernel.clock.timestep[:])}, t = {kernel.clock.t[:]}. Lower the "
            "learning rate, or bound or normalise the weights"
        )


def make_update(
    kernel: KernelGroup,
    statements: str | None,
    *,
    weight: str,
    normalize: str | None,
    norm: float | Quantity,
    rule: Rule | None,
    order: int,
) -> KernelUpdate | None:
    """Return what a convolution does to its kernel at the end of a step, if anything.

    First what spikes changed in the step is applied, then the `statements` run, then the mask.

    Raises
    ------
    ValueError
        If there is a mask or a norm and no update, no kernel variable `weight`, or a norm that no
        filter can have.
    DimensionMismatchError
        If the norm has other units than the weight.
    """
    _check_names(kernel, statements or "")
    check_norm(kernel, weight, normalize, norm)
    code = _statements(kernel, statements, order)
    nothing_left = False
    by_spikes = bool(kernel.changed_by_spikes) or weight in kernel.changed_at_once
    if code is None and by_spikes:
        nothing_left = normalize is None and not kernel.changed_by_spikes
        code = ""  # what changed is masked, normalised and looked at
    if code is None:
        if kernel.is_masked or normalize is not None:
            raise ValueError(
                f"{kernel.connections.label}: mask and normalize act when the kernel is updated; "
                "give a rule, or update='w += ...'"
            )
        return None
    _check_weight(kernel, weight)
    code += "" if nothing_left else _masking(kernel, weight)
    touched = None
    if by_spikes and normalize is None and not nothing_left:
        touched = (
            TouchedElements(kernel, code) if TouchedElements.worth(kernel, code, weight) else None
        )
    update = KernelUpdate(
        kernel,
        code,
        weight=weight,
        normalize=normalize,
        norm=norm,
        rule=rule,
        order=order + 3,
        nothing_left=nothing_left,
        touched=touched,
    )
    update.of_rule = rule is not None and statements == rule.update
    return update


def _check_weight(kernel: KernelGroup, weight: str) -> None:
    if not kernel.is_stored(weight):
        raise ValueError(
            f"{kernel.connections.label}: the model has no kernel variable '{weight}'; name the "
            "one that learns, of each element, with weight="
        )


def check_norm(
    kernel: KernelGroup, weight: str, normalize: str | None, norm: float | Quantity
) -> None:
    """Refuse a norm that is unknown, that no filter can have, or of other units than the weight."""
    label = kernel.connections.label
    if normalize is not None and normalize not in NORMS:
        raise ValueError(f"{label}: normalize must be None, 'L1' or 'L2', got {normalize!r}")
    value = np.asarray(norm)
    if value.size != 1 or not (np.isfinite(value).all() and (value > 0).all()):
        raise ValueError(f"{label}: norm must be one positive number, got {norm!r}")
    if normalize is None:
        if not (get_dimensions(norm).is_dimensionless and value == 1):
            raise ValueError(f"{label}: norm={norm!r} needs normalize='L1' or 'L2' beside it")
        return
    _check_weight(kernel, weight)
    variable = kernel.variables[weight]
    if get_dimensions(norm) is not variable.dim:
        unit = unit_text(variable.dim)
        example = "norm=1, without units" if unit == "1" else f"norm=1*{unit}"
        raise DimensionMismatchError(
            f"{label}: norm must have the units of '{weight} : {unit}', such as {example}, got "
            f"{norm!r}",
            get_dimensions(norm),
            variable.dim,
        )


def _statements(kernel: KernelGroup, statements: str | None, order: int) -> str | None:
    """Return what runs on each kernel element; what is each sample's own has a place before."""
    if kernel.samples is not None:
        rest = update_samples(kernel, parse_statements(statements or ""), order + 1)
        statements = "\n".join(map(str, rest)) or None
    applied = [kernel.apply_changes(name) for name in _changed_on(kernel, kernel.clock)]
    if not applied:
        return statements
    lines = parse_statements(statements or "")
    # Brian2 wants what is shared written first
    shared = list(takewhile(lambda s: not kernel.is_stored(s.target), lines))
    return "\n".join([*map(str, shared), *applied, *map(str, lines[len(shared) :])])


def _check_names(kernel: KernelGroup, statements: str) -> None:
    """Refuse variables of the neurons, of which a shared element has many."""
    if kernel.connections.are_elements or kernel.samples is not None:
        return
    for statement in parse_statements(statements):
        read = get_identifiers(statement.value)
        if kernel.connections.names_neurons(read) or read & {*kernel.model.of_connections}:
            raise ValueError(
                f"{kernel.connections.label}, update: '{statement}' names a neuron's variable, of "
                "which a kernel element that connections share has many; add up over the "
                "connections first, as in 'dw = x_pre*y_post : 1 (summed)'"
            )


def _changed_on(kernel: KernelGroup, clock: Clock) -> list[str]:
    """Return what pathways on a clock change, to be applied with its steps."""
    return [name for name, clocks in kernel.changed_by_spikes.items() if clock in clocks]


def _masking(kernel: KernelGroup, weight: str) -> str:
    return f"\n{weight} = {weight}*mask" if kernel.is_masked else ""


def apply_changes(
    kernel: KernelGroup, weight: str, rule: Rule | None, order: int
) -> list[KernelUpdate]:
    """Return what applies the changes by spikes of neurons that have a clock of their own."""
    clocks = {clock: None for clocks in kernel.changed_by_spikes.values() for clock in clocks}
    return [
        KernelUpdate(
            kernel,
            "\n".join(kernel.apply_changes(name) for name in _changed_on(kernel, clock))
            + _masking(kernel, weight),
            weight=weight,
            normalize=None,
            norm=1,
            rule=rule,
            order=order + 2,  # before the update
            clock=clock,
            name=f"changes_{number}",
        )
        for number, clock in enumerate(clocks)
        if clock is not kernel.clock
    ]
