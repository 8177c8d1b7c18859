"""``python -m models.diehl_cook2015.local``."""

from dataclasses import replace

from models.common import Model, make_app
from models.diehl_cook2015.local.claims import CLAIMS
from models.diehl_cook2015.local.experiment import run
from models.diehl_cook2015.local.figures import pictures
from models.diehl_cook2015.settings import FULL, QUICK

__all__ = ["MODEL"]

MODEL = Model(
    "diehl_cook2015.local",
    "Diehl and Cook 2015, receptive fields of 12x12",
    replace(FULL, n_neurons=16),
    replace(QUICK, n_neurons=4, n_train=200, n_labelled=200, n_control=200, n_test=100, every=100),
    run,
    CLAIMS,
    pictures,
    goes_on=True,
)

if __name__ == "__main__":
    make_app(MODEL)(prog_name="python -m models.diehl_cook2015.local")
