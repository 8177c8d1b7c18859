"""What a read-out reads: samples by features, of which floats are made a few samples at a time."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

__all__ = ["Features", "refuse_no_values"]

type _Part = tuple[slice, Any]

#: Bytes of the floats that are made at a time: they stay in a cache
_BYTES = 5_000_000


def refuse_no_values(label: str, given: Any, kinds: str, expected: str) -> None:
    """Refuse an array of other kinds than numpy's letters, without samples, or without features.

    Raises
    ------
    ValueError
        If it is such.
    """
    if not given.shape or 0 in given.shape or given.dtype.kind not in kinds:
        raise ValueError(
            f"{label} must be {expected} of shape (n, ...) and at least one, got {given.dtype} of "
            f"shape {tuple(given.shape)}"
        )


class Features:
    """Samples by features, as they are stored.

    Parameters
    ----------
    given : array, sparse matrix or sequence
        ``(n, ...)``, real numbers; what has a shape, a dtype of numpy and gives arrays for slices
        (of a file, or `PackedBits`) is read part by part.
    split : str
        What errors call it: ``'training'``.

    Raises
    ------
    ValueError
        If there are no samples or features, or a value is not a finite real number.
    """

    def __init__(self, given: Any, split: str) -> None:
        import scipy.sparse  # type: ignore[import-untyped]

        self.is_sparse = bool(scipy.sparse.issparse(given))
        if self.is_sparse and given.ndim == 2:
            given = given.tocsr()
        elif self.is_sparse:
            raise ValueError(
                f"{split} features that are sparse must have shape (n, n_features), got "
                f"{given.shape}"
            )
        elif not isinstance(getattr(given, "dtype", None), np.dtype):  # else read in parts
            try:
                given = np.asarray(given)
            except (RuntimeError, TypeError, ValueError) as error:
                raise ValueError(f"{split} features are no array: {error}") from error
        if np.ma.is_masked(given):
            raise ValueError(
                f"{split} features must not be masked, got {np.ma.count_masked(given)} values that "
                "are; fill them, or leave these samples out"
            )
        self.given = given
        self.given_shape = tuple(self.given.shape)
        refuse_no_values(f"{split} features", self.given, "iubf", "real numbers")
        #: Number of samples, and of features of each
        self.n_samples, self.width = self.given_shape[0], int(np.prod(self.given_shape[1:]))
        #: In which products of them are computed
        self.dtype = np.dtype(np.float32 if self.given.dtype.itemsize <= 2 else np.float64)
        if self.given.dtype.kind == "f":
            self._refuse_what_is_not_finite(split)

    def rows(
        self,
        here: slice,
        dtype: DTypeLike | None = None,
        made: NDArray[Any] | None = None,
        *,
        dense: bool = False,
    ) -> Any:
        """Return floats of some samples, `(n, n_features)`.

        Parameters
        ----------
        here : slice
            Which samples.
        dtype : dtype, optional
            Of the floats; by default `dtype`.
        made : array, optional
            What dense ones are written to, for as many samples or more; by default new.
        dense : bool
            Whether sparse features become an array too.
        """
        part = self.given[here]
        dtype = np.dtype(dtype or self.dtype)
        if self.is_sparse and not dense:
            return part.astype(dtype)
        n = part.shape[0]
        made = np.empty((n, self.width), dtype) if made is None else made[:n]
        if self.is_sparse:
            return part.astype(dtype).toarray(out=made)
        made[:] = np.asarray(part).reshape(n, self.width)
        return made

    def parts(
        self, dtype: DTypeLike | None = None, *, dense: bool = False, at_least: int = 1
    ) -> Iterator[_Part]:
        """Iterate over (slice, floats of these samples); dense ones overwrite the last.

        Parameters
        ----------
        dtype, dense
            As of `rows`.
        at_least : int
            Samples of a part, where more than that don't stay in a cache.
        """
        dtype = np.dtype(dtype or self.dtype)
        size = min(self.n_samples, max(at_least, self.within(_BYTES, dtype)))
        made = np.empty((size, self.width), dtype)
        for start in range(0, self.n_samples, size):
            here = slice(start, min(start + size, self.n_samples))
            yield here, self.rows(here, dtype, made, dense=dense)

    def within(self, n_bytes: int, dtype: DTypeLike | None = None) -> int:
        """Return how many samples have floats of so many bytes; one at least."""
        return max(1, n_bytes // (self.width * np.dtype(dtype or self.dtype).itemsize))

    def standard(
        self, mean: NDArray[np.float64], scale: NDArray[np.float64], *, at_least: int = 1
    ) -> Iterator[tuple[slice, NDArray[np.float64]]]:
        """Iterate over (slice, dense features less their mean, divided by a scale), as `parts`."""
        for here, part in self.parts(np.float64, dense=True, at_least=at_least):
            part -= mean
            part /= scale
            yield here, part

    def mean(self) -> NDArray[np.float64]:
        """Return the mean of each feature."""
        total = np.zeros(self.width)
        for _, part in self.parts(np.float64, dense=True):
            total += part.sum(axis=0)
        return total / self.n_samples

    def deviation(self, mean: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the standard deviation of each feature from its mean; 1 where it is constant."""
        square = np.zeros(self.width)
        for _, part in self.standard(mean, np.ones(self.width)):
            square += np.einsum("nf,nf->f", part, part)
        deviation = np.sqrt(square / self.n_samples)
        # what a constant is off its mean by is no deviation
        constant = deviation <= self.n_samples * np.finfo(float).eps * np.abs(mean)
        return np.where(constant, 1.0, deviation)

    def _refuse_what_is_not_finite(self, split: str) -> None:
        n_bad, first = 0, 0
        for here, part in self.parts():
            values = part.data if self.is_sparse else part
            if np.isfinite(values).all():
                continue
            rows = part.toarray() if self.is_sparse else part
            bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
            first = first if n_bad else here.start + int(bad[0])
            n_bad += len(bad)
        if n_bad:
            raise ValueError(
                f"{split} features must be finite, got NaN or infinity in {n_bad} of "
                f"{self.n_samples} samples, the first at index {first}; did the network diverge?"
            )
