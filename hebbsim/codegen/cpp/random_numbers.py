"""Uniform random numbers in C++ in runtime mode: those that Brian2's own compiled code would draw.

Brian2's Cython takes them from a buffer that numpy's global generator fills. C++ takes them from
the same buffer, and fills it by the same generator: which loops are compiled how changes no number.
"""

import ctypes

import numpy as np
from brian2.core.functions import DEFAULT_FUNCTIONS
from brian2.devices.device import get_device

from hebbsim.brian2_private import RANDOM_BUFFER_SIZE

__all__ = ["add_random_numbers"]

# not inlined: loops that are told to be vectorised draw one number after the other
_RAND = f"""
#include <cstdlib>

__attribute__((noinline)) static double _rand(const int64_t _vectorisation_idx)
{{
    double** const _buffer = (double**) _namespace_rand_buffer;
    int32_t& _place = _namespace_rand_buffer_index[0];
    if (_place == 0)
    {{
        double (*const _next)(void*) = (double (*)(void*)) _namespace_rand_source[0];
        std::free(*_buffer);
        *_buffer = (double*) std::malloc({RANDOM_BUFFER_SIZE} * sizeof(double));
        for (int _n = 0; _n < {RANDOM_BUFFER_SIZE}; _n++)
            (*_buffer)[_n] = _next((void*) _namespace_rand_source[1]);
    }}
    const double _value = (*_buffer)[_place];
    _place = (_place + 1) % {RANDOM_BUFFER_SIZE};
    return _value;
}}
"""


def add_random_numbers(codeobj_class: type) -> None:
    """Let code objects of a class of C++ in runtime mode call ``rand()``."""
    DEFAULT_FUNCTIONS["rand"].implementations.add_dynamic_implementation(
        codeobj_class, code=lambda _: _RAND, namespace=_namespace, name="_rand"
    )


def _namespace(_: object) -> dict[str, np.ndarray]:
    """Return Brian2's buffer, and the function and state of numpy's generator that fill it."""
    device = get_device()
    generator = np.random.get_bit_generator().ctypes
    source = [ctypes.cast(generator.next_double, ctypes.c_void_p).value, generator.state_address]
    return {
        "_rand_buffer": device.rand_buffer,
        "_rand_buffer_index": device.rand_buffer_index,
        "_rand_source": np.array(source, dtype=np.int64),
    }
