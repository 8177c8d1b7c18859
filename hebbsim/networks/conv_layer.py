"""The declaration of a layer: what `ConvNetwork` builds feature maps and synapses from."""

from dataclasses import dataclass
from typing import ClassVar

from hebbsim.competition.activations import checked_power
from hebbsim.errors import unknown
from hebbsim.networks.layer import LayerDeclaration
from hebbsim.rules.rule import Rule

__all__ = ["ConvLayer"]

ACTIVITIES = ("winners", "graded", "softmax", "signed_softmax", "rectified", "linear")
OUTPUTS = ("activity", "triangle", "rectified", "linear")
POOLINGS = ("average", "max", "sum")


@dataclass(frozen=True, repr=False)
class ConvLayer(LayerDeclaration):
    """Declare a convolutional layer: convolution, competition, plasticity, output, pooling.

    In every layer ``u`` is the drive, ``z`` the drive above the threshold or with the bias
    (``u`` without either), ``y`` the activity that plasticity sees, and ``output`` what the layer
    hands on: the two may differ (sparse plasticity, dense output; Miconi 2021). The next layer
    sees it as ``x``, standardised or normalised if that layer says so.

    Parameters
    ----------
    out_channels : int
        Number of kernels.
    kernel_size, stride, padding, dilation, groups, weight_sharing, padding_mode
        As in `ConvSynapses`.
    rule : Rule, optional
        Without one the random initial kernels stay.
    activity : {'winners', 'graded', 'softmax', 'signed_softmax', 'rectified', 'linear'}
        ``y``: 1 in the `k` winners at each position whose ``z`` is positive; their ``z``; a
        softmax over channels with `temperature`; its negative in all but the winner; the positive
        part of ``z``; ``z`` itself.
    k : int
        Winners at each position.
    temperature : float
        Of the softmax.
    threshold_step : float
        Step of an adaptive threshold that gives each channel its share ``k/out_channels`` of wins;
        0 means no threshold.
    bias : bool
        Whether each channel has a constant offset, ``z = u + bias``. It starts at 0, no rule
        changes it, and it is set by the name of the layer, counted from 1:
        ``network.brian2['bias1'].bias = values``. An adaptive threshold is an offset itself, so
        that a layer has one or the other.
    output : {'activity', 'triangle', 'rectified', 'linear'}
        The activity ``y``; ``z`` minus its mean over channels, rectified; the positive
        part of ``z``; ``z`` itself.
    power : float
        Of the output ``'triangle'``.
    pooling : {None, 'average', 'max', 'sum'}
        How the output is pooled.
    pool_size, pool_stride, pool_padding : int or (int, int)
        Window, step and padding of the pooling; the step is by default the window's size.
    pool_ceil_mode : bool
        Whether what doesn't fill a window at the far border gets one; see `AveragePooling`.
    standardize : bool
        Bring each sample of the layer's input to zero mean and unit deviation first.
    batch_norm : bool
        Bring each channel of the layer's input to zero mean and unit variance then: those of the
        batch while the layer learns, running ones otherwise; see `BatchNorm`.
    normalize, norm
        Norm of each filter (all weights onto one output channel), as in `ConvSynapses`. Without
        `normalize`, about that of its initial weights.
    pruned : float
        Share of the weights that a fixed random mask removes, in ``[0, 1)``.

    Examples
    --------
    Thirty-two kernels of 3x3 that learn by Oja's rule, one winner at each position, thresholds that
    give each kernel its share of wins, and the average of windows of 2x2:

    >>> layer = ConvLayer(
    ...     32, 3, rules.Oja("0.5/n_shared"), threshold_step=0.5, pooling="average", pool_size=2
    ... )
    >>> tuple(layer.output_shape((1, 28, 28)))
    (32, 13, 13)
    >>> network = ConvNetwork((1, 28, 28), [layer], batch_size=10)
    >>> network.stages[0].conv.get_kernel("w").shape
    (32, 1, 3, 3)
    """

    poolings: ClassVar[tuple[str, ...]] = POOLINGS

    activity: str = "winners"
    k: int = 1
    temperature: float = 1.0
    threshold_step: float = 0.0
    bias: bool = False
    output: str = "triangle"
    power: float = 1.0
    standardize: bool = True
    batch_norm: bool = False
    normalize: str | None = "L2"
    pruned: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, known in (("activity", ACTIVITIES), ("output", OUTPUTS)):
            value = getattr(self, name)
            if value not in known:
                raise ValueError(f"ConvLayer: {unknown(name, str(value), known)}")
        if not 0 <= self.pruned < 1:
            raise ValueError(f"ConvLayer: pruned must be in [0, 1), got {self.pruned}")
        checked_power("ConvLayer", self.power)
        if self.power != 1 and self.output != "triangle":
            raise ValueError(
                f"ConvLayer: power={self.power!r} is that of output='triangle', got "
                f"output={self.output!r}; give both, or neither"
            )
        if not isinstance(self.batch_norm, bool):
            raise TypeError(f"ConvLayer: batch_norm must be True or False, got {self.batch_norm!r}")
        if self.threshold_step < 0:
            raise ValueError(f"ConvLayer: threshold_step must be >= 0, got {self.threshold_step}")
        if not isinstance(self.bias, bool):
            raise TypeError(
                f"ConvLayer: bias must be True or False, got {self.bias!r}; its values are set in "
                "the network, network.brian2['bias1'].bias = values"
            )
        if self.bias and self.threshold_step > 0:
            raise ValueError(
                f"ConvLayer: expected a bias or an adaptive threshold, got bias={self.bias} and "
                f"threshold_step={self.threshold_step}; leave the bias out and let the threshold "
                "start from its negative, network.brian2['threshold1'].theta = -bias"
            )
        if self.rule is not None and not isinstance(self.rule, Rule):
            raise TypeError(
                f"ConvLayer: rule must be a Rule, such as rules.Oja(), got {self.rule!r}"
            )
        for side, example in (("pre", "Covariance"), ("post", "BCM")):
            if self.rule is not None and getattr(self.rule, f"{side}_model"):
                raise ValueError(
                    f"ConvLayer: the rule's {side}_model adds variables to each neuron, which has "
                    "no state here; if each channel's will do, say so "
                    f"({side}_channels=, as in rules.{example}), or take a SpikingLayer, or build "
                    "the layer of FeatureMap and ConvSynapses"
                )

    @property
    def adapts(self) -> bool:
        """Whether fitting changes anything of the layer: its kernel, or its thresholds."""
        return super().adapts or self.threshold_step > 0
