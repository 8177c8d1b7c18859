"""The end of a learning step: change, mask, bounds, normalisation, applied once."""

from typing import TYPE_CHECKING

import numpy as np
from brian2.devices.device import RuntimeDevice, get_device

from hebbsim.loopnest import LoopNest

if TYPE_CHECKING:
    from hebbsim.convsynapses import ConvSynapses

__all__ = ["KernelUpdate", "NonFiniteWeightsError"]

NORMS = {"L1": 1, "L2": 2}


class NonFiniteWeightsError(ArithmeticError):
    """A weight became NaN or infinite while it was learned."""


class KernelUpdate(LoopNest):
    """Run the update statements of a rule on each kernel element, then normalise its filters.

    Parameters
    ----------
    conv : ConvSynapses
        The convolution.
    code : str
        Statements such as ``w += eta*dw``, run once a step for each kernel element.
    weight : str
        The kernel variable that is masked, normalised and checked for finite values.
    normalize : {None, 'L1', 'L2'}
        Norm that each filter is brought to: all weights onto one output channel.
    norm : float
        Its value.
    """

    def __init__(
        self,
        conv: "ConvSynapses",
        code: str,
        *,
        weight: str,
        normalize: str | None,
        norm: float,
        when: str,
        order: int,
    ) -> None:
        if normalize is not None and normalize not in NORMS:
            raise ValueError(f"normalize: expected None, 'L1' or 'L2', got {normalize!r}")
        if not (np.isfinite(norm) and norm > 0):
            raise ValueError(f"norm: expected a positive number, got {norm!r}")
        self.weight = weight
        super().__init__(
            conv,
            "kernel_update",
            code,
            when=when,
            order=order,
            name=f"{conv.name}_update",
            template_kwds={
                "geometry": conv.geometry,
                "norm": NORMS.get(normalize or ""),
                "norm_value": float(norm),
                "standalone": not isinstance(get_device(), RuntimeDevice),
                "_weight_var": conv.variables[weight],
            },
            needed_variables=[weight, "_nonfinite"],
        )

    def run(self) -> None:
        """Run the step, and stop if a weight is no longer finite."""
        super().run()
        place = int(self.group.variables["_nonfinite"].get_value()[0])
        if place >= 0:
            conv = self.group
            value = conv.variables[self.weight].get_value()[place]
            rule = f" under the rule {conv.rule.name}" if conv.rule is not None else ""
            raise NonFiniteWeightsError(
                f"'{self.weight}' of '{conv.name}' became {value} at kernel element {place}"
                f"{rule}, step {int(conv.clock.timestep[:])}, t = {conv.clock.t[:]}. Lower the "
                "learning rate, or bound or normalise the weights"
            )
