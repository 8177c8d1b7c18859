"""Each set of primitives, with the coefficients that do best on validation images."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from models.common.model import Announce, Results, silent
from models.kunin2020.experiment import dense, digits
from models.kunin2020.rules import PRIMITIVES, RULES, Rule
from models.kunin2020.subsets.settings import COEFFICIENTS, N_VALIDATION, TRACKS, Settings
from models.kunin2020.training import Training

__all__ = ["SETS", "draw_coefficients", "name_of", "run"]


def name_of(primitives: Sequence[str]) -> str:
    """Write a set of primitives."""
    return " + ".join(primitives) or "none"


#: All sets, the smaller ones first
SETS = tuple(s for n in range(len(PRIMITIVES) + 1) for s in combinations(PRIMITIVES, n))


def run(settings: Settings, number: int, announce: Announce = silent) -> Results:
    """
    Tune, train and test each set of primitives.

    Parameters
    ----------
    settings : Settings
        Sizes.
    number : int
        The seed of kernels, split, order and coefficients.
    announce : callable
        Told what is being done.

    Returns
    -------
    Results
        Accuracies on test images and mean angles in degrees, NaN for what diverged; the
        arrays are the coefficients that were chosen, in the order of `PRIMITIVES`.
    """
    announce(f"seed {number}: BP")
    training = dense(settings, digits(number), settings.depth, number)
    backprop = training.run(RULES["BP"]).accuracy
    numbers, arrays = {"BP: accuracy": backprop}, {}
    coefficients = draw_coefficients(settings.draws, number)
    n_tracking = 0
    for primitives in SETS:
        name = name_of(primitives)
        if settings.sets and name not in settings.sets:
            continue
        announce(f"seed {number}: {name}")
        rule = _tuned(training, primitives, coefficients)
        found = training.run(rule)
        numbers[f"{name}: accuracy"] = found.accuracy
        numbers[f"{name}: angle"] = float(found.angles.mean())
        numbers[f"{name}: behind"] = backprop - found.accuracy
        n_tracking += backprop - found.accuracy <= TRACKS
        arrays[name] = np.array([rule.primitives.get(primitive, 0) for primitive in PRIMITIVES])
    return Results(numbers | {"tracking": n_tracking}, arrays)


def draw_coefficients(draws: int, number: int) -> list[dict[str, float]]:
    """Draw what is tried, the same for each set: 1 for each primitive, then others."""
    rng = np.random.default_rng([number, 2])
    low, high = np.log(COEFFICIENTS)
    drawn = np.exp(rng.uniform(low, high, (draws - 1, len(PRIMITIVES))))
    return [dict(zip(PRIMITIVES, row, strict=True)) for row in (np.ones(len(PRIMITIVES)), *drawn)]


def _tuned(
    training: Training, primitives: Sequence[str], coefficients: Sequence[dict[str, float]]
) -> Rule:
    """Return the rule with the coefficients that do best on validation images."""
    rules = [
        Rule(name_of(primitives), {name: values[name] for name in primitives})
        for values in coefficients
    ]
    if not primitives:
        return rules[0]
    shown = replace(training, task=training.task.validation(N_VALIDATION))
    scores = [shown.run(rule).accuracy for rule in rules]
    return rules[int(np.argmax(np.nan_to_num(scores)))]
