"""What the paper says, and in which range our numbers must lie."""

from collections.abc import Iterable
from typing import Any

from models.brito_gerstner2016.model import CONTROLS, NONLINEARITIES
from models.common.claim import Claim

__all__ = ["CLAIMS"]

#: Those whose fields were found to be Gabor functions by an independent program
ASKED = ("negative sigmoid", "Cauchy")
SPARSE = (*ASKED, "L0")
#: Those that the quick mode leaves before they have converged
SLOW = ("L0", "quadratic rectifier", "linear rectifier")


def _all(
    asked: Iterable[str], quantity: str, text: str, slow: Iterable[str] = (), **claim: Any
) -> list[Claim]:
    """Make a claim for each nonlinearity; of those that are not asked the number is reported."""
    names = sorted(NONLINEARITIES, key=lambda name: name not in asked)
    return [
        Claim(
            f"{text if place == 0 else '...'}: {name}",
            f"{name}: {quantity}",
            quick=name not in slow,
            **{**claim, **({} if name in asked else {"least": -float("inf")})},
        )
        for place, name in enumerate(names)
    ]


CLAIMS = (
    *_all(
        ASKED,
        "R2",
        "Neurons learn Gabor functions as filters, median R²",
        SLOW,
        published="localised, oriented",
        least=0.7,
        over="median",
    ),
    *(
        Claim(
            f"... but not with the control: {name}", f"{name}: R2", "not", most=0.4, over="median"
        )
        for name in CONTROLS
    ),
    Claim("... nor untrained", "untrained: R2", most=0.4, over="median"),
    *_all(
        SPARSE,
        "kurtosis above random",
        "Their drives are sparse: kurtosis above that of random filters",
        SLOW,
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
        "The objective of a Gabor function is larger than a single pixel's, by the factor",
        published="largest",
        least=1.5,
    ),
    *_all(
        (),
        "objective of grating over Gabor",
        "A grating's, relative to a Gabor function's",
        published="smaller",
    ),
    Claim(
        "Spiking neurons with triplet STDP learn Gabor functions: share of them with R² > 0.6",
        "spiking, homeostatic: share of Gabors",
        "the same fields",
        least=2 / 3,
        over="mean",
    ),
    Claim("... median R²", "spiking, homeostatic: R2"),
    Claim(
        "... with a membrane and adaptation: share",
        "spiking, with membrane: share of Gabors",
        least=2 / 3,
        over="mean",
        quick=False,
    ),
    Claim("... median R²", "spiking, with membrane: R2", quick=False),
    Claim(
        "... with a fixed threshold: share",
        "spiking, fixed threshold: share of Gabors",
        quick=False,
    ),
    Claim("... median R²", "spiking, fixed threshold: R2", quick=False),
    Claim(
        "... with the sign of all changes flipped: share",
        "spiking, sign flipped: share of Gabors",
        most=0,
    ),
    Claim("... untrained: share", "spiking, untrained: share of Gabors", most=0),
    Claim(
        "The spiking neuron's f-I curve, with noise: slope over 143 Hz/nA",
        "f-I: slope over theory",
        "143 Hz/nA",
        least=0.85,
        most=1.15,
    ),
    Claim(
        "... its largest relative deviation from 0.45 nA on",
        "f-I: deviation from 0.45 nA",
        most=0.1,
    ),
    Claim(
        "Its plasticity curve: rate between depression and potentiation, in Hz",
        "plasticity curve: threshold",
        "22.1 Hz",
        least=17,
        most=22,
        digits=1,
    ),
    Claim(
        "The effective nonlinearity is that of both curves (and fluctuations), from 0.3 nA on: "
        "largest relative deviation",
        "effective: deviation",
        "their product",
        most=0.1,
    ),
    Claim(
        "... of both curves alone, from 0.45 nA on", "effective: deviation from 0.45 nA", most=0.1
    ),
    Claim("... of both curves alone, from 0.3 nA on", "effective: deviation of the curves alone"),
    Claim(
        "Filters of a convolution that compete at each place are Gabor functions: share with "
        "R² > 0.6",
        "competition: share of Gabors",
        least=2 / 3,
        over="mean",
    ),
    Claim(
        "... of 8 orientations they have",
        "competition: orientations",
        least=6,
        quick=False,
        digits=1,
    ),
    Claim(
        "... largest similarity to another filter (cosine), median",
        "competition: most similar",
        most=0.8,
    ),
    Claim(
        "... without competition all learn the same",
        "no competition: most similar",
        least=0.8,
        quick=False,
    ),
    Claim("... and have so many orientations", "no competition: orientations", digits=1),
    Claim(
        "Fields of aligned eyes are binocular: difference of power over its sum, median",
        "aligned eyes: monocularity",
        "binocular",
        most=0.3,
    ),
    Claim("... with strabismus monocular", "strabismus: monocularity", "monocular", least=0.8),
    Claim(
        "On complex cells the rule finds sparse drives: kurtosis above that of random weights",
        "second layer: kurtosis above random",
        least=1.5,
    ),
)
