"""What the paper says, and in which range our numbers must lie."""

from models.common.claim import Claim

__all__ = ["CLAIMS"]

_DEPTHS = (2, 4, 7)


def _same_as_backprop() -> list[Claim]:
    claims = []
    for depth in (4, 7):
        claims.append(
            Claim(
                f"Symmetric alignment learns as well as backprop, depth {depth}: difference",
                f"SA - BP, depth {depth}",
                "0.3 points below, ResNet-18 on ImageNet (from memory)" if depth == 7 else "",
                least=-0.015,
                most=0.015,
                over="mean",
                quick=depth == 4,
                digits=3,
            )
        )
        claims.append(
            Claim(
                "... its kernels are aligned: largest angle (°)",
                f"SA, depth {depth}: largest angle",
                most=3,
                quick=depth == 4,
                digits=1,
            )
        )
    return claims


def _gap_at_depth() -> list[Claim]:
    claims = []
    for name, text, below in (
        ("FA", "Feedback alignment", 0.025),
        ("IA", "Information alignment", 0.1),
    ):
        gap = {"over": "mean", "quick": False, "digits": 3}
        claims += [
            Claim(
                f"{text} falls behind backprop with depth: behind at depth 7",
                f"BP - {name}, depth 7",
                least=below,
                **gap,
            ),
            Claim("... behind at depth 4", f"BP - {name}, depth 4", quick=name == "FA", digits=3),
            Claim(
                "... and still learns in hidden layers: above frozen ones at depth 7",
                f"{name} - frozen, depth 7",
                least=0.1,
                **gap,
            ),
        ]
    return claims


def _noise() -> list[Claim]:
    return [
        Claim("Kolen-Pollack learns without noise", "KP, depth 4: accuracy", least=0.95),
        Claim(
            "Symmetric alignment withstands noise on what feedback learns (sd 1)",
            "SA, noise 1: accuracy",
            least=0.95,
        ),
        Claim("... Kolen-Pollack doesn't: share that fails", "KP, noise 1: fails", least=1),
        Claim("... nor weight mirror: share that fails", "WM, noise 1: fails"),
        Claim(
            "Activation alignment withstands noise (sd 0.3): accuracy",
            "AA, noise 0.3: accuracy",
            "as well as backprop (abstract)",
            quick=False,
        ),
        Claim("... share that fails", "AA, noise 0.3: fails", quick=False),
    ]


def _all_numbers() -> list[Claim]:
    claims = []
    for depth in _DEPTHS:
        for name in ("BP", "FA", "WM", "IA", "SA", "AA", "KP", "frozen"):
            quick = depth == 4 and name not in ("IA", "AA")
            key = f"{name}, depth {depth}"
            claims.append(Claim(f"{key}: accuracy", f"{key}: accuracy", quick=quick, digits=3))
    for depth in _DEPTHS:
        for name in ("FA", "WM", "IA", "AA", "KP"):
            quick = depth == 4 and name not in ("IA", "AA")
            key = f"{name}, depth {depth}"
            claims.append(Claim(f"{key}: angle (°)", f"{key}: angle", quick=quick, digits=0))
    return claims


CLAIMS = (*_same_as_backprop(), *_gap_at_depth(), *_noise(), *_all_numbers())
