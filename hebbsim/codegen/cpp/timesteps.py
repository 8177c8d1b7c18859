"""Brian2's ``timestep(t, dt)`` in a form of which compilers make vector instructions.

Refractoriness asks for it for each neuron in each step. Few processors turn several floats into
64-bit integers at once; all can add, and read a number's bits.
"""

from brian2.core.functions import DEFAULT_FUNCTIONS

__all__ = ["add_timestep"]

# to 2**52 + 2**51 whole numbers are added exactly, up to 2**51: they are the last bits of the sum
_TIMESTEP = """
static inline int64_t _timestep(double t, double dt)
{
    const double _shifted = trunc((t + 1e-3*dt)/dt) + 6755399441055744.0;
    uint64_t _bits;
    memcpy(&_bits, &_shifted, sizeof(_bits));
    return (int64_t) (_bits - UINT64_C(0x4338000000000000));
}
"""


def add_timestep(codeobj_class: type) -> None:
    """Let code objects of a class of C++ call it; up to 2**51 steps are those of Brian2's."""
    DEFAULT_FUNCTIONS["timestep"].implementations.add_implementation(
        codeobj_class, code=_TIMESTEP, name="_timestep"
    )
