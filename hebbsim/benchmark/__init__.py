"""The benchmark: hebbsim against explicit Brian2 synapses and torch, measured in one process."""

from hebbsim.benchmark.rows import PARTS, Row, Series, Target
from hebbsim.benchmark.runner import benchmark
from hebbsim.benchmark.setting import Setting
from hebbsim.benchmark.sizes import FULL, QUICK, Sizes

__all__ = ["FULL", "PARTS", "QUICK", "Row", "Series", "Setting", "Sizes", "Target", "benchmark"]
