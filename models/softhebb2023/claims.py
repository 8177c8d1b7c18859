"""What the paper says."""

from models.common import Claim

__all__ = ["CLAIMS"]

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
    Claim("Median norm of filters, 25 at the start: layer 1", "norm, layer 1", most=10),
    *(Claim(f"... layer {n}", f"norm, layer {n}") for n in (2, 3)),
    Claim("Learning without labels, minutes", "all at once, minutes"),
)
