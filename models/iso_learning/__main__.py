"""``python -m models.iso_learning``."""

from models.common import Model, make_app
from models.iso_learning.claims import CLAIMS
from models.iso_learning.experiment import run
from models.iso_learning.figures import pictures
from models.iso_learning.settings import FULL, QUICK

TITLE = "Porr and Wörgötter: a robot that learns to find food"
MODEL = Model("iso_learning", TITLE, FULL, QUICK, run, CLAIMS, pictures)

if __name__ == "__main__":
    make_app(MODEL)()
