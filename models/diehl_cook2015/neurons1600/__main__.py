"""``python -m models.diehl_cook2015.neurons1600``."""

from models.common import make_app
from models.diehl_cook2015.sized import sized

__all__ = ["MODEL"]

MODEL = sized(1600, quick=100, published="91.9 (from memory)", least=92)

if __name__ == "__main__":
    make_app(MODEL)(prog_name="python -m models.diehl_cook2015.neurons1600")
