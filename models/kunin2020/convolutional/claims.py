"""What the paper says of convolutional networks, and where our numbers must lie."""

from models.common.claim import Claim
from models.kunin2020.convolutional.settings import FULL, QUICK, suffix

__all__ = ["CLAIMS"]

_TITLES = {"fashion-mnist": "Fashion-MNIST", "cifar10": "CIFAR-10"}


def _differences(place: int) -> list[Claim]:
    """Make the claims of a data set, by its place; the quick mode has but one, and another."""
    title = _TITLES[FULL.data[place]]

    def claim(
        text: str, quantity: str, least: float, most: float = float("inf"), *, quick: bool = False
    ) -> Claim:
        return Claim(
            text,
            quantity + suffix(FULL, place),
            least=least,
            most=most,
            over="mean",
            quick=quick and place == 0,
            digits=3,
        )

    in_torch = "... backprop does as well as in torch: difference"
    return [
        claim(f"{title}: symmetric alignment does as well as backprop", "SA - BP", -0.01, 0.01),
        claim("... feedback alignment is below backprop, by", "BP - FA", 0.01),
        claim("... and below symmetric alignment, by", "SA - FA", 0.01),
        claim("... frozen layers are below backprop, by", "BP - frozen", 0.01, quick=True),
        claim("... and below symmetric alignment, by", "SA - frozen", 0.01, quick=True),
        claim(in_torch, "BP - torch", -0.01, 0.01, quick=True),
    ]


def _reported(place: int) -> list[Claim]:
    """Make the claims that ask nothing."""
    title, of = _TITLES[FULL.data[place]], suffix(FULL, place)
    claims = [
        Claim(f"{title}: processor time of an epoch (s)", f"seconds{of}", quick=place == 0),
        Claim("... in torch (s)", f"seconds in torch{of}", quick=place == 0),
    ]
    for name in (*FULL.rules, "frozen"):
        quick = place == 0 and name in (*QUICK.rules, "frozen")
        key = f"{name}: accuracy{of}"
        claims.append(Claim(f"{title}, {name}: accuracy", key, quick=quick, digits=3))
    return claims


_PLACES = range(len(FULL.data))
CLAIMS = (
    *(claim for place in _PLACES for claim in _differences(place)),
    *(claim for place in _PLACES for claim in _reported(place)),
)
