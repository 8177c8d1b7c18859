"""Activations: what each neuron of a feature map makes of its drive."""

from typing import Any, ClassVar

import numpy as np

from hebbsim.maps.feature_map import FeatureMap
from hebbsim.maps.operation import MapOperation

__all__ = ["Assign", "Rectify", "Standardize", "Triangle"]


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
    """

    template_name = "map_assign"

    def __init__(
        self, feature_map: FeatureMap, source: str, target: str = "x", **kwds: Any
    ) -> None:
        super().__init__(feature_map, source, target, **kwds)


class Rectify(Activation):
    """Write the positive part of an expression; parameters and errors are `Activation`'s."""

    template_name = "map_rectify"


class Triangle(Activation):
    """Write an expression minus its mean over the channels at each position, rectified.

    ``x = max(0, s - mean(s))``, the "triangle" activation of Coates, Lee and Ng 2011 (AISTATS,
    section 3.2.2), as Miconi 2021 uses it on a layer's drive. Parameters and errors are those of
    `Activation`.
    """

    template_name = "map_triangle"


class Standardize(Activation):
    """Bring each sample of a map to zero mean and unit standard deviation.

    Over all channels and positions of the sample; a constant map becomes 0. Parameters and errors
    are those of `Activation`; the target, which has no units, may be the source itself, ``'x'`` by
    default.
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
