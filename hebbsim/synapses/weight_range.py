"""Weights at the start of a run that the rule would move into its bounds at once."""

import numpy as np
from brian2 import Quantity

from hebbsim.rules.rule import Rule
from hebbsim.synapses.kernel import KernelGroup

__all__ = ["check_weight_range"]


def check_weight_range(kernel: KernelGroup, rule: Rule, normalized: bool) -> None:
    """Refuse weights beyond the bounds that a rule's update clips them to.

    Where filters are `normalized` after that, a weight may be beyond, but not of another sign. On
    a standalone device only values that are known before it runs are looked at.

    Raises
    ------
    ValueError
        If one is beyond, or no number.
    """
    variable = kernel.variables.get("w")
    if rule.kept_range is None or variable is None or not kernel.is_stored("w"):
        return
    try:
        values = variable.get_value()
        there = kernel.variables["mask"].get_value() > 0 if "mask" in kernel.variables else True
    except NotImplementedError:
        return
    # a bound that the weight reached is rounded as the weight is
    low, high = (np.asarray(bound).astype(variable.dtype) for bound in rule.kept_range)
    if normalized:
        low, high = np.where(low < 0, -np.inf, 0), np.where(high > 0, np.inf, 0)
    beyond = np.flatnonzero(~((values >= low) & (values <= high)) & there)
    if len(beyond):
        first = Quantity(float(values[beyond[0]]), dim=variable.dim)
        more = f" and {len(beyond) - 1} others" if len(beyond) > 1 else ""
        raise ValueError(
            f"{kernel.connections.label}: 'w' is {first} at kernel element {beyond[0]}{more}, and "
            f"the rule {rule.name} clips weights to the range from {rule.kept_range[0]} to "
            f"{rule.kept_range[1]}; set weights within it before the run, or give the rule other "
            "bounds"
        )
