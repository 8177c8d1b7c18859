"""The kernel of a convolution: a Brian2 group with one element for each kernel element."""

from typing import Any

import numpy as np
from brian2 import Clock, Quantity, Subgroup
from brian2.core.variables import ArrayVariable, AuxiliaryVariable, Subexpression, Variables
from brian2.equations import Equations
from brian2.equations.equations import SingleEquation
from brian2.units import second

from hebbsim.codegen.expressions import add_equation_variable, add_renamed, add_suffixed
from hebbsim.codegen.group import CompiledGroup
from hebbsim.geometry import ConvGeometry
from hebbsim.synapses.connections import Connections
from hebbsim.synapses.model import ConvModel
from hebbsim.synapses.per_sample import SampleKernels
from hebbsim.synapses.traces import SpikeTraces
from hebbsim.units import dimensions_of

__all__ = ["KernelGroup"]


class KernelGroup(CompiledGroup):
    """Hold the variables of a kernel, each with one value for each element.

    What runs along the connections of a convolution takes from here what it may name
    (`connection_variables`), where it adds up (`change_variable`), and which connections there are
    (`connections`). Of what runs, this group knows nothing.
    """

    #: The neurons that are joined, and how
    connections: Connections
    #: What a rule needs of the neurons of a side and is kept for them
    traces: dict[str, SpikeTraces]
    #: What is integrated or read on each element
    equations: Equations
    #: The equations, sorted by what they mean
    model: ConvModel
    #: Names of variables of the neurons that elements refer to
    neuron_names: set[str]
    #: Variables of which each sample has its own values, flagged ``(per sample)``
    samples: SampleKernels | None
    #: Kernel variables whose changes by spikes add up, and the clocks of the pathways
    changed_by_spikes: dict[str, list[Clock]]
    #: Kernel variables that spikes change at once
    changed_at_once: set[str]
    #: What Brian2's standalone devices have to read back although nobody can assign it
    written_readonly_vars: set[ArrayVariable]

    @property
    def geometry(self) -> ConvGeometry:
        """Which neurons meet, and through which element."""
        return self.connections.geometry

    @property
    def batch_size(self) -> int:
        """Number of samples."""
        return self.connections.batch_size

    def __len__(self) -> int:
        return self.geometry.kernel_elements

    # --- variables --------------------------------------------------------------------------

    def create_variables(
        self, stored: list[SingleEquation], stochastic: set[str], dtype: Any
    ) -> None:
        """Create the variables of each element, and the places that number it."""
        variables = self.start_variables(len(self))
        variables.add_constant("n_shared", self.connections.per_element)
        variables.add_array(
            "_nonfinite",
            size=1,
            dtype=np.int32,
            scalar=True,
            read_only=True,
            values=-1,
            index="0",
        )
        step = 1
        for coordinate, size in zip(
            ("out_channel", "in_channel", "kcol", "krow", "out_col", "out_row"),
            reversed(self.geometry.memory_shape),
            strict=False,
        ):
            expression = f"(i // {step}) % {size}"
            variables.add_subexpression(coordinate, expr=expression, dtype=np.int32)
            step *= size
        for noise in stochastic:
            variables.add_auxiliary_variable(noise, dimensions=(second**-0.5).dim)
        for equation in stored:
            add_equation_variable(variables, equation, len(self), dtype)
        if self.connections.are_elements:
            self._refer_to_neurons()

    def _refer_to_neurons(self) -> None:
        """Let a kernel element that is one connection name its neurons, as a synapse does."""
        own = set(self.variables)
        joined = self.geometry.neurons_of_elements()
        start = {"pre": self.connections.source_map.start, "post": 0}
        for (side, group), neurons in zip(self.connections.sides, joined, strict=True):
            index = f"_synaptic_{side}"
            self.variables.add_array(
                index,
                size=len(self),
                dtype=np.int32,
                constant=True,
                read_only=True,
                values=neurons + start[side],
            )
            names = [
                n for n in group.variables if not n.startswith("_") and f"{n}_{side}" not in own
            ]
            for name in names:
                if group.variables.indices[name] in ("_idx", "_sub_idx"):
                    owner = group.source if isinstance(group, Subgroup) else group
                    self.variables.add_reference(f"{name}_{side}", owner, name, index=index)
            self.neuron_names.update(f"{name}_{side}" for name in names)

    def connection_variables(self) -> Variables:
        """Return what an expression over connections may name, each with the loop's own index."""
        variables = Variables(self)
        for index in ("_pre_idx", "_post_idx", "_kernel_idx", "_sample_kernel_idx"):
            variables.add_auxiliary_variable(index, dtype=int)
            variables[index].unique = False  # shared kernels: many connections, one element
        for side, group in self.connections.sides:
            add_suffixed(variables, group, f"_{side}", f"_{side}")
            if side in self.traces:
                index = f"_{side}{'_sub' if isinstance(group, Subgroup) else ''}_idx"
                for name in self.traces[side].equations.names:
                    variables.add_reference(f"{name}_{side}", self.traces[side], name, index=index)
        for name, variable in self.variables.items():
            is_own = not name.startswith("_") and name not in self.neuron_names
            if isinstance(variable, AuxiliaryVariable) or not is_own:
                continue
            index = "0" if self.variables.indices[name] == "0" else "_kernel_idx"
            if name == "i":
                variables.add_reference("_element", self, name, index=index)
            elif isinstance(variable, Subexpression):
                add_renamed(variables, name, variable, {"i": "_element"}, index)
            else:
                variables.add_reference(name, self, name, index=index)
        if self.samples is not None:
            for name in self.samples.names:
                variables.add_reference(name, self.samples, name, index="_sample_kernel_idx")
        for name, expression in self.model.of_connections.items():
            if name not in variables:
                dimensions = self.model.equations[name].dim
                variables.add_subexpression(
                    name, expr=expression, dimensions=dimensions, index="_kernel_idx"
                )
        for name, side in (("i", "pre"), ("j", "post")):  # as in `Synapses`
            if name not in variables:
                index = f"_{side}_idx"
                variables.add_subexpression(name, expr=index, dtype=np.int32, index=index)
        return variables

    @property
    def plastic_names(self) -> set[str]:
        """Names of the variables of elements, shared by the samples or of each."""
        own = set() if self.samples is None else self.samples.names
        return {*self.variables, *own} - self.neuron_names

    def is_stored(self, variable: str) -> bool:
        """Whether a variable has a value for each element that is stored."""
        found = self.variables.get(variable)
        return isinstance(found, ArrayVariable) and not found.scalar

    def changes_at_once(self, name: str) -> bool:
        """Whether spikes change an element at once, as in `Synapses`: where nothing shares it.

        Otherwise the changes of a step add up, and are applied together at its end.
        """
        own = self.samples is None or name not in self.samples.names
        return own and self.connections.share_nothing

    def change_variable(self, name: str, clock: Clock) -> ArrayVariable:
        """Return the array that collects a step's changes of a variable by spikes.

        Parameters
        ----------
        name : str
            A variable of each kernel element, or of each sample's.
        clock : Clock
            That of the pathway, with whose steps they are applied.
        """
        if self.samples is not None and name in self.samples.names:
            return self.samples.collect_changes(name)
        self._check_changeable(name)
        clocks = self.changed_by_spikes.setdefault(name, [])
        clocks += [] if clock in clocks else [clock]
        return self.collect_changes(name)

    def change_at_once(self, name: str) -> None:
        """Note that a pathway changes a variable at once."""
        self._check_changeable(name)
        self.changed_at_once.add(name)

    def _check_changeable(self, name: str) -> None:
        if self.variables[name].read_only or not self.is_stored(name):
            raise ValueError(
                f"{self.connections.label}: '{name}' is no variable of each kernel element, "
                "and a pathway can't change it"
            )

    def add_mask(self, weight: str) -> None:
        """Create the variable that says which weights there are."""
        if self.is_stored(weight):
            dtype = self.variables[weight].dtype
            self.variables.add_array("mask", size=len(self), dtype=dtype)

    @property
    def is_masked(self) -> bool:
        """Whether a mask says which weights there are."""
        return "mask" in self.variables

    # --- arrays in torch's order --------------------------------------------------------------

    def get_kernel(self, variable: str) -> Quantity | np.ndarray:
        """Return a copy of a kernel variable in torch's order.

        Parameters
        ----------
        variable : str
            A variable of each kernel element, such as ``'w'``.

        Returns
        -------
        Quantity or ndarray
            ``(out_channels, in_channels/groups, krows, kcols)``; without weight sharing
            ``(rows, cols, out_channels, in_channels/groups, krows, kcols)``. A variable of which
            each sample has its own values has the axis ``batch`` before these.

        Raises
        ------
        KeyError
            If there is no such variable.
        """
        if self.samples is not None and variable in self.samples.names:
            values = self.samples.state(variable)[:]
            kernels = np.asarray(values).reshape(self.batch_size, -1)
            arranged = np.stack([self.geometry.from_memory(kernel) for kernel in kernels])
        else:
            if not isinstance(self.variables.get(variable), Subexpression):
                self._check_stored(variable)
            values = self.state(variable)[:]
            arranged = self.geometry.from_memory(np.asarray(values))
        return Quantity(arranged, dim=values.dim) if isinstance(values, Quantity) else arranged

    def set_kernel(self, variable: str, kernel: Quantity | np.ndarray) -> None:
        """Set a kernel variable from an array in torch's order (see `get_kernel`).

        Raises
        ------
        ValueError
            If the shape doesn't fit, or a value is NaN or infinite; nothing is changed then.
        DimensionMismatchError
            If the units don't match.
        """
        values = np.asarray(kernel)
        self._check_stored(variable)
        if values.shape != self.geometry.kernel_shape:
            axes = "(out_channels, in_channels/groups, krows, kcols)"
            if not self.geometry.weight_sharing:
                axes = axes.replace("(", "(rows, cols, ", 1)
            raise ValueError(
                f"'{self.name}', kernel variable '{variable}': expected an array of shape {axes} "
                f"= {self.geometry.kernel_shape}, got {values.shape}"
            )
        if not np.isfinite(values).all():
            raise ValueError(
                f"'{self.name}', kernel variable '{variable}': every value must be finite, "
                f"{np.count_nonzero(~np.isfinite(values))} of {values.size} are not"
            )
        flat = self.geometry.to_memory(values)
        self.state(variable)[:] = Quantity(flat, dim=dimensions_of(kernel))

    def set_delay(
        self, variable: str, delay: Quantity | str, namespace: dict[str, Any] | None = None
    ) -> None:
        """Set a pathway's delays: a time, an expression, or an array as `set_kernel` takes it."""
        if isinstance(delay, str) or np.ndim(delay) == 0:
            self.state(variable).set_item(slice(None), delay, level=1, namespace=namespace)
        else:
            self.set_kernel(variable, delay)

    def _check_stored(self, variable: str) -> None:
        if not self.is_stored(variable):
            known = [n for n in self.variables if self.is_stored(n) and not n.startswith("_")]
            raise KeyError(
                f"'{self.name}' has no kernel variable '{variable}' of each element, only "
                f"{', '.join(n for n in known if n != 'i') or 'none'}"
            )
