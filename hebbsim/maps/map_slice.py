"""Slices of a map, which refer to what its channels, samples and positions keep, too."""

from typing import Any

from brian2 import Subgroup
from brian2.core.functions import Function
from brian2.core.variables import Subexpression, Variables
from brian2.groups.group import Indexing
from brian2.groups.neurongroup import to_start_stop

from hebbsim.brian2_private import (
    MadeByUser,
    hidden_variables,
    replace_indexing,
    replace_variable,
)
from hebbsim.codegen.expressions import add_renamed

__all__ = ["MapSlice"]

#: Indices of the elements that a map's neurons share
ELEMENTS = ("_channel_idx", "_sample_idx", "_position_idx")
#: Indices that a slice can refer to; what is private and has others serves the map alone
_EVERYWHERE = ("0", "_idx")


class _SliceIndexing(Indexing):
    """The indices of a slice, and of the elements that its neurons share."""

    def __call__(self, item: Any = slice(None), index_var: Any = None) -> Any:
        """Return flat indices; of an element those of the chosen neurons."""
        neurons = super().__call__(item)
        if getattr(index_var, "name", None) not in ELEMENTS:
            return neurons if index_var is None else super().__call__(item, index_var)
        return index_var.get_value()[neurons]


class MapSlice(MadeByUser, Subgroup):
    """Take some neurons of a map, one after the other, as Brian2's `Subgroup`.

    Parameters
    ----------
    source : FeatureMap
        The map.
    start, stop : int
        The first neuron, and the one after the last.
    name : str, optional
        Name of this object.
    """

    def __init__(self, source: Any, start: int, stop: int, name: str | None = None) -> None:
        variables = source.variables
        lent = [name for name, index in variables.indices.items() if index in ELEMENTS]
        reading = _reading(variables, lent)
        functions = [name for name, value in variables.items() if isinstance(value, Function)]
        own = [n for n, i in variables.indices.items() if n[0] == "_" and i not in _EVERYWHERE]
        with hidden_variables(variables, {*lent, *reading, *functions, *own}):
            super().__init__(source, start, stop, name)
        replace_indexing(self, _SliceIndexing(self, self.variables["_sub_idx"]))
        for name in functions:
            replace_variable(self.variables, name, variables[name], "0")
        for name in lent:
            element = variables.indices[name]
            index = f"_the{element}"  # read after `_sub_idx`, as Brian2 sorts indices
            self.variables.add_reference(index, source, element)
            self.variables.add_reference(name, source, name, index=index)
        number = {"i": "_source_i"} if start else {}
        for name in reading:
            add_renamed(self.variables, name, variables[name], number)

    def __getitem__(self, item: Any) -> Subgroup:
        """Return some of the slice's neurons."""
        start, stop = to_start_stop(item, len(self))
        return MapSlice(self.source, self.start + start, self.start + stop)


def _reading(variables: Variables, lent: list[str]) -> list[str]:
    """Return the expressions that read some variables, themselves or through others."""
    expressions = {n: v.identifiers for n, v in variables.items() if isinstance(v, Subexpression)}
    found: list[str] = []
    while True:
        more = [n for n, read in expressions.items() if n not in found and read & {*lent, *found}]
        if not more:
            return found
        found += more
