"""The protocol: a branch's responses to its inputs, then the task, with its controls."""

from functools import cache

import numpy as np
from brian2 import defaultclock, second
from brian2 import seed as seed_brian

from models.common import Results
from models.common.model import Announce, silent
from models.nmda_spike import reference
from models.nmda_spike.settings import INPUT_ENDS, Settings
from models.nmda_spike.spikes import Cells, Responses, steepest, stimulate
from models.nmda_spike.task import Neurons, Trials, accuracies, learn, recall, show_pairs

__all__ = ["layer_neurons", "point_neurons", "run"]

#: Resting potentials in mV at which the threshold is looked for
RESTS = (-75, -70, -65, -60)
SHOWN = (4, 8, 10, 12, 20, 40, 60)


def run(settings: Settings, seed: int, announce: Announce = silent) -> Results:
    """
    Measure one branch, then let a layer and point neurons learn and hold what they learned.

    Parameters
    ----------
    settings : Settings
        Sizes.
    seed : int
        Of weights, trials and noise; a branch has nothing random.
    announce : callable
        Is told what is being done.
    """
    announce("one branch")
    measured = _branch(float(settings.dt / second), settings.largest_input)
    told = _task(settings, seed, announce)
    return Results({**measured.numbers, **told.numbers}, {**measured.arrays, **told.arrays})


@cache
def _branch(dt: float, largest: int) -> Results:
    """Return what volleys do to one branch, with time steps of `dt` seconds."""
    defaultclock.dt = dt * second
    inputs = np.arange(1.0, largest + 1)
    kinds = {
        "control": {},
        "blocked": {"nmda": 0},
        "no magnesium": {"magnesium": 0},
        **{f"rest {rest}": {"rest": rest} for rest in RESTS if rest != -70},
    }
    cells = Cells.of([])
    for changed in kinds.values():
        cells += Cells.of(inputs, **changed)
    for number in reference.TRAIN_DURATION:
        cells += Cells.of([number] * len(reference.PULSES), pulses=np.array(reference.PULSES))
    responses = stimulate(cells)
    starts = range(0, len(kinds) * largest, largest)
    by_kind = {
        kind: responses.of(slice(start, start + largest))
        for kind, start in zip(kinds, starts, strict=True)
    }
    trains = responses.of(slice(len(kinds) * largest, None)).duration
    return Results(
        _branch_numbers(inputs, by_kind, trains), _branch_arrays(inputs, by_kind, trains)
    )


def _branch_numbers(
    inputs: np.ndarray, kinds: dict[str, Responses], trains: np.ndarray
) -> dict[str, float]:
    control, blocked, no_magnesium = kinds["control"], kinds["blocked"], kinds["no magnesium"]
    at = np.array(reference.INPUTS) - 1
    expected = np.concatenate(list(reference.TRAIN_DURATION.values()))
    kinds = {**kinds, "rest -70": control}
    thresholds = [steepest(inputs, kinds[f"rest {rest}"].peak)[0] for rest in RESTS]
    plateaus, somata = control.peak[13:40], control.somatic[9:60]
    return {
        "supralinearity": control.peak[11] / (12 * control.peak[0]),
        "steepest step": steepest(inputs, control.peak)[1],
        "steepest step, blocked": steepest(inputs, blocked.peak)[1],
        "steepest step, no magnesium": steepest(inputs, no_magnesium.peak)[1],
        **{f"threshold {rest}": n for rest, n in zip(RESTS, thresholds, strict=True)},
        "largest change of threshold": np.diff(thresholds).max(),
        "smallest plateau": plateaus.min(),
        "largest plateau": plateaus.max(),
        "least growth of duration": np.diff(control.duration).min(),
        "duration 40": control.duration[39],
        "duration of train": trains[len(reference.PULSES) - 1],
        "smallest soma": somata.min(),
        "largest soma": somata.max(),
        "peak error": np.abs(control.peak[at] - reference.PEAK).max(),
        "blocked error": np.abs(blocked.peak[at] - reference.PEAK_BLOCKED).max(),
        "soma error": np.abs(control.somatic[at] - reference.SOMA).max(),
        "duration error": np.abs(control.duration[at] - reference.DURATION).max(),
        "train error": np.abs(trains - expected).max(),
    }


def _branch_arrays(
    inputs: np.ndarray, kinds: dict[str, Responses], trains: np.ndarray
) -> dict[str, np.ndarray]:
    control = kinds["control"]
    shown = np.array(SHOWN) - 1
    return {
        "inputs": inputs,
        "times": control.times,
        "shown": np.array(SHOWN),
        "dendrite": control.dendrite[shown],
        "soma": control.soma[shown],
        "duration": control.duration,
        "pulses": np.array(reference.PULSES),
        "trains": trains.reshape(len(reference.TRAIN_DURATION), -1),
        **{f"peak, {kind}": found.peak for kind, found in kinds.items()},
    }


# --- the task -------------------------------------------------------------------------------------


def layer_neurons(settings: Settings) -> Neurons:
    """Return the layer's neurons, some of each symbol."""
    symbols = np.tile(np.arange(settings.n_items), settings.neurons)
    n = len(symbols)
    gains, rates = np.full(n, settings.gain), np.full(n, settings.rate)
    return Neurons(symbols, settings.n_branches, 1, gains, rates)


def point_neurons(settings: Settings) -> Neurons:
    """Return point neurons, of each symbol one with each of their settings."""
    gains, rates, symbols = np.meshgrid(
        settings.gain * np.array(settings.point_gains),
        settings.rate * np.array(settings.point_rates),
        np.arange(settings.n_items),
        indexing="ij",
    )
    return Neurons(symbols.ravel(), 1, settings.n_branches, gains.ravel(), rates.ravel())


def _task(settings: Settings, seed: int, announce: Announce) -> Results:
    defaultclock.dt = settings.task_dt
    seed_brian(seed)
    rng = np.random.default_rng(seed)
    seconds = float(settings.learning_trial / second)
    lessons = show_pairs(settings, settings.n_learning, seconds, rng)
    seconds = float(INPUT_ENDS / second) + settings.delays[-1] / 1000
    new = show_pairs(settings, settings.n_choice + settings.n_test, seconds, rng)
    found: dict[str, np.ndarray] = {}
    layer, points = layer_neurons(settings), point_neurons(settings)

    announce("the layer learns")
    kernel = learn(settings, layer, lessons, rng)
    announce("the layer remembers")
    found["layer"] = _told(settings, layer, kernel, new)[1].mean(axis=0)
    found["blocked"] = _told(settings, layer, kernel, new, nmda=0)[1].mean(axis=0)
    announce("point neurons learn")
    point_kernel = learn(settings, points, lessons, rng)
    announce("point neurons remember")
    on_choice, on_test = (
        shares.reshape(-1, settings.n_items, shares.shape[-1]).mean(axis=1)
        for shares in _told(settings, points, point_kernel, new)
    )
    best = on_choice.argmax(axis=0)  # settings, at each delay
    found["point"] = np.take_along_axis(on_test, best[None], axis=0)[0]

    numbers = {
        f"{kind}, {delay} ms": float(share)
        for kind, shares in found.items()
        for delay, share in zip(settings.delays, shares, strict=True)
    }
    numbers["best of the point neuron"] = float(found["point"].max())
    numbers["held"] = float(np.array(settings.delays)[found["layer"] >= 0.95].max(initial=0))
    numbers["learned pairs"] = _learned(settings, kernel)
    return Results(
        numbers,
        {
            "delays": np.array(settings.delays),
            "weights": _by_item(settings, kernel),
            **{f"accuracy, {kind}": shares for kind, shares in found.items()},
        },
    )


def _told(
    settings: Settings,
    neurons: Neurons,
    kernel: np.ndarray,
    new: Trials,
    **changed: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Return accuracies on the trials that thresholds are chosen on, and on those of the test."""
    potentials = recall(settings, neurons, kernel, new, **changed)
    members = new.members(neurons, settings.n_items)
    n = settings.n_choice
    return accuracies(potentials[:n], members[:n], potentials[n:], members[n:])


def _by_item(settings: Settings, kernel: np.ndarray) -> np.ndarray:
    """Average the layer's weights over each item's axons: ``(neurons, branches, items)``."""
    shape = (-1, settings.n_branches, 2 * settings.n_items, settings.axons)
    return kernel.reshape(shape).mean(axis=-1)


def _learned(settings: Settings, kernel: np.ndarray) -> float:
    """Return the share of pairs that are clustered on one branch of each neuron they belong to."""
    n = settings.n_items
    strong = _by_item(settings, kernel) > 0.5
    symbols = layer_neurons(settings).symbols
    first = np.arange(n)
    share = [
        (strong[k][:, first] & strong[k][:, n + (first + symbol) % n]).any(axis=0).mean()
        for k, symbol in enumerate(symbols)
    ]
    return float(np.mean(share))
