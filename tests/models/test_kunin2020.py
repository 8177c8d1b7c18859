"""Kunin et al. 2020, reproduced in models/kunin2020."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from hebbsim.experiments.preferences import run_preferences
from models.common.claim import failing
from models.common.page import PAGE
from models.kunin2020.claims import CLAIMS
from models.kunin2020.convolutional import settings as convolutional
from models.kunin2020.convolutional.claims import CLAIMS as CONVOLUTIONAL_CLAIMS
from models.kunin2020.convolutional.experiment import run as run_convolutional
from models.kunin2020.convolutional.experiment import training_of
from models.kunin2020.convolutional.figures import figures as convolutional_figures
from models.kunin2020.convolutional.in_torch import train_in_torch
from models.kunin2020.experiment import run
from models.kunin2020.figures import figures
from models.kunin2020.model import NORM, Layer, Rates, build
from models.kunin2020.rules import PRIMITIVES, RULES, Rule, rules_table
from models.kunin2020.settings import QUICK
from models.kunin2020.subsets.claims import CLAIMS as SUBSETS_CLAIMS
from models.kunin2020.subsets.experiment import SETS, draw_coefficients
from models.kunin2020.subsets.experiment import run as run_subsets
from models.kunin2020.subsets.figures import figures as subsets_figures
from models.kunin2020.subsets.settings import COEFFICIENTS
from models.kunin2020.subsets.settings import QUICK as QUICK_SUBSETS
from models.kunin2020.training import Course

BATCH = 7


DENSE = [Layer(5), Layer(4), Layer(3)]
CONVOLUTIONAL = [Layer(4, 3, padding=1), Layer(5, 3, stride=2), Layer(4, 2), Layer(3, 2)]
SHAPES = {"dense": ((6, 1, 1), DENSE), "convolutional": ((2, 7, 7), CONVOLUTIONAL)}


def small(rule, kind="dense", steps=1, frozen=False, **given):
    """Build a network on random images, of which each batch is shown once."""
    rng = np.random.default_rng(0)
    n = BATCH * steps
    shape, layers = SHAPES[kind]
    images = rng.normal(size=(n, *shape))
    targets = np.eye(3)[rng.integers(0, 3, n)]
    rates = Rates(**{"eta": 0.1, "eta_b": 0.2, "weight_decay": 0.01, **given})
    order, schedule = np.arange(n), np.ones(steps)
    network = build(
        layers, images, targets, order, schedule, rule, rates, rng, batch_size=BATCH, frozen=frozen
    )
    return network, images, targets


def matrices(network, name):
    return [conv.get_kernel(name)[:, :, 0, 0] for conv in network.connections]


@pytest.mark.parametrize("kind", SHAPES)
def test_with_the_same_kernels_it_is_backprop(kind):
    network, images, targets = small(RULES["BP"], kind, steps=3, momentum=0.9)
    layers = SHAPES[kind][1]
    weights = [torch.tensor(c.get_kernel("w"), requires_grad=True) for c in network.connections]
    optimiser = torch.optim.SGD(weights, lr=0.1, weight_decay=0.01, momentum=0.9)
    network.run(3)
    for start in range(0, len(images), BATCH):
        x = torch.tensor(images[start : start + BATCH])
        for w, layer in zip(weights, layers, strict=True):
            x = torch.nn.functional.conv2d(x, w, stride=layer.stride, padding=layer.padding)
            x = x if layer is layers[-1] else x.relu()
        labels = torch.tensor(targets[start : start + BATCH].argmax(1))
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(x[:, :, 0, 0], labels).backward()
        optimiser.step()
    for conv, expected in zip(network.connections, weights, strict=True):
        found = conv.get_kernel("w")
        np.testing.assert_allclose(found, expected.detach().numpy(), atol=1e-13, rtol=1e-10)


VALUES = {
    "decay": lambda x, w, b: (b**2).sum() / 2,
    "amp": lambda x, w, b: -((x @ b.T) * (x @ w.T)).sum() / len(x),
    "sparse": lambda x, w, b: ((x @ b.T) ** 2).sum() / 2 / len(x),
    "null": lambda x, w, b: ((x @ w.T @ b) ** 2).sum() / 2 / len(x),
    "self": lambda x, w, b: -np.trace(b @ w.T),
}


@pytest.mark.parametrize("name", PRIMITIVES)
def test_a_primitive_descends_its_function(name):
    """Against finite differences, with kernels that differ; errors go through ``b``."""
    network, _, _ = small(Rule(name, {name: 1}), eta=0.0)
    conv = network.connections[1]
    w, b = (conv.get_kernel(kernel)[:, :, 0, 0] for kernel in ("w", "b"))
    network.run(1)
    x = conv.source.get_maps("x")[:, :, 0, 0] if name in ("amp", "sparse", "null") else None
    if x is not None:
        np.testing.assert_allclose(x.mean(axis=0), 0, atol=1e-12)
        assert (x**2).sum() / BATCH == pytest.approx(NORM)
    slope = np.zeros_like(b)
    for place in np.ndindex(b.shape):
        step = np.zeros_like(b)
        step[place] = 1e-6
        slope[place] = (VALUES[name](x, w, b + step) - VALUES[name](x, w, b - step)) / 2e-6
    change = conv.get_kernel("b")[:, :, 0, 0] - b
    np.testing.assert_allclose(change, -0.2 * slope, rtol=1e-5, atol=1e-7)


def test_frozen_layers_leave_learning_to_the_last():
    network, _, _ = small(RULES["FA"], frozen=True)
    before = matrices(network, "w")
    network.run(1)
    moved = [
        np.abs(new - old).max() for new, old in zip(matrices(network, "w"), before, strict=True)
    ]
    assert moved[:-1] == [0, 0]
    assert moved[-1] > 0


def test_the_page_shows_the_rules_as_they_are():
    assert rules_table() in PAGE.read_text()


def test_rates_grow_and_drop():
    course = Course(4, 5, warm_up=0.5, drops=(2, 3.5))
    expected = [0.5, 1, *[1] * 6, *[0.1] * 6, *[0.01] * 2]
    np.testing.assert_allclose(course.schedule(20), expected)


def test_which_rules_are_local():
    assert [name for name, rule in RULES.items() if rule.is_local] == ["FA", "WM", "IA"]


@pytest.mark.slow
def test_the_findings_hold_at_the_quick_size():
    found = run(QUICK, 20)
    assert failing(CLAIMS, [dict(found.numbers)], quick=True) == []
    assert set(figures(QUICK, [found])) == {"noise", "turned"}


def test_torch_starts_from_the_same_kernels_and_ends_with_the_same_accuracy():
    """Of the convolutional network, on digits, with momentum and a schedule."""
    settings = replace(convolutional.QUICK, epochs=3, n_train=600, n_test=100)
    with run_preferences(1, "float32"):
        training = training_of(settings, "digits", 3, 0.02, 0.1)
        found, expected = training.run(RULES["BP"]), train_in_torch(training)
    assert found.accuracy == pytest.approx(expected.accuracy, abs=0.011)
    assert found.accuracy > 0.3


@pytest.mark.slow
def test_convolutional_networks_do_as_claimed_on_digits():
    with run_preferences(1, "float32"):
        found = run_convolutional(convolutional.QUICK, 20)
    assert failing(CONVOLUTIONAL_CLAIMS, [dict(found.numbers)], quick=True) == []
    assert set(convolutional_figures(convolutional.QUICK, [found])) == {"accuracy"}


def test_every_set_of_primitives_is_tuned_alike():
    drawn = draw_coefficients(3, 5)
    assert len(set(SETS)) == 2**5
    assert set(drawn[0].values()) == {1}
    low, high = COEFFICIENTS
    assert all(low <= value <= high for row in drawn for value in row.values())
    assert drawn == draw_coefficients(3, 5) != draw_coefficients(3, 6)


@pytest.mark.slow
def test_sets_of_primitives_do_as_claimed():
    found = run_subsets(QUICK_SUBSETS, 20)
    assert failing(SUBSETS_CLAIMS, [dict(found.numbers)], quick=True) == []
    assert found.arrays["decay"].tolist()[1:] == [0] * 4
    assert set(subsets_figures(QUICK_SUBSETS, [found])) == {"matrix"}
