"""``python -m models.kheradpisheh2018.every_channel``."""

from dataclasses import replace

from models.common import make_app
from models.kheradpisheh2018.__main__ import MODEL as PUBLISHED
from models.kheradpisheh2018.claims import CLAIMS as OF_PUBLISHED
from models.kheradpisheh2018.experiment import CONTROLS
from models.kheradpisheh2018.settings import FULL, QUICK

__all__ = ["CLAIMS", "MODEL"]

#: Here nobody competes, and the network is not asked again what order is worth
LEFT_OUT = {name for name in CONTROLS if name not in ("trained", "untrained", "sign flipped")}
CLAIMS = tuple(
    replace(
        claim,
        text="Every channel learns from each image: a linear classifier knows MNIST's digits "
        "(validation images, %)",
        published="98.4 with competition (from memory)",
    )
    if claim.quantity == "accuracy"
    else claim
    for claim in OF_PUBLISHED
    if claim.quantity.removeprefix("trained - ") not in LEFT_OUT
)
MODEL = replace(
    PUBLISHED,
    name="kheradpisheh2018.every_channel",
    title="Kheradpisheh et al. 2018, every channel learns",
    full=replace(FULL, competing=False, all_controls=False),
    quick=replace(QUICK, competing=False),
    claims=CLAIMS,
)

if __name__ == "__main__":
    make_app(MODEL)(prog_name="python -m models.kheradpisheh2018.every_channel")
