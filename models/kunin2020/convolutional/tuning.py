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

__all__ = ["main"]


def main(names: list[str]) -> None:
    """Tune the rules on the data sets of these names, or on all."""
    for data in names or FULL.data:
        with run_preferences(1, "float32"):
            found = tune(FULL, data, SEED_OF_TUNING)
        lines = [
            [name, *(f"{value:.3f}" for value in values), f"{ETAS[int(np.nanargmax(values))]:g}"]
            for name, values in found.items()
        ]
        print(markdown_table([data, *(f"{eta:g}" for eta in ETAS), "best"], lines, [data]))


if __name__ == "__main__":
    main(sys.argv[1:])
