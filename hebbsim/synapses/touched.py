"""Which elements of a kernel the spikes of a step touched: an update may leave the rest alone.

Flags of rows (all elements that one source neuron reaches through one place of the kernel) and of
filters (all elements onto one channel) are set by pathways and cleared by the update.
"""

import re
from collections.abc import Iterable
from typing import Any

import numpy as np
from brian2 import NetworkOperation
from brian2.codegen.runtime.numpy_rt import NumpyCodeObject
from brian2.core.base import BrianObject
from brian2.core.variables import ArrayVariable, Constant
from brian2.utils.stringtools import get_identifiers

from hebbsim.codegen.single_writer import running_with
from hebbsim.codegen.targets import code_object_class, on_cuda
from hebbsim.codegen.written import writers_of
from hebbsim.statements import Statement, parse_statements
from hebbsim.synapses.kernel import KernelGroup

__all__ = ["FILTERS", "ROWS", "TouchedElements", "leaves_rest_alone"]

ROWS, FILTERS = "_touched_rows", "_touched_filters"
#: From so many elements on, flags cost less than a look at each
_WORTH_FLAGS = 4096
_BOUND = r"[\w.+\-*/ ]+"


def leaves_rest_alone(kernel: KernelGroup, code: str, weight: str) -> bool:
    """Whether an update, done once, changes an element again only if spikes changed it.

    So do changes by spikes, a mask, and bounds that stay what they are, such as
    ``w = clip(w, 0, w_max)``.
    """
    return all(_leaves_rest(kernel, statement, weight) for statement in parse_statements(code))


def _leaves_rest(kernel: KernelGroup, statement: Statement, weight: str) -> bool:
    target, operator, value = statement.target, statement.operator, statement.value.strip()
    if str(statement) in _as_text(kernel.apply_changes(target.removeprefix("_change_"))):
        return True
    if target != weight:
        return False
    if kernel.is_masked and (operator, value) in (("=", f"{weight}*mask"), ("*=", "mask")):
        return True
    bounds = re.fullmatch(rf"clip\(\s*{weight}\s*,({_BOUND}),({_BOUND})\)", value)
    if operator != "=" or bounds is None:
        return False
    return all(_is_constant(kernel, n) for b in bounds.groups() for n in get_identifiers(b))


def _as_text(code: str) -> list[str]:
    return [str(statement) for statement in parse_statements(code)]


def _is_constant(kernel: KernelGroup, name: str) -> bool:
    variable = kernel.variables.get(name)
    if variable is None:  # an external number; functions are called
        return True
    if isinstance(variable, ArrayVariable):
        return bool(variable.scalar and variable.constant)
    return isinstance(variable, Constant)


class TouchedElements:
    """Keep the flags of a kernel.

    Parameters
    ----------
    kernel : KernelGroup
        Gets the variables that hold them.
    code : str
        The update's statements.
    """

    def __init__(self, kernel: KernelGroup, code: str) -> None:
        self._kernel = kernel
        self._written = [
            kernel.variables[s.target]
            for s in parse_statements(code)
            if s.target in kernel.variables
        ]
        size = len(kernel)
        for name, per in (
            (ROWS, kernel.geometry.out_channels),
            (FILTERS, kernel.geometry.fan_in),
        ):
            kernel.variables.add_array(name, size=size // per, dtype=np.int8, read_only=True)
        #: What may write the kernel from Python, and the last step of its clock that was seen
        self.operations: dict[NetworkOperation, int] = {}

    @staticmethod
    def worth(kernel: KernelGroup, code: str, weight: str) -> bool:
        """Whether an update of this text is better done where spikes touched the kernel."""
        return len(kernel) >= _WORTH_FLAGS and leaves_rest_alone(kernel, code, weight)

    def begin(self, update: BrianObject, own: Iterable[BrianObject]) -> bool:
        """Flag everything, as before a run anything may have been set; say if flags count in it.

        Parameters
        ----------
        update : BrianObject
            The update.
        own : iterable of BrianObject
            What sets flags, and the update itself.
        """
        if code_object_class() is NumpyCodeObject or on_cuda():
            return False
        objects = [item for item in running_with(update) if item.active]
        known = [*own]
        others = [item for item in objects if not any(item is one for one in known)]
        if any(writers_of(variable, others) for variable in self._written):
            return False
        # callbacks of a user may set weights, too
        self.operations = {
            item: -1
            for item in objects
            if isinstance(item, NetworkOperation) and not getattr(item, "leaves_kernels", False)
        }
        self._flag_all()
        return True

    def look_out(self, now: float) -> None:
        """Flag everything if a network operation, which may do anything, ran since the last step.

        Parameters
        ----------
        now : float
            The time of this step, in seconds.
        """
        ran = False
        for operation, seen in self.operations.items():
            step = int(operation.clock.variables["timestep"].get_value()[0])
            ran |= step != seen or float(operation.clock.variables["t"].get_value()[0]) <= now
            self.operations[operation] = step
        if ran:
            self._flag_all()

    def _flag_all(self) -> None:
        variables: Any = self._kernel.variables
        for name in (ROWS, FILTERS):
            variables[name].set_value(1)
