"""Linear classifiers of which neurons spiked, from a bit for each.

Up to half of all neurons spike, so neither dense floats nor a sparse matrix of 50,000 images fit
into 2 GB: what is computed with is made of a few images at a time. A last byte that is not full
holds features that are always 0.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from scipy.optimize import minimize  # type: ignore[import-untyped]
from scipy.sparse import csr_matrix  # type: ignore[import-untyped]
from sklearn.linear_model import SGDClassifier

__all__ = ["chosen", "hinge", "spiked", "support_vectors"]

#: Images of which floats are made at a time: these stay in a cache ...
_CHUNK = 100
#: ... and these are passed through by gradient descent before the next
_SPARSE_CHUNK = 2500
#: Images that are enough to choose a strength: all 50,000 would take longer than the network learns
_ENOUGH = 10_000


def spiked(bits: np.ndarray, chunk: int = _CHUNK) -> Iterator[tuple[slice, np.ndarray]]:
    """Iterate over which neurons spiked, `(chunk, neurons)` of 0 and 1; each overwrites the last.

    Parameters
    ----------
    bits : array of uint8
        `(n, bytes)`, see `as_bits`.
    chunk : int
        Images at a time.
    """
    made = np.empty((chunk, 8 * bits.shape[1]), dtype=np.float32)
    for start in range(0, len(bits), chunk):
        part = bits[start : start + chunk]
        made[: len(part)] = np.unpackbits(part, axis=1)
        yield slice(start, start + len(part)), made[: len(part)]


def chosen(
    classifier: Callable[[np.ndarray, np.ndarray, np.ndarray, float], np.ndarray],
    bits: np.ndarray,
    labels: np.ndarray,
    strengths: Sequence[float],
) -> float:
    """Return the strength with which most of the last fifth of images is known.

    The classifier learns from the first of the others, 10,000 at most.

    Parameters
    ----------
    classifier : callable
        `support_vectors` or `hinge`.
    bits : array of uint8
        `(n, bytes)`, of training images.
    labels : array
        `(n,)`, classes.
    strengths : sequence of float
        Of several that know equally many, the first is chosen.
    """
    if len(strengths) == 1:
        return strengths[0]
    n = len(bits) - len(bits) // 5
    learned = slice(min(n, _ENOUGH))

    def known(strength: float) -> int:
        given = classifier(bits[learned], labels[learned], bits[n:], strength)
        return int((given == labels[n:]).sum())

    return max(strengths, key=known)


def support_vectors(
    bits: np.ndarray, labels: np.ndarray, tested: np.ndarray, penalty: float, iterations: int = 150
) -> np.ndarray:
    """Return the classes that a linear support vector machine gives to tested images.

    As scikit-learn's ``LinearSVC``: squared hinge loss, each class against the rest, features as
    they are, an intercept that is penalised like a weight. What it minimises is written out here,
    for all classes at once, since ``LinearSVC`` copies its features into 16 bytes each.

    Parameters
    ----------
    bits, tested : array of uint8
        `(n, bytes)`, see `as_bits`.
    labels : array
        `(n,)`, classes from 0.
    penalty : float
        C.
    iterations : int
        Of L-BFGS at most.
    """
    n_classes, n_features = int(labels.max()) + 1, 8 * bits.shape[1]
    shape = n_features + 1, n_classes
    side = np.where(labels[:, None] == np.arange(n_classes), 1, -1).astype(np.float32)

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights = flat.reshape(shape)
        w, intercept = weights[:-1].astype(np.float32), weights[-1].astype(np.float32)
        loss, gradient = 0.5 * float(flat @ flat), weights.copy()
        for of, x in spiked(bits):
            missing = np.maximum(1 - side[of] * (x @ w + intercept), 0)
            slope = -2 * penalty * side[of] * missing
            loss += penalty * float((missing.astype(np.float64) ** 2).sum())
            gradient[:-1] += x.T @ slope
            gradient[-1] += slope.sum(axis=0)
        return loss, gradient.ravel()

    options = {"maxiter": iterations, "maxfun": 2 * iterations}
    found = minimize(
        objective, np.zeros(shape).ravel(), jac=True, method="L-BFGS-B", options=options
    )
    weights = found.x.reshape(shape).astype(np.float32)
    answers = [(x @ weights[:-1] + weights[-1]).argmax(axis=1) for _, x in spiked(tested)]
    return np.concatenate(answers)


def hinge(
    bits: np.ndarray, labels: np.ndarray, tested: np.ndarray, alpha: float, passes: int = 20
) -> np.ndarray:
    """Return the classes by stochastic gradient descent on the hinge loss, weights averaged.

    Parameters
    ----------
    bits, tested : array of uint8
        `(n, bytes)`, see `as_bits`.
    labels : array
        `(n,)`, classes.
    alpha : float
        Strength of the penalty.
    passes : int
        Over the images.
    """
    descent = SGDClassifier(alpha=alpha, average=True, random_state=0)
    for _ in range(passes):
        for of, x in spiked(bits, _SPARSE_CHUNK):
            descent.partial_fit(csr_matrix(x), labels[of], classes=np.unique(labels))
    return np.concatenate([descent.predict(x) for _, x in spiked(tested, _SPARSE_CHUNK)])
