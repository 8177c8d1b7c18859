"""Objects that run for a few samples at a time, one after the other, while maps are in the cache.

Of a large batch, what one object has computed has left the cache when the next one reads it. A
convolution, the competition between its neurons, pooling and standardisation compute each sample
from that sample alone: so all of them may run for some samples before any runs for the others.
"""

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np
from brian2 import NeuronGroup
from brian2.core.base import BrianObject
from brian2.core.preferences import prefs
from brian2.core.variables import ArrayVariable

from hebbsim.codegen.cpp.runtime import Compiled, CPPRuntimeCodeObject
from hebbsim.codegen.cpp.tiles import L2_BYTES
from hebbsim.codegen.expressions import arrays_elsewhere
from hebbsim.codegen.loop_nest import LoopNest

__all__ = ["BLOCK_BYTES", "SampleBlocks", "sample_blocks"]

#: Bytes of maps in a block: what two objects in a row share is less than all that a block holds
BLOCK_BYTES = 2 * L2_BYTES
#: What all samples need, such as a kernel, may take no more than this
_SHARED_BYTES = L2_BYTES // 4
#: Threads may be idle for no more than one sample in so many
_UNEVEN = 8


class _Structure(ctypes.Structure):
    _fields_ = [
        ("links", ctypes.c_int64),
        ("size", ctypes.c_int64),
        ("n_samples", ctypes.c_int64),
        ("threads", ctypes.c_int64),
        ("arguments", ctypes.c_void_p),
        ("samples", ctypes.c_void_p),
    ]


class SampleBlocks:
    """Links of a chain that run one after the other for each block of samples.

    Parameters
    ----------
    first : int
        The place of the first link.
    links : list of Compiled
        What is called.
    size, n_samples : int
        Samples of a block, and of all.
    threads : int
        How many share the blocks.
    """

    def __init__(
        self, first: int, links: Sequence[Compiled], size: int, n_samples: int, threads: int
    ) -> None:
        self.first, self.n_links, self.size = first, len(links), size
        # each thread has what the links are given, with samples of its own
        self._samples = np.zeros((threads, 16), dtype=np.int32)
        self._arguments = [
            _with_samples(link, samples.ctypes.data) for samples in self._samples for link in links
        ]
        self._places = (ctypes.c_void_p * len(self._arguments))(
            *map(ctypes.addressof, self._arguments)
        )
        #: As C reads it
        self.structure = _Structure(
            len(links),
            size,
            n_samples,
            threads,
            ctypes.addressof(self._places),
            self._samples.ctypes.data,
        )


def _with_samples(link: Compiled, place: int) -> Any:
    """Return a copy of what a link is given, with its samples in another place."""
    assert link.samples is not None
    own = link.samples.ctypes.data
    return type(link.arguments)(*(place if one == own else one for one in link.arguments))


def sample_blocks(links: Sequence[tuple[BrianObject, Compiled]]) -> list[SampleBlocks]:
    """Find what follows each other in a chain and runs faster block by block.

    Parameters
    ----------
    links : sequence
        What is called in a step: the object and its compiled code.
    """
    found, run = [], _Run()
    for place, (item, compiled) in enumerate(links):
        if not run.take(item, compiled):
            found += run.blocks(place)
            run = _Run()
            run.take(item, compiled)
    return [*found, *run.blocks(len(links))]


class _Run:
    """Objects in a row of which each computes a sample from that sample alone."""

    def __init__(self) -> None:
        self._links: list[Compiled] = []
        self._n_samples = 0
        self._of_maps: set[ArrayVariable] = set()
        self._written: set[ArrayVariable] = set()
        self._elsewhere: set[ArrayVariable] = set()

    def take(self, item: BrianObject, compiled: Compiled) -> bool:
        """Take another object in, if it fits; say whether it does."""
        codes = [one for one in item.code_objects if isinstance(one, CPPRuntimeCodeObject)]
        if compiled.samples is None or not isinstance(item, LoopNest) or len(codes) != 1:
            return False
        arrays = {v for v in codes[0].variables.values() if isinstance(v, ArrayVariable)}
        of_maps = {v for v in arrays if _is_of_map(v)}
        shared = sum(_bytes(v) for v in arrays - of_maps)
        elsewhere = arrays_elsewhere(codes[0].variables, codes[0].variable_indices)
        written = {*self._written, item.target_variable}
        if (
            item.target_variable not in of_maps
            or shared > _SHARED_BYTES
            or (self._links and self._n_samples != item.n_samples)
            or written & (self._elsewhere | elsewhere)
        ):
            return False
        self._links.append(compiled)
        self._n_samples = item.n_samples
        self._of_maps |= of_maps
        self._written = written
        self._elsewhere |= elsewhere
        return True

    def blocks(self, end: int) -> list[SampleBlocks]:
        """Return the blocks of what has been taken in before the link `end`, if they pay."""
        if len(self._links) < 2:
            return []
        n_samples, threads = self._n_samples, max(1, prefs.devices.cpp_standalone.openmp_threads)
        fitting = max(1, BLOCK_BYTES * n_samples // sum(map(_bytes, self._of_maps)))
        if fitting >= n_samples:
            return []
        blocks = -(-n_samples // fitting)
        size = -(-n_samples // (-(-blocks // threads) * threads))
        idle = -n_samples % (size * threads)  # if each thread had as many as the one with most
        if threads > 1 and idle > n_samples // _UNEVEN:
            return []
        first = end - len(self._links)
        return [SampleBlocks(first, self._links, size, n_samples, threads)]


def _is_of_map(variable: ArrayVariable) -> bool:
    """Whether it has a value for each neuron of a map."""
    return isinstance(variable.owner, NeuronGroup) and variable.size == len(variable.owner)


def _bytes(variable: ArrayVariable) -> int:
    return int(variable.get_value().nbytes)
