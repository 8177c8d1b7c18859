"""``python -m models.kunin2020``."""

from models.common import Model, make_app
from models.kunin2020.claims import CLAIMS
from models.kunin2020.experiment import run
from models.kunin2020.figures import figures
from models.kunin2020.settings import FULL, QUICK

__all__ = ["MODEL"]

MODEL = Model(
    "kunin2020",
    "Kunin et al. 2020: feedback that learns to carry credit",
    FULL,
    QUICK,
    run,
    CLAIMS,
    figures,
)

if __name__ == "__main__":
    make_app(MODEL)(prog_name="python -m models.kunin2020")
