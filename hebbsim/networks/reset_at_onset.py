"""What starts anew with each stimulus, in simulations that hold their stimuli themselves."""

from collections.abc import Sequence

from brian2.groups.group import Group

from hebbsim.codegen.loop_nest import LoopNest

__all__ = ["Restart"]


class Restart(LoopNest):
    """Bring variables of a group back to their first values at the onset of each stimulus.

    The values are those at the start of the simulation's first time step.

    Parameters
    ----------
    group : Group
        The group.
    names : sequence of str
        Its variables.
    steps : int
        Time steps of a stimulus.
    """

    def __init__(self, group: Group, names: Sequence[str], steps: int) -> None:
        pairs = []
        for name in names:
            variable, kept = group.variables[name], f"_first_{name}"
            group.variables.add_array(
                kept, size=variable.size, dtype=variable.dtype, dimensions=variable.dim
            )
            pairs.append((variable, group.variables[kept]))
        super().__init__(
            group,
            "group_restart",
            "",
            when="before_start",
            order=group.order - 2,  # before anything is computed from what the last stimulus left
            name=f"{group.name}_restart",
            template_kwds={
                "kept_variables": pairs,
                "steps": steps,
                "_timestep_var": group.variables["t_in_timesteps"],
            },
            needed_variables=[
                "t_in_timesteps",
                *names,
                *(kept.name for _, kept in pairs),
            ],
        )
        group.contained_objects.append(self)
