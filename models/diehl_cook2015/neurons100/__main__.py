"""``python -m models.diehl_cook2015.neurons100``."""

import math

from models.common import make_app
from models.diehl_cook2015.sized import sized

__all__ = ["MODEL"]

MODEL = sized(100, quick=25, published="82.9 (from memory)", least=-math.inf)

if __name__ == "__main__":
    make_app(MODEL)(prog_name="python -m models.diehl_cook2015.neurons100")
