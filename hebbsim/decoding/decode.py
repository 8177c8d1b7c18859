"""How much a linear read-out can tell from a network's responses."""

from typing import Any

from numpy.typing import ArrayLike

from hebbsim.decoding.read_out import LinearReadOut
from hebbsim.decoding.samples import Samples, refuse_other_labels, refuse_other_width

__all__ = ["decode"]


def decode(
    train_features: Any,
    train_labels: ArrayLike,
    test_features: Any,
    test_labels: ArrayLike,
    method: str = "ridge",
    *,
    alpha: float = 1.0,
    standardize: bool | None = None,
    max_iter: int | None = None,
    seed: int = 0,
    progress: bool = False,
) -> float:
    """
    Train a linear read-out on one split and score it on the other.

    Parameters
    ----------
    train_features : array or sparse matrix
        `(n_train, ...)`, of any shape: each sample is flattened. Booleans, bytes, sparse matrices
        in rows, `PackedBits` and arrays in files are read some samples at a time.
    train_labels : array
        `(n_train,)` or `(n_train, 1)`, integers or strings, of two classes or more.
    test_features : array or sparse matrix
        `(n_test, ...)`, of as many features.
    test_labels : array
        As those. A class that training lacks is allowed, and can only be missed.
    method : {'ridge', 'logistic', 'svm', 'hinge'}, optional
        * ``'ridge'``: least squares on one-hot targets with an intercept, and the class of the
          largest output, as in Miconi's notebook [1]_. Features are used as they are.
        * ``'logistic'``: multinomial logistic regression.
        * ``'svm'``: a linear support vector machine, squared hinge loss, one class against the
          rest.
        * ``'hinge'``: stochastic gradient descent on the hinge loss, weights averaged.

        The last three give each feature zero mean and unit standard deviation first, by the
        statistics of the training split. What each minimises is written in `LinearReadOut`, which
        this fits and scores.
    alpha : float, optional
        Strength of the squared penalty on the weights, positive; scikit-learn's ``C`` is
        ``1/alpha``, and for ``'logistic'`` with two classes ``2/alpha``.
    standardize : bool, optional
        Whether features are standardised, where that is not as the method does.
    max_iter : int, optional
        Steps of ``'logistic'`` and ``'svm'`` at most, by default 1000; passes of ``'hinge'``, 20.
    seed : int, optional
        Of the order in which ``'hinge'`` takes samples; nothing else is random.
    progress : bool, optional
        Show a progress bar.

    Returns
    -------
    float
        The fraction of test samples whose class is told correctly, in [0, 1].

    Raises
    ------
    ValueError
        If the method is unknown or `alpha` not positive; if a split has no samples, not as many
        labels as samples, or features that are not finite numbers; if the splits differ in their
        number of features or in the kind of their labels; if training has fewer than two classes;
        if `alpha` is too small for ``'ridge'``.

    Warns
    -----
    sklearn.exceptions.ConvergenceWarning
        If `max_iter` steps were not enough.

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
    read_out = LinearReadOut(method, alpha, standardize, max_iter, seed)
    train = Samples(train_features, train_labels, "training")
    test = Samples(test_features, test_labels, "test")
    refuse_other_labels(train.labels, test.labels)
    refuse_other_width(train.features.given_shape, test.features.given_shape)
    return read_out.fit_samples(train, progress=progress).score_samples(test)
