"""``python -m models.kunin2020.subsets``."""

from models.common import Model, make_app
from models.kunin2020.subsets.claims import CLAIMS
from models.kunin2020.subsets.experiment import run
from models.kunin2020.subsets.figures import figures
from models.kunin2020.subsets.settings import FULL, QUICK

__all__ = ["MODEL"]

MODEL = Model(
    "kunin2020.subsets",
    "Kunin et al. 2020, every set of primitives",
    FULL,
    QUICK,
    run,
    CLAIMS,
    figures,
)

if __name__ == "__main__":
    make_app(MODEL)(prog_name="python -m models.kunin2020.subsets")
