"""``python -m models.softhebb2023.stl10``."""

from dataclasses import replace

from models.common import Claim, make_app
from models.softhebb2023.__main__ import MODEL as PUBLISHED
from models.softhebb2023.settings import PRESETS, QUICK, Settings

CHANNELS = tuple(layer.channels for layer in PRESETS["stl10"])
STL10 = Settings(
    data="stl10",
    preset="stl10",
    channels=CHANNELS,
    batch_size=32,
    parts=100,
)
CLAIMS = (
    Claim(
        "Four layers learn STL-10 from images alone; a linear classifier of the last (%)",
        "all at once, layer 4, by gradients",
        "76.2",
        quick=False,
    ),
    Claim("... ridge regression", "all at once, layer 4, ridge", quick=False),
    Claim("Learning without labels, minutes", "all at once, minutes"),
)
SMALL = replace(QUICK, preset="stl10", channels=(*QUICK.channels, 128))
MODEL = replace(
    PUBLISHED,
    name="softhebb2023.stl10",
    title="Journé et al. 2023: SoftHebb on STL-10",
    full=STL10,
    quick=SMALL,
    claims=CLAIMS,
)

if __name__ == "__main__":
    make_app(MODEL)()
