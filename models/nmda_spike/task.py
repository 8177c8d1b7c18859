"""
The task: which pairs of items were bound to a neuron's symbol, and what it still knows later.

Two kinds of items, ``n`` of each. Symbol ``s`` holds the pairs ``(a, (a + s) mod n)``, so that each
item belongs to each symbol equally often, and a sum over inputs can't tell them: of the four pairs
of 2x2 items it gets three right at best. Each pair is shown by one volley of the axons of its two
items; a teacher depolarises the branches of the neurons whose symbol holds it.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from brian2 import (
    Network,
    SpikeGeneratorGroup,
    StateMonitor,
    TimedArray,
    ms,
    mV,
    second,
)

from models.nmda_spike.layer import dendritic_layer, plateau_rule
from models.nmda_spike.settings import (
    BACKGROUND,
    FIRST_WEIGHTS,
    INPUT_ENDS,
    JITTER,
    LAYER,
    SPIKE,
    TAU_E,
    TAU_X,
    VOLLEY_AT,
    X_0,
    Settings,
)

__all__ = ["Neurons", "accuracies", "learn", "recall", "show_pairs"]


@dataclass(frozen=True)
class Neurons:
    """
    Describe the neurons that learn: a layer, or point neurons.

    Parameters
    ----------
    symbols : array of int
        Of each neuron.
    n_branches : int
        Of each; 1 has all synapses in one place, and only a sum to go by.
    contacts : int
        Synapses of an axon onto each branch.
    gains, rates : array of float
        Of each neuron: standard inputs of a synapse of weight 1; learning rate.
    """

    symbols: np.ndarray
    n_branches: int
    contacts: int
    gains: np.ndarray
    rates: np.ndarray

    def of_branches(self, values: np.ndarray) -> np.ndarray:
        """Repeat a value of each neuron for its branches."""
        return np.repeat(values, self.n_branches, axis=-1)


@dataclass(frozen=True)
class Trials:
    """
    Hold what is shown.

    Parameters
    ----------
    pairs : array of int
        ``(trials, 2)``, an item of each kind.
    trial, axon : array of int
        Of each spike.
    times : array of float
        Of each spike within its trial, in seconds.
    """

    pairs: np.ndarray
    trial: np.ndarray
    axon: np.ndarray
    times: np.ndarray

    def members(self, neurons: Neurons, n_items: int) -> np.ndarray:
        """Say of each trial and neuron whether the pair is in its symbol, ``(trials, neurons)``."""
        return ((self.pairs[:, 1] - self.pairs[:, 0]) % n_items)[:, None] == neurons.symbols


def show_pairs(settings: Settings, n: int, duration: float, rng: np.random.Generator) -> Trials:
    """Draw trials of a duration in seconds: all pairs in random order, then again."""
    n_items, axons = settings.n_items, settings.axons
    rounds = [rng.permutation(n_items**2) for _ in range(-(-n // n_items**2))]
    numbers = np.concatenate(rounds)[:n]
    pairs = np.stack([numbers // n_items, numbers % n_items], axis=1)
    item = np.stack([pairs[:, 0], n_items + pairs[:, 1]], axis=1)
    active = (item[:, :, None] * axons + np.arange(axons)).reshape(n, -1)
    fires = rng.random(active.shape) < settings.fires
    volley = rng.normal(VOLLEY_AT / second, JITTER / second, active.shape)
    n_axons = 2 * n_items * axons
    n_random = rng.poisson(float(BACKGROUND * second) * duration * n_axons, n)
    trial = np.concatenate([np.nonzero(fires)[0], np.repeat(np.arange(n), n_random)])
    axon = np.concatenate([active[fires], rng.integers(n_axons, size=n_random.sum())])
    times = np.concatenate([volley[fires], rng.random(n_random.sum()) * duration])
    dt = float(settings.task_dt / second)
    steps = np.round(np.clip(times, 0, duration - 2 * dt) / dt).astype(int)
    once = np.unique(np.stack([trial, steps, axon], axis=1), axis=0)  # a spike of an axon a step
    return Trials(pairs, once[:, 0], once[:, 2], once[:, 1] * dt)


def _axons(trials: Trials, n_axons: int, contacts: int, offset: float) -> SpikeGeneratorGroup:
    """Make the axons, each as often as it has contacts: trials after each other, or as samples."""
    n_samples = 1 if offset else len(trials.pairs)
    sample = 0 if offset else trials.trial
    first = sample * n_axons * contacts + trials.axon
    indices = np.concatenate([first + n_axons * contact for contact in range(contacts)])
    times = np.tile(trials.times + offset * trials.trial, contacts)
    return SpikeGeneratorGroup(
        n_samples * n_axons * contacts, indices, times * second, name="axons"
    )


def learn(
    settings: Settings, neurons: Neurons, trials: Trials, rng: np.random.Generator
) -> np.ndarray:
    """Learn from trials one after the other; return the kernel, ``(branches, axons, 1, 1)``."""
    n_axons = 2 * settings.n_items * settings.axons * neurons.contacts
    n_neurons = len(neurons.symbols)
    duration = settings.learning_trial
    axons = _axons(trials, n_axons // neurons.contacts, neurons.contacts, float(duration / second))
    taught = neurons.of_branches(trials.members(neurons, settings.n_items).astype(float))
    layer = dendritic_layer(
        axons,
        n_axons,
        n_neurons,
        neurons.n_branches,
        {**SPIKE, **LAYER, "teaching": TimedArray(taught, dt=duration, name="teaching")},
        rule=plateau_rule(TAU_X, X_0, TAU_E),
    )
    layer.branches.gain = neurons.of_branches(neurons.gains)
    layer.branches.rate = neurons.of_branches(neurons.rates)
    first = rng.uniform(*FIRST_WEIGHTS, (n_neurons * neurons.n_branches, n_axons, 1, 1))
    layer.synapses.set_kernel("w", first)
    layer.rest_every(duration)
    Network(axons, *layer).run(len(trials.pairs) * duration)
    return layer.synapses.get_kernel("w")


def recall(
    settings: Settings,
    neurons: Neurons,
    kernel: np.ndarray,
    trials: Trials,
    **changed: Any,
) -> np.ndarray:
    """
    Show trials side by side, without a teacher.

    Parameters
    ----------
    settings, neurons, kernel, trials
        What `learn` took and returned.
    **changed
        Values of the model's names, such as ``nmda=0``.

    Returns
    -------
    array
        Potentials of the somata above rest, in mV, ``(trials, neurons, delays)``.
    """
    n_trials, n_neurons = len(trials.pairs), len(neurons.symbols)
    n_axons = 2 * settings.n_items * settings.axons * neurons.contacts
    axons = _axons(trials, n_axons // neurons.contacts, neurons.contacts, 0)
    untaught = TimedArray(np.zeros((1, n_trials * len(kernel))), dt=1 * second, name="teaching")
    layer = dendritic_layer(
        axons,
        n_axons,
        n_neurons,
        neurons.n_branches,
        {**SPIKE, **LAYER, "teaching": untaught, **changed},
        batch_size=n_trials,
    )
    layer.branches.gain = np.tile(neurons.of_branches(neurons.gains), n_trials)
    layer.synapses.set_kernel("w", kernel)
    read_at = INPUT_ENDS / ms + np.array(settings.delays)
    monitor = StateMonitor(layer.somata, "V_s", record=True, dt=10 * ms)
    Network(axons, *layer, monitor).run((read_at[-1] + 1) * ms)
    above = (monitor.V_s - SPIKE["E_L"]) / mV
    return above.reshape(n_trials, n_neurons, -1)[:, :, np.round(read_at / 10).astype(int)]


def accuracies(
    choice: np.ndarray, is_choice: np.ndarray, test: np.ndarray, is_test: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """
    Tell members by a threshold on the potential of each neuron at each delay.

    Parameters
    ----------
    choice, test : array
        Potentials ``(trials, neurons, delays)``; on the first the threshold is chosen.
    is_choice, is_test : array of bool
        Whether the pair is a member, ``(trials, neurons)``.

    Returns
    -------
    on_choice, on_test : array
        Share of right answers ``(neurons, delays)``.
    """
    potentials = np.sort(choice, axis=0)
    thresholds = np.concatenate([potentials[:1] - 1, (potentials[1:] + potentials[:-1]) / 2])
    right = (choice[None] > thresholds[:, None]) == is_choice[None, :, :, None]
    share = right.mean(axis=1)
    best = share.argmax(axis=0)
    threshold = np.take_along_axis(thresholds, best[None], axis=0)
    on_test = ((test > threshold) == is_test[:, :, None]).mean(axis=0)
    return share.max(axis=0), on_test
