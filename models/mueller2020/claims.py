"""What the paper says; the success rates that it found were not at hand."""

from models.common import Claim
from models.mueller2020.settings import FULL

__all__ = ["CLAIMS"]

_NOISE = tuple(
    Claim(
        f"RECALL with neural parameters times N(1, {sd:g}) succeeds",
        f"recall, noise {sd:g}",
        least=0.8 if sd == min(FULL.noise) else float("-inf"),
        over="mean",
        quick=False,
    )
    for sd in FULL.noise
)

CLAIMS = (
    Claim("A content loaded into a neural space is recalled after 5 s", "recall", least=0.9),
    Claim("Without excitability it is not", "recall without excitability", most=0.3),
    Claim("Without plasticity of the neural space it is not", "recall without plasticity", most=0),
    Claim("Cells recalled beyond the assembly, over its size", "excess of recall", most=0.2),
    Claim("A content is copied to another space and recalled from there", "copy", least=0.8),
    Claim("Same contents give the smaller second response (AUC)", "comparison", least=0.95),
    # so few comparisons scatter: at chance a single seed may pass the bound
    Claim(
        "Without plasticity they don't (AUC)",
        "comparison without plasticity",
        most=0.75,
        over="mean",
        quick=False,
    ),
    Claim("Smallest assembly of the content space", "smallest content assembly", least=40),
    Claim("Largest assembly of the content space", "largest content assembly", most=110),
    Claim(
        "Members of content assemblies that are of one alone",
        "members of one content assembly",
        least=0.95,
    ),
    Claim("Weights within an assembly", "weight within", least=0.4),
    Claim("Weights between assemblies", "weight between", most=0.05, digits=3),
    Claim("Spontaneous rate of the content space (Hz)", "spontaneous rate"),
    Claim("Smallest assembly of the neural space", "smallest neural assembly", digits=0),
    Claim("Largest assembly of the neural space", "largest neural assembly", digits=0),
    Claim("Members of neural assemblies that are of one alone", "members of one neural assembly"),
    Claim("Weights from a content to its neural assembly", "projected weight within"),
    Claim("Weights from a content to others' neural assemblies", "projected weight between"),
    *_NOISE,
    Claim("Spikes of the read-out to the same content", "answers to the same"),
    Claim("Spikes of the read-out to another content", "answers to others"),
)
