"""One variable, one writer: of two that compute it, the later would undo the earlier in silence."""

from collections.abc import Iterator

from brian2 import Network
from brian2.core.base import BrianObject
from brian2.core.variables import Variable
from brian2.groups.group import CodeRunner
from brian2.synapses.synapses import SummedVariableUpdater

__all__ = ["refuse_second_writer", "running_with"]


def refuse_second_writer(writer: CodeRunner, variable: Variable, label: str) -> None:
    """Check that nothing else in the network computes the variable that `writer` computes.

    Whatever writes counts: a sum of a convolution or of Brian2's `Synapses`, an operation on a
    map, pooling, stored images.

    Raises
    ------
    ValueError
        With the `label` of the writer, the variable, and what writes it too.
    """
    whole_name = f"'{variable.name}' of '{variable.owner.name}'"
    for other in running_with(writer):
        if other is not writer and other.active and _computed(other) is variable:
            raise ValueError(
                f"{label}: {whole_name} is written by '{other.name}' already; give each its own "
                "variable and add them up in the model"
            )


def running_with(item: BrianObject) -> Iterator[BrianObject]:
    """Yield everything in the networks of an object: it isn't told which one runs it."""
    for reference in list(Network.__instances__()):
        network = reference()
        objects = [] if network is None else network.sorted_objects
        if any(other is item for other in objects):
            yield from objects


def _computed(runner: BrianObject) -> Variable | None:
    if isinstance(runner, SummedVariableUpdater):
        return runner.target_var
    return getattr(runner, "computes", None)
