"""``python -m models.diehl_cook2015``."""

from models.common import Model, make_app
from models.diehl_cook2015.claims import CLAIMS
from models.diehl_cook2015.experiment import run
from models.diehl_cook2015.figures import pictures
from models.diehl_cook2015.settings import FULL, QUICK

TITLE = "Diehl and Cook 2015: digits by spikes without labels"
MODEL = Model("diehl_cook2015", TITLE, FULL, QUICK, run, CLAIMS, pictures, goes_on=True)

if __name__ == "__main__":
    make_app(MODEL)()
