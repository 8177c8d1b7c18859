"""Batch normalisation of channels: by the batch while it learns, by running values later."""

from numbers import Real

from hebbsim.competition.activations import Assign
from hebbsim.maps.feature_map import FeatureMap
from hebbsim.maps.per_channel_sample_position import PerChannel

__all__ = ["BatchNorm"]

_MODEL = """
training : boolean (shared)
batch_mean = {source}_map/map_size : 1 (summed)
batch_variance = ({source}_map - batch_mean)**2/map_size : 1 (summed)
running_mean : 1
running_variance : 1
norm_mean = int(training)*batch_mean + int(not training)*running_mean : 1
norm_variance = int(training)*batch_variance + int(not training)*running_variance : 1
"""
_UPDATE = """
running_mean += int(training)*norm_momentum*(batch_mean - running_mean)
running_variance += int(training)*norm_momentum*(batch_variance*unbiased - running_variance)
"""


class BatchNorm(PerChannel):
    """Bring each channel of a map to zero mean and unit variance, over positions and samples.

    ``target = (source - mean)/sqrt(variance + eps)``, as `torch.nn.BatchNorm2d` without its affine
    part (Ioffe and Szegedy 2015, ICML, algorithm 1). While ``training`` is True, which is where it
    starts, mean and variance are those of the step's batch, and running ones follow them at the
    end of the step (with the variance unbiased); otherwise they are the running ones, which stay.

    Parameters
    ----------
    feature_map : FeatureMap
        The map, with at least two neurons in each channel.
    source : str
        The variable to normalise, without units.
    target : str
        The variable to write, which may be the source itself.
    momentum : float
        Share of a batch in the running values, from 0 to 1.
    eps : float
        Added to the variance; positive.
    order, name
        As in `PerChannel`.

    Raises
    ------
    ValueError
        If a number is out of range, or a channel has a single neuron.
    KeyError
        If the map has no such variables.

    Examples
    --------
    >>> norm = BatchNorm(layer, "x", "z")
    >>> network.run(100*ms)
    >>> norm.training = False  # by the running values from here on
    """

    def __init__(
        self,
        feature_map: FeatureMap,
        source: str = "x",
        target: str = "x",
        *,
        momentum: float = 0.1,
        eps: float = 1e-5,
        order: int = 0,
        name: str | None = None,
    ) -> None:
        Assign.check_types(feature_map, source)
        label = f"BatchNorm on '{feature_map.name}'"
        for what, value, least, most in (
            ("momentum", momentum, 0, 1),
            ("eps", eps, 0, float("inf")),
        ):
            number = isinstance(value, Real) and not isinstance(value, bool)
            if not (number and least <= value <= most and value != float("inf")) or (
                what == "eps" and value == 0
            ):
                expected = "a number from 0 to 1" if what == "momentum" else "a positive number"
                raise ValueError(f"{label}: {what} must be {expected}, got {value!r}")
        for variable in (source, target):
            feature_map.array_variable(variable)
        n = len(feature_map) // feature_map.shape.channels
        if n < 2:
            raise ValueError(
                f"{label}: a channel needs more than one neuron to vary, and it has one sample of "
                "one position; use a larger batch_size"
            )
        self.momentum, self.eps = float(momentum), float(eps)
        super().__init__(
            feature_map,
            _MODEL.format(source=source),
            _UPDATE,
            when="groups",
            namespace={"norm_momentum": self.momentum, "unbiased": n / (n - 1)},
            order=order,
            name=name or f"{feature_map.name}_batch_norm*",
        )
        self.training = True
        self.running_variance = 1
        self.add_attribute("operation")
        #: What writes the target
        self.operation = Assign(
            feature_map,
            f"({source} - norm_mean)/sqrt(norm_variance + {self.eps!r})",
            target,
            order=order,
            name=f"{self.name}_{target}",
        )
