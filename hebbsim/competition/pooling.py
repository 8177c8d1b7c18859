"""Pooling: a feature map that summarises neighbourhoods of another, channel by channel."""

from typing import Any, ClassVar

from brian2.core.variables import ArrayVariable, Variables
from brian2.units.fundamentalunits import DIMENSIONLESS

from hebbsim.codegen.expressions import add_suffixed
from hebbsim.competition.activations import checked_power
from hebbsim.geometry import GeometryError, PoolGeometry
from hebbsim.maps.feature_map import FeatureMap
from hebbsim.maps.forward_order import ForwardOperation

__all__ = ["AveragePooling", "MaxPooling", "SumPooling", "checked_windows"]


def checked_windows(label: str, source_map: Any, target_map: Any, *options: Any) -> PoolGeometry:
    """Return the windows of one map that give another, or say why these don't fit."""
    for role, feature_map in (("source", source_map), ("target", target_map)):
        if not isinstance(feature_map, FeatureMap):
            raise TypeError(f"{label}: the {role} must be a FeatureMap, got {feature_map!r}")
    geometry = PoolGeometry(source_map.shape, *options)
    expected = geometry.out_shape
    if target_map.shape != expected or target_map.batch_size != source_map.batch_size:
        raise GeometryError(
            f"{label}: target '{target_map.name}' is {target_map!r}, but pooling "
            f"'{source_map.name}' gives shape {tuple(expected)} and batch_size "
            f"{source_map.batch_size}"
        )
    return geometry


class Pooling(ForwardOperation):
    """Summarise each window of a feature map, in the forward phase of a step.

    Parameters
    ----------
    source_map, target_map : FeatureMap
        The maps; the target has `pool_output_shape` of the source's shape.
    kernel_size, stride : int or (int, int)
        The window and its step (by default the window's size).
    padding : int or (int, int)
        Lines around the map that windows reach into, at most half a window. A maximum passes over
        them; to a sum and an average they are zeros, which an average counts (torch's
        ``count_include_pad=True``).
    ceil_mode : bool
        Whether what doesn't fill a window at the far border is left out, or gets one that reaches
        beyond the border, of which an average counts what is map or padding. As in torch.
    source, target : str
        The variable of the source map that is read, and that of the target map that is written.
    activation : {None, 'triangle'}
        What is pooled: the source, or its `Triangle` activation, which is not stored then.
    power : float
        Power of that activation; where it isn't 1, the source has to be dimensionless.
    name : str, optional
        Name of this object.

    Raises
    ------
    GeometryError
        If the window doesn't fit, the padding is wider than half of it, or the target has another
        shape.
    ValueError
        If the power isn't positive, or there is no triangle to be raised to it.
    """

    kind: ClassVar[str]

    def __init__(
        self,
        source_map: FeatureMap,
        target_map: FeatureMap,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] | None = None,
        *,
        padding: int | tuple[int, int] = 0,
        ceil_mode: bool = False,
        source: str = "x",
        target: str = "x",
        activation: str | None = None,
        power: float = 1.0,
        name: str | None = None,
    ) -> None:
        options = (kernel_size, stride, padding, ceil_mode)
        self.geometry = checked_windows(type(self).__name__, source_map, target_map, *options)
        if activation not in (None, "triangle"):
            raise ValueError(
                f"{type(self).__name__}: activation must be None or 'triangle', got {activation!r}"
            )
        self.power = checked_power(type(self).__name__, power)
        if self.power != 1 and activation is None:
            raise ValueError(
                f"{type(self).__name__}: power={power!r} is that of activation='triangle'; give "
                "both, or neither"
            )
        self.source_map, self.target_map = source_map, target_map
        self.kernel_size, self.stride = self.geometry.kernel_size, self.geometry.stride
        self.source, self.target = source, target
        written = self._written(source_map, source, target_map, target)
        if self.power != 1 and written.dim is not DIMENSIONLESS:
            raise ValueError(
                f"{type(self).__name__}: '{source}' of '{source_map.name}' must be dimensionless "
                f"to be raised to the power {self.power:g}; divide it by a scale"
            )
        self.variables = Variables(target_map)
        add_suffixed(self.variables, source_map, "_pre", "_pre")
        self.variables.add_auxiliary_variable(
            "_source", dtype=written.dtype, dimensions=written.dim
        )
        super().__init__(
            target_map,
            "map_pool",
            f"_source = {source}_pre",
            when="groups",
            order=0,
            name=name or f"{target_map.name}_{self.kind}_pooling*",
            template_kwds={
                "kind": self.kind,
                "triangle": activation == "triangle",
                "power": self.power,
                "in_shape": source_map.memory_shape,
                "n_neurons": len(source_map),
                "out_shape": target_map.memory_shape,
                "kernel_size": self.kernel_size,
                "stride": self.stride,
                "windows": self.geometry,
                "_target_var": written,
            },
            needed_variables=[target],
        )
        self.computes = written
        self.target_variable = written
        self.take_place([source_map, target_map], 0)
        target_map.contained_objects.append(self)
        target_map.add_dependency(source_map)

    @property
    def label(self) -> str:
        """What errors call it."""
        return f"{type(self).__name__} into '{self.target_map.name}'"

    @classmethod
    def _written(
        cls, source_map: FeatureMap, source: str, target_map: FeatureMap, target: str
    ) -> ArrayVariable:
        """Return the variable to write, or say why it can't hold what is read."""
        if source not in source_map.variables:
            raise KeyError(f"feature map '{source_map.name}' has no variable '{source}'")
        read = source_map.variables[source]
        written = target_map.array_variable(target)
        if read.dim is not written.dim:
            raise ValueError(
                f"{cls.__name__}: '{source}' of '{source_map.name}' and '{target}' of "
                f"'{target_map.name}' have different units"
            )
        return written


class AveragePooling(Pooling):
    """Average each window, as `torch.nn.AvgPool2d`; parameters and errors are `Pooling`'s.

    Examples
    --------
    >>> layer = FeatureMap((1, 4, 4), "x : 1")
    >>> pooled = FeatureMap(pool_output_shape((1, 4, 4), 2), "x : 1")
    >>> pooling = AveragePooling(layer, pooled, 2)
    >>> layer.x = "col"
    >>> run(defaultclock.dt)
    >>> print(pooled.get_maps("x")[0, 0])
    [[0.5 2.5]
     [0.5 2.5]]
    """

    kind = "average"


class MaxPooling(Pooling):
    """Take the maximum of each window, as `torch.nn.MaxPool2d`; parameters are `Pooling`'s.

    Examples
    --------
    Windows of 3x3 that overlap by one row and column:

    >>> layer = FeatureMap((1, 5, 5), "x : 1")
    >>> pooled = FeatureMap(pool_output_shape((1, 5, 5), 3, stride=2), "x : 1")
    >>> pooling = MaxPooling(layer, pooled, 3, stride=2)
    >>> layer.x = "10*row + col"
    >>> run(defaultclock.dt)
    >>> print(pooled.get_maps("x")[0, 0])
    [[22. 24.]
     [42. 44.]]
    """

    kind = "max"


class SumPooling(Pooling):
    """Sum each window; parameters and errors are `Pooling`'s.

    Examples
    --------
    >>> layer = FeatureMap((1, 4, 4), "x : 1")
    >>> pooled = FeatureMap((1, 2, 2), "x : 1")
    >>> pooling = SumPooling(layer, pooled, 2)
    >>> layer.x = "col"
    >>> run(defaultclock.dt)
    >>> print(pooled.get_maps("x")[0, 0])
    [[ 2. 10.]
     [ 2. 10.]]
    """

    kind = "sum"
