"""``python -m models.mozafari2019.graded``."""

from dataclasses import replace

from models.common import make_app
from models.mozafari2019.__main__ import MODEL as PUBLISHED
from models.mozafari2019.claims import CLAIMS

__all__ = ["MODEL"]

MODEL = replace(
    PUBLISHED,
    name="mozafari2019.graded",
    title="Mozafari et al. 2019, graded weights",
    full=replace(PUBLISHED.full, graded=True),
    quick=replace(PUBLISHED.quick, graded=True),
    # what users of the authors' port report after 680 epochs with the published rule
    claims=(replace(CLAIMS[0], least=96.5), *CLAIMS[1:]),
)

if __name__ == "__main__":
    make_app(MODEL)(prog_name="python -m models.mozafari2019.graded")
