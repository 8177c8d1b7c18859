"""Linear classifiers of which neurons spiked, on sparse features."""

import warnings

import numpy as np
from scipy.sparse import csr_matrix, vstack  # type: ignore[import-untyped]
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import SGDClassifier
from sklearn.svm import LinearSVC

from hebbsim.data.latency_bins import NEVER

__all__ = ["hinge", "spiked", "support_vectors"]

#: Images of which a matrix is made at a time
_CHUNK = 5000
#: Passes over the data; more change the accuracy by less than .1 %
_PASSES = 60


def spiked(bins: np.ndarray) -> csr_matrix:
    """Return whether each neuron spiked, ``(n, neurons)``, of first spikes ``(n, ...)``."""
    flat = bins.reshape(len(bins), -1)
    parts = [csr_matrix(flat[n : n + _CHUNK] < NEVER) for n in range(0, len(flat), _CHUNK)]
    return vstack(parts, format="csr").astype(np.float64)


def support_vectors(
    features: csr_matrix, labels: np.ndarray, tested: csr_matrix, penalty: float
) -> np.ndarray:
    """Return the classes that a linear support vector machine gives to tested images."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        machine = LinearSVC(C=penalty, dual=True, max_iter=_PASSES, random_state=0)
        return np.asarray(machine.fit(features, labels).predict(tested))


def hinge(features: csr_matrix, labels: np.ndarray, tested: csr_matrix, alpha: float) -> np.ndarray:
    """Return the classes by stochastic gradient descent on the hinge loss, weights averaged."""
    descent = SGDClassifier(alpha=alpha, average=True, max_iter=30, tol=None, random_state=0)
    return np.asarray(descent.fit(features, labels).predict(tested))
