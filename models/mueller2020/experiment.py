"""The experiment of one seed: train the content space, then all operations and their controls."""

from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
from brian2 import prefs

from hebbsim.experiments.preferences import THREADS
from models.common.model import Announce, Results, silent
from models.common.program import Program, Run
from models.mueller2020 import settings as s
from models.mueller2020.analysis import (
    Recording,
    area_under_curve,
    connection_means,
    memberships,
    succeeds,
)
from models.mueller2020.model import build, values_of
from models.mueller2020.protocol import SPACES, Protocol
from models.mueller2020.settings import Projection, Settings

__all__ = ["run"]

#: The plastic synapses of a neural space
NEURAL = ("N_to_N", "C_to_N", "N_to_C")
NO_PLASTICITY = {f"{name}.eta": 0.0 for name in NEURAL}
#: Of noise: a time constant of nothing has no meaning
LEAST_FACTOR = 0.05
NO_EXCITABILITY = {"E.gain": 0.0}


@cache
def program(n_excitatory: int, n_inhibitory: int) -> Program:
    """Return the program, compiled once for all settings, seeds and protocols."""
    return Program(lambda: build(n_excitatory, n_inhibitory))


def run(settings: Settings, seed: int, announce: Announce = silent) -> Results:
    """
    Train a content space; then CREATE, LOAD, RECALL, COPY and COMPARE, with controls and noise.

    Parameters
    ----------
    settings : Settings
        Sizes.
    seed : int
        Of connections, weights, spikes, the order of patterns, and the noise.
    announce : callable
        Is told what is being done.
    """
    announce(f"seed {seed}: compiling, once")
    compiled = program(settings.n_excitatory, settings.n_inhibitory)
    announce(f"seed {seed}: training the content space")
    rng = np.random.default_rng(seed)
    training = Protocol()
    training.train(_balanced(settings.n_presentations, rng))
    numbers = values_of(s.PROJECTIONS, settings.n_excitatory)
    first = _run_of(training, seed, numbers)
    trained = Recording(training, compiled.run(first), settings.n_excitatory)

    protocols = {
        "main": (_operations(settings, rng), {}),
        "no excitability": (_recalls(settings, rng), NO_EXCITABILITY),
        "no plasticity": (_operations(settings, rng, copies=False), NO_PLASTICITY),
        **{
            f"noise {sd:g}": (
                _recalls(settings, rng, noise=True),
                _noisy(sd, rng, settings.n_excitatory),
            )
            for sd in settings.noise
        },
    }
    announce(f"seed {seed}: operations, controls and noise")
    weights = _trained_weights(trained)
    runs = [_run_of(what, seed, numbers | values | weights) for what, values in protocols.values()]
    found = {
        name: Recording(protocol, record, settings.n_excitatory)
        for (name, (protocol, _)), record in zip(
            protocols.items(), compiled.run_all(runs, max(1, prefs[THREADS])), strict=True
        )
    }
    return _results(trained, found)


def _balanced(n: int, rng: np.random.Generator) -> np.ndarray:
    """Return patterns in random order, each as often as the others."""
    return rng.permutation(np.arange(n) % s.N_PATTERNS)


def _run_of(protocol: Protocol, seed: int, values: Mapping[str, Any]) -> Run:
    return Run(seed, protocol.duration, {**protocol.values(), **values})


def _trained_weights(trained: Recording) -> dict[str, Any]:
    """Return the weights of the content space as values of the runs that go on from them.

    These have the same seed, thus the same connections, which are drawn first.
    """
    values: dict[str, Any] = {}
    for name in ("X_to_C", "C_to_C"):
        # a weight is low + (high - low)*w
        values |= {
            f"{name}.w": trained.record[f"{name}.w"],
            f"{name}.low": 0.0,
            f"{name}.high": 1.0,
        }
    return values


def _recalls(settings: Settings, rng: np.random.Generator, *, noise: bool = False) -> Protocol:
    protocol = Protocol()
    protocol.create("V")
    n, delay = settings.n_recalls, settings.delay
    if noise:
        n, delay = settings.noise_recalls, settings.noise_delay
    for pattern in _balanced(n, rng):
        protocol.load_and_recall(pattern, delay)
    return protocol


def _operations(settings: Settings, rng: np.random.Generator, *, copies: bool = True) -> Protocol:
    protocol = _recalls(settings, rng)
    protocol.create("U")
    if copies:
        for pattern in _balanced(settings.n_copies, rng):
            protocol.copy(pattern)
    n = settings.n_comparisons
    firsts = _balanced(n, rng)
    for number, pattern in enumerate(firsts):
        shift = 0 if number % 2 else rng.integers(1, s.N_PATTERNS)
        protocol.compare(pattern, (pattern + shift) % s.N_PATTERNS)
    return protocol


def _noisy(sd: float, rng: np.random.Generator, n: int) -> dict[str, Any]:
    """Draw a factor around 1 for each number of a neural space; none becomes negative."""

    def drawn(value: Any) -> Any:
        return value * max(rng.normal(1, sd), LEAST_FACTOR)

    projections = {
        name: Projection(*(drawn(getattr(p, f.name)) for f in fields(p))) if name in NEURAL else p
        for name, p in s.PROJECTIONS.items()
    }
    return values_of(projections, n, gain=drawn(s.EXCITABILITY_GAIN))


def _results(trained: Recording, found: Mapping[str, Recording]) -> Results:
    """Return the numbers that the claims are about, and what the figures show."""
    main, n = found["main"], trained.n
    content, neural = trained.assemblies("content", "C"), main.assemblies("create V", "V")
    weights = connection_means(trained, "C_to_C", content, content)
    # the cells of V come after those of C
    projected = connection_means(main, "C_to_N", content, [cells + n for cells in neural])
    numbers = {
        **_assembly_numbers("content", content, n),
        **_assembly_numbers("neural", neural, n),
        **_weight_numbers("weight", weights),
        **_weight_numbers("projected weight", projected),
        "spontaneous rate": trained.rate(trained.protocol.rest, "C"),
    }
    arrays = {"weights": weights, "projected": projected, **_rasters(main, content, neural)}
    for name, (kind, label) in {
        "recall": ("recall", "main"),
        "copy": ("copy", "main"),
        "recall without excitability": ("recall", "no excitability"),
        "recall without plasticity": ("recall", "no plasticity"),
        **{f"recall, {label}": ("recall", label) for label in found if label.startswith("noise")},
    }.items():
        overlaps = found[label].overlaps(kind, content)
        numbers[name] = succeeds(overlaps).mean()
        numbers[f"excess of {name}"] = overlaps[:, 1].mean()
    for name, label in (("comparison", "main"), ("comparison without plasticity", "no plasticity")):
        same, different = found[label].responses()
        numbers[name] = area_under_curve(same, different)
        arrays |= {f"{name}, same": same, f"{name}, different": different}
    numbers["answers to the same"], numbers["answers to others"] = main.answers()
    return Results({name: float(value) for name, value in numbers.items()}, arrays)


def _assembly_numbers(name: str, assemblies: list[np.ndarray], n: int) -> dict[str, float]:
    sizes, member_of = [len(cells) for cells in assemblies], memberships(assemblies, n)
    alone = (member_of == 1).sum() / max((member_of > 0).sum(), 1)
    return {
        f"smallest {name} assembly": min(sizes),
        f"largest {name} assembly": max(sizes),
        f"members of one {name} assembly": alone,
    }


def _weight_numbers(name: str, means: np.ndarray) -> dict[str, float]:
    own = np.eye(len(means), dtype=bool)
    return {f"{name} within": np.nanmean(means[own]), f"{name} between": np.nanmean(means[~own])}


def _rasters(
    main: Recording, content: list[np.ndarray], neural: list[np.ndarray]
) -> dict[str, np.ndarray]:
    """Return the spikes of the first recall and the first copy, and the assemblies' cells."""
    arrays = {}
    for kind in ("recall", "copy"):
        load, window = next(
            pair for pair in pairwise(main.protocol.windows) if pair[1].kind == kind
        )
        arrays[f"{kind}, phases"] = np.array([load.start, load.stop, window.start, window.stop])
        for space in SPACES:
            t, cells = main.spikes(load.start, window.stop, space)
            arrays |= {f"{kind}, {space}, t": t, f"{kind}, {space}, cell": cells}
    for space, assemblies in (
        ("C", content),
        ("V", neural),
        ("U", main.assemblies("create U", "U")),
    ):
        for number, cells in enumerate(assemblies):
            arrays[f"assembly {number} of {space}"] = cells
    return arrays
