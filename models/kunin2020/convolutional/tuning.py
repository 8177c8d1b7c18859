"""
The rates of each rule, chosen on validation images.

``python -m models.kunin2020.convolutional.tuning`` writes tables of what all rates give, with each
seed that tried them. What is best over the seeds is bold, and stands in `TUNED`.
"""

import sys
from dataclasses import replace
from itertools import product

import numpy as np

from hebbsim.experiments.preferences import run_preferences
from hebbsim.experiments.tables import markdown_table
from models.common.model import Announce, silent
from models.kunin2020.convolutional.experiment import train, training_of
from models.kunin2020.convolutional.settings import (
    CLOSE,
    ETAS,
    ETAS_B,
    FULL,
    SEEDS_OF_TUNING,
    Settings,
)
from models.kunin2020.rules import RULES

__all__ = ["main", "tune"]


def main(names: list[str]) -> None:
    """Tune the rules on the data sets of these names, or on all."""
    for data in names or FULL.data:
        with run_preferences(1, "float32"):
            found = tune(FULL, data, lambda text: print(text, file=sys.stderr))
        best = {name: _best(name, found) for name, _, _ in found}
        lines = []
        for name, eta_b in dict.fromkeys((name, eta_b) for name, _, eta_b in found):
            cells = [
                _cell(found[name, eta, eta_b], is_best=(name, eta, eta_b) == best[name])
                for eta in ETAS
            ]
            learns = name in RULES and RULES[name].primitives
            lines.append([name, f"{eta_b:g}" if learns else "", *cells])
        print(markdown_table([data, "rate of b", *(f"{eta:g}" for eta in ETAS)], lines, [data]))


def _best(
    name: str, found: dict[tuple[str, float, float], list[float]]
) -> tuple[str, float, float]:
    """Return the key of the highest mean among what all seeds tried, the first of equal ones."""
    means = {
        key: np.nan_to_num(np.mean(values)).round(6)
        for key, values in found.items()
        if key[0] == name and len(values) == len(SEEDS_OF_TUNING)
    }
    return max(means, key=lambda key: means[key])


def _cell(accuracies: list[float], *, is_best: bool) -> str:
    text = ", ".join("-" if np.isnan(value) else f"{value:.3f}" for value in accuracies)
    return f"**{text}**" if is_best else text


def tune(
    settings: Settings, data: str, announce: Announce = silent
) -> dict[tuple[str, float, float], list[float]]:
    """
    Train with all rates, and test on validation images.

    Returns
    -------
    dict
        By rule and rates of ``w`` and of ``b`` (the first one alone where it has no meaning), the
        accuracy with each of `SEEDS_OF_TUNING`. A seed tries what came `CLOSE` to the rule's best
        with the seed before.
    """
    found: dict[tuple[str, float, float], list[float]] = {}
    for name in (*settings.rules, "frozen"):
        learns = name in RULES and RULES[name].primitives
        rates = list(product(ETAS, ETAS_B if learns else ETAS_B[:1]))
        for number in SEEDS_OF_TUNING:
            announce(f"{name}, {data}, seed {number}, {len(rates)} rates")
            tried = [_validated(settings, data, name, eta, eta_b, number) for eta, eta_b in rates]
            for pair, accuracy in zip(rates, tried, strict=True):
                found.setdefault((name, *pair), []).append(accuracy)
            behind = np.nan_to_num(tried).max() - np.array(tried)
            rates = [rates[place] for place in np.flatnonzero(behind.round(6) <= CLOSE)]
    return found


def _validated(
    settings: Settings, data: str, name: str, eta: float, eta_b: float, number: int
) -> float:
    training = training_of(settings, data, number, eta, eta_b)
    training = replace(training, task=training.task.validation(settings.n_validation))
    return train(training, name).accuracy


if __name__ == "__main__":
    main(sys.argv[1:])
