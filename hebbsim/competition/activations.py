"""Activations: what each neuron of a feature map makes of its drive."""

from numbers import Real
from typing import Any, ClassVar

import numpy as np
from brian2.units.fundamentalunits import Quantity, fail_for_dimension_mismatch

from hebbsim.maps.feature_map import FeatureMap
from hebbsim.maps.operation import MapOperation

__all__ = ["Assign", "Rectify", "Standardize", "Triangle", "checked_power"]


def checked_power(label: str, power: Any) -> float:
    """Return the power of a triangle, or say why it can't be one."""
    is_number = isinstance(power, Real) and not isinstance(power, bool)
    value = float(power) if is_number else 0.0
    if not 0 < value < float("inf"):
        raise ValueError(f"{label}: the power must be a positive number, got {power!r}")
    return value


class Activation(MapOperation):
    """Compute one variable of a map from another, neuron by neuron or position by position.

    Parameters
    ----------
    feature_map : FeatureMap
        The map.
    source : str
        An expression over the map's variables, such as ``'u - theta'``.
    target : str
        The variable to write.
    order : int, optional
        Shifts the place among the forward operations of the step; by default it follows from
        what is read and written, see `hebbsim.maps.forward_order`.
    name : str, optional
        Name of this object.
    """

    template_name: ClassVar[str]

    def __init__(
        self, feature_map: FeatureMap, source: str = "u", target: str = "x", **kwds: Any
    ) -> None:
        super().__init__(feature_map, self.template_name, source, target, **kwds)


class Assign(Activation):
    """Write an expression over a map's variables, such as ``'tanh(u)'``.

    Parameters and errors are those of `Activation`; the source has no default.

    Examples
    --------
    >>> layer = FeatureMap((3, 1, 1), '''u : 1
    ...                                 y : 1''')
    >>> activity = Assign(layer, "tanh(u)", "y")
    >>> layer.u = [-1, 0, 1]
    >>> run(defaultclock.dt)
    >>> print(layer.y[:].round(2))
    [-0.76  0.    0.76]
    """

    template_name = "map_assign"

    def __init__(
        self, feature_map: FeatureMap, source: str, target: str = "x", **kwds: Any
    ) -> None:
        super().__init__(feature_map, source, target, **kwds)


class Rectify(Activation):
    """Write the positive part of an expression; parameters and errors are `Activation`'s.

    Examples
    --------
    >>> layer = FeatureMap((3, 1, 1), '''u : 1
    ...                                 y : 1''')
    >>> activity = Rectify(layer, "u - 0.5", "y")
    >>> layer.u = [-1, 0, 1]
    >>> run(defaultclock.dt)
    >>> print(layer.y[:])
    [0.  0.  0.5]
    """

    template_name = "map_rectify"


class Triangle(Activation):
    """Write an expression minus its mean over the channels at each position, rectified.

    ``x = max(0, s - mean(s))**power``, the "triangle" activation of Coates, Lee and Ng 2011
    (AISTATS, section 3.2.2), as Miconi 2021 uses it on a layer's drive; Journé et al. 2023 (ICLR)
    raise it to a power.

    Parameters
    ----------
    feature_map, source, target, order, name
        As in `Activation`.
    power : float
        Positive. Where it isn't 1, the source has to be dimensionless.

    Raises
    ------
    ValueError
        If the power is not a positive number.

    Examples
    --------
    >>> layer = FeatureMap((4, 1, 1), '''u : 1
    ...                                 y : 1''')
    >>> activity = Triangle(layer, "u", "y")
    >>> layer.u = [0, 1, 2, 5]  # 2 on average
    >>> run(defaultclock.dt)
    >>> print(layer.y[:])
    [0. 0. 0. 3.]
    """

    template_name = "map_triangle"

    def __init__(
        self,
        feature_map: FeatureMap,
        source: str = "u",
        target: str = "x",
        *,
        power: float = 1.0,
        **kwds: Any,
    ) -> None:
        self.check_types(feature_map, source)
        self.power = checked_power(f"Triangle on '{feature_map.name}'", power)
        super().__init__(feature_map, source, target, template_kwds={"power": self.power}, **kwds)

    def before_run(self, run_namespace: dict[str, Any]) -> None:
        """Check the units before the code object is made: what is raised to a power has none."""
        if self.power != 1:
            fail_for_dimension_mismatch(
                Quantity(1, dim=self.source_dimensions(run_namespace)),
                Quantity(1),
                f"{self.label}: '{self.source}' must be dimensionless to be raised to the power "
                f"{self.power:g}; divide it by a scale",
            )
        super().before_run(run_namespace)


class Standardize(Activation):
    """Bring each sample of a map to zero mean and unit standard deviation.

    Over all channels and positions of the sample; a constant map becomes 0. Parameters and errors
    are those of `Activation`; the target, which has no units, may be the source itself, ``'x'`` by
    default.

    Examples
    --------
    >>> retina = FeatureMap((1, 2, 2), "x : 1")
    >>> standardize = Standardize(retina)
    >>> retina.set_maps("x", [[[1, 1], [3, 3]]])
    >>> run(defaultclock.dt)
    >>> print(retina.get_maps("x")[0, 0])
    [[-1. -1.]
     [ 1.  1.]]
    """

    template_name = "map_standardize"

    def __init__(
        self, feature_map: FeatureMap, source: str = "x", target: str = "x", **kwds: Any
    ) -> None:
        self.check_types(feature_map, source)
        # what rounding leaves of a constant expression
        tolerance = 4 * float(np.finfo(feature_map.array_variable(target).dtype).eps)
        super().__init__(
            feature_map,
            source,
            target,
            dimensionless=True,
            template_kwds={"tolerance": tolerance},
            **kwds,
        )
