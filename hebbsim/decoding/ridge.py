"""Ridge regression on classes, in closed form."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hebbsim.decoding.features import Features

__all__ = ["ridge"]

type _Floats = NDArray[np.float64]

#: Samples that are multiplied with all others at a time, and bytes of their floats at most
_SAMPLES, _BYTES = 500, 64_000_000


def ridge(
    features: Features,
    targets: _Floats,
    mean: _Floats,
    scale: _Floats,
    alpha: float,
    advance: Callable[[int], None],
) -> _Floats:
    """Return the weights of least squares on centred targets, `(n_features, n_classes)`.

    Of the two systems of equations, of features by features and of samples by samples, the smaller
    is solved; they have the same solution. The first takes 4 bytes for each pair of features.

    Parameters
    ----------
    features : Features
        `(n, n_features)`.
    targets : array
        `(n, n_classes)`, of mean 0.
    mean, scale : array
        `(n_features,)`: what is subtracted from features, and what they are then divided by.
    alpha : float
        Penalty on squared weights.
    advance : callable
        Told how many samples were multiplied.

    Raises
    ------
    ValueError
        If the penalty is too small for double precision.
    """
    solve = _by_features if features.width <= features.n_samples else _by_samples
    return solve(features, targets, mean, scale, alpha, advance)


def _by_features(
    features: Features,
    targets: _Floats,
    mean: _Floats,
    scale: _Floats,
    alpha: float,
    advance: Callable[[int], None],
) -> _Floats:
    from scipy.linalg import lapack  # type: ignore[import-untyped]

    n = features.width
    # half of a symmetric matrix, in LAPACK's rectangular full packed format
    gram = np.zeros(n * (n + 1) // 2)
    gram[_packed_diagonal(n)] = alpha
    sums = np.zeros((n, targets.shape[1]), order="F")
    for here, part in features.standard(mean, scale):
        gram = lapack.dsfrk(n, len(part), 1.0, part.T, 1.0, gram, uplo="L", overwrite_c=True)
        sums += part.T @ targets[here]
        advance(len(part))
    factor, info = lapack.dpftrf(n, gram, uplo="L", overwrite_a=True)
    _check(info, alpha)
    return lapack.dpftrs(n, factor, sums, uplo="L", overwrite_b=True)[0]


def _packed_diagonal(n: int) -> NDArray[np.intp]:
    """Return where the diagonal of a lower triangle lies in rectangular full packed format.

    The first half of the columns is there as it is, above it the rest, transposed (Gustavson et
    al. 2010, ACM Trans Math Softw 37:18).
    """
    columns = (n + 1) // 2
    rows = n + 1 - n % 2
    first, rest = np.arange(columns), np.arange(n - columns)
    below = first * rows + first + (1 - n % 2)
    above = (rest + n % 2) * rows + rest
    return np.concatenate([below, above])


def _by_samples(
    features: Features,
    targets: _Floats,
    mean: _Floats,
    scale: _Floats,
    alpha: float,
    advance: Callable[[int], None],
) -> _Floats:
    from scipy.linalg import lapack

    gram = np.zeros((features.n_samples,) * 2, order="F")
    at_least = min(_SAMPLES, features.within(_BYTES, np.float64))
    for here, part in features.standard(mean, scale, at_least=at_least):
        for there, other in features.standard(mean, scale):
            if there.start >= here.stop:
                break
            gram[here, there] = part @ other.T
        advance(len(part))
    gram.flat[:: len(gram) + 1] += alpha
    factor, info = lapack.dpotrf(gram, lower=True, overwrite_a=True)
    _check(info, alpha)
    dual, _ = lapack.dpotrs(factor, targets, lower=True)
    weights = np.zeros((features.width, targets.shape[1]))
    for here, part in features.standard(mean, scale):
        weights += part.T @ dual[here]
    return weights


def _check(info: int, alpha: float) -> None:
    if info:
        raise ValueError(
            f"ridge: alpha={alpha:g} is too small for these features, some of which are almost "
            "sums of others; choose a larger one"
        )
