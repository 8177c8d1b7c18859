"""Which sets of primitives track backprop."""

from models.common.claim import Claim
from models.kunin2020.subsets.experiment import SETS, name_of
from models.kunin2020.subsets.settings import QUICK, TRACKS

__all__ = ["CLAIMS"]


def _behind(primitives: tuple[str, ...]) -> Claim:
    """Report how far behind backprop a set is; the rules of the paper are named."""
    name = name_of(primitives)
    known = {
        "none": "feedback alignment",
        "decay + amp": "weight mirror, without noise",
        "decay + amp + null": "information alignment",
        "amp + sparse": "activation alignment",
    }
    text = f"{name} ({known[name]}): behind" if name in known else f"{name}: behind"
    return Claim(text, f"{name}: behind", quick=name in QUICK.sets, digits=3)


CLAIMS = (
    Claim(
        "Decay and self together (symmetric alignment) track backprop: behind",
        "decay + self: behind",
        most=TRACKS,
        over="mean",
        digits=3,
    ),
    Claim(
        "Without any primitive (feedback alignment) a network doesn't: behind",
        "none: behind",
        least=TRACKS,
        over="mean",
        digits=3,
    ),
    Claim(f"Of the 32 sets, not more than {TRACKS:g} behind", "tracking", quick=False, digits=0),
    Claim("Backprop: accuracy", "BP: accuracy", digits=3),
    *(_behind(primitives) for primitives in SETS if name_of(primitives) != "decay + self"),
)
