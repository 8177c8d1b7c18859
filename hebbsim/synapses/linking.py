"""Linking a shared variable of a convolution to a variable of another group."""

from brian2.core.variables import ArrayVariable, LinkedVariable
from brian2.units.fundamentalunits import fail_for_dimension_mismatch

from hebbsim.brian2_private import replace_variable
from hebbsim.synapses.kernel import KernelGroup

__all__ = ["link_shared"]


def link_shared(kernel: KernelGroup, name: str, link: LinkedVariable) -> None:
    """Let the shared parameter `name` be another group's variable from now on.

    Raises
    ------
    ValueError
        If there is no such parameter, or the other variable has more than one value.
    DimensionMismatchError
        If the units don't match.
    """
    own = kernel.variables.get(name)
    shared = [e.varname for e in kernel.equations.values() if "shared" in e.flags]
    if not (name in shared and isinstance(own, ArrayVariable)):
        raise ValueError(
            f"{kernel.connections.label}: only a shared parameter can be linked, not '{name}'; it "
            f"has {', '.join(shared) or 'none'}"
        )
    if link.index is not None or link.variable.size != 1:
        raise ValueError(
            f"{kernel.connections.label}: '{name}' has one value, and can't be linked to the "
            f"{link.variable.size} of '{link.name}' in '{link.group.name}'"
        )
    fail_for_dimension_mismatch(
        own, link.variable, f"'{name}' and '{link.name}' have different units"
    )
    kernel.add_dependency(link.group)
    of_samples = [] if kernel.samples is None else kernel.samples.contained_objects
    for owner in (kernel, *kernel.contained_objects, *of_samples):
        known = getattr(owner, "variables", None)
        if known is not None and known.get(name) is own:
            replace_variable(known, name, link.variable, "0")
