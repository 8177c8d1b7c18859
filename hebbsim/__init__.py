"""Plastic convolutional networks, written as Brian2 equations."""

from typing import TYPE_CHECKING, Any

from hebbsim import rules
from hebbsim.bridge.learning_curves import LearningCurves
from hebbsim.bridge.nir_export import to_nir
from hebbsim.bridge.nir_files import load_nir, save_nir
from hebbsim.bridge.nir_import import from_nir
from hebbsim.codegen.targets import register_templates
from hebbsim.competition.activations import Assign, Rectify, Standardize, Triangle
from hebbsim.competition.batch_norm import BatchNorm
from hebbsim.competition.decision import Decision
from hebbsim.competition.earliest_spike import EarliestSpike
from hebbsim.competition.first_winners import FirstWinners
from hebbsim.competition.inhibition import LateralInhibition
from hebbsim.competition.pooling import AveragePooling, MaxPooling, SumPooling
from hebbsim.competition.thresholds import AdaptiveThreshold
from hebbsim.competition.winners import SoftWinnerTakeAll, WinnerTakeAll
from hebbsim.data.load import load_dataset
from hebbsim.decoding.decode import decode
from hebbsim.decoding.packed_bits import PackedBits
from hebbsim.decoding.read_out import LinearReadOut
from hebbsim.errors import installed, needed
from hebbsim.geometry import conv_output_shape, pool_output_shape
from hebbsim.maps.encoders import LatencyEncoder, PoissonEncoder
from hebbsim.maps.feature_map import FeatureMap
from hebbsim.maps.per_channel_sample_position import PerChannel, PerMap, PerPosition, PerSample
from hebbsim.maps.stored_images import StoredImages
from hebbsim.networks.conv_layer import ConvLayer
from hebbsim.networks.conv_network import ConvNetwork
from hebbsim.networks.spiking_layer import SpikingLayer
from hebbsim.networks.spiking_network import SpikingNetwork
from hebbsim.rules.rule import Rule
from hebbsim.runs.hooks import run_networks
from hebbsim.synapses.conv_synapses import ConvSynapses
from hebbsim.synapses.order_plasticity import OrderPlasticity

if TYPE_CHECKING:
    from hebbsim.bridge.torch_export import to_torch
    from hebbsim.bridge.torch_import import from_torch

__version__ = "0.1.0"

__all__ = [
    "AdaptiveThreshold",
    "Assign",
    "AveragePooling",
    "BatchNorm",
    "ConvLayer",
    "ConvNetwork",
    "ConvSynapses",
    "Decision",
    "EarliestSpike",
    "FeatureMap",
    "FirstWinners",
    "LatencyEncoder",
    "LateralInhibition",
    "LearningCurves",
    "LinearReadOut",
    "MaxPooling",
    "OrderPlasticity",
    "PackedBits",
    "PerChannel",
    "PerMap",
    "PerPosition",
    "PerSample",
    "PoissonEncoder",
    "Rectify",
    "Rule",
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
    "from_nir",
    "from_torch",
    "load_dataset",
    "load_nir",
    "pool_output_shape",
    "rules",
    "save_nir",
    "to_nir",
    "to_torch",
]

register_templates()
run_networks()

_NEED_TORCH = {
    "to_torch": "hebbsim.bridge.torch_export",
    "from_torch": "hebbsim.bridge.torch_import",
}
if not installed("torch"):  # else no one without it could import all names
    __all__ = [name for name in __all__ if name not in _NEED_TORCH]


def __getattr__(name: str) -> Any:
    """Import what needs torch when it is first asked for: torch takes seconds to load."""
    if name not in _NEED_TORCH:
        raise AttributeError(f"module 'hebbsim' has no attribute {name!r}")
    from importlib import import_module

    with needed("torch", by=name, install="hebbsim[torch]"):
        return getattr(import_module(_NEED_TORCH[name]), name)
