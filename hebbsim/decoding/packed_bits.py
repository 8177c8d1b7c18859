"""Features that are true or false, a bit each."""

from numbers import Integral
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hebbsim.decoding.features import refuse_no_values

__all__ = ["PackedBits"]


class PackedBits:
    """Which neurons spiked, of many samples, in a bit each; what is read of it are booleans.

    Parameters
    ----------
    bits : array of uint8
        ``(n, bytes)``: the first feature is the highest bit of the first byte, as
        ``numpy.packbits`` writes them.
    n_features : int
        How many there are of each sample; what is left of its last byte isn't read.

    Raises
    ------
    ValueError
        If the bits are of another form.

    Attributes
    ----------
    shape : tuple of int
        ``(n, n_features)``.

    Examples
    --------
    >>> spiked = PackedBits.of(np.eye(3, 50) > 0)
    >>> spiked.shape, spiked.bits.nbytes
    ((3, 50), 21)
    >>> print(spiked[1:].sum(axis=1))
    [1 1]
    """

    dtype = np.dtype(bool)

    def __init__(self, bits: NDArray[np.uint8], n_features: int) -> None:
        if not isinstance(n_features, Integral) or n_features < 1:
            raise ValueError(
                f"PackedBits: n_features must be an integer from 1 on, got {n_features!r}"
            )
        bits, n_bytes = np.asarray(bits), -(-int(n_features) // 8)
        if bits.dtype != np.uint8 or bits.ndim != 2 or bits.shape[1] != n_bytes or not bits.size:
            raise ValueError(
                f"PackedBits: expected bytes of shape (n, {n_bytes}) for {n_features} features of "
                f"one sample or more, got {bits.dtype} of shape {bits.shape}; PackedBits.of packs "
                "booleans"
            )
        self.bits: NDArray[np.uint8] = bits
        self.shape: tuple[int, int] = (len(bits), int(n_features))

    @classmethod
    def of(cls, values: ArrayLike) -> Self:
        """Pack booleans.

        Parameters
        ----------
        values : array of bool
            ``(n, ...)``, of any shape: each sample is flattened.

        Raises
        ------
        ValueError
            If there are none, or other values.
        """
        values = np.asarray(values)
        refuse_no_values("PackedBits", values, "b", "booleans such as spiked > 0")
        flat = values.reshape(len(values), -1)
        return cls(np.packbits(flat, axis=1), flat.shape[1])

    def samples(self, which: Any) -> Self:
        """Return some samples, packed as they are: of a slice, a mask, indices or one number."""
        return type(self)(np.atleast_2d(self.bits[which]), self.shape[1])

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, which: Any) -> NDArray[np.bool_]:
        """Return booleans, indexed as an array of `shape` would be; samples come first."""
        samples, *features = which if isinstance(which, tuple) else (which,)
        read = np.unpackbits(self.bits[samples], axis=-1, count=self.shape[1]).view(bool)
        return read[..., *features] if features else read

    def __repr__(self) -> str:
        return f"<PackedBits of {self.shape[0]} samples and {self.shape[1]} features>"
