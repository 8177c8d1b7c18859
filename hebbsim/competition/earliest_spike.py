"""Pooling of spikes: a map that hears of the first spike in each window of another."""

from brian2.core.variables import Variables

from hebbsim.codegen.loop_nest import LoopNest
from hebbsim.competition.pooling import checked_windows
from hebbsim.maps.feature_map import FeatureMap

__all__ = ["EarliestSpike"]


class EarliestSpike(LoopNest):
    r"""Hand on the earliest spike of each window, channel by channel.

    A spike of the source sets a boolean of the target in all windows that hold it, as a synapse
    without a delay would; the target's equations say what follows, from the next step on. With a
    reset that silences it, a neuron of the target passes on the earliest spike alone.

    Parameters
    ----------
    source_map, target_map : FeatureMap
        The source spikes; the target has `pool_output_shape` of the source's shape.
    kernel_size, stride, padding, ceil_mode
        As in `MaxPooling`.
    target : str
        The boolean of the target map that is set.
    name : str, optional
        Name of this object.

    Raises
    ------
    GeometryError
        If the window doesn't fit, or the target has another shape.
    ValueError
        If the source doesn't spike, or `target` is no boolean.

    Examples
    --------
    >>> pooled = FeatureMap(
    ...     pool_output_shape(layer.shape, 2, padding=1),
    ...     "arrived : boolean\nfired : boolean",
    ...     threshold="arrived and not fired",
    ...     reset="fired = True",
    ... )
    >>> EarliestSpike(layer, pooled, 2, padding=1)

    What begins a new stimulus makes both False.
    """

    def __init__(
        self,
        source_map: FeatureMap,
        target_map: FeatureMap,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] | None = None,
        *,
        padding: int | tuple[int, int] = 0,
        ceil_mode: bool = False,
        target: str = "arrived",
        name: str | None = None,
    ) -> None:
        options = (kernel_size, stride, padding, ceil_mode)
        self.geometry = checked_windows("EarliestSpike", source_map, target_map, *options)
        self.source_map, self.target_map, self.target = source_map, target_map, target
        if "_spikespace" not in source_map.variables:
            raise ValueError(
                f"{self.label}: '{source_map.name}' doesn't spike, so nothing would arrive; give "
                "it a threshold"
            )
        written = target_map.array_variable(target)
        if written.dtype != bool:
            raise ValueError(
                f"{self.label}: '{target}' must say whether a spike has come; declare it as "
                f"'{target} : boolean'"
            )
        self.variables = Variables(target_map)
        self.variables.add_reference("_source_spikespace", source_map, "_spikespace")
        super().__init__(
            target_map,
            "map_earliest_spike",
            "",
            when="synapses",
            order=target_map.order,
            name=name or f"{target_map.name}_earliest_spike*",
            template_kwds={
                "in_shape": source_map.memory_shape,
                "out_shape": target_map.memory_shape,
                "n_neurons": len(source_map),
                "windows": self.geometry,
                "_target_var": written,
                "_spikes_var": source_map.variables["_spikespace"],
            },
            needed_variables=[target, "_source_spikespace"],
        )
        target_map.contained_objects.append(self)
        target_map.add_dependency(source_map)

    @property
    def label(self) -> str:
        """What errors call it."""
        return f"EarliestSpike into '{self.target_map.name}'"
