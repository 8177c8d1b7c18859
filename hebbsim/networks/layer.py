"""What the declarations of all layers share."""

from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np
from brian2.units.fundamentalunits import get_dimensions

from hebbsim.errors import unknown
from hebbsim.geometry import ConvGeometry, MapShape
from hebbsim.networks.serialization import plain, rich, rule_from
from hebbsim.rules.rule import Rule
from hebbsim.synapses.update import NORMS

__all__ = ["LayerDeclaration"]


@dataclass(frozen=True)
class LayerDeclaration:
    """Base of the declarations of a convolutional layer: its convolution and its rule."""

    out_channels: int
    kernel_size: int | tuple[int, int]
    rule: Rule | None = None
    stride: int | tuple[int, int] = 1
    padding: int | tuple[int, int] = 0
    dilation: int | tuple[int, int] = 1
    groups: int = 1
    weight_sharing: bool = True
    padding_mode: str = "zeros"
    #: Norm of each filter; a kind of layer may have another default
    normalize: str | None = None
    norm: float = 1.0

    def __post_init__(self) -> None:
        kind, value = type(self).__name__, np.asarray(self.norm)
        if self.normalize is not None and self.normalize not in NORMS:
            raise ValueError(f"{kind}: {unknown('normalize', self.normalize, tuple(NORMS))}")
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

    def connectivity(self) -> dict[str, Any]:
        """Return the keywords of the convolution, as `ConvSynapses` takes them."""
        names = ("kernel_size", "stride", "padding", "dilation", "groups", "weight_sharing")
        return {name: getattr(self, name) for name in (*names, "padding_mode")}

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
