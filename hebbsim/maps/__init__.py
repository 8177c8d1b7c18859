"""Neurons on a grid: feature maps, groups read as maps, what a map keeps per channel, encoders."""
