"""``python -m models.diehl_cook2015.neurons100``."""

from dataclasses import replace

import numpy as np

from models.common import Model, make_app
from models.diehl_cook2015.claims import claims
from models.diehl_cook2015.experiment import run
from models.diehl_cook2015.figures import pictures
from models.diehl_cook2015.settings import FULL, QUICK

__all__ = ["MODEL"]

MODEL = Model(
    "diehl_cook2015.neurons100",
    "Diehl and Cook 2015, 100 neurons",
    replace(FULL, n_neurons=100),
    replace(QUICK, n_neurons=25),
    run,
    claims(100, "82.9 (from memory)", least=-np.inf),
    pictures,
    goes_on=True,
)

if __name__ == "__main__":
    make_app(MODEL)(prog_name="python -m models.diehl_cook2015.neurons100")
