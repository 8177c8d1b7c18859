"""Linear read-outs that minimise a loss step by step."""

import warnings
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hebbsim.decoding.features import Features

__all__ = ["averaged_hinge", "cross_entropy", "minimise", "squared_hinge"]

type _Floats = NDArray[np.floating]
type _Loss = Callable[[_Floats, NDArray[np.intp]], tuple[float, _Floats]]

#: Slope of the mean loss with which a search ends, and with which one that was cut short is told
_SLOPE, _LEFT = 1e-5, 1e-4
#: Samples that stochastic descent passes through before the next are read, and bytes at most
_SAMPLES, _BYTES = 2500, 128_000_000


def squared_hinge(outputs: _Floats, classes: NDArray[np.intp]) -> tuple[float, _Floats]:
    """Return the loss of each class against the rest, summed over samples, and its slope.

    Parameters
    ----------
    outputs : array
        `(n, n_classes)`.
    classes : array of int
        `(n,)`.
    """
    side = np.full(outputs.shape, -1, dtype=outputs.dtype)
    side[np.arange(len(classes)), classes] = 1
    missing = np.maximum(1 - side * outputs, 0)
    return float((missing.astype(np.float64) ** 2).sum()), -2 * side * missing


def cross_entropy(outputs: _Floats, classes: NDArray[np.intp]) -> tuple[float, _Floats]:
    """Return the loss of a softmax over classes, and its slope; as `squared_hinge`."""
    own = np.arange(len(classes)), classes
    outputs = outputs - outputs.max(axis=1, keepdims=True)
    probable = np.exp(outputs)
    total = probable.sum(axis=1, keepdims=True)
    loss = float((np.log(total[:, 0]) - outputs[own]).sum(dtype=np.float64))
    probable /= total
    probable[own] -= 1
    return loss, probable


def minimise(
    loss: _Loss,
    features: Features,
    classes: NDArray[np.intp],
    mean: _Floats,
    scale: _Floats,
    alpha: float,
    max_iter: int,
    advance: Callable[[int], None],
    *,
    penalised_intercept: bool,
) -> tuple[_Floats, _Floats]:
    """Return weights `(n_features, n_classes)` and intercepts of standardised features, by L-BFGS.

    Minimises the loss plus alpha times half the squared weights. Weights are divided by `scale` in
    place of features. Sparse ones stay sparse: the mean is taken from what they add up to.

    Parameters
    ----------
    loss : callable
        `squared_hinge` or `cross_entropy`.
    features : Features
        `(n, n_features)`.
    classes : array of int
        `(n,)`, from 0.
    mean, scale : array
        `(n_features,)`: what features are standardised by.
    alpha : float
        Strength of the penalty.
    max_iter : int
        Iterations at most; where they are used up, a warning says so.
    advance : callable
        Told of each step.
    penalised_intercept : bool
        Whether intercepts count as weights.
    """
    from scipy.optimize import minimize  # type: ignore[import-untyped]

    shape = features.width + 1, int(classes.max()) + 1
    # divided by what keeps either term, and so the criterion to stop, from vanishing
    of_loss = max(1 / alpha, 1 / features.n_samples)
    of_penalty = np.full(shape, alpha * of_loss)
    of_penalty[-1] *= penalised_intercept
    taken_after = mean if features.is_sparse else np.zeros_like(mean)
    taken_before = (mean - taken_after).astype(features.dtype)
    takes_before = bool(taken_before.any())

    def objective(flat: _Floats) -> tuple[float, _Floats]:
        weights = flat.reshape(shape)
        scaled = weights[:-1] / scale[:, None]
        intercept = (weights[-1] - taken_after @ scaled).astype(features.dtype)
        scaled = scaled.astype(features.dtype)
        gradient = of_penalty * weights
        total = 0.5 * float(np.vdot(gradient, weights))
        sums, slopes = np.zeros(scaled.shape), np.zeros(shape[1])
        for here, part in features.parts():
            if takes_before:
                part -= taken_before
            lost, slope = loss(part @ scaled + intercept, classes[here])
            slope *= of_loss
            total += lost * of_loss
            sums += part.T @ slope
            slopes += slope.sum(axis=0)
        gradient[:-1] += (sums - np.outer(taken_after, slopes)) / scale[:, None]
        gradient[-1] += slopes
        return total, gradient.ravel()

    # of the mean loss; rounding in single precision leaves more
    of_mean = features.n_samples * of_loss
    options = {"maxiter": max_iter, "maxfun": 2 * max_iter, "gtol": _SLOPE * of_mean}
    if features.dtype == np.float64:
        options["ftol"] = 64 * np.finfo(float).eps
    start = np.zeros(shape).ravel()
    found = minimize(
        objective,
        start,
        jac=True,
        method="L-BFGS-B",
        options=options,
        callback=lambda _: advance(1),
    )
    # where it ends because sums are rounded, next to nothing is left
    if found.status and np.abs(found.jac).max() > _LEFT * of_mean:
        _warn(found.nit)
    weights = found.x.reshape(shape)
    return weights[:-1], weights[-1]


def _warn(n_steps: int) -> None:
    from sklearn.exceptions import ConvergenceWarning

    warnings.warn(
        f"the read-out was still improving after {n_steps} iterations; give it more by max_iter=, "
        "a larger alpha, or standardised features",
        ConvergenceWarning,
        stacklevel=6,
    )


def averaged_hinge(
    features: Features,
    classes: NDArray[np.intp],
    mean: _Floats,
    scale: _Floats,
    alpha: float,
    passes: int,
    seed: int,
    advance: Callable[[int], None],
) -> tuple[_Floats, _Floats]:
    """Return averaged weights of stochastic gradient descent on the hinge loss; as `minimise`.

    scikit-learn's ``SGDClassifier(average=True)``, a part of the samples at a time; features that
    are not standardised as a sparse matrix, of which it lets intercepts learn at a hundredth of the
    rate.

    Parameters
    ----------
    passes : int
        Over the samples.
    seed : int
        Of the order within a part.
    advance : callable
        Told how many samples were passed through.
    """
    from scipy.sparse import csr_matrix  # type: ignore[import-untyped]
    from sklearn.linear_model import SGDClassifier

    standard = bool(mean.any() or (scale != 1).any())
    alpha_of_one, random = alpha / features.n_samples, np.random.RandomState(seed)
    descent = SGDClassifier(alpha=alpha_of_one, average=True, random_state=random)
    size = min(_SAMPLES, features.within(_BYTES))
    n_parts = -(-features.n_samples // size)
    for part_of in list(range(n_parts)) * passes:
        here = slice(part_of, None, n_parts)  # of all classes, in whatever order they are given
        part = features.rows(here, dense=standard)
        if standard:
            part -= mean.astype(part.dtype)
            part /= scale.astype(part.dtype)
        else:
            part = csr_matrix(part)
        descent.partial_fit(part, classes[here], classes=np.unique(classes))
        advance(part.shape[0])
    weights, intercept = descent.coef_.T, descent.intercept_
    if weights.shape[1] == 1:  # two classes have one side
        weights, intercept = np.hstack([-weights, weights]), np.append(-intercept, intercept)
    return weights, intercept
