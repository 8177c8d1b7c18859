"""Competition between the neurons of a map that cross their threshold in one step."""

from typing import Any

import numpy as np
from brian2 import second
from brian2.core.variables import ArrayVariable, Variables

from hebbsim.codegen.expressions import changed_read, check_statements, declare_local
from hebbsim.codegen.loop_nest import LoopNest
from hebbsim.geometry import is_integer
from hebbsim.maps.feature_map import FeatureMap
from hebbsim.maps.operation import value_dtype
from hebbsim.statements import Statement, parse_statements

__all__ = ["LateralInhibition"]

CHANNELS = ("others", "own", "all")


class LateralInhibition(LoopNest):
    r"""Let a neuron that spikes silence its neighbours, within the same step too.

    The neurons that cross their threshold in a step compete: in falling order of `source` (of
    equal values the lowest index first), each that is still in the race spikes and silences its
    neighbours. A silenced neuron doesn't spike in this step: monitors, pathways and the reset don't
    see it, and it doesn't become refractory. `effect` then runs on every silenced neuron, whether
    it had crossed its threshold or not, and keeps it silent for as long as the model wants.

    With the default effect, the model declares ``silenced : 1``, the threshold ends in ``and
    silenced < 1``, and what begins a new stimulus sets ``layer.silenced = 0``. A neuron that may
    spike only once silences itself in its reset.

    Parameters
    ----------
    feature_map : FeatureMap
        The map, with a threshold.
    effect : str
        Statements that run on the variables of each silenced neuron: an assignment, such as ``v =
        0``, runs once; ``+=`` and ``-=`` count once for each spike that silences the neuron. Empty
        to remove the spikes of the step alone: a neuron whose `v` stays above its threshold then
        tries again in the next step.
    source : str
        What decides the race: an expression over the map's variables, such as ``'v - theta'``, or
        ``'rand()'``; the smallest if it is NaN.
    radius : int, (int, int) or 'all'
        How far, in rows and columns (a square, Chebyshev distance), a spike silences: 0 is its own
        position alone, ``'all'`` the whole map of its sample.
    channels : {'others', 'own', 'all'}
        Which neurons within the radius: those of all other channels; of its own channel (at other
        positions, so that a radius is needed); or all. Kheradpisheh et al. 2018 (Neural Networks
        99:56) have one spike for each position among all channels (``'others'``, radius 0, and a
        reset that silences the neuron itself), and let the neurons of one channel compete to learn.
    name : str, optional
        Name of this object.

    Raises
    ------
    ValueError
        If the map doesn't spike, a parameter has no such value, or the outcome of `effect` would
        depend on the order of spikes.

    Notes
    -----
    Several of these on one map run one after the other, in the order of creation: a spike that the
    second one removes has silenced its neighbours under the first. The slot is that of the
    thresholds, before monitors. Only neurons that crossed and those they silence are visited.

    Examples
    --------
    The first channel to spike at a position silences the others there, until the next stimulus:

    >>> layer = FeatureMap(
    ...     (32, 24, 24),
    ...     "v : 1\nsilenced : 1",
    ...     threshold="v > 10 and silenced < 1",
    ...     reset="v = 0; silenced = 1",
    ... )
    >>> LateralInhibition(layer)
    """

    def __init__(
        self,
        feature_map: FeatureMap,
        effect: str = "silenced = 1",
        *,
        source: str = "v",
        radius: int | tuple[int, int] | str | None = 0,
        channels: str = "others",
        name: str | None = None,
    ) -> None:
        if not isinstance(feature_map, FeatureMap):
            raise TypeError(f"LateralInhibition: expected a FeatureMap, got {feature_map!r}")
        self._label = f"LateralInhibition on '{feature_map.name}'"
        self.feature_map, self.channels = feature_map, channels
        self._check(source, effect)
        #: ``(rows, cols)``
        self.radius = self._read_radius(radius)
        self.source, self.effect = source, effect
        self.statements = parse_statements(effect)
        targets = [self._target(statement) for statement in self.statements]
        self.variables = Variables(feature_map)
        for per in ("channel", "position", "sample"):  # the loops define them
            self.variables.add_auxiliary_variable(f"_{per}_idx", dtype=int)
        lines, additions = self._read_effect(targets)
        needed = ["_spikespace", *self._add_arrays(), *{s.target for s in self.statements}]
        thresholder = feature_map.thresholder["spike"]
        before = sum(isinstance(o, LateralInhibition) for o in feature_map.contained_objects)
        super().__init__(
            feature_map,
            "map_inhibition",
            {"source": f"_source = {source}", "effect": "\n".join(lines)},
            when=thresholder.when,
            order=thresholder.order,
            name=name or f"{feature_map.name}_inhibition*",
            template_kwds={
                "memory_shape": feature_map.memory_shape,
                "n_neurons": len(feature_map),
                "radius": self.radius,
                "channels": channels,
                "additions": additions,
                "values_dtype": value_dtype(feature_map, source),
                "_spikes_var": feature_map.variables["_spikespace"],
                "uses_refractory": "not_refractory" in feature_map.variables,
            },
            needed_variables=needed,
        )
        # monitors come next in this slot, at the thresholder's order + 1
        self.order = thresholder.order + 1 - 0.5 ** (before + 1)
        feature_map.contained_objects.append(self)

    def _check(self, source: str, effect: str) -> None:
        feature_map, channels = self.feature_map, self.channels
        if "_spikespace" not in feature_map.variables:
            raise ValueError(
                f"{self._label}: the map doesn't spike, so there is nothing to silence; give it a "
                "threshold"
            )
        if channels not in CHANNELS:
            raise ValueError(
                f"{self._label}: channels must be 'others', 'own' or 'all', got {channels!r}"
            )
        if not isinstance(source, str) or not isinstance(effect, str):
            raise TypeError(
                f"{self._label}: source must be an expression such as 'v - theta', and effect "
                f"statements such as 'silenced = 1', got {source!r} and {effect!r}"
            )
        if source.isidentifier() and source not in feature_map.variables:
            raise ValueError(
                f"{self._label}: the map has no variable '{source}'; say with source= what decides "
                "the race, such as 'rand()'"
            )

    def _read_radius(self, radius: Any) -> tuple[int, int]:
        _, rows, cols = self.feature_map.shape
        if radius is None or (isinstance(radius, str) and radius == "all"):
            radius = rows - 1, cols - 1
        pair = radius if isinstance(radius, tuple | list) else (radius, radius)
        if len(pair) != 2 or any(isinstance(n, bool) or not is_integer(n, 0) for n in pair):
            raise ValueError(
                f"{self._label}: radius must be an integer from 0, a pair (rows, cols) or 'all', "
                f"got {radius!r}"
            )
        found = min(int(pair[0]), rows - 1), min(int(pair[1]), cols - 1)
        if self.channels == "own" and found == (0, 0):
            raise ValueError(
                f"{self._label}: with channels='own' a spike silences other positions of its "
                "channel, and radius 0 reaches none; give a radius"
            )
        return found

    def _target(self, statement: Statement) -> ArrayVariable:
        """Return the variable of the map that a statement changes, or say why it can't."""
        if statement.operator not in ("=", "+=", "-="):
            raise ValueError(
                f"{self._label}: '{statement}' has no meaning where several spikes silence a "
                "neuron in one step; use =, += or -="
            )
        variables, target = self.feature_map.variables, statement.target
        variable = variables.get(target)
        if not self.feature_map.is_writable(variable) or variables.indices[target] != "_idx":
            also = " and 'and silenced < 1' to its threshold" if target == "silenced" else ""
            raise ValueError(
                f"{self._label}: '{statement}' changes no variable that the map stores for each "
                f"neuron; add '{target} : 1' to its model{also}, or give another effect"
            )
        return variable

    def _read_effect(self, targets: list[ArrayVariable]) -> tuple[list[str], list[Any]]:
        """Return the abstract code of the effect, and the values that it adds, each to what."""
        lines, additions = [], []
        names = [statement.target for statement in self.statements]
        for number, (statement, target) in enumerate(zip(self.statements, targets, strict=True)):
            read = changed_read(statement.value, targets, self.feature_map.variables)
            if read is not None:
                raise ValueError(
                    f"{self._label}: '{statement}' reads '{read}', which the effect changes, and "
                    "several spikes may silence a neuron in one step; keep it in another variable"
                )
            if statement.operator == "=":
                if names.count(statement.target) > 1:
                    raise ValueError(
                        f"{self._label}: the effect assigns to '{statement.target}' and changes "
                        "it in another statement too; keep one of them"
                    )
                lines.append(str(statement))
                continue
            if target.dtype == bool:
                raise ValueError(
                    f"{self._label}: '{statement}' adds to '{statement.target}', which is boolean; "
                    "assign with ="
                )
            addition, sign = f"_add{number}", "-" if statement.operator == "-=" else ""
            value = f"{sign}({statement.value})"
            if target.conditional_write is not None:  # "unless refractory"
                value += f"*int({target.conditional_write.name})"
            self.variables.add_auxiliary_variable(
                addition, dimensions=target.dim, dtype=target.dtype
            )
            lines.append(f"{addition} = {value}")
            additions.append((addition, target))
        return lines, additions

    def _add_arrays(self) -> list[str]:
        """Add what the race needs to know of each neuron of the map; return the names."""
        feature_map, variables = self.feature_map, self.feature_map.variables
        if "_silenced_now" not in variables:  # all False between the races
            variables.add_array("_silenced_now", size=len(feature_map), dtype=bool, read_only=True)
        if "not_refractory" not in feature_map.variables:
            return ["_silenced_now"]
        if "_kept_lastspike" not in variables:
            # the thresholder overwrites the time of the last spike of what only crossed
            try:
                values = variables["lastspike"].get_value().copy()
            except NotImplementedError:  # unknown before a standalone simulation has run
                values = np.full(len(feature_map), -1e4)
            variables.add_array(
                "_kept_lastspike",
                size=len(feature_map),
                dimensions=second.dim,
                dtype=variables["lastspike"].dtype,
                values=values,
            )
            feature_map.contained_objects.append(
                LoopNest(
                    feature_map,
                    "reset",
                    "_kept_lastspike = lastspike",
                    when="end",
                    order=feature_map.order,
                    name=f"{feature_map.name}_keep_lastspike",
                    template_kwds={"eventspace_variable": variables["_spikespace"]},
                    needed_variables=["_spikespace"],
                )
            )
        return ["_silenced_now", "_kept_lastspike", "lastspike", "not_refractory"]

    def before_run(self, run_namespace: dict[str, Any]) -> None:
        """Check the units and functions of the effect before the code object is made."""
        declare_local(
            self, "_source", self.source, self.template_kwds["values_dtype"], run_namespace
        )
        check_statements(self, self._label, self.statements, run_namespace)
        super().before_run(run_namespace)
