r"""
The network: layers of SoftHebb, as declarations that become Brian2 equations.

Each layer, with ``x`` its input and ``w_k`` the filter of channel ``k`` (``hebbconv.py``)::

    x    <- (x - mean(x))/sqrt(var(x) + 1e-5)      each channel, over a batch while it learns
    u_k   = <w_k, patch of x>                      the drive; x is reflected at the border
    s     = softmax over channels of t*u
    y_k   = s_k where u_k is the largest, -s_k elsewhere
    dw_k  = sum_{images, positions} y_k*(x - u_k*w_k)
    eta_k = eta*sqrt(| |w_k|_2 - 1 | + 1e-10)
    w_k  <- w_k + eta_k*dw_k/max|dw|               the largest change of the whole layer

    output = max(0, u_k - mean_k(u))^p, pooled

``y`` is for plasticity alone. ``print(rules.SoftHebb())`` shows what runs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hebbsim import ConvLayer, ConvNetwork, rules
from models.softhebb2023.settings import NORM, PRESETS, Settings

__all__ = ["ABLATIONS", "SOFTHEBB", "Variation", "build"]


@dataclass(frozen=True)
class Variation:
    """
    Say what distinguishes a network from the published one.

    Parameters
    ----------
    activity : str
        What plasticity sees, an activity of `ConvLayer`.
    batch_norm : bool
        Whether the channels of each layer's input are normalised.
    temperature : float
        Times which the softmax is softer.
    learns : bool
        Or kernels stay as they were drawn, while the normalisation adapts.
    depth : int, optional
        Number of layers.
    first_pooling : str, optional
        Of the first layer: that of presets with fewer layers is another.
    """

    activity: str = "signed_softmax"
    batch_norm: bool = True
    temperature: float = 1.0
    learns: bool = True
    depth: int | None = None
    first_pooling: str | None = None


SOFTHEBB = Variation()
ABLATIONS = {
    "untrained": Variation(learns=False),
    "hard winners": Variation("winners"),
    "without the anti-Hebbian part": Variation("softmax"),
    "without batch normalisation": Variation(batch_norm=False),
    "temperature / 4": Variation(temperature=1 / 4),
    "temperature * 4": Variation(temperature=4),
    "one layer": Variation(depth=1, first_pooling="average"),
    "two layers": Variation(depth=2, first_pooling="average"),
}


def layers(preset: str, channels: Sequence[int], variation: Variation) -> list[ConvLayer]:
    """Declare the layers."""
    chosen = list(PRESETS[preset])
    if variation.first_pooling is not None:
        chosen[0] = replace(chosen[0], pooling=variation.first_pooling)
    return [
        ConvLayer(
            n_filters,
            layer.kernel_size,
            rules.SoftHebb(layer.rate),
            padding=layer.kernel_size // 2,
            padding_mode="reflect",
            activity=variation.activity,
            temperature=variation.temperature / layer.inverse_temperature,
            output="triangle",
            power=layer.power,
            pooling=layer.pooling,
            pool_size=layer.pool_size,
            pool_stride=layer.pool_stride,
            pool_padding=layer.pool_padding,
            standardize=False,
            batch_norm=variation.batch_norm,
            normalize=None,
            norm=NORM,
        )
        for layer, n_filters in zip(chosen, channels, strict=False)
    ][: variation.depth]


def build(
    settings: Settings, shape: tuple[int, int, int], seed: int, variation: Variation = SOFTHEBB
) -> ConvNetwork:
    """
    Build a network with random kernels.

    Parameters
    ----------
    settings : Settings
        Layers, filters and batch size.
    shape : tuple of int
        ``(channels, rows, cols)`` of an image.
    seed : int
        Of the kernels.
    variation : Variation
        What to change.
    """
    declared = layers(settings.preset, settings.channels, variation)
    return ConvNetwork(shape, declared, batch_size=settings.batch_size, seed=seed)
