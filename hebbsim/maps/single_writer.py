"""One variable, one writer: of two that compute it, the later would undo the earlier in silence."""

from brian2.core.variables import Variable
from brian2.groups.group import CodeRunner
from brian2.synapses.synapses import SummedVariableUpdater

from hebbsim.brian2_private import network_of
from hebbsim.codegen.loop_nest import LoopNest

__all__ = ["refuse_second_writer"]


def refuse_second_writer(writer: LoopNest, label: str) -> None:
    """Check that nothing else in the network computes what `writer` computes.

    Whatever writes counts: a sum of a convolution or of Brian2's `Synapses`, an operation on a
    map, pooling, stored images.

    Raises
    ------
    ValueError
        With the `label` of the writer, the variable, and what writes it too.
    """
    variable = writer.computes
    if variable is None:
        return
    alive = [reference() for reference in list(CodeRunner.__instances__())]
    for other in alive:
        if other is None or other is writer or _computed(other) is not variable:
            continue
        if other.active and network_of(other) == network_of(writer):
            raise ValueError(
                f"{label}: '{variable.name}' of '{variable.owner.name}' is written by "
                f"'{other.name}' already; give each its own variable and add them up in the model"
            )


def _computed(runner: CodeRunner) -> Variable | None:
    if isinstance(runner, SummedVariableUpdater):
        return runner.target_var
    return getattr(runner, "computes", None)
