"""What is run with each seed: the parts of the model, each with its numbers and arrays."""

from collections.abc import Iterator

import numpy as np
from brian2 import seed

from models.common.model import Announce, Results, silent
from models.linsker1988 import averaged, infomax, live
from models.linsker1988.settings import Settings
from models.linsker1988.stage import Part, Stage

__all__ = ["NOISE", "VARIANCES", "run"]

#: Variances of the input of two cells, and of their noise
VARIANCES = (1.5, 0.5)
NOISE = (0.05, 0.1, 0.2, 0.5, 1.0, 1.4, 1.6, 2.0)


def run(settings: Settings, number: int, announce: Announce = silent) -> Results:
    """
    Run all parts of the model.

    Parameters
    ----------
    settings : Settings
        Sizes.
    number : int
        The seed of synapses, weights and stimuli.
    announce : callable
        Told what is being done.

    Returns
    -------
    Results
        Numbers of `CLAIMS`, and arrays of the figures.
    """
    seed(number)
    numbers: dict[str, float] = {}
    arrays: dict[str, np.ndarray] = {}
    for text, part in _parts(settings, number):
        announce(f"seed {number}: {text}")
        found, shown = part()
        numbers |= found
        arrays |= shown
    return Results(numbers, arrays)


def _parts(settings: Settings, number: int) -> Iterator[tuple]:
    this = Stage(settings, number)
    yield "regimes of layer C", lambda: averaged.regimes(this)
    if settings.plane_k1:
        yield "plane of k1 and k2", lambda: averaged.plane(this)
    yield "eigenvalues", lambda: averaged.eigenvalues(this)
    covariances: dict[str, np.ndarray] = {}
    yield "layers C to F", lambda: averaged.layers(this, covariances)
    yield "orientation in layer G", lambda: averaged.oriented(this, covariances["F"])
    yield "live, shared kernels", lambda: live.against_average(this, shared=True)
    if settings.local_size:
        yield "live, local kernels", lambda: live.against_average(this, shared=False)
    if settings.chain:
        yield "live layers C to F", lambda: live.chain(this)
    if settings.columns:
        yield "orientation columns", lambda: live.columns(this, covariances["F"])
    yield "information of two cells", lambda: _information(this)
    yield "Oja's cell", lambda: _reconstruction(this, number)


def _information(this: Stage) -> Part:
    l1, l2 = VARIANCES
    noise = np.array(NOISE)
    angles, rate = infomax.best_angles(NOISE, l1, l2, this.rng)
    expected = infomax.predicted_share(noise, l1, l2)
    found = np.sin(angles) ** 2
    a, b = np.meshgrid(*[np.linspace(0, np.pi, 361)] * 2)
    tried = np.array([infomax.information(a, b, level, l1, l2).max() for level in NOISE])
    above = noise >= infomax.critical_noise(l1, l2)
    q12 = l1 * np.cos(angles).prod(axis=1) + l2 * np.sin(angles).prod(axis=1)
    alike = q12 / np.sqrt(l1 - (l1 - l2) * found).prod(axis=1)
    numbers = {
        "information: deviation of sin^2": np.abs(found - expected[:, None]).max(),
        "information: short of the best": (tried - rate).max(),
        "information: critical noise": infomax.critical_noise(l1, l2),
        "information: redundancy above it": np.abs(alike[above]).min(),
        "information: redundancy far below": np.abs(alike[0]),
    }
    return numbers, {"sin2": found, "rate": rate}


def _reconstruction(this: Stage, number: int) -> Part:
    """Let Oja's cell learn stimuli of known covariance."""
    stimuli = this.rng.normal(size=(200, 10)) * np.sqrt([5, 3, 2, 1.5, 1, 0.8, 0.6, 0.5, 0.4, 0.3])
    covariance = stimuli.T @ stimuli / len(stimuli)
    w = infomax.oja_cell(stimuli, eta=0.05, steps=2000, start=number)
    least = np.trace(covariance) - np.linalg.eigvalsh(covariance)[-1]
    excess = infomax.reconstruction_error(covariance, w) / least - 1
    return {"Oja: excess error": excess, "Oja: norm": float(np.linalg.norm(w))}, {}
