"""CUDA, through Brian2CUDA: what it needs of a machine, and how kernels share out work."""
