"""What the paper says of depth, noise and primitives, and where our numbers must lie."""

from models.common.claim import Claim

__all__ = ["CLAIMS"]

_DEPTHS = (2, 4, 7)


def _as_good_as_backprop() -> list[Claim]:
    claims = []
    for depth in (7, 4):
        claims += [
            Claim(
                f"Symmetric alignment learns as well as backprop, depth {depth}: difference",
                f"SA - BP, depth {depth}",
                "-0.003, ResNet-18 on ImageNet (from memory)" if depth == 7 else "",
                least=-0.015,
                most=0.015,
                over="mean",
                quick=depth == 4,
                digits=3,
            ),
            Claim(
                "... its kernels are aligned: largest angle (°)",
                f"SA, depth {depth}: largest angle",
                most=3,
                quick=depth == 4,
                digits=1,
            ),
        ]
    return claims


def _mean_at_depth(text: str, quantity: str, least: float) -> Claim:
    return Claim(text, quantity, least=least, over="mean", quick=False, digits=3)


def _gap_at_depth() -> list[Claim]:
    claims = []
    for name, text, below in (
        ("FA", "Feedback alignment", 0.025),
        ("IA", "Information alignment", 0.1),
    ):
        claims += [
            _mean_at_depth(
                f"{text} falls behind backprop with depth: behind at depth 7",
                f"BP - {name}, depth 7",
                below,
            ),
            Claim("... behind at depth 4", f"BP - {name}, depth 4", quick=name == "FA", digits=3),
            _mean_at_depth(
                "... and still teaches hidden layers: above frozen ones at depth 7",
                f"{name} - frozen, depth 7",
                0.1,
            ),
        ]
    return claims


def _noise() -> list[Claim]:
    claims = [
        Claim("Kolen-Pollack learns without noise", "KP, depth 4: accuracy", least=0.95, digits=3),
        Claim(
            "Symmetric alignment withstands noise on feedback's gradient (sd 1)",
            "SA, noise 1: accuracy",
            "as well as backprop (abstract)",
            least=0.95,
            digits=3,
        ),
        Claim("... Kolen-Pollack doesn't: share below 0.9", "KP, noise 1: fails", least=1),
        Claim("... nor weight mirror: share below 0.9", "WM, noise 1: fails"),
    ]
    for name, text in (
        ("SA", "With less noise (sd 0.3), symmetric alignment"),
        ("AA", "... activation alignment"),
        ("KP", "... Kolen-Pollack"),
        ("WM", "... weight mirror"),
    ):
        published = "as well as backprop (abstract)" if name in ("SA", "AA") else ""
        claims.append(Claim(text, f"{name}, noise 0.3: accuracy", published, quick=False, digits=3))
    return claims


def _turned() -> list[Claim]:
    return [
        Claim(
            f"With a primitive's sign turned around {name} fails: share below 0.9",
            f"{name}, turned: fails",
            least=1,
            quick=name == "SA",
        )
        for name in ("SA", "AA", "WM", "IA")
    ]


def _all_numbers() -> list[Claim]:
    claims = []
    for depth in _DEPTHS:
        for name in ("BP", "FA", "WM", "IA", "SA", "AA", "KP", "frozen"):
            quick = depth == 4 and name not in ("IA", "AA")
            key = f"{name}, depth {depth}: accuracy"
            claims.append(Claim(key, key, quick=quick, digits=3))
    for name in ("FA", "WM", "IA", "AA", "KP"):
        key = f"{name}, depth 4: angle"
        claims.append(Claim(f"{key} (°)", key, quick=name not in ("IA", "AA"), digits=0))
    return claims


CLAIMS = (
    *_as_good_as_backprop(),
    *_gap_at_depth(),
    *_noise(),
    *_turned(),
    *_all_numbers(),
)
