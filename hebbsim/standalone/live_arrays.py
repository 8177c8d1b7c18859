"""The arrays of a program that is running, where a device looks for what it knows of arrays."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from brian2.core.variables import ArrayVariable

from hebbsim.standalone.process import ServedProcess

__all__ = ["LiveArrays"]


class LiveArrays(dict[ArrayVariable, Any]):
    """Take the place of a device's array cache while its program runs.

    What is read comes from the program, what is written goes there before it runs on. Arrays that
    the program doesn't have stay where they were.

    Parameters
    ----------
    process : ServedProcess
        The program.
    numbers : mapping of ArrayVariable to int
        Their numbers in the program.
    before : dict
        The cache whose place it takes.
    """

    def __init__(
        self,
        process: ServedProcess,
        numbers: Mapping[ArrayVariable, int],
        before: dict[ArrayVariable, Any],
    ) -> None:
        super().__init__()
        self._process, self._numbers, self._before = process, numbers, before
        self._changed: set[ArrayVariable] = set()

    def get(self, variable: ArrayVariable, default: Any = None) -> Any:
        """Return the values of an array as they are now; not to be changed in place."""
        if variable not in self._numbers:
            return self._before.get(variable, default)
        if variable not in self:
            values = self._process.read(
                self._numbers[variable], np.dtype(variable.dtype), variable.size
            )
            super().__setitem__(variable, values)
        return super().__getitem__(variable)

    def __getitem__(self, variable: ArrayVariable) -> Any:
        if variable not in self._numbers:
            return self._before[variable]
        values = np.array(self.get(variable))  # Brian2 takes items to set some of their values
        self[variable] = values
        return values

    def __setitem__(self, variable: ArrayVariable, values: Any) -> None:
        if variable not in self._numbers:
            self._before[variable] = values
            return
        if values is None:  # to be computed by code, which a program that runs has no more of
            return
        super().__setitem__(variable, values)
        self._changed.add(variable)

    def send(self) -> None:
        """Let the program know what was written, before it runs on."""
        for variable in self._changed:
            values = np.broadcast_to(super().__getitem__(variable), variable.size)
            self._process.write(
                self._numbers[variable], np.ascontiguousarray(values, variable.dtype)
            )
        self._changed.clear()

    def forget(self) -> None:
        """Ask the program again from now on: it has run."""
        self.clear()

    def keep(self, variables: Iterable[ArrayVariable]) -> None:
        """Write arrays of the program into the cache whose place this took."""
        self.send()
        for variable in variables:
            self._before[variable] = self.get(variable)
