"""Linking a shared variable of a convolution to a variable of another group."""

from typing import TYPE_CHECKING

from brian2.core.variables import ArrayVariable, LinkedVariable
from brian2.units.fundamentalunits import fail_for_dimension_mismatch

if TYPE_CHECKING:
    from hebbsim.convsynapses import ConvSynapses

__all__ = ["link_shared"]


def link_shared(conv: "ConvSynapses", name: str, link: LinkedVariable) -> None:
    """Let the shared parameter `name` be another group's variable from now on.

    Raises
    ------
    ValueError
        If there is no such parameter, or the other variable has more than one value.
    DimensionMismatchError
        If the units don't match.
    """
    own = conv.variables.get(name)
    shared = [e.varname for e in conv.equations.values() if "shared" in e.flags]
    if not (name in shared and isinstance(own, ArrayVariable)):
        raise ValueError(
            f"ConvSynapses '{conv.name}': only a shared parameter can be linked, not '{name}'; it "
            f"has {', '.join(shared) or 'none'}"
        )
    if link.index is not None or link.variable.size != 1:
        raise ValueError(
            f"ConvSynapses '{conv.name}': '{name}' has one value, and can't be linked to the "
            f"{link.variable.size} of '{link.name}' in '{link.group.name}'"
        )
    fail_for_dimension_mismatch(
        own, link.variable, f"'{name}' and '{link.name}' have different units"
    )
    conv.add_dependency(link.group)
    of_samples = [] if conv.samples is None else conv.samples.contained_objects
    for owner in (conv, *conv.contained_objects, *of_samples):
        known = getattr(owner, "variables", None)
        if known is not None and known.get(name) is own:
            known._variables[name] = link.variable
            known.indices[name] = "0"
