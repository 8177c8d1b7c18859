"""What is run with each seed: the parts of the model, each with its numbers and arrays."""

import numpy as np
from brian2 import Hz, nA, seed

from models.brito_gerstner2016 import settings as s
from models.brito_gerstner2016.beyond import compete, see_complex_cells, see_with_two_eyes
from models.brito_gerstner2016.curves import drift, drift_by_fluctuations, respond
from models.brito_gerstner2016.gabors import Gabor, fit_gabors, tuning
from models.brito_gerstner2016.images import of_norm_1
from models.brito_gerstner2016.model import CONTROLS, NONLINEARITIES, learn_fields
from models.brito_gerstner2016.settings import Settings
from models.brito_gerstner2016.spiking import RULES, learn_spiking, on_and_off, triplet
from models.brito_gerstner2016.stage import Stage, kurtosis
from models.common.model import Announce, Results, silent

__all__ = ["run"]


def run(settings: Settings, number: int, announce: Announce = silent) -> Results:
    """
    Run all parts of the model.

    Parameters
    ----------
    settings : Settings
        Sizes.
    number : int
        The seed of images, patches, weights and spikes.
    announce : callable
        Told what is being done.

    Returns
    -------
    Results
        Numbers of `CLAIMS`, and arrays of the figures.
    """
    seed(number)
    announce(f"seed {number}: images")
    this = Stage(settings, number)
    for text, part in _PARTS.items():
        announce(f"seed {number}: {text}")
        part(this)
    return Results(this.numbers, this.arrays)


# --- the rate model ---------------------------------------------------------------------------


def _rates(this: Stage) -> None:
    """Let neurons of all nonlinearities start from the same weights."""
    start = this.whitening.random_weights(this.settings.neurons, this.rng)
    all_of_them = {**NONLINEARITIES, **CONTROLS}
    learned = learn_fields(
        this.inputs,
        dict.fromkeys(all_of_them, start),
        all_of_them,
        this.order(this.inputs, this.settings.steps),
        this.settings.batch_size,
    )
    learned["untrained"] = start
    gabors = {}
    for name, weights in learned.items():
        filters = this.whitening.filter_of(weights)
        gabors[name] = fit_gabors(filters)
        found = tuning(gabors[name])
        this.arrays |= {f"filters, {name}": filters, f"tuning, {name}": found}
        this.numbers[f"{name}: R2"] = float(np.median(found[:, 0]))
        this.numbers[f"{name}: kurtosis"] = float(np.median(kurtosis(this.drives(weights))))
    for name in all_of_them:
        above = this.numbers[f"{name}: kurtosis"] - this.numbers["untrained: kurtosis"]
        this.numbers[f"{name}: kurtosis above random"] = above
    _objectives(this, gabors["negative sigmoid"], start)


def _objectives(this: Stage, gabors: list[Gabor], random: np.ndarray) -> None:
    """Compare ``<F(w.x)>``, less that of Gaussian drives, of a few kinds of fields."""
    see = this.whitening
    rows, cols = np.mgrid[: s.PATCH, : s.PATCH]
    pixel = (rows == s.PATCH // 2) & (cols == s.PATCH // 2)
    along = [
        np.cos(gabor.orientation) * rows + np.sin(gabor.orientation) * cols for gabor in gabors
    ]
    waves = [2 * np.pi * gabor.frequency * u for gabor, u in zip(gabors, along, strict=True)]
    fields = {
        "Gabor": see.weights_of(np.stack([g.image for g in gabors])),
        "pixel": of_norm_1(see.of_pixels(pixel[None])),
        "grating": of_norm_1(see.of_pixels(np.cos(waves))),
        "random": random,
    }
    z = np.linspace(-8, 8, 4001)
    density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi) * (z[1] - z[0])
    objectives = np.zeros((len(NONLINEARITIES), len(fields)))
    for row, (name, nonlinearity) in zip(objectives, NONLINEARITIES.items(), strict=True):
        of_gaussian = (nonlinearity.objective(z) * density).sum()
        row[:] = [
            nonlinearity.objective(this.drives(w)).mean() - of_gaussian for w in fields.values()
        ]
        gabor, pixel_s, grating = row[:3]
        this.numbers[f"{name}: objective of Gabor over pixel"] = float(gabor / pixel_s)
        this.numbers[f"{name}: objective of grating over Gabor"] = float(grating / gabor)
    this.arrays["objectives"] = objectives


# --- the spiking model ------------------------------------------------------------------------


def _spikes(this: Stage) -> None:
    """Let spiking neurons learn from patches, in pixels again, by each rule."""
    size, n = this.settings, this.settings.spiking_neurons
    seen = this.whitening.in_pixels(this.inputs[: size.spiking_patches])
    start = this.rng.normal(size=(n, 2, s.PATCH, s.PATCH))
    learned = learn_spiking(
        on_and_off(seen),
        start,
        {name: RULES[name] for name in size.spiking_rules},
        learning_rate=size.spiking_rate,
        at_once=size.at_once,
        shown_for=s.SHOWN_FOR,
        dt=size.dt,
    )
    learned["untrained"] = start
    for name, weights in learned.items():
        on, off = weights.swapaxes(0, 1)
        filters = this.whitening.filter_of(this.whitening.of_pixels(on - off))
        r2 = tuning(fit_gabors(filters))[:, 0]
        this.arrays |= {f"spiking filters, {name}": filters, f"spiking R2, {name}": r2}
        this.numbers[f"spiking, {name}: share of Gabors"] = float((r2 > s.IS_GABOR).mean())
        this.numbers[f"spiking, {name}: R2"] = float(np.median(r2))


def _curves(this: Stage) -> None:
    """Measure the effective nonlinearity, and predict it from f-I curve and plasticity curve."""
    currents = np.array(s.CURRENTS)
    found = respond(
        currents,
        this.rng,
        intensity=s.INTENSITY,
        duration=this.settings.measured_for,
        copies=this.settings.measured_copies,
        dt=this.settings.dt,
    )
    alone, noisy = found.rates
    powers = np.stack([alone, alone**2], axis=1)
    curve = np.linalg.lstsq(powers, found.drifts[0], rcond=None)[0]
    predicted = np.stack([noisy, noisy**2], axis=1) @ curve
    rule = triplet(1.0)
    fluctuations = float(drift_by_fluctuations(rule, found.input_rate) / Hz)
    theory = s.GAIN * np.maximum(currents * nA - s.CURRENT_THRESHOLD, 0 * nA)
    high, higher = (currents >= least - 1e-9 for least in (0.3, 0.45))
    measured = found.drifts[1]
    slope = np.polyfit(currents[high], noisy[high], 1)[0]
    this.numbers |= {
        "f-I: slope over theory": float(slope * Hz / nA / s.GAIN),
        "f-I: deviation from 0.45 nA": _deviation(noisy, theory / Hz, higher),
        "plasticity curve: threshold": float(-curve[0] / curve[1]),
        "effective: deviation": _deviation(measured, predicted + fluctuations, high),
        "effective: deviation from 0.45 nA": _deviation(measured, predicted, higher),
        "effective: deviation of the curves alone": _deviation(measured, predicted, high),
    }
    this.arrays |= {
        "rates": found.rates,
        "drifts": found.drifts,
        "predicted drifts": predicted + fluctuations,
        "drifts of the theory": np.array(drift(rule, found.input_rate, theory) / Hz),
    }


def _deviation(found: np.ndarray, expected: np.ndarray, where: np.ndarray) -> float:
    """Return the largest relative deviation."""
    return float(np.abs(found / expected - 1)[where].max())


_PARTS = {
    "rate model": _rates,
    "spiking model": _spikes,
    "effective nonlinearity": _curves,
    "competition": compete,
    "two eyes": see_with_two_eyes,
    "complex cells": see_complex_cells,
}
