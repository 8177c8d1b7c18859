"""Arrays that hold the same values and lie differently in memory."""

import numpy as np
from hypothesis import strategies as st

#: Of each kind of values, the types that hold them
DTYPES = {
    "real": ("f8", "f4", "f2", "longdouble"),
    "float": ("f8", "f4"),
    "integer": ("i1", "i2", "i4", "i8", "u2", "u4", "u8"),
}


def laid_out(values, axes, steps, dtype, swapped, read_only):
    """Return `values` with the axes in another order in memory, and `steps` between elements."""
    dtype = np.dtype(dtype)
    dtype = dtype.newbyteorder() if swapped else dtype
    order = np.argsort(axes)
    reach = [abs(step) for step in steps]
    whole = np.full(np.array(values.shape)[order] * reach, 77, dtype)
    view = whole[tuple(slice(None, None, r) for r in reach)]
    view = view[tuple(slice(None, None, -1 if step < 0 else 1) for step in steps)]
    view = view.transpose(axes)
    view[...] = values
    view.flags.writeable = not read_only
    assert np.array_equal(view, values)
    return view


def layouts(values, kinds=("real", "integer")):
    """Return a strategy of arrays with these `values`, small integers."""
    n = values.ndim
    return st.builds(
        laid_out,
        st.just(values),
        st.permutations(range(n)),
        st.lists(st.sampled_from((-2, -1, 1, 2, 3)), min_size=n, max_size=n),
        st.sampled_from([dtype for kind in kinds for dtype in DTYPES[kind]]),
        st.booleans(),
        st.booleans(),
    )
