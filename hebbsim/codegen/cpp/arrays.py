"""Arrays that functions of the user read, such as a `TimedArray`'s, as C++ reads them."""

from typing import Any

import numpy as np
from brian2.codegen.generators.cpp_generator import CPPCodeGenerator, c_data_type

from hebbsim.codegen.cpp.comparisons import in_single_precision

__all__ = ["ArrayGenerator", "as_c_array"]

#: What C++ lacks, or Brian2 has no name for, and the next type that holds the same values
_WIDER = {np.dtype(np.float16): np.float32, np.dtype(np.uint8): np.int16}


def as_c_array(values: np.ndarray) -> np.ndarray:
    """Return an array as C++ reads it: element after element, in the processor's byte order.

    One that lies so already is returned itself, so that C++ sees what is written to it later.

    Examples
    --------
    >>> as_c_array(np.arange(6, dtype=">i4")[::-2])
    array([5, 3, 1], dtype=int32)
    """
    return np.ascontiguousarray(values, dtype=_c_dtype(values.dtype))


def _c_dtype(dtype: Any) -> np.dtype[Any]:
    native = np.dtype(dtype).newbyteorder("=")
    if native.kind == "f" and native.itemsize > 8:
        return np.dtype(np.float64)
    return np.dtype(_WIDER.get(native, native))


class ArrayGenerator(CPPCodeGenerator):
    """Write C++ with the types that arrays have once they are `as_c_array`."""

    def __init__(self, *args: Any, **kwds: Any) -> None:
        super().__init__(*args, **kwds)
        self.c_data_type = lambda dtype: c_data_type(_c_dtype(dtype))

    def translate_expression(self, expr: str) -> str:
        """Write an expression in C++."""
        return str(super().translate_expression(in_single_precision(expr, self.variables)))
