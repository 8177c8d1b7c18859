"""Train a network by a rule on images, and test it."""

from collections.abc import Sequence
from dataclasses import dataclass
from time import process_time

import numpy as np
from brian2 import seed

from hebbsim.synapses.update import NonFiniteWeightsError
from models.kunin2020.model import Layer, Network2020, Rates, angles, build
from models.kunin2020.rules import Rule

__all__ = ["Course", "Task", "Trained", "Training"]


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
        Of processor time in which an epoch is learned, without preparing the run.
    """

    accuracy: float
    angles: np.ndarray
    seconds: float


@dataclass(frozen=True)
class Training:
    """
    Train a network and test it.

    Parameters
    ----------
    task : Task
        Images.
    layers : sequence of Layer
        Of the network, with one unit for each class in the last.
    rates : Rates
        Of both kernels.
    course : Course
        Epochs and schedule.
    number : int
        Seed of kernels, order and noise.
    """

    task: Task
    layers: Sequence[Layer]
    rates: Rates
    course: Course
    number: int

    @property
    def schedule(self) -> np.ndarray:
        """The factor of the rates in each batch that is learned."""
        return self.course.schedule(len(self.task.train))

    @property
    def n_test(self) -> int:
        """Batches of the test."""
        return len(self.task.test) // self.course.batch_size

    def order(self) -> np.ndarray:
        """Return the numbers of the images, batch after batch, those of the test last."""
        rng, task, size = np.random.default_rng(self.number), self.task, self.course.batch_size
        shown = np.concatenate([rng.permutation(task.train) for _ in range(self.course.epochs)])
        return np.concatenate([shown[: len(self.schedule) * size], task.test[: self.n_test * size]])

    def rng(self) -> np.random.Generator:
        """Return what draws the kernels."""
        return np.random.default_rng([self.number, 1])

    def network(self, rule: Rule, *, frozen: bool = False) -> Network2020:
        """Build the network, with the kernels that it starts from."""
        seed(self.number)
        return build(
            self.layers,
            self.task.images,
            np.eye(self.layers[-1].channels)[self.task.labels],
            self.order(),
            np.concatenate([self.schedule, np.zeros(self.n_test)]),
            rule,
            self.rates,
            self.rng(),
            batch_size=self.course.batch_size,
            frozen=frozen,
        )

    def run(self, rule: Rule, *, frozen: bool = False) -> Trained:
        """Train by a rule; if hidden layers are frozen, the last one alone learns."""
        network, n_train = self.network(rule, frozen=frozen), len(self.schedule)
        steps = n_train + self.n_test
        try:
            network.run(1)  # what is compiled and prepared before the first step isn't counted
            start = process_time()
            network.run(steps - 1)
        except NonFiniteWeightsError:
            return Trained(np.nan, np.full(len(self.layers) - 1, np.nan), np.nan)
        seconds = (process_time() - start) / (steps - 1) * n_train / self.course.epochs
        accuracy = network.hits.hits[0][n_train:].mean() / self.course.batch_size
        return Trained(float(accuracy), angles(network.connections), seconds)
