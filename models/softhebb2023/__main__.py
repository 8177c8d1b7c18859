"""``python -m models.softhebb2023``."""

from models.common import Model, make_app
from models.softhebb2023.claims import CLAIMS
from models.softhebb2023.experiment import run
from models.softhebb2023.figures import pictures
from models.softhebb2023.settings import FULL, QUICK

TITLE = "Journé et al. 2023: SoftHebb"
MODEL = Model(
    "softhebb2023",
    TITLE,
    FULL,
    QUICK,
    run,
    CLAIMS,
    pictures,
    dtype="float32",
    goes_on=True,
    needs_torch=True,
)

if __name__ == "__main__":
    make_app(MODEL)()
