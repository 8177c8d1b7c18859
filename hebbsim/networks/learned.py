"""How much a network has learned from in its life."""

import numpy as np
from brian2 import Clock
from brian2.core.variables import ArrayVariable, Variables
from brian2.groups.group import Group

from hebbsim.brian2_private import set_number_of_elements

__all__ = ["Learned"]


class Learned(Group):
    """Count the epochs and batches that a network has learned from.

    On them depends what is drawn next: the order of images, noise. They are variables of a group,
    so that Brian2's `store` and `restore` and a checkpoint take them along.

    Parameters
    ----------
    clock : Clock
        The network's.
    """

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock=clock, name="learned")
        self.variables = Variables(self)
        self.variables.add_constant("N", 1)
        set_number_of_elements(self, 1)
        for name in ("epochs", "batches"):
            self.variables.add_array(name, size=1, dtype=np.int64, scalar=True)

    def _counter(self, name: str) -> ArrayVariable:
        return self.variables[name]

    @property
    def epochs(self) -> int:
        """Epochs begun."""
        return int(self._counter("epochs").get_value()[0])

    @property
    def batches(self) -> int:
        """Batches presented while a layer learned."""
        return int(self._counter("batches").get_value()[0])

    def count(self, name: str) -> None:
        """Add one to ``'epochs'`` or ``'batches'``."""
        self._counter(name).get_value()[0] += 1
