"""The declaration of a spiking layer: what `SpikingNetwork` builds maps and synapses from."""

from dataclasses import dataclass
from typing import ClassVar

from brian2.units import Quantity

from hebbsim.competition.inhibition import CHANNELS
from hebbsim.errors import unknown
from hebbsim.geometry import is_integer
from hebbsim.networks.initial_weights import check_initial_weights
from hebbsim.networks.layer import LayerDeclaration
from hebbsim.rules.order_stdp import OrderSTDP
from hebbsim.rules.rule import Rule

__all__ = ["SpikingLayer"]

LEARNS_FROM = ("all", "first")


@dataclass(frozen=True, repr=False)
class SpikingLayer(LayerDeclaration):
    r"""Declare a spiking convolutional layer: neurons, synapses, plasticity, competition.

    Its equations are texts, with one membrane potential ``v`` for each neuron; to them are added
    the traces that the rule needs, the counters ``n_spikes`` and ``first_spike`` (time after the
    onset of the stimulus; its duration for a neuron that stays silent), and what the competition
    needs.

    Parameters
    ----------
    out_channels : int
        Number of kernels.
    kernel_size, stride, padding, dilation, groups, weight_sharing, padding_mode
        As in `ConvSynapses`.
    rule : Rule or OrderSTDP, optional
        A rule driven by spikes. Without one the random initial kernels stay. `OrderSTDP` changes
        the kernels of `learners` when a stimulus ends.
    model, threshold, reset : str
        As in `NeuronGroup`; the threshold may use ``theta``.
    initial : str
        Values that a stimulus starts from, such as ``'v = -70*mV; u_minus = -70*mV'``; 0 without.
    margin : str
        How far a neuron is above its threshold: decides between neurons that cross it in one step.
    on_pre : str
        What an incoming spike does.
    delay : Quantity, optional
        When it does so.
    inhibition : {None, 'others', 'own', 'all'}
        Which channels a spike silences until the next stimulus, as in `LateralInhibition`.
    inhibition_radius : int, (int, int) or 'all'
        At which positions.
    single_spike : bool
        Let each neuron fire at most once a stimulus.
    theta_plus : float
        Adaptive threshold: how much each channel's ``theta`` grows if all of its neurons spike
        once (Diehl and Cook 2015). It decays with ``tau_theta``; without it, ``theta`` is 0.
    tau_theta : float
        In stimuli.
    initial_weights : (float, float) or str
        Range of the uniformly distributed initial weights, or an expression such as
        ``'clip(0.8 + 0.05*randn(), 0, 1)'``, drawn with the network's seed.
    normalize, norm
        Norm of each filter (all weights onto one output channel), as in `ConvSynapses`.
    learners : int, optional
        With `OrderSTDP`, how many neurons of a map learn from a stimulus: the first to spike, one
        at a position and one of a channel, as `FirstWinners` finds them. All others transmit still;
        whom spikes silence is `inhibition`'s.
    learners_radius : int
        Within how many rows and columns (a square) of a learner no other learns.
    learns_from : {'all', 'first'}
        With `OrderSTDP`, which spikes of the layer before reach this one while it learns: all, or
        at each position the first alone (of several in a step that of the lowest channel).
    pooling : {None, 'earliest'}
        Hand on the earliest spike of each window, a time step later, as `EarliestSpike` does.
    pool_size, pool_stride, pool_padding, pool_ceil_mode
        As in `ConvLayer`.

    Raises
    ------
    TypeError
        If the rule is none.
    ValueError
        If another parameter has no such value, or is one of another rule.

    Examples
    --------
    A layer that learns by the order of spikes (Kheradpisheh et al. 2018), the image coded by 15
    latencies:

    >>> layer = SpikingLayer(
    ...     32,
    ...     5,
    ...     rules.OrderSTDP(0.004, 0.003).doubling(every=500, until=0.15),
    ...     padding=2,
    ...     model="v : 1",
    ...     threshold="v > 10",
    ...     inhibition=None,
    ...     learners=5,
    ...     learners_radius=2,
    ...     pooling="earliest",
    ...     pool_padding=1,
    ...     initial_weights="clip(0.8 + 0.05*randn(), 0, 1)",
    ... )
    """

    poolings: ClassVar[tuple[str, ...]] = ("earliest",)

    model: str = "dv/dt = -v/(20*ms) : 1"
    threshold: str = "v > 1 + theta"
    reset: str = "v = 0"
    initial: str = ""
    margin: str = "v - theta"
    on_pre: str = "v_post += w"
    delay: Quantity | None = None
    inhibition: str | None = "others"
    inhibition_radius: int | tuple[int, int] | str = 0
    single_spike: bool = True
    theta_plus: float = 0.0
    tau_theta: float = 100.0
    initial_weights: tuple[float, float] | str = (0.2, 0.8)
    learners: int | None = None
    learners_radius: int = 0
    learns_from: str = "all"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.inhibition is not None and self.inhibition not in CHANNELS:
            raise ValueError(f"SpikingLayer: {unknown('inhibition', self.inhibition, CHANNELS)}")
        if self.rule is not None and not isinstance(self.rule, Rule | OrderSTDP):
            raise TypeError(
                "SpikingLayer: rule must be a Rule, such as rules.PairSTDP(), or a "
                f"rules.OrderSTDP, got {self.rule!r}"
            )
        self._check_learners()
        check_initial_weights("SpikingLayer", self.initial_weights)
        if not self.theta_plus >= 0 or not self.tau_theta > 0:
            raise ValueError(
                "SpikingLayer: theta_plus must not be negative and tau_theta positive, got "
                f"{self.theta_plus} and {self.tau_theta}"
            )

    def _check_learners(self) -> None:
        if self.learns_from not in LEARNS_FROM:
            raise ValueError(
                f"SpikingLayer: {unknown('learns_from', str(self.learns_from), LEARNS_FROM)}"
            )
        for name, least in (("learners", 1), ("learners_radius", 0)):
            value = getattr(self, name)
            given = value is not None or name == "learners_radius"
            if given and (isinstance(value, bool) or not is_integer(value, least)):
                raise ValueError(
                    f"SpikingLayer: {name} must be an integer from {least}, got {value!r}"
                )
        if not isinstance(self.rule, OrderSTDP):
            said = self.learners, self.learners_radius, self.learns_from
            if self.rule is not None and said != (None, 0, "all"):
                raise ValueError(
                    "SpikingLayer: learners, learners_radius and learns_from are those of "
                    f"rules.OrderSTDP; by {self.rule.name} all neurons learn that spike, so let "
                    "inhibition= say which do"
                )
            return
        if self.learners is None:
            raise ValueError(
                "SpikingLayer: with rules.OrderSTDP the first neurons to spike learn; say how "
                "many, such as learners=5"
            )
        if self.normalize is not None:
            raise ValueError(
                f"SpikingLayer: normalize={self.normalize!r} is that of other rules; OrderSTDP "
                "keeps weights within w_min and w_max"
            )

    @property
    def adapts(self) -> bool:
        """Whether fitting changes anything of the layer: its kernel, or its thresholds."""
        return super().adapts or self.theta_plus > 0

    def equations(self) -> str:
        """Return the model of the layer's map, but for the traces of the next layer's rule."""
        lines = [self.model, "onset : second (shared)", "n_spikes : 1", "first_spike : second"]
        lines += ["output = n_spikes : 1", f"margin = {self.margin} : 1"]
        if self.silences:
            lines.append("silenced : 1")
        if not self.theta_plus:
            lines.append("theta = 0 : 1")
        return "\n".join([*lines, self.rule.post_model if self.rule else ""])

    def threshold_condition(self) -> str:
        """Return the condition of a spike."""
        return f"({self.threshold}) and silenced < 1" if self.silences else self.threshold

    def reset_statements(self) -> str:
        """Return what a spike does to its neuron, but for the traces of the next layer's rule."""
        lines = [
            self.reset,
            "first_spike = first_spike*int(n_spikes > 0) + (t - onset)*int(n_spikes < 1)",
            "n_spikes += 1",
        ]
        if self.single_spike:
            lines.append("silenced = 1")
        return "\n".join([*lines, self.rule.post_reset if self.rule else ""])

    @property
    def silences(self) -> bool:
        """Whether neurons can be silent until the next stimulus."""
        return self.single_spike or self.inhibition is not None
