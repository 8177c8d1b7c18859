"""Which neurons meet in a convolution or a pooling window; knows nothing of simulators."""

from hebbsim.geometry.convolution import ConvGeometry, Taps, conv_output_shape
from hebbsim.geometry.pooling import PoolGeometry, pool_output_shape
from hebbsim.geometry.shapes import GeometryError, MapShape, Pair, as_pair, is_integer

__all__ = [
    "ConvGeometry",
    "GeometryError",
    "MapShape",
    "Pair",
    "PoolGeometry",
    "Taps",
    "as_pair",
    "conv_output_shape",
    "is_integer",
    "pool_output_shape",
]
