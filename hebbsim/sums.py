"""Sums over a convolution's connections, into postsynaptic, presynaptic or kernel variables."""

from typing import TYPE_CHECKING, Any

import numpy as np
from brian2.core.variables import AuxiliaryVariable, Subexpression, Variable, Variables
from brian2.equations.equations import SingleEquation

from hebbsim.loopnest import LoopNest, add_suffixed, check_units

if TYPE_CHECKING:
    from hebbsim.convsynapses import ConvSynapses

__all__ = ["ConnectionSum", "connection_variables"]

# Register tiles: contiguous channels, and how many positions (or input channels) share them.
# Powers of two keep every remainder a tile of known size.
_CHANNELS = (32, 16, 8, 4, 2, 1)
_POSITIONS = (8, 4, 2, 1)
_VECTOR_BYTES = 128


def connection_variables(conv: "ConvSynapses") -> Variables:
    """Return what an expression over connections may refer to, each with the loop's own index."""
    variables = Variables(conv)
    for index in ("_pre_idx", "_post_idx", "_kernel_idx", "_sample_kernel_idx"):
        variables.add_auxiliary_variable(index, dtype=int)
        variables[index].unique = False  # shared kernels: many connections, one element
    add_suffixed(variables, conv.source, "_pre", "_pre")
    add_suffixed(variables, conv.target, "_post", "_post")
    for name in conv.variables:
        index = conv.variables.indices[name]
        if name.startswith("_") or isinstance(conv.variables[name], AuxiliaryVariable):
            continue
        variable = conv.variables[name]
        index = "0" if index == "0" else "_kernel_idx"
        if isinstance(variable, Subexpression):
            variables.add_subexpression(
                name,
                expr=variable.expr,
                dimensions=variable.dim,
                dtype=variable.dtype,
                scalar=variable.scalar,
                index=index,
            )
        else:
            variables.add_reference(name, conv, name, index=index)
    if conv.samples is not None:
        for name in conv.samples.names:
            variables.add_reference(name, conv.samples, name, index="_sample_kernel_idx")
    return variables


class ConnectionSum(LoopNest):
    """Sum an expression over all connections that reach each element of a variable.

    Parameters
    ----------
    conv : ConvSynapses
        The convolution.
    equation : SingleEquation
        The summed equation; its name ends in ``_post``, ``_pre`` or names a kernel variable.
    cumulative : list of SingleEquation
        Subexpressions that run over the output channels, for sums to the kernel.
    """

    def __init__(
        self,
        conv: "ConvSynapses",
        equation: SingleEquation,
        side: str,
        cumulative: list[SingleEquation],
        *,
        when: str,
        order: int,
    ) -> None:
        self.side = side
        self.equation = equation
        self.variables = connection_variables(conv)
        self.target_variable: Variable = self.variables[equation.varname]
        self.variables.add_auxiliary_variable(
            "_synaptic_var",
            dimensions=self.target_variable.dim,
            dtype=self.target_variable.dtype,
        )
        lines = []
        for running in cumulative:
            name = running.varname
            del self.variables._variables[name]  # no longer the text, but a running sum
            for auxiliary in (name, f"_before_{name}"):
                self.variables.add_auxiliary_variable(
                    auxiliary, dimensions=running.dim, dtype=self.target_variable.dtype
                )
            lines.append(f"{name} = _before_{name} + ({running.expr.code})")
        lines.append(f"_synaptic_var = {equation.expr.code}")
        # a tile of drive fills the vector registers, one of changes is bound by its loads
        itemsize = np.dtype(self.target_variable.dtype).itemsize
        widest = _CHANNELS[0] if side == "kernel" else _VECTOR_BYTES // itemsize
        super().__init__(
            conv,
            f"conv_sum_{side}",
            "\n".join(lines),
            when=when,
            order=order,
            name=f"{conv.name}_sum_{equation.varname}",
            template_kwds={
                "geometry": conv.geometry,
                "batch_size": conv.batch_size,
                "pre_start": conv.source_map.start,
                "cumulative": [running.varname for running in cumulative],
                "vector_sizes": [n for n in _CHANNELS if n <= widest],
                "position_sizes": _POSITIONS,
                "_target_var": self.target_variable,
                "_sum_index": self.variables.indices[equation.varname],
                "per_sample": "per sample" in equation.flags,
            },
            needed_variables=[equation.varname],
        )

    def before_run(self, run_namespace: dict[str, Any]) -> None:
        """Check the units of the equation before its code object is made."""
        check_units(self, self.equation, self.target_variable, run_namespace)
        if self.side != "kernel":
            self._claim()
        super().before_run(run_namespace)

    def _claim(self) -> None:
        """Refuse a second sum into one variable: it would overwrite the first."""
        group = getattr(self.group, "source" if self.side == "pre" else "target")
        base = self.equation.varname.rpartition("_")[0]
        other = group.summed_by.get(base)
        if other not in (None, self) and other.active and other._network == self._network:
            raise ValueError(
                f"ConvSynapses '{self.group.name}': '{base}' of '{group.name}' is summed by "
                f"'{other.group.name}' already; give each its own variable and add them up in "
                "the model"
            )
        group.summed_by[base] = self
