"""``python -m models.diehl_cook2015.neurons1600``."""

from dataclasses import replace

from models.common import Model, make_app
from models.diehl_cook2015.claims import claims
from models.diehl_cook2015.experiment import run
from models.diehl_cook2015.figures import pictures
from models.diehl_cook2015.settings import FULL, QUICK

__all__ = ["MODEL"]

MODEL = Model(
    "diehl_cook2015.neurons1600",
    "Diehl and Cook 2015, 1,600 neurons",
    replace(FULL, n_neurons=1600),
    replace(QUICK, n_neurons=100),
    run,
    claims(1600, "91.9 (from memory)", least=92),
    pictures,
    goes_on=True,
)

if __name__ == "__main__":
    make_app(MODEL)(prog_name="python -m models.diehl_cook2015.neurons1600")
