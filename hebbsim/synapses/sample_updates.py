"""What is computed at the end of a step for each sample's own kernel variables."""

from typing import Any

from brian2.core.variables import Subexpression, Variables
from brian2.equations.equations import SingleEquation

from hebbsim.brian2_private import drop_variable
from hebbsim.codegen.expressions import check_units
from hebbsim.codegen.loop_nest import LoopNest
from hebbsim.rules.rule import Rule
from hebbsim.statements import Statement, needed_statements
from hebbsim.synapses.kernel import KernelGroup
from hebbsim.synapses.model import what_to_add

__all__ = ["SampleSum", "SampleUpdate", "update_samples"]

_ELEMENT_INDICES = (
    *("0", "_kernel_idx", "_sample_kernel_idx"),
    *("_pre_sample_idx", "_post_sample_idx"),
)


def element_variables(kernel: KernelGroup) -> Variables:
    """Return what a statement on an element of a sample may refer to.

    Kernel variables, what belongs to a sample of either map, and the samples' own.
    """
    found = kernel.connection_variables()

    def of_an_element(name: str) -> bool:
        if isinstance(found[name], Subexpression):
            return all(of_an_element(n) for n in found[name].identifiers if n in found)
        return name.startswith("_") or found.indices[name] in _ELEMENT_INDICES

    found["_sample_kernel_idx"].unique = True  # each element of each sample once
    for name in [n for n in found if not of_an_element(n)]:
        drop_variable(found, name)
    samples = kernel.samples
    if samples is not None:
        for name in samples.changed_by_spikes:
            change, none = f"_change_{name}", f"_none_{name}"
            found.add_reference(change, samples, change, index="_sample_kernel_idx")
            found.add_constant(none, 0.0, dimensions=samples.variables[none].dim)
    return found


class _SampleNest(LoopNest):
    """Run statements on each kernel element of each sample."""

    def __init__(self, kernel: KernelGroup, template: str, code: str, **kwds: Any) -> None:
        self.connections = kernel.connections
        super().__init__(
            kernel.samples,
            template,
            code,
            when="end",
            template_kwds={
                "n_elements": len(kernel),
                "batch_size": kernel.batch_size,
                **kwds.pop("template_kwds", {}),
            },
            **kwds,
        )


class SampleUpdate(_SampleNest):
    """Apply a step's changes to the ``(per sample)`` variables."""

    def __init__(
        self, kernel: KernelGroup, lines: list[str], targets: list[str], order: int
    ) -> None:
        self.variables = element_variables(kernel)
        super().__init__(
            kernel,
            "sample_update",
            "\n".join(lines),
            order=order,
            name=f"{kernel.name}_samples_update",
            needed_variables=targets,
        )


class SampleSum(_SampleNest):
    """Sum an expression over the samples, for each kernel element."""

    def __init__(
        self, kernel: KernelGroup, equation: SingleEquation, rule: Rule | None, order: int
    ) -> None:
        self.equation = equation
        self.variables = element_variables(kernel)
        self.target_variable = kernel.variables[equation.varname]
        self.variables.add_auxiliary_variable(
            "_synaptic_var",
            dimensions=self.target_variable.dim,
            dtype=self.target_variable.dtype,
        )
        self._check_names(kernel, equation, rule)
        super().__init__(
            kernel,
            "sample_sum",
            f"_synaptic_var = {equation.expr.code}",
            order=order,
            name=f"{kernel.name}_sum_{equation.varname}",
            template_kwds={"_target_var": self.target_variable},
            needed_variables=[equation.varname],
        )

    def _check_names(
        self, kernel: KernelGroup, equation: SingleEquation, rule: Rule | None
    ) -> None:
        for name in sorted(equation.identifiers - set(self.variables)):
            base, _, side = name.rpartition("_")
            if side in ("pre", "post"):
                way_out = what_to_add(kernel.connections, rule, side, base)
                raise ValueError(
                    f"{kernel.connections.label}: '{equation.varname} = {equation.expr.code}' "
                    f"sums over samples and can't use '{name}', which isn't one value a sample"
                    f"{way_out or '; a PerSample group of the map lends such values'}"
                )

    def before_run(self, run_namespace: dict[str, Any]) -> None:
        """Check the units of the equation before its code object is made."""
        check_units(self, self.equation, self.target_variable, run_namespace)
        super().before_run(run_namespace)


def update_samples(kernel: KernelGroup, statements: list[Statement], order: int) -> list[Statement]:
    """Run an update's statements on the samples' own values; return those on the kernel.

    What spikes changed in a step is applied first.
    """
    samples = kernel.samples
    if samples is None:
        return statements
    stored = {s.target for s in statements if s.target in kernel.plastic_names}
    own = stored & samples.names
    changed = samples.changed_by_spikes
    lines = [samples.apply_changes(name) for name in changed]
    chosen = needed_statements(statements, stored, own)
    lines += [str(s) for s in chosen]
    if lines:
        targets = [s.target for s in chosen if s.target in samples.names]
        samples.update = SampleUpdate(kernel, lines, [*targets, *changed], order)
        samples.contained_objects.append(samples.update)
    return needed_statements(statements, stored, stored - own)
