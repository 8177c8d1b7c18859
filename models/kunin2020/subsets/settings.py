"""Every number of the matrix of primitives; all are ours."""

from dataclasses import dataclass

from models.kunin2020.settings import DenseSettings

__all__ = ["COEFFICIENTS", "FULL", "N_VALIDATION", "QUICK", "TRACKS", "Settings"]

#: Of the training images, for the choice of coefficients
N_VALIDATION = 400
#: Coefficients are drawn between these, uniformly on a logarithmic scale
COEFFICIENTS = (0.03, 3.0)
#: A set tracks backprop if it isn't further behind
TRACKS = 0.02


@dataclass(frozen=True)
class Settings(DenseSettings):
    """
    Hold what the full size and the quick one differ in, beside the dense network.

    Parameters
    ----------
    sets : tuple of str
        Sets of primitives, as `name_of` writes them; empty for all.
    draws : int
        Coefficients that are tried for each set: all 1 first, then drawn ones.
    depth : int
        Layers of kernels.
    """

    sets: tuple[str, ...] = ()
    draws: int = 4
    depth: int = 5
    hidden: int = 50
    epochs: int = 10


FULL = Settings()
QUICK = Settings(sets=("none", "decay + self", "self", "decay"), draws=2)
