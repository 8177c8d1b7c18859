"""What starts anew with each stimulus, in simulations that hold their stimuli themselves."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from brian2.core.variables import ArrayVariable
from brian2.groups.group import Group

from hebbsim.codegen.loop_nest import LoopNest
from hebbsim.maps.durations import check_same_step

__all__ = ["FIRST", "Restart", "known_values"]

#: How the names of the variables begin that keep first values
FIRST = "_first_"


class Restart(LoopNest):
    """Bring variables of a group back to their first values at the onset of each stimulus.

    The values are those that they have now; where the device is to compute these (``'rand()'``),
    those at the start of the simulation's first time step.

    Parameters
    ----------
    group : Group
        The group.
    names : sequence of str
        Its variables.
    steps : int
        Time steps of a stimulus.
    zero : sequence of str
        Variables that become 0.
    """

    def __init__(
        self, group: Group, names: Sequence[str], steps: int, *, zero: Sequence[str] = ()
    ) -> None:
        self._dt, pairs = group.clock.dt, []
        for name in names:
            variable, first = group.variables[name], f"{FIRST}{name}"
            values = known_values(variable)
            group.variables.add_array(
                first,
                size=variable.size,
                dtype=variable.dtype,
                dimensions=variable.dim,
                values=values,
            )
            pairs.append((variable, group.variables[first], values is not None))
        super().__init__(
            group,
            "group_restart",
            "",
            when="before_start",
            order=group.order - 2,  # before anything is computed from what the last stimulus left
            name=f"{group.name}_restart",
            template_kwds={
                "kept_variables": pairs,
                "zeroed_variables": [group.variables[name] for name in zero],
                "steps": steps,
                "_timestep_var": group.variables["t_in_timesteps"],
            },
            needed_variables=[
                "t_in_timesteps",
                *names,
                *zero,
                *(first.name for _, first, _ in pairs),
            ],
        )
        group.contained_objects.append(self)

    def before_run(self, run_namespace: dict[str, Any]) -> None:
        """Check the time step before the code object is made."""
        check_same_step(self.label, "duration", self._dt, self.group.clock.dt)
        super().before_run(run_namespace)


def known_values(variable: ArrayVariable) -> np.ndarray | None:
    """Return the values of a variable, if they are known without a run."""
    try:
        return np.array(variable.get_value())
    except NotImplementedError:  # a standalone device computes them
        return None
