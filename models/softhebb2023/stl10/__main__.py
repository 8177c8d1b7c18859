"""``python -m models.softhebb2023.stl10``."""

from dataclasses import replace

from models.common import Claim, Model, make_app
from models.softhebb2023.experiment import run
from models.softhebb2023.figures import pictures
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
TITLE = "Journé et al. 2023: SoftHebb on STL-10"
SMALL = replace(QUICK, preset="stl10", channels=(*QUICK.channels, 128))
MODEL = Model(
    "softhebb2023.stl10",
    TITLE,
    STL10,
    SMALL,
    run,
    CLAIMS,
    pictures,
    dtype="float32",
    goes_on=True,
    needs_torch=True,
)

if __name__ == "__main__":
    make_app(MODEL)()
