"""Quantities per channel, per sample or per position of a feature map, or of the whole map.

An adaptive threshold or a win rate belongs to a channel, a mean intensity to a sample, a mean
over channels to a position. These groups hold one element for each, sum over the map's neurons
procedurally (no synapses, no index arrays), and lend their variables to the map's equations.
"""

from typing import Any, ClassVar

import numpy as np
from brian2 import second
from brian2.core.variables import Subexpression
from brian2.equations import Equations
from brian2.equations.equations import (
    DIFFERENTIAL_EQUATION,
    PARAMETER,
    SUBEXPRESSION,
    SingleEquation,
)
from brian2.synapses.synapses import StateUpdater
from brian2.utils.stringtools import word_substitute

from hebbsim.brian2_private import enable_attributes
from hebbsim.codegen.expressions import add_equation_variable, bind_names
from hebbsim.codegen.group import CompiledGroup
from hebbsim.codegen.loop_nest import LoopNest, compile_directly
from hebbsim.maps.feature_map import FeatureMap
from hebbsim.maps.map_sum import MapSum
from hebbsim.maps.on_spike import MapSpikes

__all__ = ["PerChannel", "PerMap", "PerPosition", "PerSample"]

_FLAGS = {
    DIFFERENTIAL_EQUATION: [],
    SUBEXPRESSION: ["summed", "shared"],
    PARAMETER: ["constant", "shared"],
}


class MapGroup(CompiledGroup):
    """Create one element for each channel, sample or position of a feature map, or one for all.

    Parameters
    ----------
    feature_map : FeatureMap
        The map.
    model : str or Equations
        Equations of each element. A ``(summed)`` equation adds up over the element's neurons, to
        whose variables it refers with the suffix ``_map``; the constant ``map_size`` is their
        number. So a mean is ``rate = y_map/map_size : 1 (summed)``.
    update : str, optional
        Statements run on each element at the end of a step, together with the kernels' updates.
    on_spike : str, optional
        Statements with ``+=`` or ``-=``, run on its element for each neuron of the map that spikes:
        ``n_spikes += 1``. A value may use the element's own variables, and those of the neuron with
        the suffix ``_map``, as they are at the threshold: before the pathways of the step, and
        before the reset. Only neurons that spiked are visited.
    when : {'end', 'groups'}
        When the sums run: after all forward operations of the step, before anything learns; or
        among the forward operations, after what computes what they read.
    method, namespace, dtype, order, name
        As in `NeuronGroup`.

    Raises
    ------
    ValueError
        If a variable's name is taken in the map, the map doesn't spike but `on_spike` is given, or
        the outcome of `on_spike` would depend on the order of spikes.
    """

    add_to_magic_network = True
    per: ClassVar[str]
    _coordinates: ClassVar[tuple[str, ...]]

    def __init__(
        self,
        feature_map: FeatureMap,
        model: str | Equations,
        update: str | None = None,
        *,
        on_spike: str | None = None,
        when: str = "end",
        method: str | tuple[str, ...] = ("exact", "euler", "heun"),
        namespace: dict[str, Any] | None = None,
        dtype: Any = None,
        order: int = 0,
        name: str | None = None,
    ) -> None:
        if when not in ("end", "groups"):
            raise ValueError(f"{type(self).__name__}: when must be 'end' or 'groups', got {when!r}")
        if not isinstance(feature_map, FeatureMap):
            raise TypeError(f"{type(self).__name__}: expected a FeatureMap, got {feature_map!r}")
        super().__init__(
            clock=feature_map.clock,
            when="start",
            order=order,
            namespace=namespace,
            name=name or f"{feature_map.name}_per_{self.per}*",
        )
        self.feature_map = feature_map
        self.codeobj_class = None
        self.add_dependency(feature_map)
        equations = Equations(model) if isinstance(model, str) else model
        equations.check_flags(_FLAGS, incompatible_flags=[("summed", "shared")])
        taken = [n for n in equations.names if n in feature_map.variables or n == "map_size"]
        if taken:
            lent = feature_map.variables.get(taken[0])
            owner = feature_map.name if lent is None else lent.owner.name
            made = f", from '{owner}'" if owner != feature_map.name else ""
            raise ValueError(
                f"{type(self).__name__} '{self.name}': '{taken[0]}' is a variable of feature map "
                f"'{feature_map.name}' already{made}; choose another name"
            )
        summed = [e for e in equations.values() if "summed" in e.flags]
        #: The equations that are integrated or read on each element
        self.equations = Equations([e for e in equations.values() if e not in summed])
        self._add_variables(equations, dtype)
        self._lend(equations)

        self._add_runners(summed, when, method, update, on_spike)
        enable_attributes(self)
        feature_map.contained_objects.append(self)  # whose equations may refer to it

    def _add_runners(
        self,
        summed: list[SingleEquation],
        when: str,
        method: str | tuple[str, ...],
        update: str | None,
        on_spike: str | None,
    ) -> None:
        """Add what runs in a step: sums, differential equations, statements."""
        feature_map, order = self.feature_map, self.order
        self.sums = {e.varname: MapSum(self, feature_map, self.per, e, when=when) for e in summed}
        self.contained_objects.extend(self.sums.values())
        self.state_updater: StateUpdater | None = None
        if self.equations.diff_eq_names:
            # before the maps, whose equations read these variables
            self.state_updater = StateUpdater(self, method, clock=self.clock, order=order - 1)
            compile_directly(self.state_updater)
            self.contained_objects.append(self.state_updater)
        self.update: LoopNest | None = None
        if update is not None:
            self.update = LoopNest(
                self, "stateupdate", update, when="end", order=order + 1, name=f"{self.name}_update"
            )
            self.contained_objects.append(self.update)
        self.on_spike: MapSpikes | None = None
        if on_spike is not None:
            self.on_spike = MapSpikes(self, feature_map, self.per, on_spike)
            self.contained_objects.append(self.on_spike)

    def _shape(self) -> tuple[int, ...]:
        memory = dict(
            zip(("sample", "row", "col", "channel"), self.feature_map.memory_shape, strict=True)
        )
        return tuple(memory[coordinate] for coordinate in self._coordinates)

    def _add_variables(self, equations: Equations, dtype: Any) -> None:
        size = int(np.prod(self._shape()))
        variables = self.start_variables(size)
        variables.add_constant("map_size", len(self.feature_map) // size)
        for noise in equations.stochastic_variables:
            variables.add_auxiliary_variable(noise, dimensions=(second**-0.5).dim)
        for equation in equations.values():
            add_equation_variable(variables, equation, size, dtype)

    def _neurons_of_each(self) -> int:
        return len(self.feature_map) // len(self)

    def _lend(self, equations: Equations) -> None:
        """Let the map's equations refer to this group's variables."""
        borrower = self.feature_map.variables
        index = "0" if self.per == "map" else f"_{self.per}_idx"
        per_channel = self.per == "channel"  # channels come last in memory
        if index not in (*borrower, "0"):
            # Brian2's own templates (threshold, reset, ...) read the index from an array
            elements, repeats = np.arange(len(self), dtype=np.int32), self._neurons_of_each()
            values = np.tile(elements, repeats) if per_channel else elements.repeat(repeats)
            borrower.add_array(
                index,
                size=len(self.feature_map),
                dtype=np.int32,
                constant=True,
                read_only=True,
                values=values,
            )
        # what a subexpression names is lent too, but for what only this group's elements have
        element = f"(i % {len(self)})" if per_channel else f"(i // {self._neurons_of_each()})"
        own = {name: str(self.variables[name].get_value()) for name in ("N", "map_size")}
        for name in equations.names:
            variable = self.variables[name]
            if isinstance(variable, Subexpression):
                named = bind_names(borrower, self, variable, f"named_{self.name}")
                borrower.add_subexpression(
                    name,
                    expr=word_substitute(variable.expr, {"i": element, **own, **named}),
                    dimensions=variable.dim,
                    dtype=variable.dtype,
                    scalar=variable.scalar,
                )
            else:
                borrower.add_reference(name, self, name, index="0" if variable.scalar else index)

    def before_run(self, run_namespace: dict[str, Any]) -> None:
        """Check units."""
        self.equations.check_units(self, run_namespace=run_namespace)
        super().before_run(run_namespace)

    def __len__(self) -> int:
        return self.variables["N"].get_value()


class PerChannel(MapGroup):
    r"""Create one element for each channel: thresholds, win rates, running means of a rule.

    Parameters and errors are those of `MapGroup`.

    Examples
    --------
    >>> model = "theta : 1\nrate = y_map/map_size : 1 (summed)"
    >>> rates = PerChannel(layer, model, update="theta += 0.1*(rate - 0.05)")

    A threshold that each spike raises and that decays (Diehl and Cook 2015, Front Comput Neurosci
    9:99), for a layer with ``threshold='v > 1 + theta'``:

    >>> model = "dtheta/dt = -theta/(10*second) : 1"
    >>> spiking = FeatureMap((32, 12, 12), "v : 1", threshold="v > 1 + theta", reset="v = 0")
    >>> PerChannel(spiking, model, on_spike="theta += 0.05/map_size")
    """

    per = "channel"
    _coordinates = ("channel",)


class PerSample(MapGroup):
    """Create one element for each sample of the batch: intensities, norms, rewards.

    Parameters and errors are those of `MapGroup`.

    Examples
    --------
    >>> retina = FeatureMap((1, 2, 2), "x : 1", batch_size=2)
    >>> intensity = PerSample(retina, "mean_x = x_map/map_size : 1 (summed)")
    >>> retina.set_maps("x", [[[[1, 1], [3, 3]]], [[[0, 0], [0, 2]]]])
    >>> run(defaultclock.dt)
    >>> print(intensity.mean_x[:])
    [2.  0.5]
    """

    per = "sample"
    _coordinates = ("sample",)


class PerPosition(MapGroup):
    """Create one element for each position of each sample: sums and means over channels.

    Parameters and errors are those of `MapGroup`.

    Examples
    --------
    >>> layer = FeatureMap((3, 1, 2), "u : 1")
    >>> strongest = PerPosition(layer, "total = u_map : 1 (summed)")
    >>> layer.set_maps("u", [[[1, 2]], [[1, 2]], [[1, 2]]])
    >>> run(defaultclock.dt)
    >>> print(strongest.total[:])
    [3. 6.]
    """

    per = "position"
    _coordinates = ("sample", "row", "col")


class PerMap(MapGroup):
    """Create one element for a whole map, all samples of its batch: what normalises a layer.

    Parameters and errors are those of `MapGroup`.

    Examples
    --------
    >>> PerMap(layer, "power = y_map**2/map_size : 1 (summed)", when="groups")
    """

    per = "map"
    _coordinates = ()
