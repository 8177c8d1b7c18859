"""What each sample of a batch keeps for each kernel element, such as its own eligibility trace."""

from typing import TYPE_CHECKING, Any

from brian2.core.variables import ArrayVariable, Subexpression, Variables
from brian2.equations import Equations
from brian2.equations.equations import SingleEquation
from brian2.synapses.synapses import StateUpdater

from hebbsim.convmodel import what_to_add
from hebbsim.loopnest import (
    CompiledGroup,
    LoopNest,
    add_equation_variable,
    check_units,
    compile_directly,
)
from hebbsim.pathways import Statement
from hebbsim.sums import connection_variables

if TYPE_CHECKING:
    from hebbsim.convsynapses import ConvSynapses

__all__ = ["SampleKernels"]


class SampleKernels(CompiledGroup):
    """Hold the ``(per sample)`` variables of a convolution: one value per sample and element.

    They cost ``batch_size`` times the memory of a kernel variable, and their equations as many
    times the work in every step; nothing else of a convolution grows so.

    Parameters
    ----------
    conv : ConvSynapses
        The convolution.
    equations : Equations
        The equations flagged ``(per sample)``.
    """

    def __init__(
        self,
        conv: "ConvSynapses",
        equations: Equations,
        *,
        method: str | tuple[str, ...],
        method_options: dict[str, Any] | None,
        dtype: Any,
    ) -> None:
        super().__init__(
            clock=conv.clock,
            when="start",
            order=conv.order,
            namespace=conv.namespace,
            name=f"{conv.name}_samples",
        )
        self.conv = conv
        self.codeobj_class = None
        summed = [e for e in equations.values() if "summed" in e.flags]
        #: What is integrated or read of each element
        self.equations = Equations([e for e in equations.values() if e not in summed])
        #: Variables that sums over each sample's connections write
        self.sums_to = {e.varname for e in summed}
        #: All of them
        self.names = {e.varname for e in equations.values()}
        size = conv.batch_size * conv.geometry.kernel_elements
        if size >= 2**31:
            raise ValueError(
                f"ConvSynapses '{conv.name}': {conv.batch_size} samples of "
                f"{conv.geometry.kernel_elements} kernel elements are more than 2**31 values; "
                "use a smaller batch"
            )
        variables = self.variables = Variables(self)
        self._N = size  # which Brian2CUDA asks for
        variables.add_constant("N", size)
        variables.add_arange("i", size=size, constant=True, read_only=True)
        variables.create_clock_variables(self._clock)
        for equation in equations.values():
            add_equation_variable(variables, equation, size, dtype)
        for name, variable in conv.variables.items():
            if variable.scalar and isinstance(variable, ArrayVariable) and name not in variables:
                variables.add_reference(name, conv, name, index="0")
        self.state_updater: StateUpdater | None = None
        if self.equations.diff_eq_names:
            self.state_updater = StateUpdater(
                self, method, clock=self.clock, order=conv.order, method_options=method_options
            )
            compile_directly(self.state_updater)
            self.contained_objects.append(self.state_updater)
        #: What spikes changed in a step, and the statements on each element
        self.update: SampleUpdate | None = None
        #: Sums over the samples into kernel variables
        self.sums: dict[str, SampleSum] = {}
        self._enable_group_attributes()

    def before_run(self, run_namespace: dict[str, Any]) -> None:
        """Check units."""
        self.equations.check_units(self, run_namespace=run_namespace)
        super().before_run(run_namespace)

    def __len__(self) -> int:
        return self.variables["N"].get_value()

    @property
    def learners(self) -> list[LoopNest]:
        """What has to rest while a kernel is frozen."""
        return [*self.sums.values(), *([] if self.update is None else [self.update])]

    def change_variable(self, name: str) -> ArrayVariable:
        """Return the array that collects a step's changes of a variable by spikes."""
        change = f"_change_{name}"
        if change not in self.variables:
            variable = self.variables[name]
            self.variables.add_array(
                change, size=len(self), dimensions=variable.dim, dtype=variable.dtype
            )
        return self.variables[change]

    @property
    def changed_by_spikes(self) -> list[str]:
        """Names of the variables that pathways change."""
        start = "_change_"
        return [n.removeprefix(start) for n in self.variables if n.startswith(start)]

    def add_update(self, statements: list[Statement], order: int) -> None:
        """Apply what spikes changed, then run `statements`, at the end of a step."""
        changed = self.changed_by_spikes
        lines = [f"{n} += _change_{n}\n_change_{n} = 0" for n in changed]
        lines += [str(s) for s in statements]
        if lines:
            targets = [s.target for s in statements if s.target in self.names]
            self.update = SampleUpdate(self, lines, [*targets, *changed], order)
            self.contained_objects.append(self.update)

    def add_sum(self, equation: SingleEquation, order: int) -> None:
        """Sum an expression over the samples into a kernel variable."""
        self.sums[equation.varname] = SampleSum(self, equation, order)
        self.contained_objects.append(self.sums[equation.varname])


_ELEMENT_INDICES = (
    *("0", "_kernel_idx", "_sample_kernel_idx"),
    *("_pre_sample_idx", "_post_sample_idx"),
)


def element_variables(group: SampleKernels) -> Variables:
    """Return what a statement on an element of a sample may refer to.

    Kernel variables, what belongs to a sample of either map, and this group's own.
    """
    found = connection_variables(group.conv)

    def of_an_element(name: str) -> bool:
        if isinstance(found[name], Subexpression):
            return all(of_an_element(n) for n in found[name].identifiers if n in found)
        return name.startswith("_") or found.indices[name] in _ELEMENT_INDICES

    found["_sample_kernel_idx"].unique = True  # each element of each sample once
    for name in [n for n in found if not of_an_element(n)]:
        del found._variables[name]
    for name in group.changed_by_spikes:
        change = f"_change_{name}"
        found.add_reference(change, group, change, index="_sample_kernel_idx")
    return found


class _SampleNest(LoopNest):
    """Run statements on each kernel element of each sample."""

    def __init__(self, group: SampleKernels, template: str, code: str, **kwds: Any) -> None:
        conv = group.conv
        super().__init__(
            group,
            template,
            code,
            when="end",
            template_kwds={
                "n_elements": conv.geometry.kernel_elements,
                "batch_size": conv.batch_size,
                **kwds.pop("template_kwds", {}),
            },
            **kwds,
        )


class SampleUpdate(_SampleNest):
    """Apply a step's changes to the ``(per sample)`` variables."""

    def __init__(
        self, group: SampleKernels, lines: list[str], targets: list[str], order: int
    ) -> None:
        self.variables = element_variables(group)
        super().__init__(
            group,
            "sample_update",
            "\n".join(lines),
            order=order,
            name=f"{group.name}_update",
            needed_variables=targets,
        )


class SampleSum(_SampleNest):
    """Sum an expression over the samples, for each kernel element."""

    def __init__(self, group: SampleKernels, equation: SingleEquation, order: int) -> None:
        self.equation = equation
        self.variables = element_variables(group)
        self.target_variable = group.conv.variables[equation.varname]
        self.variables.add_auxiliary_variable(
            "_synaptic_var",
            dimensions=self.target_variable.dim,
            dtype=self.target_variable.dtype,
        )
        unknown = [
            n
            for n in sorted(equation.identifiers - set(self.variables))
            if n.endswith(("_pre", "_post"))
        ]
        if unknown:
            raise ValueError(
                f"ConvSynapses '{group.conv.name}': '{equation.varname} = {equation.expr.code}' "
                f"sums over samples and can't use '{unknown[0]}', which isn't one value a sample"
                + (
                    what_to_add(group.conv, *reversed(unknown[0].rsplit("_", 1)))
                    or "; a PerSample group of the map lends such values"
                )
            )
        super().__init__(
            group,
            "sample_sum",
            f"_synaptic_var = {equation.expr.code}",
            order=order,
            name=f"{group.conv.name}_sum_{equation.varname}",
            template_kwds={"_target_var": self.target_variable},
            needed_variables=[equation.varname],
        )

    def before_run(self, run_namespace: dict[str, Any]) -> None:
        """Check the units of the equation before its code object is made."""
        check_units(self, self.equation, self.target_variable, run_namespace)
        super().before_run(run_namespace)
