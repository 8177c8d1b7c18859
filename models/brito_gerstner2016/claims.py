"""What the paper says, and in which range our numbers must lie."""

from collections.abc import Iterable
from typing import Any

from models.brito_gerstner2016.model import CONTROLS, NONLINEARITIES
from models.common.claim import Claim

__all__ = ["CLAIMS"]

#: Those whose fields were found to be Gabor functions by an independent program
ASKED = ("negative sigmoid", "Cauchy")
SPARSE = (*ASKED, "L0")


def _all(asked: Iterable[str], quantity: str, text: str, **claim: Any) -> list[Claim]:
    """Make a claim for each nonlinearity; of those that are not asked the number is reported."""
    names = sorted(NONLINEARITIES, key=lambda name: name not in asked)
    return [
        Claim(
            f"{text.capitalize() if place == 0 else '... ' + text}: {name}",
            f"{name}: {quantity}",
            **{**claim, **({} if name in asked else {"least": -float("inf")})},
        )
        for place, name in enumerate(names)
    ]


CLAIMS = (
    *_all(
        ASKED,
        "R2",
        "neurons learn Gabor functions as filters, median R²",
        published="localised, oriented",
        least=0.7,
    ),
    *(
        Claim(f"... but not with the control: {name}", f"{name}: R2", "not", most=0.4)
        for name in CONTROLS
    ),
    Claim("... nor untrained", "untrained: R2", most=0.4),
    *_all(
        SPARSE,
        "kurtosis above random",
        "their drives are sparse: kurtosis above that of random filters",
        least=1.5,
    ),
    *(
        Claim(
            f"... but not those of the control: {name}",
            f"{name}: kurtosis above random",
            least=-1,
            most=1,
        )
        for name in CONTROLS
    ),
    Claim("Kurtosis of random filters", "untrained: kurtosis"),
    *_all(
        NONLINEARITIES,
        "objective of Gabor over pixel",
        "the objective of a Gabor function is larger than a single pixel's, by the factor",
        published="largest",
        least=1.5,
    ),
    *_all(
        (),
        "objective of grating over Gabor",
        "a grating's, relative to a Gabor function's",
        published="smaller",
    ),
)
