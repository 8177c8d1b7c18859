"""The protocol of `diehl_cook2015`, for kernels of their own and for shared ones."""

from pathlib import Path

import numpy as np

from models.common import Results
from models.common.model import Announce, silent
from models.diehl_cook2015 import experiment
from models.diehl_cook2015.local.model import VARIANTS
from models.diehl_cook2015.settings import Settings

__all__ = ["run"]


def run(
    settings: Settings, seed: int, announce: Announce = silent, state: Path | None = None
) -> Results:
    """
    Run both networks and their controls with one seed.

    Parameters
    ----------
    settings : Settings
        Sizes; neurons are those at a position.
    seed : int
        Of first weights and the inputs' spikes.
    announce : callable
        Told what is being done.
    state : path, optional
        File that is written after each block of images, with the variant in its name.

    Returns
    -------
    Results
        What `experiment.run` returns of each, with the variant before each name.
    """
    numbers: dict[str, float] = {}
    arrays: dict[str, np.ndarray] = {}
    for variant, make in VARIANTS.items():

        def tell(text: str, variant: str = variant) -> None:
            announce(f"{variant}: {text}")

        own = None if state is None else state.with_stem(f"{state.stem}-{variant}")
        found = experiment.run(settings, seed, tell, own, make)
        numbers |= {f"{variant}: {name}": value for name, value in found.numbers.items()}
        arrays |= {f"{variant}: {name}": value for name, value in found.arrays.items()}
    return Results(numbers, arrays)
