"""``python -m models.brito_gerstner2016``."""

from models.brito_gerstner2016.claims import CLAIMS
from models.brito_gerstner2016.experiment import run
from models.brito_gerstner2016.figures import figures
from models.brito_gerstner2016.settings import FULL, QUICK
from models.common import Model, make_app

__all__ = ["MODEL"]

MODEL = Model(
    "brito_gerstner2016",
    "Brito and Gerstner 2016: receptive fields by nonlinear Hebbian learning",
    FULL,
    QUICK,
    run,
    CLAIMS,
    figures,
    dtype="float32",
)

if __name__ == "__main__":
    make_app(MODEL)(prog_name="python -m models.brito_gerstner2016")
