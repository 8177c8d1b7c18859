"""From spikes to digits: each neuron stands for the digit that it answers most."""

import numpy as np

__all__ = ["labels_of", "predicted"]


def labels_of(counts: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """
    Return the digit with the largest mean count of each neuron.

    Parameters
    ----------
    counts : array
        ``(images, neurons)``.
    labels : array of int
        ``(images,)``.

    Returns
    -------
    array of int
        ``(neurons,)``; a digit that isn't among the labels is nobody's.
    """
    means = -np.ones((10, counts.shape[1]))
    for digit in np.unique(labels):
        means[digit] = counts[labels == digit].mean(axis=0)
    return np.argmax(means, axis=0)


def predicted(counts: np.ndarray, of_neurons: np.ndarray) -> np.ndarray:
    """
    Return the digit whose neurons have the highest mean count; one without neurons never is.

    Parameters
    ----------
    counts : array
        ``(images, neurons)``.
    of_neurons : array of int
        ``(neurons,)``, their digits.

    Returns
    -------
    array of int
        ``(images,)``.
    """
    votes = [
        counts[:, of_neurons == digit].mean(axis=1)
        if (of_neurons == digit).any()
        else -np.ones(len(counts))
        for digit in range(10)
    ]
    return np.argmax(votes, axis=0)
