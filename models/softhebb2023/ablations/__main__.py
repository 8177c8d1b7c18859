"""``python -m models.softhebb2023.ablations``."""

from dataclasses import replace

from models.common import Claim, make_app
from models.softhebb2023.__main__ import MODEL as PUBLISHED
from models.softhebb2023.model import ABLATIONS
from models.softhebb2023.settings import FULL, QUICK, SCHEDULES

__all__ = ["CLAIMS", "MODEL"]

MICONI = "Miconi"
FULL_ABLATIONS = replace(FULL, schedules=SCHEDULES, all_layers=True, ablations=(*ABLATIONS, MICONI))
QUICK_ABLATIONS = replace(QUICK, schedules=(), ablations=("untrained",))
CLAIMS = (
    Claim("Ablations, on fewer images, ridge regression (%): as published", "ablation: trained"),
    *(
        claim
        for name in FULL_ABLATIONS.ablations
        for claim in (
            Claim(f"... {name}", f"ablation: {name}", quick=name in QUICK_ABLATIONS.ablations),
            Claim(
                "... behind as published",
                f"trained - {name}",
                quick=name in QUICK_ABLATIONS.ablations,
            ),
        )
    ),
    *(
        Claim(f"{schedule}, layer {n}, {how} (%)", f"{schedule}, layer {n}, {how}", quick=False)
        for schedule in SCHEDULES
        for n in (3, 2, 1)
        for how in ("by gradients", "ridge")
    ),
)
MODEL = replace(
    PUBLISHED,
    name="softhebb2023.ablations",
    title="Journé et al. 2023, what each part is worth",
    full=FULL_ABLATIONS,
    quick=QUICK_ABLATIONS,
    claims=CLAIMS,
)

if __name__ == "__main__":
    make_app(MODEL)(prog_name="python -m models.softhebb2023.ablations")
