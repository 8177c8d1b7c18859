"""``python -m models.kunin2020.convolutional``."""

from models.common import Model, make_app
from models.kunin2020.convolutional.claims import CLAIMS
from models.kunin2020.convolutional.experiment import run
from models.kunin2020.convolutional.figures import figures
from models.kunin2020.convolutional.settings import FULL, QUICK

__all__ = ["MODEL"]

MODEL = Model(
    "kunin2020.convolutional",
    "Kunin et al. 2020, convolutional",
    FULL,
    QUICK,
    run,
    CLAIMS,
    figures,
    dtype="float32",
    needs_torch=True,
)

if __name__ == "__main__":
    make_app(MODEL)(prog_name="python -m models.kunin2020.convolutional")
