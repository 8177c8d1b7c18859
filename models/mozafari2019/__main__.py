"""``python -m models.mozafari2019``."""

from models.common import Model, make_app
from models.mozafari2019.claims import CLAIMS
from models.mozafari2019.experiment import run
from models.mozafari2019.figures import pictures
from models.mozafari2019.settings import FULL, QUICK

TITLE = "Mozafari et al. 2019: digits by reward alone"
MODEL = Model(
    "mozafari2019", TITLE, FULL, QUICK, run, CLAIMS, pictures, dtype="float32", goes_on=True
)

if __name__ == "__main__":
    make_app(MODEL)()
