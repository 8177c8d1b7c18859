"""How long sums keep their precision: short chains of terms, added up in double precision.

A float32 that grows term by term loses digits: after n equal terms up to n/3 of its last place. So
terms are added in chains of at most `CHAIN`, for which that is less than 1e-6 of their sum, and the
chains in an accumulator of double precision. Compensated sums would be undone by ``-ffast-math``.
"""

from typing import Any, NamedTuple

import numpy as np
from brian2.codegen.generators.cpp_generator import c_data_type

__all__ = [
    "CHAIN",
    "Chain",
    "accumulator",
    "accumulator_dtype",
    "chain",
    "even_chain",
    "in_chains",
]

#: Terms that are added one after the other in single precision
CHAIN = 96


def accumulator_dtype(dtype: Any) -> np.dtype:
    """Return the type in which long sums of a variable are kept.

    Examples
    --------
    >>> accumulator_dtype("float32"), accumulator_dtype("int32")
    (dtype('float64'), dtype('int32'))
    """
    return np.dtype(np.float64 if np.dtype(dtype).kind == "f" else dtype)


def accumulator(dtype: Any) -> str:
    """Return the type in C++ in which long sums of a variable are kept.

    Examples
    --------
    >>> accumulator("float32"), accumulator("int32")
    ('double', 'int32_t')
    """
    return str(c_data_type(accumulator_dtype(dtype)))


def in_chains(dtype: Any, terms: int) -> bool:
    """Return whether a sum of so many terms of a type is cut into chains.

    Examples
    --------
    >>> in_chains("float32", 576), in_chains("float32", 25), in_chains("float64", 576)
    (True, False, False)
    """
    return np.dtype(dtype) == np.float32 and terms > CHAIN


class Chain(NamedTuple):
    """How many samples, rows and columns of a map are summed in one chain."""

    samples: int
    rows: int
    cols: int


def even_chain(terms: int) -> int:
    """Return the length of the chains that a row of `terms` is cut into, almost equally long.

    Examples
    --------
    >>> even_chain(100), even_chain(96)
    (50, 96)
    """
    return -(-terms // -(-terms // CHAIN))


def chain(samples: int, rows: int, cols: int) -> Chain:
    """Cut a batch of maps into blocks of no more than `CHAIN` positions.

    Examples
    --------
    >>> chain(100, 28, 28), chain(100, 6, 6)
    (Chain(samples=1, rows=3, cols=28), Chain(samples=2, rows=6, cols=6))
    """
    found = []
    left = CHAIN
    for size in (cols, rows, samples):
        pieces = -(-size // max(1, left))
        found.append(-(-size // pieces))
        left = left // size
    return Chain(*reversed(found))
