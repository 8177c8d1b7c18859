"""Hebbian rules for rates."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

from brian2.units import Quantity, ms
from brian2.utils.stringtools import get_identifiers, word_substitute

from hebbsim.rules.factors import condition_factor
from hebbsim.rules.made_text import made_text
from hebbsim.rules.rule import Rule

__all__ = ["BCM", "Covariance", "Hebb", "Instar", "NonlinearHebb", "Oja", "Sanger", "SoftHebb"]


@dataclass(frozen=True, repr=False)
class Hebb(Rule):
    """Plain Hebb: the product of pre- and postsynaptic activity. Grows without bound by itself."""

    equations: str = "dw = y_post*x_pre : 1 (summed)"
    reference: str = "Hebb 1949, The Organization of Behavior"


@dataclass(frozen=True, repr=False)
class Instar(Rule):
    """Grossberg's instar: an active neuron's weights move towards its input."""

    equations: str = "dw = y_post*(x_pre - w) : 1 (summed)"
    reference: str = "Grossberg 1976, Biol Cybern 23:121"


@dataclass(frozen=True, repr=False)
class Oja(Rule):
    """Oja's rule: finds the first principal component, with unit norm."""

    equations: str = "dw = y_post*(x_pre - y_post*w) : 1 (summed)"
    reference: str = "Oja 1982, J Math Biol 15:267, equation 3"


@dataclass(frozen=True, repr=False)
class Sanger(Rule):
    """Sanger's generalised Hebbian algorithm: the first principal components, in order.

    ``xhat`` is the input as this output channel and those before it reconstruct it.
    """

    equations: str = """xhat = y_post*w : 1 (cumulative)
dw = y_post*(x_pre - xhat) : 1 (summed)"""
    reference: str = "Sanger 1989, Neural Networks 2:459, equation 3"


@dataclass(frozen=True, repr=False)
class BCM(Rule):
    """Bienenstock, Cooper and Munro's rule: potentiation above a threshold that slides.

    The threshold follows the mean square of each channel's activity with time constant `tau`
    (Intrator and Cooper 1992), and has to be faster than the weights.
    """

    equations: str = "dw = x_pre*y_post*(y_post - theta_m_post) : 1 (summed)"
    post_channels: str = """dtheta_m/dt = (y_square - theta_m)/tau : 1
y_square = y_map**2/map_size : 1 (summed)"""
    reference: str = "Bienenstock, Cooper and Munro 1982, J Neurosci 2:32"
    tau: Quantity = field(default_factory=lambda: 100 * ms)


@dataclass(frozen=True, repr=False)
class Covariance(Rule):
    """The covariance rule: the product of both activities' deviations from their running means.

    Each channel's mean over positions and samples is followed with time constant `tau`.
    """

    equations: str = "dw = (x_pre - x_mean_pre)*(y_post - y_mean_post) : 1 (summed)"
    pre_channels: str = """dx_mean/dt = (x_now - x_mean)/tau : 1
x_now = x_map/map_size : 1 (summed)"""
    post_channels: str = """dy_mean/dt = (y_now - y_mean)/tau : 1
y_now = y_map/map_size : 1 (summed)"""
    reference: str = "Sejnowski 1977, J Math Biol 4:303"
    tau: Quantity = field(default_factory=lambda: 100 * ms)


@dataclass(frozen=True, repr=False)
class NonlinearHebb(Rule):
    """Nonlinear Hebbian learning: the presynaptic activity times a function of the postsynaptic.

    With the norm of each filter held fixed (``normalize='L2'`` of `ConvSynapses`), it climbs the
    mean over the inputs of the function's integral: projection pursuit, which finds localised,
    oriented filters in natural images for a wide range of functions.

    The change is one per time step, as of every rule for rates; ``filtered`` gives the rule for
    spikes, whose change is one per time.

    Parameters
    ----------
    nonlinearity : str
        The function, in ``y``: a Brian2 expression that may use `theta_y` and `constants`.
    theta_y : float
        A threshold for it.

    Examples
    --------
    >>> NonlinearHebb(nonlinearity="clip(y - theta1, 0, inf)*(y - theta2)",
    ...               constants={"theta1": 1, "theta2": 2})
    """

    reference: str = "Brito and Gerstner 2016, PLoS Comput Biol 12:e1005070"
    nonlinearity: str = "clip(y - theta_y, 0, inf)**2"
    theta_y: float = 0.0

    def __post_init__(self) -> None:
        if "y" not in get_identifiers(self.nonlinearity):
            raise ValueError(
                f"{self.name}: nonlinearity must be an expression in y, such as "
                f"'clip(y - theta_y, 0, inf)**2', got {self.nonlinearity!r}"
            )
        function = word_substitute(self.nonlinearity, {"y": "y_post"})
        made = f"dw = x_pre*({function}) : 1 (summed)"
        equations = made_text(self.equations, made)
        if equations != made:
            raise ValueError(
                f"{self.name}: the equations {self.equations!r} are not those of the nonlinearity "
                f"{self.nonlinearity!r}; give the nonlinearity alone, or use Rule(equations=...)"
            )
        object.__setattr__(self, "equations", equations)
        super().__post_init__()

    def learn_if(self, condition: str) -> Self:
        """Return this rule learning where a condition holds, as `Rule.learn_if`."""
        factor = condition_factor(self.name, condition)
        return replace(self, nonlinearity=f"{factor}*({self.nonlinearity})")


@dataclass(frozen=True, repr=False)
class SoftHebb(Rule):
    """SoftHebb: soft winners learn what drives them, and a filter slows down as its norm nears 1.

    ``y`` is a softmax over channels of the drive ``u``, its negative in all but the winner
    (``SoftWinnerTakeAll(signed=True)``, or ``activity='signed_softmax'`` of a `ConvLayer`): the
    winner learns, the others unlearn. Each change of a step is divided by the largest of all, so
    that the learning rate is the share of it that a weight moves by at most, and the rate of each
    filter falls with the distance of its norm from 1, where it comes to rest: weights start from a
    larger norm, 25 in the paper, and are not normalised.

    Parameters
    ----------
    rate_power : float
        The power of that distance.

    Other parameters are those of `Rule`.

    Examples
    --------
    What a layer must be like is in ``layer_settings``.

    >>> layer = ConvLayer(96, 5, rules.SoftHebb(), **rules.SoftHebb.layer_settings)
    >>> layer.activity, layer.normalize
    ('signed_softmax', None)
    """

    layer_settings: ClassVar[Mapping[str, Any]] = {
        "activity": "signed_softmax",
        "threshold_step": 0.0,  # a winner is who is driven most
        "normalize": None,
        "norm": 25.0,
    }
    layer_rate: ClassVar[str] = "0.08"

    learning_rate: float | Quantity | str = 0.08
    equations: str = """dw = y_post*(x_pre - u_post*w) : 1 (summed)
largest = abs(dw) : 1 (maximum over kernel)
square = w**2 : 1 (summed over filter)
norm_rate = (abs(sqrt(square) - 1) + 1e-10)**rate_power : 1 (constant over filter)"""
    update: str = "w += eta*norm_rate*dw/(largest + 1e-30)"
    reference: str = "Journé, Garcia Rodriguez, Guo and Moraitis 2023, ICLR; arXiv 2209.11883"
    rate_power: float = 0.5
