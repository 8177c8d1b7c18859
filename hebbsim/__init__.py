"""Plastic convolutional networks, written as Brian2 equations."""

from hebbsim import rules
from hebbsim.convsynapses import ConvSynapses
from hebbsim.featuremap import FeatureMap
from hebbsim.geometry import conv_output_shape
from hebbsim.targets import register_templates

register_templates()

__all__ = ["ConvSynapses", "FeatureMap", "conv_output_shape", "rules"]
