"""Which neurons a convolution joins: a source and a target, and the geometry between them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

from brian2.groups.group import Group

from hebbsim.geometry import ConvGeometry, GeometryError
from hebbsim.maps.feature_map import FeatureMap
from hebbsim.maps.group_as_map import SourceMap

__all__ = ["Connections"]


@dataclass(frozen=True, eq=False)
class Connections:
    """The connections of a convolution, none of which is stored.

    Parameters
    ----------
    label : str
        What errors call the convolution: ``"ConvSynapses 'conv'"``.
    source : Group
        The presynaptic neurons.
    target : FeatureMap
        The postsynaptic neurons.
    source_map : SourceMap
        How the source's neurons lie on maps.
    geometry : ConvGeometry
        Which neurons meet, and through which kernel element.
    """

    label: str
    source: Group
    target: FeatureMap
    source_map: SourceMap
    geometry: ConvGeometry

    @classmethod
    def between(
        cls,
        label: str,
        source: Group,
        target: FeatureMap,
        source_shape: tuple[int, int, int] | None,
        **geometry: Any,
    ) -> Self:
        """Check that a convolution of `source` gives `target`.

        Raises
        ------
        TypeError, ValueError
            If one is no map, or their batches differ.
        GeometryError
            If the kernel doesn't fit or the target has another shape than the convolution gives.
        """
        source_map = _source_map(label, source, target, source_shape)
        shape = source_map.shape
        try:
            found = ConvGeometry(shape, target.shape.channels, **geometry)
        except GeometryError as error:
            raise GeometryError(
                f"{label} on source '{source.name}', shape {tuple(shape)}: {error}"
            ) from None
        if found.out_shape != target.shape:
            raise GeometryError(
                f"{label}: target '{target.name}' has shape {tuple(target.shape)}, but this "
                f"convolution of '{source.name}' {tuple(shape)} gives {tuple(found.out_shape)}; "
                "see conv_output_shape"
            )
        return cls(label, source, target, source_map, found)

    @property
    def batch_size(self) -> int:
        """Number of samples."""
        return self.target.batch_size

    @property
    def per_element(self) -> int:
        """How many connections, of all positions and samples, have one kernel element at most."""
        _, rows, cols = self.geometry.out_shape
        return self.batch_size * (rows * cols if self.geometry.weight_sharing else 1)

    @property
    def share_nothing(self) -> bool:
        """Whether each kernel element belongs to one connection at most."""
        return self.per_element == 1

    @property
    def are_elements(self) -> bool:
        """Whether each kernel element is one connection, as in `Synapses`."""
        return self.share_nothing and self.number == self.geometry.kernel_elements

    def names_neurons(self, identifiers: Iterable[str]) -> bool:
        """Whether one of the names is that of a variable of the neurons."""
        return any(
            identifier == f"{name}_{side}"
            for identifier in identifiers
            for side, group in self.sides
            for name in group.variables
        )

    @property
    def number(self) -> int:
        """Number of connections, of all samples."""
        return self.batch_size * self.geometry.n_connections

    @property
    def sides(self) -> tuple[tuple[str, Group], tuple[str, Group]]:
        """The two groups by the suffix of their variables."""
        return ("pre", self.source), ("post", self.target)

    def group(self, side: str) -> Group:
        """Return the group on a side, ``'pre'`` or ``'post'``."""
        return self.source if side == "pre" else self.target

    def neurons(self, side: str) -> tuple[int, int, int]:
        """Return how the neurons of a side are stored.

        Their number, the place of the first in the group that stores them, and the number of that
        group's neurons (a `Subgroup` is a part of it).
        """
        if side == "pre":
            return len(self.source), self.source_map.start, self.source_map.n_stored
        return len(self.target), 0, len(self.target)


def _source_map(
    label: str, source: Group, target: FeatureMap, shape: tuple[int, int, int] | None
) -> SourceMap:
    if not isinstance(target, FeatureMap):
        raise TypeError(f"{label}: the target must be a FeatureMap, got {type(target).__name__}")
    try:
        found = SourceMap.of(source, shape, "the source")
    except (TypeError, ValueError) as error:
        raise type(error)(f"{label}: {error}") from None
    if found.batch_size != target.batch_size:
        raise ValueError(
            f"{label}: source '{source.name}' has batch_size {found.batch_size}, target "
            f"'{target.name}' has {target.batch_size}; give both the same"
        )
    return found
