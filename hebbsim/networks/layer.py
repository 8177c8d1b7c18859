"""What the declarations of all layers share."""

from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Self

import numpy as np
from brian2.units.fundamentalunits import get_dimensions

from hebbsim.errors import unknown
from hebbsim.geometry import ConvGeometry, GeometryError, MapShape, pool_output_shape
from hebbsim.networks.serialization import plain, rich, rule_from
from hebbsim.rules.order_stdp import OrderSTDP
from hebbsim.rules.rule import Rule
from hebbsim.short_repr import ShortRepr
from hebbsim.synapses.update import NORMS

__all__ = ["LayerDeclaration"]


@dataclass(frozen=True, repr=False)
class LayerDeclaration(ShortRepr):
    """Base of the declarations of a convolutional layer: convolution, rule, pooling."""

    #: What `pooling` may be
    poolings: ClassVar[tuple[str, ...]] = ()

    out_channels: int
    kernel_size: int | tuple[int, int]
    rule: Rule | OrderSTDP | None = None
    stride: int | tuple[int, int] = 1
    padding: int | tuple[int, int] = 0
    dilation: int | tuple[int, int] = 1
    groups: int = 1
    weight_sharing: bool = True
    padding_mode: str = "zeros"
    #: Norm of each filter; a kind of layer may have another default
    normalize: str | None = None
    norm: float = 1.0
    pooling: str | None = None
    pool_size: int | tuple[int, int] = 2
    pool_stride: int | tuple[int, int] | None = None
    pool_padding: int | tuple[int, int] = 0
    pool_ceil_mode: bool = False

    def __post_init__(self) -> None:
        kind, value = type(self).__name__, np.asarray(self.norm)
        if self.normalize is not None and self.normalize not in NORMS:
            raise ValueError(f"{kind}: {unknown('normalize', self.normalize, tuple(NORMS))}")
        if self.pooling is not None and self.pooling not in self.poolings:
            raise ValueError(f"{kind}: {unknown('pooling', str(self.pooling), self.poolings)}")
        plain_number = get_dimensions(self.norm).is_dimensionless and value.size == 1
        if not (plain_number and np.isfinite(value).all() and (value > 0).all()):
            raise ValueError(
                f"{kind}: norm must be a positive number without units, as a layer's weights are, "
                f"got {self.norm!r}"
            )
        if isinstance(self.rule, Rule) and self.rule.weight_unit != "1":
            raise ValueError(
                f"{kind}: the weights of a layer have no units, and those of the rule "
                f"{self.rule.name} are in {self.rule.weight_unit}; give its parameters as plain "
                "numbers, or use ConvSynapses"
            )

    def geometry(self, in_shape: tuple[int, int, int]) -> ConvGeometry:
        """Return the convolution's geometry on a map of shape `in_shape`."""
        return ConvGeometry(MapShape.of(in_shape), self.out_channels, **self.connectivity())

    def output_shape(self, in_shape: tuple[int, int, int]) -> MapShape:
        """Return the shape of what the next layer sees."""
        shape = self.geometry(in_shape).out_shape
        if self.pooling is None:
            return shape
        try:
            return pool_output_shape(shape, **self.window())
        except GeometryError as error:
            raise GeometryError(f"after a convolution to {tuple(shape)}: {error}") from None

    def connectivity(self) -> dict[str, Any]:
        """Return the keywords of the convolution, as `ConvSynapses` takes them."""
        names = ("kernel_size", "stride", "padding", "dilation", "groups", "weight_sharing")
        return {name: getattr(self, name) for name in (*names, "padding_mode")}

    def window(self) -> dict[str, Any]:
        """Return the keywords of the windows of pooling, as `AveragePooling` takes them."""
        return {
            "kernel_size": self.pool_size,
            "stride": self.pool_stride,
            "padding": self.pool_padding,
            "ceil_mode": self.pool_ceil_mode,
        }

    @property
    def adapts(self) -> bool:
        """Whether fitting changes anything of the layer: its kernel, or its thresholds."""
        return self.rule is not None

    def untrained(self) -> Self:
        """Return this layer without plasticity."""
        return replace(self, rule=None)

    def to_dict(self) -> dict[str, Any]:
        """Describe the layer in plain values that JSON holds."""
        return {f.name: plain(getattr(self, f.name)) for f in fields(self)}

    @classmethod
    def from_dict(cls, description: dict[str, Any]) -> Self:
        """Return the layer that `to_dict` described."""
        own = {name: value for name, value in description.items() if name != "rule"}
        values = {name: rich(value) for name, value in own.items()}
        return cls(**values, rule=rule_from(description.get("rule")))
