"""``python -m models.mozafari2019.shown_again``."""

from dataclasses import replace

from models.common import make_app
from models.mozafari2019.__main__ import MODEL as PUBLISHED
from models.mozafari2019.claims import CLAIMS
from models.mozafari2019.settings import SHOWN_AGAIN

__all__ = ["MODEL"]

MODEL = replace(
    PUBLISHED,
    name="mozafari2019.shown_again",
    title="Mozafari et al. 2019, wrong decisions shown again",
    full=replace(
        PUBLISHED.full,
        repeats=SHOWN_AGAIN.repeats,
        rewarded=45,
        rate_factors=((30, 0.3), (40, 0.1)),
    ),
    quick=replace(PUBLISHED.quick, repeats=3),  # ten take longer than a minute
    # what users of the authors' port report after 680 epochs
    claims=(replace(CLAIMS[0], least=96.5), *CLAIMS[1:]),
)

if __name__ == "__main__":
    make_app(MODEL)(prog_name="python -m models.mozafari2019.shown_again")
