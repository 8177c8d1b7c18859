"""What each sample of a batch keeps for each kernel element, such as its own eligibility trace."""

from typing import Any

from brian2.core.variables import ArrayVariable
from brian2.equations import Equations
from brian2.groups.group import Group
from brian2.synapses.synapses import StateUpdater

from hebbsim.brian2_private import enable_attributes
from hebbsim.codegen.expressions import add_equation_variable
from hebbsim.codegen.group import CompiledGroup
from hebbsim.codegen.loop_nest import LoopNest, compile_directly

__all__ = ["SampleKernels"]


class SampleKernels(CompiledGroup):
    """Hold the ``(per sample)`` variables of a convolution: one value per sample and element.

    They cost ``batch_size`` times the memory of a kernel variable, and their equations as many
    times the work in every step; nothing else of a convolution grows so.

    Parameters
    ----------
    kernel : Group
        The kernel's elements, whose clock, namespace and shared variables these use too.
    equations : Equations
        The equations flagged ``(per sample)``.
    batch_size : int
        Number of samples.
    method, method_options, dtype
        As in `Synapses`.

    Raises
    ------
    ValueError
        If there are too many values to be numbered.
    """

    def __init__(
        self,
        kernel: Group,
        equations: Equations,
        batch_size: int,
        *,
        method: str | tuple[str, ...],
        method_options: dict[str, Any] | None,
        dtype: Any,
    ) -> None:
        super().__init__(
            clock=kernel.clock,
            when="start",
            order=kernel.order,
            namespace=kernel.namespace,
            name=f"{kernel.name}_samples",
        )
        self.codeobj_class = None
        summed = [e for e in equations.values() if "summed" in e.flags]
        #: What is integrated or read of each element
        self.equations = Equations([e for e in equations.values() if e not in summed])
        #: Variables that sums over each sample's connections write
        self.sums_to = {e.varname for e in summed}
        #: All of them
        self.names = {e.varname for e in equations.values()}
        size = batch_size * len(kernel)
        if size >= 2**31:
            raise ValueError(
                f"ConvSynapses '{kernel.name}': {batch_size} samples of {len(kernel)} kernel "
                "elements are more than 2**31 values; use a smaller batch"
            )
        self.start_variables(size)
        for equation in equations.values():
            add_equation_variable(self.variables, equation, size, dtype)
        for name, variable in kernel.variables.items():
            is_shared = variable.scalar and isinstance(variable, ArrayVariable)
            if is_shared and name not in self.variables:
                self.variables.add_reference(name, kernel, name, index="0")
        self.state_updater: StateUpdater | None = None
        if self.equations.diff_eq_names:
            self.state_updater = StateUpdater(
                self, method, clock=self.clock, order=kernel.order, method_options=method_options
            )
            compile_directly(self.state_updater)
            self.contained_objects.append(self.state_updater)
        #: What spikes changed in a step, and the statements on each element
        self.update: LoopNest | None = None
        #: Sums over the samples into kernel variables
        self.sums: dict[str, LoopNest] = {}
        enable_attributes(self)

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

    @property
    def changed_by_spikes(self) -> list[str]:
        """Names of the variables that pathways change."""
        start = "_change_"
        return [n.removeprefix(start) for n in self.variables if n.startswith(start)]
