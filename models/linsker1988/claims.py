"""What the papers say, and in which range our numbers must lie."""

from models.common.claim import Claim

__all__ = ["CLAIMS"]

_LAYERS = "CDEF"
_DIGITS_OF_THE_OPERATOR = 5e-5  # four digits were computed independently

CLAIMS = (
    Claim(
        "Cells of layer C grow an excitatory centre from noise: weight of the innermost fifth of "
        "the synapses at (k1, k2) = (0.45, -3)",
        "on: centre",
        "0.5 (from memory)",
        least=0.4,
    ),
    Claim("... and of the outermost", "on: surround", "-0.5 (from memory)", most=-0.4),
    Claim("The sign of k1 is that of the centre: innermost at -0.45", "off: centre", most=-0.4),
    Claim("... and outermost", "off: surround", least=0.4),
    Claim(
        "A large -k2 holds the mean weight near -k1/k2 = 0.15",
        "on: mean weight",
        least=0.1,
        most=0.25,
    ),
    Claim("... and near -0.15", "off: mean weight", least=-0.25, most=-0.1),
    Claim("k1 = 0 gives bi-lobed cells: dipole", "bi-lobed: dipole", least=0.15),
    Claim("... which on-centre cells have not", "on: dipole", most=0.13, over="median"),
    Claim(
        "(0.5, -1) gives cells that are all excitatory: mean weight",
        "excitatory: mean weight",
        least=0.499,
    ),
    Claim(
        "(0, 0) gives weights of one sign: mean weight, absolute",
        "one sign: mean weight",
        least=0.499,
    ),
    *(
        Claim(
            f"MacKay and Miller's modes at k2 = {k2}: {name}",
            f"eigenvalue, k2 = {k2}: {name}",
            least=value - _DIGITS_OF_THE_OPERATOR,
            most=value + _DIGITS_OF_THE_OPERATOR,
            digits=4,
        )
        for k2, name, value in (
            (0, "all of one sign", 0.3009),
            (0, "bi-lobed", 0.1359),
            (-3, "bi-lobed", 0.1359),
            (-3, "centre-surround", 0.1091),
        )
    ),
    Claim("... of 600 synapses: largest deviation", "eigenvalues: deviation of sampled", most=0.08),
    *(
        Claim(f"Least covariance in layer {name}", f"layer {name}: least covariance")
        for name in _LAYERS
    ),
    Claim(
        "The Mexican hat of the covariance deepens from layer to layer, at least by",
        "layers: least deepening",
        least=0.01,
        digits=3,
    ),
    Claim("Cells of layer G prefer an orientation: selectivity", "G on F: selectivity", least=0.2),
    Claim("... their largest response, relative to all weights", "G on F: response", least=0.3),
    Claim("... the same cells on layer B's covariance don't", "G on B: selectivity", most=0.1),
    Claim("... and before learning: selectivity", "G on start: selectivity"),
    Claim("... and response", "G on start: response"),
    Claim(
        "The rule on stimuli agrees with its average, shared kernels: least correlation of five "
        "regimes",
        "live, shared: least correlation",
        least=0.95,
    ),
    Claim(
        "... largest mean difference of weights in three saturated regimes",
        "live, shared: largest difference",
        most=0.02,
        digits=3,
    ),
    Claim(
        "... each cell its own kernel: least correlation",
        "live, local: least correlation",
        least=0.95,
        quick=False,
    ),
    Claim(
        "... largest mean difference",
        "live, local: largest difference",
        most=0.02,
        quick=False,
        digits=3,
    ),
    *(
        Claim(
            f"... all layers in one network: correlation in layer {name}",
            f"live, layer {name}: correlation",
            least=0.95,
            quick=False,
        )
        for name in _LAYERS
    ),
    Claim(
        "With lateral excitation neighbours in G prefer similar orientations: mean of cos 2(a - b)",
        "columns with: similarity of neighbours",
        least=0.1,
        quick=False,
    ),
    Claim(
        "... without it they don't",
        "columns without: similarity of neighbours",
        most=0.05,
        over="mean",
        quick=False,
    ),
    Claim("... length of the correlation in cells, with", "columns with: length", quick=False),
    Claim("... and without", "columns without: length", quick=False),
    Claim("... selectivity with lateral excitation", "columns with: selectivity", quick=False),
    Claim("... and without", "columns without: selectivity", quick=False),
    Claim(
        "Two cells that tell most of two inputs: sin^2 of their angle deviates from the theory by",
        "information: deviation of sin^2",
        most=0.003,
        digits=4,
    ),
    Claim(
        "... and the rate from the best of all pairs of angles, at most, by",
        "information: short of the best",
        most=1e-6,
        digits=6,
    ),
    Claim(
        "From the noise Bc = 2 l1 l2/(l1 - l2) on both are the first component: correlation",
        "information: redundancy above it",
        least=0.999,
    ),
    Claim("... and at B = 0.05", "information: redundancy far below", most=0.6),
    Claim(
        "Oja's cell is the best linear reconstruction: excess of its error",
        "Oja: excess error",
        least=-1e-6,
        most=1e-6,
        digits=7,
    ),
)
