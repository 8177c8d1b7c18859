"""Filters that are normalised now and then: when a stimulus starts, in every hundredth step."""

import re
from typing import Any

import numpy as np
from brian2 import Quantity
from brian2.core.variables import Subexpression, Variables
from brian2.parsing.expressions import is_boolean_expression
from brian2.utils.stringtools import get_identifiers

from hebbsim.codegen.cuda.refusal import refuse_cuda
from hebbsim.codegen.expressions import drawn_function
from hebbsim.codegen.loop_nest import LoopNest
from hebbsim.synapses.kernel import KernelGroup
from hebbsim.synapses.update import NORMS, check_norm

__all__ = ["Normalization"]


class Normalization(LoopNest):
    """Bring each filter to a norm at the start of the steps in which a condition holds.

    Parameters
    ----------
    kernel : KernelGroup
        The kernel.
    condition : str
        Over what a step has once: shared variables of the kernel, those of the neurons with a
        suffix, the time, constants.
    weight : str
        The kernel variable.
    normalize : {'L1', 'L2'}
        Norm that each filter is brought to: all weights onto one output channel.
    norm : float or Quantity
        Its value, in the units of the weight.
    order : int
        Place in slot ``start``.

    Raises
    ------
    ValueError
        If no norm is named, or no filter can have it; in a run, if the condition is neither true
        nor false, or has more than one value.
    DimensionMismatchError
        If the norm has other units than the weight.
    """

    def __init__(
        self,
        kernel: KernelGroup,
        condition: str,
        *,
        weight: str,
        normalize: str | None,
        norm: float | Quantity,
        order: int,
    ) -> None:
        label = kernel.connections.label
        if not isinstance(condition, str) or not condition.strip():
            raise TypeError(
                f"{label}: normalize_when must be a condition such as 't_in_timesteps % 100 == 0', "
                f"got {condition!r}"
            )
        if normalize is None:
            raise ValueError(
                f"{label}: normalize_when={condition!r} needs normalize='L1' or 'L2' beside it"
            )
        check_norm(kernel, weight, normalize, norm)
        self.weight = weight
        self.condition = re.sub(r"\s*\n\s*", " ", condition.strip())
        self._label = f"{label}, normalize_when={self.condition!r}"
        super().__init__(
            kernel,
            "kernel_normalization",
            f"_now = {self.condition}",
            when="start",
            order=order,
            name=f"{kernel.name}_normalization",
            template_kwds={
                "geometry": kernel.geometry,
                "norm": NORMS[normalize],
                "norm_value": float(np.asarray(norm)),
                "_weight_var": kernel.variables[weight],
            },
            needed_variables=[weight],
        )

    def before_run(self, run_namespace: dict[str, Any]) -> None:
        """Look up what the condition names, before the code object is made."""
        refuse_cuda(self._label)
        self.variables = Variables(self.group)
        self._refer(get_identifiers(self.condition))
        resolved = self.group.resolve_all(
            get_identifiers(self.condition),
            run_namespace,
            user_identifiers=set(),
            additional_variables=self.variables,
        )
        drawn = drawn_function(self.group, self.condition, run_namespace, self.variables)
        if drawn or not is_boolean_expression(self.condition, resolved):
            what = f"calls {drawn}()" if drawn else "is neither true nor false"
            raise ValueError(f"{self._label} {what}")
        super().before_run(run_namespace)

    def _refer(self, names: set[str]) -> None:
        """Refer to what has one value."""
        known, pending, seen = self.group.connection_variables(), sorted(names), set[str]()
        while pending:
            name = pending.pop()
            seen.add(name)
            variable: Any = known.get(name)
            if variable is None:
                continue  # of the namespace
            if isinstance(variable, Subexpression):
                self.variables.add_subexpression(
                    name,
                    expr=variable.expr,
                    dimensions=variable.dim,
                    dtype=variable.dtype,
                    scalar=variable.scalar,
                    index="0",
                )
                pending += sorted(variable.identifiers - seen)
            elif known.indices[name] == "0" or getattr(variable, "size", 0) == 1:
                self.variables.add_reference(name, variable.owner, variable.name, index="0")
            else:
                raise ValueError(
                    f"{self._label}: what it names has {getattr(variable, 'size', 'many')} values "
                    f"({name.lstrip('_')}), and all filters are normalised at once; name shared "
                    "variables"
                )
