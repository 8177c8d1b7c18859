"""``python -m models.linsker1988``."""

from models.common import Model, make_app
from models.linsker1988.claims import CLAIMS
from models.linsker1988.experiment import run
from models.linsker1988.figures import figures
from models.linsker1988.settings import FULL, QUICK

__all__ = ["MODEL"]

MODEL = Model(
    "linsker1988",
    "Linsker 1986 and 1988: receptive fields and information from noise",
    FULL,
    QUICK,
    run,
    CLAIMS,
    figures,
)

if __name__ == "__main__":
    make_app(MODEL)(prog_name="python -m models.linsker1988")
