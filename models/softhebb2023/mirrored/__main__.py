"""``python -m models.softhebb2023.mirrored``."""

from dataclasses import replace

from models.common import Claim, make_app
from models.softhebb2023.__main__ import MODEL as PUBLISHED
from models.softhebb2023.claims import CLAIMS as OF_PUBLISHED
from models.softhebb2023.settings import FULL, QUICK

__all__ = ["CLAIMS", "MODEL"]

CLAIMS = (
    Claim(
        "The same network, a linear classifier of an image and its mirror image together (%)",
        "all at once, layer 3, by gradients",
        "80.3, of the image alone",
        least=82,
        quick=False,
    ),
    *OF_PUBLISHED[1:],
)
MODEL = replace(
    PUBLISHED,
    name="softhebb2023.mirrored",
    title="Journé et al. 2023, with mirror images",
    full=replace(FULL, mirrored=True),
    quick=replace(QUICK, mirrored=True),
    claims=CLAIMS,
)

if __name__ == "__main__":
    make_app(MODEL)(prog_name="python -m models.softhebb2023.mirrored")
