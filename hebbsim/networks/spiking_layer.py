"""The declaration of a spiking layer: what `SpikingNetwork` builds maps and synapses from."""

from dataclasses import dataclass

from brian2.units import Quantity

from hebbsim.competition.inhibition import CHANNELS
from hebbsim.errors import unknown
from hebbsim.networks.initial_weights import check_initial_weights
from hebbsim.networks.layer import LayerDeclaration
from hebbsim.rules.rule import Rule

__all__ = ["SpikingLayer"]


@dataclass(frozen=True)
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
    rule : Rule, optional
        A rule driven by spikes. Without one the random initial kernels stay.
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
    """

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

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.inhibition is not None and self.inhibition not in CHANNELS:
            raise ValueError(f"SpikingLayer: {unknown('inhibition', self.inhibition, CHANNELS)}")
        if self.rule is not None and not isinstance(self.rule, Rule):
            raise TypeError(
                f"SpikingLayer: rule must be a Rule, such as rules.PairSTDP(), got {self.rule!r}"
            )
        check_initial_weights("SpikingLayer", self.initial_weights)
        if not self.theta_plus >= 0 or not self.tau_theta > 0:
            raise ValueError(
                "SpikingLayer: theta_plus must not be negative and tau_theta positive, got "
                f"{self.theta_plus} and {self.tau_theta}"
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
