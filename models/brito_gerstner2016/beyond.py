"""Many fields at once, and the same rule on other inputs: three parts of a run."""

from collections.abc import Mapping

import numpy as np

from models.brito_gerstner2016 import settings as s
from models.brito_gerstner2016.convolution import in_band, learn_convolution, white_images
from models.brito_gerstner2016.gabors import fit_gabors, tuning
from models.brito_gerstner2016.generality import ComplexCells, eye_pairs, monocularity
from models.brito_gerstner2016.images import Whitening, of_norm_1, patches
from models.brito_gerstner2016.model import NONLINEARITIES, learn_fields
from models.brito_gerstner2016.stage import Stage, kurtosis

__all__ = ["compete", "see_complex_cells", "see_with_two_eyes"]

#: Orientations are counted in so many equal parts
PARTS = 8


def compete(this: Stage) -> None:
    """Learn filters of whole images, with competition at each place and without."""
    size = this.settings
    images = white_images(this.images)
    start = in_band(this.rng.normal(size=(size.filters, 1, s.PATCH, s.PATCH)))
    for name, competes in (("competition", True), ("no competition", False)):
        filters = learn_convolution(
            images,
            start,
            this.rng,
            steps=size.filter_steps,
            batch_size=s.CROPS_A_STEP,
            crop=s.CROP,
            competes=competes,
        )[:, 0]
        found = tuning(fit_gabors(filters))
        this.arrays |= {f"{name}: filters": filters, f"{name}: tuning": found}
        this.numbers |= {f"{name}: {key}": value for key, value in _tiling(filters, found).items()}


def _tiling(filters: np.ndarray, found: np.ndarray) -> Mapping[str, float]:
    """Return how filters differ, and of those with a wave in them how many orientations."""
    r2, orientation, frequency = found.T
    waves = orientation[(r2 > s.IS_GABOR) & (frequency > s.LOWEST_FREQUENCY)]
    flat = filters.reshape(len(filters), -1)
    alike = np.abs(flat @ flat.T) - np.eye(len(flat))
    return {
        "share of Gabors": float((r2 > s.IS_GABOR).mean()),
        "orientations": float(len(np.unique(np.rint(waves / np.pi * PARTS) % PARTS))),
        "most similar": float(np.median(alike.max(axis=1))),
    }


def see_with_two_eyes(this: Stage) -> None:
    """Learn from pairs of patches of aligned eyes and of eyes with strabismus."""
    for name, aligned in (("aligned eyes", True), ("strabismus", False)):
        n = this.settings.n_pairs
        pairs = eye_pairs(this.images, n, s.PATCH, this.rng, aligned=aligned)
        # each eye's own retina whitens
        retina = Whitening.of(pairs[:, 0], s.COMPONENTS)
        eyes = np.concatenate([retina.whiten(pairs[:, 0]), retina.whiten(pairs[:, 1])], axis=1)
        weights = _learn(this, eyes)
        filters = np.stack([retina.filter_of(w) for w in np.split(weights, 2, axis=1)], axis=1)
        found = monocularity(filters)
        this.arrays |= {f"{name}: filters": filters, f"{name}: monocularity": found}
        this.numbers[f"{name}: monocularity"] = float(np.median(found))


def see_complex_cells(this: Stage) -> None:
    """Learn from the responses of complex cells."""
    cells = ComplexCells()
    shown = patches(this.images, this.settings.n_pairs, cells.size, this.rng)
    responses = cells.respond(shown)
    whitening = Whitening.of(responses, s.COMPONENTS_OF_COMPLEX_CELLS)
    inputs = whitening.whiten(responses)
    weights = _learn(this, inputs)
    random = whitening.random_weights(len(weights), this.rng)
    learned, drawn = (float(np.median(kurtosis(inputs @ w.T))) for w in (weights, random))
    this.numbers["second layer: kurtosis above random"] = learned - drawn
    # what drives a neuron most, less the mean
    fields = whitening.in_pixels(weights * whitening.variances**0.5)
    this.arrays["second layer: fields"] = fields


def _learn(this: Stage, inputs: np.ndarray) -> np.ndarray:
    """Learn with the Cauchy nonlinearity."""
    start = of_norm_1(this.rng.normal(size=(this.settings.neurons, inputs.shape[1])))
    return learn_fields(
        inputs,
        {"Cauchy": start},
        NONLINEARITIES,
        this.order(inputs, this.settings.other_steps),
        this.settings.batch_size,
    )["Cauchy"]
