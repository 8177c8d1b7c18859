"""What the paper says, and what the controls are asked."""

from models.common import Claim

__all__ = ["CLAIMS"]

CLAIMS = (
    Claim(
        "A linear classifier of which neurons of layer 2 spiked knows MNIST's digits "
        "(validation images, %)",
        "accuracy",
        "98.4 (from memory)",
        least=98.4,
        over="mean",
        quick=False,
    ),
    Claim("... linear support vector machine", "support vectors", "98.4 (from memory)"),
    Claim("... C, chosen on training images", "strength, support vectors", digits=3),
    Claim("... averaged hinge loss", "hinge"),
    Claim("... alpha, chosen on training images", "strength, hinge", digits=6),
    Claim("Layer 1 has converged: mean of w(1 - w)", "w(1 - w), layer 1", digits=4),
    Claim(
        "Layer 2 has converged: mean of w(1 - w)",
        "w(1 - w), layer 2",
        "below 0.01",
        most=0.01,
        quick=False,
        digits=4,
    ),
    Claim("... after epochs", "epochs, layer 2", digits=0),
    Claim("Neurons of layer 2 that spike, of 12,150", "spikes an image", digits=0),
    Claim("Controls, on fewer images (%): trained", "trained"),
    Claim("... untrained", "untrained"),
    Claim("... behind trained", "trained - untrained", least=15),
    Claim("... without competition", "without competition", quick=False),
    Claim("... behind trained", "trained - without competition", quick=False),
    Claim("... without order", "without order", quick=False),
    Claim("... behind trained", "trained - without order", quick=False),
    Claim("... sign flipped", "sign flipped"),
    Claim("... behind trained", "trained - sign flipped", least=10),
    Claim("... winners drawn at random", "winners drawn at random", quick=False),
    Claim("... behind trained", "trained - winners drawn at random", quick=False),
    Claim("Learning, milliseconds an image: layer 1", "ms an image, layer 1"),
    Claim("... layer 2", "ms an image, layer 2"),
    Claim("Whole network with both classifiers, minutes", "minutes", digits=1),
)
