"""``exp`` in a form of which compilers make vector instructions.

Brian2's exponential Euler method asks for it for each neuron in each step. The C library's is a
call, and as long as numbers may be infinite compilers make it for one number after the other.
"""

import math
from collections.abc import Mapping

from brian2.core.functions import DEFAULT_FUNCTIONS

__all__ = ["add_exponential"]

# exp(x) = 2**n * exp(r), where n is whole and |r| <= log(2)/2. What is left of the series is less
# than a tenth of the last place. Without a fused product, r could be rounded in an order that the
# compiler chooses.
_ONE_PRECISION = """
static inline {real} _exp({real} x)
{{
    const {real} _n = __builtin_rint{suffix}(x*{log2_e});
    const {real} _r = __builtin_fma{suffix}(_n, -{low}, __builtin_fma{suffix}(_n, -{high}, x));
    {real} _power = {last};
    {series}
    _power = _power*(_r*_r) + _r;
    _power += 1;
    // what is added to the bits of a number's exponent multiplies it by a power of two; the last
    // bits of the sum are n
    const {real} _shifted = _n + {shift};
    {bits} _of_power, _of_n;
    __builtin_memcpy(&_of_power, &_power, sizeof(_power));
    __builtin_memcpy(&_of_n, &_shifted, sizeof(_shifted));
    _of_power += _of_n << {mantissa};
    __builtin_memcpy(&_power, &_of_power, sizeof(_power));
    _power = x < {smallest} ? 0 : _power;
    _power = x > {largest} ? __builtin_inf{suffix}() : _power;
    return x == x ? _power : x;
}}
"""
_CODE = """
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
{double}{single}
#else
static inline double _exp(double x) {{ return x < {smallest} ? 0 : __builtin_exp(x); }}
static inline float _exp(float x) {{ return x < {smallest_single} ? 0 : __builtin_expf(x); }}
#endif
template <typename T>
static inline double _exp(T x) {{ return _exp((double) x); }}
"""

_DOUBLE = {
    "real": "double",
    "suffix": "",
    "bits": "uint64_t",
    "high": "0.69314718036912382",  # log(2) in 33 bits, and the rest
    "low": "1.9082149292705877e-10",
    "shift": "6755399441055744.0",
    "mantissa": "52",
    "smallest": "-708.3964",  # whose exponential is the smallest normal number
    "largest": "709.782712893384",
}
_SINGLE = {
    "real": "float",
    "suffix": "f",
    "bits": "uint32_t",
    "high": "0.693145752f",
    "low": "1.42860677e-06f",
    "shift": "12582912.0f",
    "mantissa": "23",
    "smallest": "-87.33654f",
    "largest": "88.72283f",
}


def _in_precision(terms: int, values: Mapping[str, str]) -> str:
    """Return the function for one type of numbers, by a series of so many terms."""
    suffix = values["suffix"]
    coefficients = [f"{1 / math.factorial(n)!r}{suffix}" for n in range(2, terms + 1)]
    series = "\n    ".join(f"_power = _power*_r + {c};" for c in reversed(coefficients[:-1]))
    log2_e = f"{1 / math.log(2)!r}{suffix}"
    return _ONE_PRECISION.format(last=coefficients[-1], series=series, log2_e=log2_e, **values)


def _code() -> str:
    """Return the functions, of double and single precision."""
    return _CODE.format(
        double=_in_precision(13, _DOUBLE),
        single=_in_precision(7, _SINGLE),
        smallest=_DOUBLE["smallest"],
        smallest_single=_SINGLE["smallest"],
    )


def add_exponential(codeobj_class: type) -> None:
    """Let code objects of a class of C++ call it.

    It differs from the exact value by less than 1.5 units in the last place, of the precision of
    its argument. What is smaller than the smallest normal number is 0. With a compiler that is told
    that no number is infinite or none, as ``-ffast-math`` alone does, it makes others of those.
    """
    DEFAULT_FUNCTIONS["exp"].implementations.add_implementation(
        codeobj_class, code=_code(), name="_exp"
    )
