"""What the paper says, and what the controls are asked."""

from models.common import Claim

__all__ = ["CLAIMS"]

CLAIMS = (
    Claim(
        "Reward alone teaches digits, without a classifier (validation images, %)",
        "accuracy",
        "97.2",
        least=94,
        quick=False,
    ),
    Claim("... after 1 epoch of the layer that decides", "accuracy, epoch 1"),
    Claim("... after 5 epochs", "accuracy, epoch 5"),
    Claim("... on the training images, in the last epoch", "training"),
    Claim("Layer 1 has converged: mean of w(1 - w)", "w(1 - w), layer 1", digits=4),
    Claim("Layer 2 has converged: mean of w(1 - w)", "w(1 - w), layer 2", digits=4),
    Claim("Controls, on fewer images (%): trained", "trained"),
    Claim("... layers 1 and 2 untrained", "untrained"),
    Claim("... behind trained", "trained - untrained"),
    Claim("... without competition", "without competition", quick=False),
    Claim("... behind trained", "trained - without competition", quick=False),
    Claim("... without order", "without order", quick=False),
    Claim("... behind trained", "trained - without order", quick=False),
    Claim("... sign flipped", "sign flipped", quick=False),
    Claim("... behind trained", "trained - sign flipped", quick=False),
    Claim("... winners drawn at random", "winners drawn at random", quick=False),
    Claim("... behind trained", "trained - winners drawn at random", quick=False),
    Claim("... reward shuffled", "reward shuffled"),
    Claim("... behind trained", "trained - reward shuffled", least=20),
    Claim("Learning, milliseconds an image: layer 1", "ms an image, layer 1"),
    Claim("... layer 2", "ms an image, layer 2"),
    Claim("... layer 3", "ms an image, layer 3"),
)
