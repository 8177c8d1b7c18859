"""``python -m models.nmda_spike``."""

from models.common import Model, make_app
from models.nmda_spike.claims import CLAIMS
from models.nmda_spike.experiment import run
from models.nmda_spike.figures import draw
from models.nmda_spike.settings import FULL, QUICK

MODEL = Model(
    "nmda_spike",
    "Antic et al. 2010: the dendritic NMDA spike as a local state",
    FULL,
    QUICK,
    run,
    CLAIMS,
    draw,
)

if __name__ == "__main__":
    make_app(MODEL)()
