"""One layer of a network as Brian2 objects, and what all kinds of layers build alike."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from brian2 import Clock
from brian2.core.base import BrianObject
from brian2.core.variables import ArrayVariable
from brian2.groups.group import Group

from hebbsim.codegen.written import writers_of
from hebbsim.competition.batch_norm import BatchNorm
from hebbsim.geometry import ConvGeometry, GeometryError, MapShape
from hebbsim.maps.feature_map import FeatureMap
from hebbsim.maps.per_channel_sample_position import PerChannel
from hebbsim.networks.layer import LayerDeclaration
from hebbsim.rules.rule import Rule
from hebbsim.synapses.conv_synapses import ConvSynapses

__all__ = ["Stage", "StagePlan"]


@dataclass(repr=False)
class Stage:
    """The Brian2 objects of one layer."""

    layer: Any
    source: FeatureMap
    conv: ConvSynapses
    feature_map: FeatureMap
    pooled: FeatureMap | None
    groups: list[Group]
    operations: list[BrianObject]
    #: What says who learns, and from what: it runs while the layer learns alone
    learners: list[BrianObject] = field(default_factory=list)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.layer!r}: {self.source!r} -> {self.output!r}>"

    @property
    def output(self) -> FeatureMap:
        """The map that the next layer sees."""
        return self.feature_map if self.pooled is None else self.pooled

    @property
    def objects(self) -> list[BrianObject]:
        """Everything that belongs to this layer alone."""
        maps = [self.feature_map, *([self.pooled] if self.pooled is not None else [])]
        return [*maps, self.conv, *self.groups]

    @property
    def thresholds(self) -> np.ndarray:
        """The threshold of each channel, ``(out_channels,)``: 0 without adaptive thresholds."""
        return self._values(self.offset("threshold", "theta"))

    @property
    def bias(self) -> np.ndarray:
        """The bias of each channel, ``(out_channels,)``: 0 without one."""
        return self._values(self.offset("bias", "bias"))

    def offset(self, kind: str, name: str) -> ArrayVariable | None:
        """Return the variable of the group that is named by its kind, as ``bias1``; else None."""
        for group in self.groups:
            # the rule's own groups may have a variable of that name
            if group.name.startswith(kind) and name in group.variables:
                return group.variables[name]
        return None

    @property
    def batch_norm(self) -> BatchNorm | None:
        """What normalises the channels of the layer's input, if anything does."""
        return next((group for group in self.groups if isinstance(group, BatchNorm)), None)

    def _values(self, variable: ArrayVariable | None) -> np.ndarray:
        if variable is None:
            return np.zeros(self.layer.out_channels)
        return np.array(variable.get_value())

    def rest(
        self, runners: Iterable[BrianObject], *, computed: bool, learned: bool, frozen: bool
    ) -> None:
        """Switch off what isn't to run in a presentation; what the user switched off stays so.

        Parameters
        ----------
        runners : iterable of BrianObject
            What the layer runs besides its convolution.
        computed : bool
            Whether it runs.
        learned : bool
            Whether thresholds adapt and weights are learned.
        frozen : bool
            Whether weights rest all the same.
        """
        resting: list[BrianObject] = []
        if self.batch_norm is not None:
            self.batch_norm.training = computed and learned
        if not (computed and learned and not frozen):
            self.conv.learning = False
            resting += self.learners
            resting += writers_of(self.conv.variables["w"], self.conv.contained_objects)
        if not (computed and learned):
            resting += [item for group in self.groups for item in group.contained_objects]
        if not computed:
            resting += [*self.conv.contained_objects, *runners]
        for item in resting:
            item.active = False


@dataclass(frozen=True)
class StagePlan[L: LayerDeclaration]:
    """Where a layer stands in its network, and what it is built from."""

    #: Counted from 1
    number: int
    layer: L
    #: The next layer, which may add to this one's map
    following: L | None
    #: What the layer gets
    source: FeatureMap
    batch_size: int
    clock: Clock
    seed: int

    @property
    def geometry(self) -> ConvGeometry:
        """The convolution's geometry; a kernel that doesn't fit is an error with the number."""
        return self._numbered(self.layer.geometry)

    @property
    def output_shape(self) -> MapShape:
        """The shape of what the next layer sees; errors have the layer's number."""
        return self._numbered(self.layer.output_shape)

    def _numbered[T](self, of_shape: Callable[[tuple[int, int, int]], T]) -> T:
        """Return what depends on the shape of the source; errors have the layer's number."""
        try:
            return of_shape(self.source.shape)
        except GeometryError as error:
            raise GeometryError(f"layer {self.number}: {error}") from None

    def generator(self) -> np.random.Generator:
        """Return the layer's own random numbers: masks and initial kernels."""
        return np.random.default_rng([self.seed, self.number])

    def feature_map(self, shape: MapShape, model: str, kind: str, **kwds: Any) -> FeatureMap:
        """Return a map of the layer, named by its kind and number."""
        return FeatureMap(
            shape,
            model,
            batch_size=self.batch_size,
            clock=self.clock,
            name=f"{kind}{self.number}",
            **kwds,
        )

    def convolution(self, feature_map: FeatureMap, model: str | None, **kwds: Any) -> ConvSynapses:
        """Return the convolution from the source to the layer's map."""
        layer = self.layer
        rule = layer.rule if isinstance(layer.rule, Rule) else None
        normalize = layer.normalize if rule else None
        return ConvSynapses(
            self.source,
            feature_map,
            model,
            **layer.connectivity(),
            rule=rule,
            normalize=normalize,
            norm=layer.norm if normalize else 1.0,
            clock=self.clock,
            name=f"conv{self.number}",
            **kwds,
        )

    def rule_groups(self, feature_map: FeatureMap) -> list[Group]:
        """Return the groups of quantities per channel that the layer's rule needs."""
        rule = self.layer.rule
        return [
            PerChannel(
                group,
                getattr(rule, f"{side}_channels"),
                method="exact",
                namespace=rule.parameters,
                name=f"rule{self.number}_{side}",
            )
            for side, group in (("pre", self.source), ("post", feature_map))
            if rule is not None and getattr(rule, f"{side}_channels")
        ]
