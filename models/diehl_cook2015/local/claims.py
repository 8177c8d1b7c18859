"""What is reported of both networks; nothing is asked."""

from models.common import Claim
from models.diehl_cook2015.local.model import VARIANTS

__all__ = ["CLAIMS"]

_TITLES = {
    "unshared": "400 neurons, each with its kernel, know digits (images that weren't learned, %)",
    "shared": "400 neurons that share 16 kernels know digits (%)",
}
_ROWS = {
    "accuracy while learning": "... on the last training images, labels from those before",
    "trained": "... after fewer images, as many as the controls learn from",
    "untrained": "... untrained",
    "weights shuffled": "... weights shuffled",
    "spikes an image": "... spikes an image, all excitatory neurons together",
    "ms an image": "... learning, milliseconds of CPU time an image",
}

CLAIMS = tuple(
    claim
    for variant in VARIANTS
    for claim in (
        Claim(_TITLES[variant], f"{variant}: accuracy"),
        *(Claim(text, f"{variant}: {quantity}") for quantity, text in _ROWS.items()),
    )
)
