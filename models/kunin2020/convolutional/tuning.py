"""
The rate of each rule, chosen on validation images.

``python -m models.kunin2020.convolutional.tuning`` writes tables of what each rate gives; what it
says stands in `TUNED`.
"""

import sys

import numpy as np

from hebbsim.experiments.preferences import run_preferences
from hebbsim.experiments.tables import markdown_table
from models.kunin2020.convolutional.experiment import tune
from models.kunin2020.convolutional.settings import ETAS, FULL, SEED_OF_TUNING
from models.kunin2020.rules import RULES

__all__ = ["main"]


def main(names: list[str]) -> None:
    """Tune the rules on the data sets of these names, or on all."""
    for data in names or FULL.data:
        with run_preferences(1, "float32"):
            found = tune(FULL, data, SEED_OF_TUNING, lambda text: print(text, file=sys.stderr))
        lines = []
        for (name, eta_b), values in found.items():
            best = max(np.nan_to_num(v).max() for (other, _), v in found.items() if other == name)
            shown = [_cell(value, best) for value in values]
            learns = name in RULES and RULES[name].primitives
            lines.append([name, f"{eta_b:g}" if learns else "", *shown])
        print(markdown_table([data, "rate of b", *(f"{eta:g}" for eta in ETAS)], lines, [data]))


def _cell(accuracy: float, best: float) -> str:
    if np.isnan(accuracy):
        return "-"
    return f"**{accuracy:.3f}**" if accuracy == best else f"{accuracy:.3f}"


if __name__ == "__main__":
    main(sys.argv[1:])
