"""What the user sets stays; what the simulation writes goes back at the start of a stimulus."""

from dataclasses import replace

import numpy as np
import pytest
from brian2 import ms
from networks_cases import SHAPE, images, kernels, spiking_network

from hebbsim import SpikingNetwork

DATA = images(20)
DARK = np.zeros_like(DATA)
DRIVEN = "du/dt = (I - u)/(20*ms) : 1\n"


def with_layer(network, **changes):
    layer = replace(network.layers[0], **changes)
    return SpikingNetwork(SHAPE, [layer], batch_size=10, duration=20 * ms)


@pytest.mark.parametrize("target", ["numpy", "cpp_runtime"], indirect=True)
def test_a_parameter_stays_as_it_was_set(target):
    """A current drives every neuron as if it stood in the equations, of each neuron or of all."""
    fixed = spiking_network(model=f"{DRIVEN}I = 3 : 1")
    expected = fixed.transform(DARK)
    assert 0 < expected.mean() < 1
    fixed.fit(DATA, progress=False)
    for declared in ("I : 1", "I : 1 (shared, constant)"):
        network = spiking_network(model=DRIVEN + declared)
        layer = network.stages[0].feature_map
        layer.I = 3
        np.testing.assert_array_equal(network.transform(DARK), expected)
        assert (np.asarray(layer.I[:]) == 3).all()
        network.fit(DATA, progress=False)
        np.testing.assert_array_equal(kernels(network)[0], kernels(fixed)[0])
        layer.I = 0
        assert network.transform(DARK).sum() == 0


def test_a_parameter_is_set_between_presentations_for_each_neuron():
    network = spiking_network(model=f"{DRIVEN}I : 1")
    layer = network.stages[0].feature_map
    layer.set_maps("I", np.where(np.arange(4)[:, None, None] == 2, 9.0, 0.0) * np.ones((4, 6, 6)))
    for _ in range(2):
        counts = network.transform(DARK)
        assert (counts[:, 2] == 1).all()
        assert counts.sum() == counts[:, 2].sum()


def test_what_resets_pathways_equations_and_operations_write_goes_back():
    """Counters, what arrives, potentials, what the user's own code changes."""
    base = spiking_network(
        model="du/dt = (g + I - u)/(20*ms) : 1\ng : 1\nhits : 1\nI : 1\nage : 1\nb : 1"
    )
    network = with_layer(
        base,
        on_pre="u_post += w; g_post += w",
        reset="u = 0; hits += 1",
        initial="b = 2; hits = 5; age = 1",
    )
    layer = network.stages[0].feature_map
    layer.run_regularly("age += 1", clock=network.clock)
    for name in ("u", "g", "hits", "age"):
        setattr(layer, name, 77)
    layer.b = 4
    counts = network.transform(DATA)
    for _ in range(2):
        np.testing.assert_array_equal(network.transform(DATA, variable="hits"), 5 + counts)
        np.testing.assert_array_equal(network.transform(DATA, variable="age"), 21)
        np.testing.assert_array_equal(network.transform(DATA, variable="b"), 4)
        assert 0 < network.transform(DATA, variable="g").max() < 20
        np.testing.assert_array_equal(network.transform(DARK, variable="g"), 0)
    assert counts.max() == 1


def test_another_time_step_after_a_stimulus_whose_spikes_are_still_on_their_way():
    """A presentation begins without them, so that their delay may be another number of steps."""
    network = spiking_network(delay=2 * ms, dt=1 * ms)
    network.fit(images(10), progress=False)
    network.clock.dt = 0.5 * ms
    network.fit(images(10), progress=False)
    assert network.time == pytest.approx(0.04)
