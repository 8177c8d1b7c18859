"""The network with another number of neurons."""

from dataclasses import replace

from models.common import Model
from models.diehl_cook2015.claims import claims
from models.diehl_cook2015.experiment import run
from models.diehl_cook2015.figures import pictures
from models.diehl_cook2015.settings import FULL, QUICK

__all__ = ["sized"]


def sized(n: int, quick: int, published: str, least: float) -> Model:
    """Return the model with `n` neurons; `published` and `least` are as in `claims`."""
    return Model(
        f"diehl_cook2015.neurons{n}",
        f"Diehl and Cook 2015, {n:,} neurons",
        replace(FULL, n_neurons=n),
        replace(QUICK, n_neurons=quick),
        run,
        claims(n, published, least=least),
        pictures,
        goes_on=True,
    )
