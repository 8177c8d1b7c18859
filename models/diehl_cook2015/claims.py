"""What the paper says, and what the controls are asked."""

import numpy as np

from models.common import Claim
from models.diehl_cook2015.experiment import CONTROLS, SHUFFLED

__all__ = ["CLAIMS", "claims"]

#: What controls are at least behind, half of what they are at the quick size, seeds 100 to 103
LEAST_BEHIND = {"untrained": 10, "without STDP": 8, "without theta": 19}

_BEHIND = tuple(
    claim
    for name in (SHUFFLED, *CONTROLS)
    for claim in (
        Claim(f"... {name}", name),
        Claim(
            "... behind trained",
            f"trained - {name}",
            least=LEAST_BEHIND.get(name, -np.inf),
        ),
    )
)


def claims(n: int, published: str, least: float) -> tuple[Claim, ...]:
    """
    Return the claims of a network.

    Parameters
    ----------
    n : int
        Excitatory neurons.
    published : str
        Their accuracy.
    least : float
        What is asked here, in percent; -inf asks nothing.
    """
    return (
        Claim(
            f"{n:,} neurons learn digits without labels (images that weren't learned, %)",
            "accuracy",
            published,
            least=least,
            over="mean",
            quick=False,
        ),
        Claim(
            "... on the last training images, labels from those before", "accuracy while learning"
        ),
        Claim("Controls, on fewer images (%): trained", "trained"),
        *_BEHIND,
        Claim("Spikes an image, all excitatory neurons together", "spikes an image"),
        Claim(
            "Images shown again, brighter, for too few spikes: times an image", "repeats an image"
        ),
        Claim("Learning, milliseconds of CPU time an image", "ms an image"),
    )


CLAIMS = claims(400, "87.0 (from memory); the authors' network retrained, about 89", least=89)
