"""``python -m models.mueller2020``."""

from models.common import Model, make_app
from models.mueller2020.claims import CLAIMS
from models.mueller2020.experiment import run
from models.mueller2020.figures import figures
from models.mueller2020.settings import FULL, QUICK

TITLE = "Müller et al. 2020: structure bound by fast Hebbian plasticity"
MODEL = Model("mueller2020", TITLE, FULL, QUICK, run, CLAIMS, figures)

if __name__ == "__main__":
    make_app(MODEL)()
