"""``python -m models.kheradpisheh2018``."""

from models.common import Model, make_app
from models.kheradpisheh2018.claims import CLAIMS
from models.kheradpisheh2018.experiment import run
from models.kheradpisheh2018.figures import pictures
from models.kheradpisheh2018.settings import FULL, QUICK

TITLE = "Kheradpisheh et al. 2018: digits by the order of spikes"
MODEL = Model("kheradpisheh2018", TITLE, FULL, QUICK, run, CLAIMS, pictures, dtype="float32")

if __name__ == "__main__":
    make_app(MODEL)()
