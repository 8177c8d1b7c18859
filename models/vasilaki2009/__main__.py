"""``python -m models.vasilaki2009``."""

from models.common import Model, make_app
from models.vasilaki2009.claims import CLAIMS
from models.vasilaki2009.experiment import run
from models.vasilaki2009.figures import figures
from models.vasilaki2009.settings import FULL, QUICK

MODEL = Model(
    "vasilaki2009",
    "Vasilaki et al. 2009: flexible mappings that reward teaches",
    FULL,
    QUICK,
    run,
    CLAIMS,
    figures,
)

if __name__ == "__main__":
    make_app(MODEL)()
