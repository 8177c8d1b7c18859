"""The same network in torch, from the same kernels and with the same optimiser."""

from time import process_time

import numpy as np
from brian2 import prefs

from hebbsim.experiments.preferences import THREADS
from models.kunin2020.model import draw_kernels
from models.kunin2020.training import Trained, Training

__all__ = ["train_in_torch"]


def train_in_torch(training: Training) -> Trained:
    """Train by backprop with torch's own SGD, on as many threads as Brian2 has."""
    import torch
    from torch.nn.functional import conv2d, cross_entropy

    torch.set_num_threads(max(1, prefs[THREADS]))
    layers, rates, size = training.layers, training.rates, training.course.batch_size
    drawn = draw_kernels(layers, training.task.images.shape[1], training.rng())
    weights = [torch.tensor(w, dtype=torch.float32, requires_grad=True) for w, _ in drawn]
    optimiser = torch.optim.SGD(
        weights, lr=rates.eta, momentum=rates.momentum, weight_decay=rates.weight_decay
    )
    images = torch.tensor(training.task.images, dtype=torch.float32)
    labels = torch.tensor(training.task.labels)

    def output(batch: np.ndarray) -> torch.Tensor:
        x = images[batch]
        for w, layer in zip(weights, layers, strict=True):
            x = conv2d(x, w, stride=layer.stride, padding=layer.padding)
            x = x if layer is layers[-1] else x.relu()
        return x[:, :, 0, 0]

    schedule = training.schedule
    batches = training.order().reshape(-1, size)
    start = process_time()
    for batch, factor in zip(batches, schedule, strict=False):
        optimiser.param_groups[0]["lr"] = rates.eta * factor
        optimiser.zero_grad()
        cross_entropy(output(batch), labels[batch]).backward()
        optimiser.step()
    seconds = (process_time() - start) / training.course.epochs
    with torch.no_grad():
        hits = [
            (output(batch).argmax(1) == labels[batch]).double().mean().item()
            for batch in batches[len(schedule) :]
        ]
    return Trained(float(np.mean(hits)), np.zeros(len(layers) - 1), seconds)
