"""Linear read-outs of which neurons spiked."""

import warnings
from collections.abc import Callable, Sequence

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from hebbsim import LinearReadOut, PackedBits

__all__ = ["ReadOut", "chosen", "fitted", "hinge", "support_vectors"]

#: What makes a read-out of a strength, and of how many images it will be fitted to
type ReadOut = Callable[[float, int], LinearReadOut]

#: Images that are enough to choose a strength: all 50,000 would take longer than the network learns
_ENOUGH = 10_000


def support_vectors(penalty: float, _: int) -> LinearReadOut:
    """Return a linear support vector machine of features as they are, with C as its strength."""
    return LinearReadOut("svm", 1 / penalty, standardize=False, max_iter=150)


def hinge(alpha: float, n: int) -> LinearReadOut:
    """Return stochastic descent on the hinge loss, weights averaged; alpha is of one image."""
    return LinearReadOut("hinge", n * alpha, standardize=False)


def fitted(
    read_out: ReadOut, strength: float, spiked: PackedBits, labels: np.ndarray
) -> LinearReadOut:
    """Return the read-out of these images; more steps than it takes don't make it any better."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return read_out(strength, len(spiked)).fit(spiked, labels)


def chosen(
    read_out: ReadOut, spiked: PackedBits, labels: np.ndarray, strengths: Sequence[float]
) -> float:
    """Return the strength with which most of the last fifth of images is known.

    The read-out learns from the first of the others, 10,000 at most.

    Parameters
    ----------
    read_out : callable
        `support_vectors` or `hinge`.
    spiked : PackedBits
        Of training images.
    labels : array
        `(n,)`, classes.
    strengths : sequence of float
        Of several that know equally many, the first is chosen.
    """
    if len(strengths) == 1:
        return strengths[0]
    n = len(spiked) - len(spiked) // 5
    learned = slice(min(n, _ENOUGH))

    def known(strength: float) -> float:
        told = fitted(read_out, strength, spiked.samples(learned), labels[learned])
        return told.score(spiked.samples(slice(n, None)), labels[n:])

    return max(strengths, key=known)
