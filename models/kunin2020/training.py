"""Train a network by a rule on images, and test it."""

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np
from brian2 import seed

from hebbsim.synapses.update import NonFiniteWeightsError
from models.kunin2020.model import Layer, Rates, angles, build
from models.kunin2020.rules import Rule

__all__ = ["Course", "Task", "Trained", "train"]


@dataclass(frozen=True)
class Task:
    """
    Hold what is to be learned.

    Parameters
    ----------
    images : array
        `(n, channels, rows, cols)`.
    labels : array of int
        Classes from 0.
    train, test : array of int
        Numbers of the images.
    """

    images: np.ndarray
    labels: np.ndarray
    train: np.ndarray
    test: np.ndarray

    def validation(self, n: int) -> "Task":
        """Return the task with the last `n` of the training images as the test."""
        return Task(self.images, self.labels, self.train[:-n], self.train[-n:])


@dataclass(frozen=True)
class Course:
    """
    Say how often images are shown, and how rates change meanwhile.

    Parameters
    ----------
    epochs, batch_size : int
        The last batch of all is left out if it isn't full.
    warm_up : float
        Epochs in which the rate grows linearly to its value.
    drops : tuple of float
        Epochs after each of which it is a tenth of what it was.
    """

    epochs: int
    batch_size: int
    warm_up: float = 0
    drops: tuple[float, ...] = ()

    def schedule(self, n_images: int) -> np.ndarray:
        """Return the factor of the rates in each batch."""
        epoch = np.arange(1, self.epochs * n_images // self.batch_size + 1) / (
            n_images / self.batch_size
        )
        grown = np.minimum(epoch / self.warm_up, 1) if self.warm_up else np.ones(len(epoch))
        return np.asarray(grown * 0.1 ** np.sum([epoch > drop for drop in self.drops], axis=0))


@dataclass(frozen=True)
class Trained:
    """
    Hold what came of it.

    Parameters
    ----------
    accuracy : float
        On test images; NaN if a kernel diverged.
    angles : array
        Between ``w`` and ``b`` of each layer that has feedback, in degrees.
    seconds : float
        An epoch took, without preparing the run.
    """

    accuracy: float
    angles: np.ndarray
    seconds: float


def train(
    task: Task,
    layers: Sequence[Layer],
    rule: Rule,
    rates: Rates,
    course: Course,
    number: int,
    *,
    frozen: bool = False,
) -> Trained:
    """
    Train a network and test it, in one run.

    Parameters
    ----------
    task : Task
        Images.
    layers : sequence of Layer
        Of the network, with one unit for each class in the last.
    rule : Rule
        How feedback learns.
    rates : Rates
        Of both kernels.
    course : Course
        Epochs and schedule.
    number : int
        Seed of kernels, order and noise.
    frozen : bool
        Whether the last layer alone learns.
    """
    rng = np.random.default_rng(number)
    seed(number)
    schedule = course.schedule(len(task.train))
    size, n_train = course.batch_size, len(schedule)
    n_test = len(task.test) // size
    order = np.concatenate([rng.permutation(task.train) for _ in range(course.epochs)])
    network = build(
        layers,
        task.images,
        np.eye(layers[-1].channels)[task.labels],
        np.concatenate([order[: n_train * size], task.test[: n_test * size]]),
        np.concatenate([schedule, np.zeros(n_test)]),
        rule,
        rates,
        rng,
        batch_size=size,
        frozen=frozen,
    )
    try:
        network.run(1)  # what is compiled and prepared before the first step isn't counted
        start = perf_counter()
        network.run(n_train + n_test - 1)
    except NonFiniteWeightsError:
        return Trained(np.nan, np.full(len(layers) - 1, np.nan), np.nan)
    seconds = (perf_counter() - start) * len(task.train) / size / (n_train + n_test - 1)
    hits = network.hits.hits[0][n_train:]
    return Trained(hits.sum() / (n_test * size), angles(network.connections), seconds)
