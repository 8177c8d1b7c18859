"""Convolutional networks on images of a data set: each rule at the rate that suits it."""

from functools import cache

import numpy as np

from hebbsim.data.load import load_dataset
from models.common.model import Announce, Results, silent
from models.kunin2020.convolutional.in_torch import train_in_torch
from models.kunin2020.convolutional.settings import TUNED, Settings, suffix
from models.kunin2020.model import Layer, Rates
from models.kunin2020.rules import RULES
from models.kunin2020.training import Task, Trained, Training

__all__ = ["load", "run", "train", "training_of"]

COMPARED = (("SA", "BP"), ("BP", "FA"), ("SA", "FA"), ("BP", "frozen"), ("SA", "frozen"))


def run(settings: Settings, number: int, announce: Announce = silent) -> Results:
    """
    Train each rule on each data set, and backprop in torch too.

    Parameters
    ----------
    settings : Settings
        Sizes.
    number : int
        The seed of kernels and order.
    announce : callable
        Told what is being done.

    Returns
    -------
    Results
        Accuracies on test images and mean angles in degrees, NaN for what diverged; the
        differences that the claims are about; and the processor time in seconds of an epoch of
        backprop, here and in torch.
    """
    numbers: dict[str, float] = {}
    arrays: dict[str, np.ndarray] = {}
    for place, data in enumerate(settings.data):
        of = suffix(settings, place)
        accuracies: dict[str, float] = {}
        for name in (*settings.rules, "frozen"):
            announce(f"seed {number}: {name}, {data}")
            training = training_of(settings, data, number, *TUNED[data][name])
            found = train(training, name)
            accuracies[name] = numbers[f"{name}: accuracy{of}"] = found.accuracy
            numbers[f"{name}: angle{of}"] = float(found.angles.mean())
            arrays[f"{name}: angles{of}"] = found.angles
            if name == "BP":
                announce(f"seed {number}: torch, {data}")
                in_torch = train_in_torch(training)
                numbers[f"BP - torch{of}"] = found.accuracy - in_torch.accuracy
                numbers[f"seconds{of}"] = found.seconds
                numbers[f"seconds in torch{of}"] = in_torch.seconds
        for first, second in COMPARED:
            numbers[f"{first} - {second}{of}"] = accuracies[first] - accuracies[second]
    return Results(numbers, arrays)


@cache
def load(settings: Settings, data: str) -> Task:
    """Load the images, with a mean of 0 and a standard deviation of 1 in each channel."""
    dataset = load_dataset(data)
    n = settings.n_train
    images = np.concatenate([dataset.train_images[:n], dataset.test_images[: settings.n_test]])
    images = images.astype(np.float32)
    learned = images[:n]  # a view, which changes with them
    images -= learned.mean(axis=(0, 2, 3), keepdims=True)
    images /= learned.std(axis=(0, 2, 3), keepdims=True)
    labels = np.concatenate([dataset.train_labels[:n], dataset.test_labels[: settings.n_test]])
    return Task(images, labels, np.arange(len(learned)), np.arange(len(learned), len(images)))


def training_of(settings: Settings, data: str, number: int, eta: float, eta_b: float) -> Training:
    """Three convolutions, each of half the size of what it sees, and a read-out of all of it."""
    task = load(settings, data)
    size, layers = task.images.shape[-1], []
    for channels, kernel_size in zip(settings.channels, (5, 3, 3), strict=True):
        layers.append(Layer(channels, kernel_size, stride=2, padding=kernel_size // 2))
        size = (size + 1) // 2
    layers.append(Layer(10, size))
    s = settings
    rates = Rates(eta, eta_b, weight_decay=s.weight_decay, momentum=s.momentum)
    return Training(task, layers, rates, s.course, number)


def train(training: Training, name: str) -> Trained:
    """Train by the rule of this name, or the last layer alone if it is ``"frozen"``."""
    frozen = name == "frozen"
    return training.run(RULES["FA" if frozen else name], frozen=frozen)
