"""Stimuli that are shown again until they are answered."""

from typing import Any

import numpy as np
from brian2.core.variables import Variable, Variables

from hebbsim.codegen.conditions import check_condition, one_line, refer_to
from hebbsim.codegen.loop_nest import LoopNest
from hebbsim.maps.feature_map import FeatureMap
from hebbsim.maps.per_channel_sample_position import PerSample

__all__ = ["Repetition"]

_EXAMPLE = "n_spikes < 5"
_COUNTS = ("n_answered", "n_repeats")
#: No answer is to be expected any more
_MOST_REPEATS = 1000


class Repetition(PerSample):
    """Count, for each sample of a map, what it was shown.

    When a stimulus has been shown for its duration, a condition decides: while it holds, the
    stimulus is shown again.

    Parameters
    ----------
    feature_map : FeatureMap
        The map, which can name the counts: `n_answered`, stimuli shown to their end, and
        `n_repeats`, how often the present one was shown before.
    condition : str
        Over variables that the map has once for each sample, or once in all.
    steps : int
        Time steps of a stimulus.
    label : str
        What errors call it.

    Raises
    ------
    ValueError
        If the map has a variable of such a name; in a run, if the condition is neither true nor
        false, or differs between neurons of a sample.
    """

    def __init__(self, feature_map: FeatureMap, condition: str, steps: int, label: str) -> None:
        label = f"{label}, repeat_while"
        self.condition = one_line(condition, label, _EXAMPLE)
        super().__init__(
            feature_map,
            "\n".join(f"{name} : integer" for name in _COUNTS),
            namespace=feature_map.namespace,
            name=f"{feature_map.name}_repetition*",
        )
        self._label = label
        self.contained_objects.append(_Counting(self, label, steps))

    def fewest_answered(self) -> int:
        """Return how many stimuli were shown to their end to every sample."""
        return int(np.min(self.n_answered[:]))

    def refuse_endless(self, end: int) -> None:
        """
        Give up a stimulus that is shown again and again, among the first `end` of each sample.

        Raises
        ------
        RuntimeError
            If one was shown 1,000 times and more.
        """
        repeats = np.where(self.n_answered[:] < end, self.n_repeats[:], 0)
        sample = int(np.argmax(repeats))
        if repeats[sample] >= _MOST_REPEATS:
            raise RuntimeError(
                f"{self._label}={self.condition!r} still holds after sample {sample} was shown its "
                f"image {repeats[sample]} times; make it brighter by n_repeats in value=, or give "
                f"it up: repeat_while='({self.condition}) and n_repeats < 20'"
            )


class _Counting(LoopNest):
    """Count at the end of a stimulus, when all that looks at it is done."""

    def __init__(self, repetition: Repetition, label: str, steps: int) -> None:
        self._label, self._map = label, repetition.feature_map
        self.condition = repetition.condition
        super().__init__(
            repetition,
            "stateupdate",
            f"_over = (t_in_timesteps + 1) % {steps} == 0\n"
            f"_again = _over and ({self.condition})\n"
            "n_repeats = int(_again)*(n_repeats + 1) + int(not _over)*n_repeats\n"
            "n_answered += int(_over and not _again)",
            when="end",
            order=repetition.order + 4,  # after sums, and updates
            name=f"{repetition.name}_counting",
            needed_variables=["t_in_timesteps", *_COUNTS],
        )

    def before_run(self, run_namespace: dict[str, Any]) -> None:
        """Look up what the condition names, before the code object is made."""
        self.variables = Variables(self.group)
        refer_to(self.variables, self.condition, self._map.variables, self._index_of)
        check_condition(self, self.condition, self._label, _EXAMPLE, run_namespace)
        super().before_run(run_namespace)

    def _index_of(self, name: str, _: Variable, written: str) -> str:
        """Return the index of what is the same for all neurons of a sample."""
        index = self._map.variables.indices[name]
        if index not in ("0", "_sample_idx"):
            raise ValueError(
                f"{self._label}={self.condition!r}: '{written}' differs between the neurons of "
                f"'{self._map.name}'; name what a PerSample of it counts, or link a shared "
                "variable, as in 'n_spikes : 1 (linked)'"
            )
        return "0" if index == "0" else "_idx"
