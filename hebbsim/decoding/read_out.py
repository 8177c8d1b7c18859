"""A linear read-out that is fitted once and asked as often as one likes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hebbsim.decoding.descent import averaged_hinge, cross_entropy, minimise, squared_hinge
from hebbsim.decoding.features import Features
from hebbsim.decoding.ridge import ridge
from hebbsim.decoding.samples import Samples, refuse_other_labels, refuse_other_width
from hebbsim.errors import unknown
from hebbsim.progress import progress_bar

__all__ = ["LinearReadOut"]

_METHODS = ("ridge", "logistic", "svm", "hinge")
#: Steps at most, or passes over the samples
_STEPS = {"logistic": 1000, "svm": 1000, "hinge": 20}


@dataclass(eq=False)
class LinearReadOut:
    """Tell classes from features by the largest of weighted sums.

    Features are read some at a time, and not copied as a whole: booleans, bytes, sparse matrices in
    rows (CSR; others become such), `PackedBits`, arrays in files
    (``numpy.load(path, mmap_mode="r")``, a data set of h5py).

    Parameters
    ----------
    method : {'ridge', 'logistic', 'svm', 'hinge'}, optional
        What is minimised, over the weights W (n_features x n_classes) and intercepts b:

        * ``'ridge'``: ``sum((Y - X W - b)**2) + alpha*sum(W**2)`` for one-hot Y, in closed form,
          as scikit-learn's ``Ridge``. Of 12,150 features of 50,000 samples it takes 0.6 GB.
        * ``'logistic'``: ``sum(-log p) + alpha/2*sum(W**2)`` for the softmax p of the right class,
          as ``LogisticRegression(C=1/alpha)`` with three classes or more.
        * ``'svm'``: ``sum(max(0, 1 - s*(X W + b))**2) + alpha/2*(sum(W**2) + sum(b**2))`` over
          samples and classes, s being 1 for the right class and -1 for others, as
          ``LinearSVC(C=1/alpha)``.
        * ``'hinge'``: ``sum(max(0, 1 - s*(X W + b))) + alpha/2*sum(W**2)`` by stochastic gradient
          descent, weights averaged, as ``SGDClassifier(alpha=alpha/n, average=True)``.
    alpha : float, optional
        Strength of the penalty, positive.
    standardize : bool, optional
        Whether each feature is given zero mean and unit standard deviation first, by the
        statistics of what is fitted; by default not for ``'ridge'``, and for all others.
    max_iter : int, optional
        Steps of ``'logistic'`` and ``'svm'`` at most, by default 1000, and passes of ``'hinge'``
        over the samples, 20.
    seed : int, optional
        Of the order in which ``'hinge'`` takes samples; nothing else is random.

    Attributes
    ----------
    classes : array
        Labels that there are, in order.
    weights : array
        ``(n_classes, n_features)``, of features as they are given, standardised or not.
    intercept : array
        ``(n_classes,)``.

    Raises
    ------
    ValueError
        If the method is unknown, `alpha` not positive, or another option out of range.

    Notes
    -----
    Features of 16 bits and less are multiplied in single precision, all others in double. Ridge
    regression computes in double precision always: with thousands of correlated features and a
    small penalty its equations are too close to singular for single precision.

    Examples
    --------
    >>> data = load_dataset("digits").subset(600, 400)
    >>> read_out = LinearReadOut("svm", alpha=30, standardize=False)
    >>> accuracy = read_out.fit(data.train_images > 0.5, data.train_labels).score(
    ...     data.test_images > 0.5, data.test_labels
    ... )
    >>> print(f"{100 * accuracy:.0f} %")
    91 %
    """

    method: str = "ridge"
    alpha: float = 1.0
    standardize: bool | None = None
    max_iter: int | None = None
    seed: int = 0
    classes: NDArray[Any] = field(init=False, repr=False)
    weights: NDArray[np.float64] = field(init=False, repr=False)
    intercept: NDArray[np.float64] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.method not in _METHODS:
            raise ValueError(unknown("read-out", self.method, _METHODS))
        if not isinstance(self.alpha, Real) or not 0 < self.alpha < inf:
            raise ValueError(f"alpha must be positive and finite, got {self.alpha!r}")
        if self.standardize not in (None, True, False):
            raise ValueError(f"standardize must be True, False or None, got {self.standardize!r}")
        steps = 1 if self.max_iter is None else self.max_iter
        for name, value, least in (("max_iter", steps, 1), ("seed", self.seed, 0)):
            if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
                raise ValueError(f"{name} must be an integer from {least} on, got {value!r}")

    def fit(self, features: Any, labels: ArrayLike, *, progress: bool = False) -> Self:
        """Learn the weights.

        Parameters
        ----------
        features : array or sparse matrix
            ``(n, ...)``, of any shape: each sample is flattened.
        labels : array
            ``(n,)`` or ``(n, 1)``, integers or strings, of two classes or more.
        progress : bool, optional
            Show a progress bar: of samples, or of steps out of `max_iter`.

        Raises
        ------
        ValueError
            If there are no samples, not as many labels as samples, a feature is not a finite
            number, there are fewer than two classes, or `alpha` is too small for ``'ridge'``.

        Warns
        -----
        sklearn.exceptions.ConvergenceWarning
            If `max_iter` steps were not enough.
        """
        return self.fit_samples(Samples(features, labels, "training"), progress=progress)

    def fit_samples(self, training: Samples, *, progress: bool = False) -> Self:
        """Learn the weights from samples that were checked before; else as `fit`."""
        self.__post_init__()  # of what may have been set since
        known = training.features
        classes, indices = np.unique(training.labels, return_inverse=True)
        if len(classes) < 2:
            raise ValueError(
                f"training labels must have at least two classes, got only {classes[0].item()!r}"
            )
        standard = self.method != "ridge" if self.standardize is None else self.standardize
        mean, scale = np.zeros(known.width), np.ones(known.width)
        if standard or self.method == "ridge":  # whose intercept is not penalised
            mean = known.mean()
        if standard:
            scale = known.deviation(mean)
        n_steps = self.max_iter or _STEPS.get(self.method, 1)
        totals = {"ridge": known.n_samples, "hinge": n_steps * known.n_samples}
        total = totals.get(self.method, n_steps)
        with progress_bar(f"read-out: {self.method}", total, show=progress) as bar:
            weights, intercept = self._minimised(known, indices, mean, scale, n_steps, bar.advance)
        weights = weights / scale[:, None]
        self.classes, self.weights = classes, weights.T
        self.intercept = intercept - mean @ weights
        self._shape = known.given_shape
        return self

    def _minimised(
        self,
        features: Features,
        classes: NDArray[np.intp],
        mean: NDArray[np.float64],
        scale: NDArray[np.float64],
        n_steps: int,
        advance: Callable[[int], None],
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return weights and intercepts of standardised features."""
        how = (features, classes, mean, scale, self.alpha)
        if self.method == "ridge":
            one_hot = np.eye(int(classes.max()) + 1)[classes]
            offset = one_hot.mean(axis=0)
            return ridge(features, one_hot - offset, mean, scale, self.alpha, advance), offset
        if self.method == "hinge":
            return averaged_hinge(*how, n_steps, self.seed, advance)
        svm = self.method == "svm"
        loss = squared_hinge if svm else cross_entropy
        return minimise(loss, *how, n_steps, advance, penalised_intercept=svm)

    def predict(self, features: Any) -> NDArray[Any]:
        """Return the class of each sample, ``(n,)``.

        Parameters
        ----------
        features : array or sparse matrix
            ``(n, ...)``, of as many features as it was fitted to.

        Raises
        ------
        RuntimeError
            If it was not fitted.
        ValueError
            If there are no samples, another number of features, or one is not a finite number.
        """
        self._check_fitted()
        return self._predicted(Features(features, "test"))

    def score(self, features: Any, labels: ArrayLike) -> float:
        """Return the fraction of samples whose class is told correctly, in [0, 1].

        Parameters
        ----------
        features, labels : array
            As of `fit`. A class that it was not fitted to is allowed, and can only be missed.

        Raises
        ------
        RuntimeError, ValueError
            As of `predict`, and if there are not as many labels, or of another kind.
        """
        self._check_fitted()
        return self.score_samples(Samples(features, labels, "test"))

    def score_samples(self, tested: Samples) -> float:
        """Score samples that were checked before; else as `score`."""
        refuse_other_labels(self.classes, tested.labels)
        return float(np.mean(self._predicted(tested.features) == tested.labels))

    def _check_fitted(self) -> None:
        if not hasattr(self, "weights"):
            raise RuntimeError(f"{self} has not been fitted; call fit(features, labels) first")

    def _predicted(self, features: Features) -> NDArray[Any]:
        refuse_other_width(self._shape, features.given_shape)
        dtype = np.float64 if self.method == "ridge" else features.dtype
        weights = self.weights.T.astype(dtype)
        told = [
            (part @ weights + self.intercept).argmax(axis=1) for _, part in features.parts(dtype)
        ]
        return self.classes[np.concatenate(told)]
