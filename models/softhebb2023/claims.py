"""What the paper says, and what the ablations are asked."""

from models.common import Claim
from models.softhebb2023.settings import FULL

__all__ = ["CLAIMS"]

_GRADIENTS = "layer {}, by gradients"

CLAIMS = (
    Claim(
        "Three layers learn CIFAR-10 from images alone; a linear classifier of the last (%)",
        "all at once, layer 3, by gradients",
        "80.3",
        least=79,
        over="mean",
        quick=False,
    ),
    Claim("... ridge regression", "all at once, layer 3, ridge"),
    *(
        Claim(f"... layer {n}, {how}", f"all at once, layer {n}, {how}")
        for n in (2, 1)
        for how in ("by gradients", "ridge")
    ),
    *(
        Claim(
            f"Layer by layer (%): layer {n}, {how}",
            f"layer by layer, layer {n}, {how}",
            quick=False,
        )
        for n in (3, 2, 1)
        for how in ("by gradients", "ridge")
    ),
    Claim("Ablations, on fewer images, ridge regression (%): as published", "ablation: trained"),
    Claim("... untrained", "ablation: untrained"),
    Claim("... behind as published", "trained - untrained"),
    *(
        claim
        for name in FULL.ablations[1:]
        for claim in (
            Claim(f"... {name}", f"ablation: {name}", quick=False),
            Claim("... behind as published", f"trained - {name}", quick=False),
        )
    ),
    Claim("Median norm of filters, 25 at the start: layer 1", "norm, layer 1", most=10),
    *(Claim(f"... layer {n}", f"norm, layer {n}") for n in (2, 3)),
    Claim("Learning without labels, minutes", "all at once, minutes"),
)
