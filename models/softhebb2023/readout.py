"""Linear classifiers of 24,576 features of 50,000 images, in less than 6 GB.

Features are kept in half precision, 2.5 GB, and computed with some hundred images at a time.
"""

from collections.abc import Iterator

import numpy as np
from scipy.linalg import cho_factor, cho_solve  # type: ignore[import-untyped]
from scipy.linalg.blas import ssyrk  # type: ignore[import-untyped]

from models.softhebb2023.settings import READ_OUT

__all__ = ["by_gradients", "ridge"]

_CHUNK = 1000


def ridge(train: np.ndarray, labels: np.ndarray, test: np.ndarray, penalty: float) -> np.ndarray:
    """Return the classes that ridge regression on one-hot targets gives to tested images.

    Of the two systems of equations, of features by features and of images by images, the smaller
    is solved; they have the same solution.

    Parameters
    ----------
    train, test : array
        `(n, features)`, in any floating-point precision.
    labels : array of int
        `(n,)`, classes from 0.
    penalty : float
        Of squared weights, as a share of the sum of squared centred features.
    """
    total = np.zeros(train.shape[1])
    for _, part in _parts(train):
        total += part.sum(0, dtype=np.float64)
    mean = (total / len(train)).astype(np.float32)
    targets = np.eye(labels.max() + 1, dtype=np.float32)[labels]
    offset = targets.mean(0)
    targets -= offset
    if train.shape[1] < len(train):
        gram = np.zeros((train.shape[1],) * 2, dtype=np.float32, order="F")
        sums = np.zeros((train.shape[1], targets.shape[1]), dtype=np.float32)
        for here, part in _parts(train, mean):
            gram = ssyrk(1.0, part.T, beta=1.0, c=gram, lower=True, overwrite_c=True)  # in place
            sums += part.T @ targets[here]
        weights = _solved(gram, sums, penalty)
    else:
        gram = np.zeros((len(train),) * 2, dtype=np.float32, order="F")
        for here, part in _parts(train, mean):
            for there, other in _parts(train[: here.stop], mean):
                gram[here, there] = part @ other.T
        dual = _solved(gram, targets, penalty)
        weights = sum(part.T @ dual[here] for here, part in _parts(train, mean))
    found = [part @ weights + offset for _, part in _parts(test, mean)]
    return np.concatenate(found).argmax(axis=1)


def _solved(gram: np.ndarray, right: np.ndarray, penalty: float) -> np.ndarray:
    """Solve for a matrix whose lower half is given, and is overwritten."""
    trace = np.trace(gram, dtype=np.float64)  # of squares: finite if all features are
    if not np.isfinite(trace):
        raise ValueError("read-out by ridge regression: expected finite features")
    gram.flat[:: len(gram) + 1] += penalty * trace
    factor = cho_factor(gram, lower=True, overwrite_a=True, check_finite=False)
    return cho_solve(factor, right, check_finite=False)


def _parts(
    features: np.ndarray, mean: np.ndarray | None = None
) -> Iterator[tuple[slice, np.ndarray]]:
    """Iterate over some images at a time, in single precision."""
    for start in range(0, len(features), _CHUNK):
        here = slice(start, min(start + _CHUNK, len(features)))
        part = features[here].astype(np.float32)
        yield here, part if mean is None else part - mean


def by_gradients(
    train: np.ndarray, labels: np.ndarray, test: np.ndarray, epochs: int, seed: int
) -> np.ndarray:
    """Return the classes that softmax regression with dropout gives to tested images, by Adam.

    Parameters
    ----------
    train, test : array
        `(n, features)`, in any floating-point precision.
    labels : array of int
        `(n,)`, classes from 0.
    epochs : int
        Passes over the images.
    seed : int
        Of first weights, dropout and order.
    """
    import torch
    from torch.nn.functional import cross_entropy

    generator, dropping = torch.Generator().manual_seed(seed), np.random.default_rng(seed)
    classifier = torch.nn.Linear(train.shape[1], int(labels.max()) + 1)
    torch.nn.init.uniform_(classifier.weight, 0, READ_OUT.largest_start, generator)
    most = train.shape[1] ** -0.5  # as Linear itself, which has no generator
    torch.nn.init.uniform_(classifier.bias, -most, most, generator)
    optimiser = torch.optim.Adam(classifier.parameters(), READ_OUT.rate)
    halvings = [round(share * epochs) for share in READ_OUT.halved_after]
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimiser, halvings, 0.5)
    targets = torch.as_tensor(labels)
    for _ in range(epochs):
        order = torch.randperm(len(train), generator=generator)
        for chosen in order.split(READ_OUT.batch_size):
            chosen = chosen.sort().values
            shown = torch.from_numpy(train[chosen.numpy()]).float()
            # from bytes, whose drawing takes a tenth of torch's dropout
            drawn = dropping.integers(256, size=shown.shape, dtype=np.uint8)
            shown *= torch.from_numpy(drawn) >= 256 * READ_OUT.dropout
            shown /= 1 - READ_OUT.dropout
            loss = cross_entropy(classifier(shown), targets[chosen])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        schedule.step()
    with torch.no_grad():
        found = [classifier(torch.from_numpy(part)).numpy() for _, part in _parts(test)]
    return np.concatenate(found).argmax(axis=1)
