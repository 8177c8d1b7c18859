"""What the abstract and the project's notes say, and what the networks say to it."""

import numpy as np

from models.common.claim import Claim

__all__ = ["CLAIMS"]

DEPTHS = ("1 hidden layer", "2 hidden layers", "3 hidden layers")
GUESSES = ("pre only", "post only", "T = 0.2", "T = 0.5")
SCALES = (
    "4 pictures, 2 actions",
    "8 pictures, 2 actions",
    "4 pictures, 4 actions",
    "8 pictures, 4 actions",
    "8 pictures, 4 actions, 2 hidden layers",
)


def _relearning() -> list[Claim]:
    claims = [
        Claim(
            "A reversed mapping is relearned from reward within some 30 trials (slow rate)",
            "slow: trials to relearn",
            "20 to 30 trials (from memory)",
            least=15,
            most=40,
            over="mean",
            quick=False,
            digits=1,
        ),
        Claim("Slow rate: right at presentation 5", "slow: P(5)", most=0.3, over="mean"),
        Claim(
            "Slow rate: right at presentation 15",
            "slow: P(15)",
            least=0.9,
            over="mean",
            quick=False,
        ),
    ]
    for depth in DEPTHS:
        claims += [
            Claim(f"{depth}: first after a reversal", f"{depth}: P(1)", most=0.15, over="mean"),
            Claim(
                f"{depth}: right at presentation 10",
                f"{depth}: P(10)",
                "layers do no harm (abstract)",
                least=0.85,
                over="mean",
                quick=depth != "3 hidden layers",  # which settle later than it lasts
            ),
        ]
    return [*claims, Claim("no hidden layer: right at presentation 10", "no hidden layer: P(10)")]


def _failures() -> list[Claim]:
    published = ("needs pre and post (abstract)",) * 2 + ("needs little noise (abstract)",) * 2
    claims = []
    for name, paper in zip(GUESSES, published, strict=True):
        claims += [
            Claim(
                f"{name}: guesses, presentations 20 to 30",
                f"{name}: P from 20 to 30",
                paper,
                most=0.7,
                over="mean",
            ),
            Claim(
                f"{name}: best five of presentations 1 to 30",
                f"{name}: best five",
                most=0.7,
                over="mean",
                quick=False,
            ),
        ]
    claims += [
        Claim(
            f"{name}: unlearns too slowly, presentation 5", f"{name}: P(5)", most=0.3, over="mean"
        )
        for name in ("no stop", "no stop, 2 hidden layers")
    ]
    claims += [
        Claim(f"{name}: right at presentation {n}", f"{name}: P({n})")
        for name in ("no stop", "T = 0.05", "plain", "plain faster")
        for n in (10, 20)
    ]
    return claims


def _errors() -> list[Claim]:
    named = "1 hidden layer: P(error | error)"
    return [
        Claim(
            "An error follows an error as likely as not", named, "as likely as a hit (from memory)"
        ),
        Claim("... lower end of its 95 % interval", f"{named}, low"),
        Claim("... upper end of its 95 % interval", f"{named}, high"),
        Claim("... the same where it only guesses (pre only)", "pre only: P(error | error)"),
        Claim(
            "After a false punishment, next choice right",
            "lies: after",
            least=0.9,
            over="mean",
            quick=False,
        ),
        Claim("... before it", "lies: before"),
        Claim(
            "... with little margin (stop 0.03, eta 0.05, 2 layers)",
            "lies, on the edge: after",
            "one error makes the next choice a guess (from memory)",
            most=0.65,
            over="mean",
            quick=False,
        ),
        Claim("... before it", "lies, on the edge: before"),
    ]


def _scaling() -> list[Claim]:
    claims = [
        Claim(
            "2 pictures, 2 actions: trials to relearn",
            "1 hidden layer: trials to relearn",
            digits=1,
        )
    ]
    for name in SCALES:
        claims += [
            Claim(f"{name}: trials to relearn", f"{name}: trials to relearn", digits=1),
            Claim(f"{name}: right at presentation 10", f"{name}: P(10)"),
            Claim(f"{name}: from 20 to 30", f"{name}: P from 20 to 30"),
        ]
    return claims


def _pictures() -> list[Claim]:
    claims = [
        Claim(
            "Real pictures: relearned at presentation 20 on features",
            "features: P(20)",
            least=0.9,
            over="mean",
        ),
        Claim("... on as many pixels", "pixels: P(20)"),
    ]
    asked = {("features", "shift 4"): 0.9, ("features", "noise 1"): 0.9}
    for view in ("shift 2", "shift 4", "shift 6", "shift 8", "noise 1", "noise 4", "noise 8"):
        claims += [
            Claim(
                f"... unseen versions, {view}, on {kind}",
                f"{kind}: {view}",
                least=asked.get((kind, view), -np.inf),
                over="mean",
            )
            for kind in ("features", "pixels")
        ]
    return claims


CLAIMS = (*_relearning(), *_failures(), *_errors(), *_scaling(), *_pictures())
