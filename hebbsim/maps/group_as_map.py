"""Where a convolution's spikes and values come from: any group of neurons, seen as a map."""

from dataclasses import dataclass

import numpy as np
from brian2.groups.group import Group
from brian2.groups.subgroup import Subgroup

from hebbsim.geometry import MapShape
from hebbsim.maps.feature_map import FeatureMap

__all__ = ["SourceMap"]


@dataclass(frozen=True)
class SourceMap:
    """How a group of neurons is read as a batch of maps.

    The neurons are numbered as those of a `FeatureMap`: by sample, row, col, channel, the channel
    fastest.
    """

    #: ``(channels, rows, cols)``
    shape: MapShape
    #: Number of samples
    batch_size: int
    #: Place of the first neuron in the group that stores the variables (of a `Subgroup`)
    start: int
    #: Number of neurons of that group
    n_stored: int

    @classmethod
    def of(cls, group: Group, shape: tuple[int, int, int] | None, role: str) -> "SourceMap":
        """Read `group` as a batch of maps of the given `shape`; a `FeatureMap` has its own.

        Raises
        ------
        TypeError
            If `group` is no group of neurons, or no shape is given for one that has none.
        ValueError
            If the number of neurons is no multiple of the shape's, or a feature map has another
            shape.
        """
        if isinstance(group, FeatureMap):
            if shape is not None and MapShape.of(shape, "source_shape") != group.shape:
                raise ValueError(
                    f"{role} '{group.name}' has shape {tuple(group.shape)}, but source_shape is "
                    f"{tuple(shape)}; leave source_shape out for a FeatureMap"
                )
            return cls(group.shape, group.batch_size, 0, len(group))
        if not isinstance(group, Group) or "i" not in group.variables:
            raise TypeError(f"{role} must be a group of neurons, got {type(group).__name__}")
        start, n_stored = 0, len(group)
        if isinstance(group, Subgroup):
            start, n_stored = int(group.start), len(group.source)
            if shape is None:
                shape = _whole_samples(group)
        if shape is None:
            raise TypeError(
                f"{role} '{group.name}' is a {type(group).__name__} of {len(group)} neurons; say "
                "how they lie on a map with source_shape=(channels, rows, cols), or use a "
                "FeatureMap"
            )
        map_shape = MapShape.of(shape, "source_shape")
        batch_size, rest = divmod(len(group), int(np.prod(map_shape)))
        if rest or not batch_size:
            raise ValueError(
                f"{role} '{group.name}' has {len(group)} neurons, which is no multiple of the "
                f"{int(np.prod(map_shape))} of a map of shape {tuple(map_shape)}"
            )
        return cls(map_shape, batch_size, start, n_stored)


def _whole_samples(group: Subgroup) -> MapShape | None:
    """Return the shape of the feature map of which a subgroup takes whole samples."""
    parent = group.source
    if not isinstance(parent, FeatureMap):
        return None
    size = int(np.prod(parent.shape))
    return None if group.start % size or group.stop % size else parent.shape
