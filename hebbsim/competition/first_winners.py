"""Who learns from a stimulus: the first neurons of a map to spike, apart from who transmits."""

from typing import Any

import numpy as np
from brian2 import Quantity
from brian2.core.variables import Variables

from hebbsim.codegen.expressions import declare_local
from hebbsim.geometry import is_integer
from hebbsim.maps.feature_map import FeatureMap
from hebbsim.maps.operation import value_dtype
from hebbsim.maps.stimulus_nest import StimulusNest

__all__ = ["FirstWinners"]


class FirstWinners(StimulusNest):
    """Let the first neurons of a map to spike win, each for its channel and its surroundings.

    At each position the first spike of a stimulus counts (of several in a step that with the
    largest `source`, then the lowest channel). Of these the first in the whole map win, in order of
    time, then of `source`, then of the position. A winner excludes its channel everywhere, and all
    channels within a radius (Kheradpisheh et al. 2018, Neural Networks 99:56, section 2.4).

    A neuron that wins has the event ``win`` in that step, beside its spike. All spikes stay what
    they are: who loses transmits still, and `LateralInhibition` is for those who shall not. So
    ``layer.run_on_event("win", "n_won += 1")`` counts, ``EventMonitor(layer, "win")`` records, and
    `OrderPlasticity` learns.

    Parameters
    ----------
    feature_map : FeatureMap
        The map, with a threshold. Each sample of a batch has winners of its own.
    k : int
        How many may win in a stimulus.
    radius : int
        Within how many rows and columns (a square) of a winner no other wins.
    duration : Quantity
        How long a stimulus lasts; the first begins at time 0.
    source : str
        What decides between spikes of one step: an expression over the map's variables.
    name : str, optional
        Name of this object.

    Raises
    ------
    ValueError
        If the map doesn't spike or has an event ``win``, `duration` is no whole number of time
        steps, or another parameter is out of range.

    Examples
    --------
    >>> layer = FeatureMap((2, 1, 3), '''v : 1
    ...                                 n_won : integer''', "v > 1 and t == 0*ms", "")
    >>> winners = FirstWinners(layer, k=2, radius=1, duration=1 * ms)
    >>> layer.run_on_event("win", "n_won += 1")
    >>> layer.set_maps("v", [[[5, 0, 0]], [[0, 4, 3]]])  # 4 is beside 5
    >>> run(1 * ms)
    >>> print(layer.get_maps("n_won")[0, :, 0])
    [[1 0 0]
     [0 0 1]]
    """

    def __init__(
        self,
        feature_map: FeatureMap,
        k: int = 1,
        *,
        radius: int = 0,
        duration: Quantity,
        source: str = "v",
        name: str | None = None,
    ) -> None:
        if not isinstance(feature_map, FeatureMap):
            raise TypeError(f"FirstWinners: expected a FeatureMap, got {feature_map!r}")
        self._label = f"FirstWinners on '{feature_map.name}'"
        self.feature_map, self.k, self.radius, self.source = feature_map, k, radius, source
        self._check()
        steps = self._count_steps(self._label, duration, feature_map.clock.dt)
        thresholder = feature_map.thresholder["spike"]
        variables = feature_map.variables
        super().__init__(
            feature_map,
            "map_first_winners",
            {"source": f"_source = {source}"},
            when=thresholder.when,
            # after inhibition, with which the spikes of the step are known
            order=thresholder.order + 1,
            name=name or f"{feature_map.name}_first_winners*",
            template_kwds={
                "memory_shape": feature_map.memory_shape,
                "n_neurons": len(feature_map),
                "k": k,
                "n_winners": min(k, feature_map.shape.channels),
                "radius": radius,
                "steps": steps,
                "values_dtype": value_dtype(feature_map, source),
                "_spikes_var": variables["_spikespace"],
                "_wins_var": self._add_arrays(),
                "_timestep_var": variables["t_in_timesteps"],
            },
            needed_variables=["_spikespace", "_winspace", "t_in_timesteps", *self._KEPT],
        )
        # monitors of the event and what runs on it look there
        feature_map.events["win"] = "first to spike"
        feature_map.thresholder["win"] = self
        feature_map.contained_objects.append(self)

    _KEPT = ("_decided", "_excluded", "_channel_won", "_n_won")

    def _check(self) -> None:
        feature_map = self.feature_map
        if "_spikespace" not in feature_map.variables:
            raise ValueError(
                f"{self._label}: the map doesn't spike, so nobody can be the first; give it a "
                "threshold"
            )
        if "win" in feature_map.events:
            raise ValueError(f"{self._label}: the map has an event 'win' already")
        for parameter, value, least in (("k", self.k, 1), ("radius", self.radius, 0)):
            if isinstance(value, bool) or not is_integer(value, least):
                raise ValueError(
                    f"{self._label}: {parameter} must be an integer from {least}, got {value!r}"
                )
        if self.source.isidentifier() and self.source not in feature_map.variables:
            raise ValueError(
                f"{self._label}: the map has no variable '{self.source}'; say with source= what "
                "decides between spikes of one step"
            )

    def _add_arrays(self) -> Any:
        """Add the event, and what is known of a stimulus so far; return the event's array."""
        variables = self.feature_map.variables
        batch, rows, cols, channels = self.feature_map.memory_shape
        for name, size in (
            ("_decided", batch * rows * cols),
            ("_excluded", batch * rows * cols),
            ("_channel_won", batch * channels),
        ):
            variables.add_array(name, size=size, dtype=bool, read_only=True)
        variables.add_array("_n_won", size=batch, dtype=np.int32, read_only=True)
        variables.add_array("_winspace", size=len(self.feature_map) + 1, dtype=np.int32)
        self.variables = Variables(self.feature_map)
        for per in ("channel", "position", "sample"):  # the loops define them
            self.variables.add_auxiliary_variable(f"_{per}_idx", dtype=int)
        return variables["_winspace"]

    def before_run(self, run_namespace: dict[str, Any]) -> None:
        """Find the type of what decides between spikes."""
        declare_local(
            self, "_source", self.source, self.template_kwds["values_dtype"], run_namespace
        )
        super().before_run(run_namespace)
