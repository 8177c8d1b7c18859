"""The base of what begins anew with each stimulus, in loops of its own."""

from typing import Any

from brian2 import Quantity

from hebbsim.codegen.loop_nest import LoopNest
from hebbsim.maps.durations import check_same_step, whole_steps

__all__ = ["StimulusNest"]


class StimulusNest(LoopNest):
    """Run a template in which stimuli follow each other, each for a number of steps."""

    #: How long a stimulus lasts
    duration: Quantity

    def _count_steps(self, label: str, duration: Quantity, dt: Quantity) -> int:
        """Return how many steps a stimulus lasts, before anything is made; `label` is for errors.

        Raises
        ------
        ValueError
            If that is no whole number.
        """
        self._label, self.duration, self._dt = label, duration, dt
        return whole_steps(label, duration, dt)

    @property
    def label(self) -> str:
        """What errors call it."""
        return self._label

    def before_run(self, run_namespace: dict[str, Any]) -> None:
        """Check the time step before the code object is made."""
        check_same_step(self._label, "duration", self._dt, self.clock.dt)
        super().before_run(run_namespace)
