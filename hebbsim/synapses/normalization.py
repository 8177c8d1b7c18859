"""Filters that are normalised now and then: when a stimulus starts, in every hundredth step."""

from typing import Any

import numpy as np
from brian2 import Quantity
from brian2.core.variables import Subexpression, Variable, Variables

from hebbsim.codegen.conditions import check_condition, one_line, refer_to
from hebbsim.codegen.loop_nest import LoopNest
from hebbsim.synapses.kernel import KernelGroup
from hebbsim.synapses.update import NORMS, check_norm

__all__ = ["Normalization"]

_EXAMPLE = "t_in_timesteps % 100 == 0"


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
        self._label = f"{kernel.connections.label}, normalize_when"
        self.condition = one_line(condition, self._label, _EXAMPLE)
        if normalize is None:
            raise ValueError(f"{self._label}={condition!r} needs normalize='L1' or 'L2' beside it")
        check_norm(kernel, weight, normalize, norm)
        self.weight = weight
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
        self.variables, self._known = Variables(self.group), self.group.connection_variables()
        refer_to(self.variables, self.condition, self._known, self._index_of)
        check_condition(self, self.condition, self._label, _EXAMPLE, run_namespace)
        super().before_run(run_namespace)

    def _index_of(self, name: str, variable: Variable, written: str) -> str:
        """Return the index of what has one value, or is found from such."""
        size = getattr(variable, "size", None)
        if isinstance(variable, Subexpression) or self._known.indices[name] == "0" or size == 1:
            return "0"
        raise ValueError(
            f"{self._label}={self.condition!r}: '{written}' has {size or 'many'} values, and all "
            "filters are normalised at once; name shared variables"
        )
