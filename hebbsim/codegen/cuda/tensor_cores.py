"""Products of single precision on a GPU's tensor cores, where a preference asks for them."""

from typing import Any

import numpy as np
from brian2.core.preferences import BrianPreference, PreferenceError, prefs

__all__ = ["PRECISIONS", "tensor_cores"]

#: Values of the preference: without them, and the forms in which they multiply
PRECISIONS = ("none", "TF32", "3xTF32")


def _check(value: Any) -> bool:
    """Refuse another value by name, which Brian2 would without those that there are."""
    if value not in PRECISIONS:
        known = ", ".join(map(repr, PRECISIONS))
        raise PreferenceError(f"hebbsim.tensor_cores: expected one of {known}, got {value!r}")
    return True


prefs.register_preferences(
    "hebbsim",
    "What hebbsim's code generation may do.",
    tensor_cores=BrianPreference(
        default=PRECISIONS[0],
        validator=_check,
        docs="""
        How convolutions in float32 multiply on a GPU of compute capability 8.0 or more: ``'none'``
        in float32; ``'TF32'`` on tensor cores, which round both factors to 11 binary digits, so
        that a sum is off by up to 2**-10 of the sum of its terms' magnitudes; ``'3xTF32'`` on
        tensor cores too, with each factor in two parts and three products, good to 2**-19 of that
        (and no number where a factor is infinite or almost). Whatever else there is, sums of other
        forms, other types and other targets, is as it is without them.
        """,
    ),
)


def tensor_cores(dtype: Any) -> str:
    """Return in which form tensor cores multiply numbers of a type: empty if they don't.

    Examples
    --------
    >>> tensor_cores("float64")
    ''
    """
    chosen: str = prefs["hebbsim.tensor_cores"]
    return chosen if np.dtype(dtype) == np.float32 and chosen != PRECISIONS[0] else ""
