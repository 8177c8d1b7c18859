"""Stimuli that are shown again until they are answered."""

import re
from typing import Any

from brian2.core.variables import Subexpression, Variables
from brian2.parsing.expressions import is_boolean_expression
from brian2.utils.stringtools import get_identifiers

from hebbsim.codegen.expressions import drawn_function
from hebbsim.codegen.loop_nest import LoopNest
from hebbsim.maps.feature_map import FeatureMap
from hebbsim.maps.per_channel_sample_position import PerSample

__all__ = ["Repetition"]

_COUNTS = ("n_answered", "n_repeats")


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
        self._label, self.condition = f"{label}, repeat_while", condition
        if not isinstance(condition, str) or not condition.strip():
            raise TypeError(
                f"{self._label}: expected a condition such as 'n_spikes < 5', got {condition!r}"
            )
        super().__init__(
            feature_map,
            "\n".join(f"{name} : integer" for name in _COUNTS),
            namespace=feature_map.namespace,
            name=f"{feature_map.name}_repetition*",
        )
        self.contained_objects.append(_Counting(self, self._label, steps))


class _Counting(LoopNest):
    """Count at the end of a stimulus, when all that looks at it is done."""

    def __init__(self, repetition: Repetition, label: str, steps: int) -> None:
        self._label, self._map = label, repetition.feature_map
        self.condition = re.sub(r"\s*\n\s*", " ", repetition.condition.strip())
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
        own, seen = self._map.variables, set(self.group.variables) - {"i", "N"}
        pending = sorted(get_identifiers(self.condition) - seen)
        while pending:
            name = pending.pop()
            seen.add(name)
            variable = own.get(name)
            if variable is None:
                continue  # of the namespace
            if own.indices[name] not in ("0", "_sample_idx"):
                raise ValueError(
                    f"{self._label}={self.condition!r}: '{name}' differs between the neurons of "
                    f"'{self._map.name}'; name what a PerSample of it counts, or link a shared "
                    "variable, as in 'n_spikes : 1 (linked)'"
                )
            index = "0" if own.indices[name] == "0" else "_idx"
            if isinstance(variable, Subexpression):
                self.variables.add_subexpression(
                    name,
                    expr=variable.expr,
                    dimensions=variable.dim,
                    dtype=variable.dtype,
                    scalar=variable.scalar,
                    index=index,
                )
                pending += sorted(variable.identifiers - seen)
            else:
                self.variables.add_reference(name, self._map, name, index=index)
        self._check(run_namespace)
        super().before_run(run_namespace)

    def _check(self, run_namespace: dict[str, Any]) -> None:
        resolved = self.group.resolve_all(
            get_identifiers(self.condition),
            run_namespace,
            user_identifiers=set(),
            additional_variables=self.variables,
        )
        drawn = drawn_function(self.group, self.condition, run_namespace, self.variables)
        if drawn or not is_boolean_expression(self.condition, resolved):
            what = f"calls {drawn}()" if drawn else "is neither true nor false"
            raise ValueError(
                f"{self._label}={self.condition!r} {what}; expected a condition such as "
                "'n_spikes < 5'"
            )
