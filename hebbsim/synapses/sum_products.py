"""Sums to neurons that are a matrix product of the kernel with what neurons give."""

from collections.abc import Mapping

import numpy as np
from brian2.core.variables import Variable

from hebbsim.geometry import ConvGeometry
from hebbsim.synapses.algebra import Product, separate, sides_of

__all__ = ["feedback_product", "forward_product", "shares_multiplications"]

_CHANNELS_OF_A_TILE = 16  # with fewer, a tile of the matrix product on a GPU is mostly empty
_CHANNELS_OF_FEEDBACK = 4  # of source and target each, and of a group
_CHANNELS_TO_SAVE = 32  # of source and target each; with fewer, the transforms cost what they save


def forward_product(
    text: str, variables: Mapping[str, Variable], geometry: ConvGeometry
) -> Product | None:
    """Return what a convolution multiplies, if it is a matrix product of some size."""
    large = geometry.out_channels_per_group >= _CHANNELS_OF_A_TILE and geometry.fan_in >= 8
    if not large:
        return None
    product = _single(text, variables)
    return product if product is not None and product.post == "1" else None


def feedback_product(
    text: str, variables: Mapping[str, Variable], geometry: ConvGeometry
) -> Product | None:
    """Return what a transposed convolution multiplies, if it is a matrix product of some size."""
    size = min(geometry.in_channels_per_group, geometry.out_channels_per_group)
    if size < _CHANNELS_OF_FEEDBACK:
        return None
    product = _single(text, variables)
    return product if product is not None and product.pre == "1" else None


def _single(text: str, variables: Mapping[str, Variable]) -> Product | None:
    products = separate(text, sides_of(variables))
    return products[0] if products is not None and len(products) == 1 else None


def shares_multiplications(geometry: ConvGeometry, dtype: np.dtype) -> bool:
    """Return whether neighbouring sums of a 3x3 convolution can share the work.

    In single precision alone: they share rounding too.
    """
    return (
        geometry.kernel_size == (3, 3)
        and geometry.stride == geometry.dilation == (1, 1)
        and geometry.groups == 1
        and dtype == np.float32
        and min(geometry.in_shape.channels, geometry.out_channels) >= _CHANNELS_TO_SAVE
        and max(geometry.padding) <= 2
    )
