"""Diehl and Cook's network with fields of 12x12, on kernels of its own and on shared ones.

This is not the paper's: it is what convolution makes of it, and nothing is asked of it.
"""
