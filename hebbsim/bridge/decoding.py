"""How much a linear read-out can tell from a network's responses."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hebbsim.data.dataset import one_a_sample
from hebbsim.errors import unknown

type Features = NDArray[np.float64]
type Classes = NDArray[np.intp]
type ReadOut = Callable[[Features, Classes, Features, float, int], Classes]

_MAX_ITERATIONS = 10_000


def decode(
    train_features: ArrayLike,
    train_labels: ArrayLike,
    test_features: ArrayLike,
    test_labels: ArrayLike,
    method: str = "ridge",
    *,
    alpha: float = 1.0,
    seed: int = 0,
) -> float:
    """
    Train a linear read-out on one split and score it on the other.

    Parameters
    ----------
    train_features : array
        `(n_train, ...)`, of any shape: each sample is flattened.
    train_labels : array
        `(n_train,)` or `(n_train, 1)`, integers or strings, of two classes or more.
    test_features : array
        `(n_test, ...)`, of as many features.
    test_labels : array
        As those. A class that training lacks is allowed, and can only be missed.
    method : {'ridge', 'logistic', 'svm'}, optional
        * ``'ridge'``: least squares on one-hot targets with an intercept, and the class of the
          largest output, as in Miconi's notebook [1]_. Features are used as they are.
        * ``'logistic'``: multinomial logistic regression.
        * ``'svm'``: a linear support vector machine, squared hinge loss, one class against the
          rest.

        The last two give each feature zero mean and unit standard deviation first, by the
        statistics of the training split. They take minutes where ridge takes a second: choose
        them for some ten thousand samples and a thousand features at most.
    alpha : float, optional
        Strength of the squared penalty on the weights, positive; scikit-learn's ``C`` is
        ``1/alpha``.
    seed : int, optional
        Random state of the solver. The solvers in use are deterministic.

    Returns
    -------
    float
        The fraction of test samples whose class is told correctly, in [0, 1].

    Raises
    ------
    ValueError
        If the method is unknown or `alpha` not positive; if a split has no samples, not as many
        labels as samples, or features that are not finite numbers; if the splits differ in their
        number of features or in the kind of their labels; if training has fewer than two classes.

    Notes
    -----
    Features are copied to float64: with thousands of correlated features and a small penalty the
    normal equations are too close to singular for float32.

    References
    ----------
    .. [1] Miconi, T. (2021). Hebbian learning with gradients: Hebbian convolutional neural
       networks with modern deep learning frameworks. arXiv 2107.01729; its notebook
       ``HebbGrad_Github.ipynb``.

    Examples
    --------
    What pixels are worth, and what a network of random kernels makes of them:

    >>> data = load_dataset("digits").subset(600, 400)
    >>> images = data.train_images, data.test_images
    >>> accuracy = decode(images[0], data.train_labels, images[1], data.test_labels)
    >>> print(f"{100 * accuracy:.0f} %")
    92 %
    >>> network = ConvNetwork((1, 8, 8), [ConvLayer(16, 3)])
    >>> features = [network.transform(split) for split in images]
    >>> accuracy = decode(features[0], data.train_labels, features[1], data.test_labels)
    >>> print(f"{100 * accuracy:.0f} %")
    98 %
    """
    if method not in _READ_OUTS:
        raise ValueError(unknown("read-out", method, _READ_OUTS))
    if not (alpha > 0 and np.isfinite(alpha)):
        raise ValueError(f"alpha must be positive and finite, got {alpha}")
    train_targets, test_targets = _checked_labels(train_labels, test_labels)
    train = _features("training", train_features, train_targets)
    test = _features("test", test_features, test_targets)
    _check_widths(train, test, np.shape(train_features), np.shape(test_features))
    classes, indices = np.unique(train_targets, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(
            f"training labels must have at least two classes, got only {classes[0].item()!r}"
        )
    predicted = _READ_OUTS[method](train, indices, test, alpha, seed)
    return float(np.mean(classes[predicted] == test_targets))


def _checked_labels(train: ArrayLike, test: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
    train_targets, test_targets = _labels("training", train), _labels("test", test)
    if (train_targets.dtype.kind == "U") != (test_targets.dtype.kind == "U"):
        raise ValueError(
            f"training and test labels must be of one kind, got {train_targets.dtype} and "
            f"{test_targets.dtype}"
        )
    return train_targets, test_targets


def _check_widths(
    train: Features, test: Features, train_shape: tuple[int, ...], test_shape: tuple[int, ...]
) -> None:
    if train.shape[1] != test.shape[1]:
        raise ValueError(
            f"training and test samples must have the same number of features, got "
            f"{train.shape[1]} and {test.shape[1]}, from features of shape "
            f"{train_shape} and {test_shape}"
        )


def _labels(split: str, labels: ArrayLike) -> NDArray[Any]:
    labels = one_a_sample(np.asarray(labels))
    if labels.ndim != 1 or labels.dtype.kind not in "iubU":
        raise ValueError(
            f"{split} labels must be integers or strings of shape (n,) or (n, 1), got "
            f"{labels.dtype} of shape {labels.shape}"
        )
    return labels


def _features(split: str, features: ArrayLike, labels: NDArray[Any]) -> Features:
    """Copy features to `(n, n_features)`."""
    given = np.asarray(features)
    if given.ndim == 0 or given.size == 0 or given.dtype.kind not in "iubf":
        raise ValueError(
            f"{split} features must be real numbers of shape (n, ...) and at least one, got "
            f"{given.dtype} of shape {given.shape}"
        )
    if len(given) != len(labels):
        raise ValueError(
            f"there must be one label for each of the {len(given)} {split} samples, got "
            f"{len(labels)} labels"
        )
    copied = np.array(given, dtype=np.float64).reshape(len(given), -1)
    if not np.isfinite((copied.min(), copied.max())).all():
        bad = np.flatnonzero(~np.isfinite(copied).all(axis=1))
        raise ValueError(
            f"{split} features must be finite, got NaN or infinity in {len(bad)} of {len(copied)} "
            f"samples, the first at index {bad[0]}; did the network diverge?"
        )
    return copied


def _ridge(train: Features, indices: Classes, test: Features, alpha: float, seed: int) -> Classes:
    from sklearn.linear_model import Ridge

    one_hot = np.eye(indices.max() + 1)[indices]
    model = Ridge(alpha=alpha, solver="cholesky", copy_X=False, random_state=seed)
    return model.fit(train, one_hot).predict(test).argmax(axis=1)


def _logistic(
    train: Features, indices: Classes, test: Features, alpha: float, seed: int
) -> Classes:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=1 / alpha, max_iter=_MAX_ITERATIONS, random_state=seed)
    return _fit_standardized(model, train, indices, test)


def _svm(train: Features, indices: Classes, test: Features, alpha: float, seed: int) -> Classes:
    from sklearn.svm import LinearSVC

    # The dual solver runs out of iterations on raw pixels, and the default tolerance of 1e-4 takes
    # the primal one ten times as long for the same accuracy.
    model = LinearSVC(
        C=1 / alpha, dual=False, tol=1e-2, max_iter=_MAX_ITERATIONS, random_state=seed
    )
    return _fit_standardized(model, train, indices, test)


def _fit_standardized(model: Any, train: Features, indices: Classes, test: Features) -> Classes:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(copy=False), model).fit(train, indices).predict(test)


_READ_OUTS: dict[str, ReadOut] = {"ridge": _ridge, "logistic": _logistic, "svm": _svm}
