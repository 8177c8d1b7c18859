"""Plastic convolutional networks, written as Brian2 equations."""

from typing import TYPE_CHECKING, Any

from hebbsim import rules
from hebbsim.bridge.decoding import decode
from hebbsim.competition import AdaptiveThreshold, SoftWinnerTakeAll, WinnerTakeAll
from hebbsim.convsynapses import ConvSynapses
from hebbsim.datasets import load_dataset
from hebbsim.encoders import LatencyEncoder, PoissonEncoder
from hebbsim.featuremap import FeatureMap
from hebbsim.geometry import conv_output_shape
from hebbsim.inhibition import LateralInhibition
from hebbsim.layers import ConvLayer
from hebbsim.mapgroups import PerChannel, PerPosition, PerSample
from hebbsim.mapops import Assign, Rectify, Standardize, Triangle
from hebbsim.network import ConvNetwork
from hebbsim.pooling import AveragePooling, MaxPooling, SumPooling, pool_output_shape
from hebbsim.spiking import SpikingNetwork
from hebbsim.spikinglayers import SpikingLayer
from hebbsim.storedimages import StoredImages
from hebbsim.targets import register_templates

if TYPE_CHECKING:
    from hebbsim.bridge.torch_export import to_torch
    from hebbsim.bridge.torch_import import from_torch

__version__ = "0.1.0"

__all__ = [
    "AdaptiveThreshold",
    "Assign",
    "AveragePooling",
    "ConvLayer",
    "ConvNetwork",
    "ConvSynapses",
    "FeatureMap",
    "LatencyEncoder",
    "LateralInhibition",
    "MaxPooling",
    "PerChannel",
    "PerPosition",
    "PerSample",
    "PoissonEncoder",
    "Rectify",
    "SoftWinnerTakeAll",
    "SpikingLayer",
    "SpikingNetwork",
    "Standardize",
    "StoredImages",
    "SumPooling",
    "Triangle",
    "WinnerTakeAll",
    "conv_output_shape",
    "decode",
    "from_torch",
    "load_dataset",
    "pool_output_shape",
    "rules",
    "to_torch",
]

register_templates()

_NEED_TORCH = {
    "to_torch": "hebbsim.bridge.torch_export",
    "from_torch": "hebbsim.bridge.torch_import",
}


def __getattr__(name: str) -> Any:
    """Import what needs torch when it is first asked for: torch takes seconds to load."""
    if name not in _NEED_TORCH:
        raise AttributeError(f"module 'hebbsim' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_NEED_TORCH[name]), name)
