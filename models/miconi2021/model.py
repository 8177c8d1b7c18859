r"""
The network: three layers of Hebbian convolution, as declarations that become Brian2 equations.

Each layer, with ``x`` its input and ``w_c`` the filter of channel ``c`` (notebook, cell 3)::

    x      <- (x - mean(x))/std(x)                 of each image, over channels and positions
    u_c     = sum_patch w_c*x                      the drive
    z_c     = u_c - theta_c
    y_c     = 1 if z_c > 0 and z_c is the largest over channels at its position, else 0
    theta_c <- theta_c + 3*(mean_{images, positions}(y_c) - 1/N)

    Hebb     dw_c = eta*sum_{images, positions} y_c*x
    instar   dw_c = eta*sum_{images, positions} y_c*(x - w_c)
    Oja      dw_c = eta*sum_{images, positions} y_c*(x - y_c*w_c)
    w_c    <- mask*(w_c + dw_c),  w_c <- w_c/||w_c||_2

    output  = y                                    'wta', the base network
            = max(0, z_c - mean_c(z))              'triangle': dense activation, sparse plasticity
    next x  = 2x2 average pooling of the output

The notebook obtains the three rules as gradients of ``-sum(f^2)/2`` with ``f = u_c``,
``u_c - ||w_c||^2/2`` and ``u_c - y_c*||w_c||^2/2``, where ``f`` takes the value ``y_c`` and keeps
its graph. Here they are equations, and what runs is what `hebbsim.rules` prints. As ``y`` is 0 or
1, ``y^2 = y``: in this network Oja's rule *is* the instar.
"""

from dataclasses import dataclass
from typing import Any

from hebbsim import ConvLayer, ConvNetwork, rules
from hebbsim.errors import SettingsError
from hebbsim.experiments.settings import check_choice
from hebbsim.networks.conv_layer import ACTIVITIES, POOLINGS
from hebbsim.rules.rule import Rule

__all__ = ["CONDITIONS", "KERNELS", "OUTPUTS", "RULES", "Condition", "build", "layers"]

#: The paper's rules, and the library's others that learn from rates alone
RULES: dict[str, type[Rule]] = {
    "hebb": rules.Hebb,
    "instar": rules.Instar,
    "oja": rules.Oja,
    "sanger": rules.Sanger,
    "bcm": rules.BCM,
    "covariance": rules.Covariance,
}
#: What the command line calls an output, and what `ConvLayer` does; 'rectified' isn't the paper's
OUTPUTS = {"wta": "activity", "triangle": "triangle", "rectified": "rectified"}

#: Cell 3: ``SIZES``, ``POOLDIAMS``, ``LR`` (per sum over images and positions), ``MUTHRES``
KERNELS = (5, 3, 3)
POOL = 2
RATES = (1e-4, 1e-4, 1e-3)
THRESHOLD_STEP = 3.0


@dataclass(frozen=True)
class Condition:
    """
    Say what distinguishes one network from the others.

    Parameters
    ----------
    rule : {'instar', 'hebb', 'oja', 'sanger', 'bcm', 'covariance', None}
        None keeps the random kernels; thresholds adapt all the same.
    output : {'triangle', 'wta', 'rectified'}
        What a layer hands on.
    prune : float
        Share of weights that a fixed random mask removes in the second and third layer.
    rates : tuple of float
        Learning rate of each layer.
    activity : str
        What plasticity sees, an activity of `ConvLayer`.
    k : int
        Winners at each position.
    temperature : float
        Of ``activity='softmax'``.
    threshold_step : float
        How far a threshold moves for an excess of wins of 1.
    pooling : {'average', 'max', 'sum'}
        Of the output.

    Raises
    ------
    SettingsError
        If a value is unknown or out of range.
    """

    rule: str | None = "instar"
    output: str = "triangle"
    prune: float = 0.0
    rates: tuple[float, ...] = RATES
    activity: str = "winners"
    k: int = 1
    temperature: float = 1.0
    threshold_step: float = THRESHOLD_STEP
    pooling: str = "average"

    def __post_init__(self) -> None:
        if self.rule is not None:
            check_choice("rule", self.rule, RULES)
        check_choice("output", self.output, OUTPUTS)
        check_choice("activity", self.activity, ACTIVITIES)
        check_choice("pooling", self.pooling, POOLINGS)
        if not 0 <= self.prune < 1:
            raise SettingsError(
                f"prune: expected a share of the weights from 0 to below 1, got {self.prune!r}; "
                "the paper's is 0.99"
            )


#: The conditions of the paper's abstract; without a pruning of their own they have that of the run
CONDITIONS: dict[str, dict[str, Any]] = {
    "untrained": {"rule": None, "output": "triangle", "prune": 0.0},
    "base": {"rule": "instar", "output": "wta", "prune": 0.0},
    "triangle": {"rule": "instar", "output": "triangle", "prune": 0.0},
    "pruned": {"rule": "instar", "output": "triangle"},
    "pruned-hebb": {"rule": "hebb", "output": "triangle"},
    "pruned-oja": {"rule": "oja", "output": "triangle"},
}


def layers(channels: tuple[int, ...], condition: Condition) -> list[ConvLayer]:
    """
    Declare the layers of a network.

    Parameters
    ----------
    channels : tuple of int
        Filters of each layer; the paper's are 100, 196 and 400 (cell 3, ``N``).
    condition : Condition
        All the rest that may differ.

    Returns
    -------
    list of ConvLayer
        The first layer is never pruned (cell 3, ``mi.fill_(1.0)``).
    """
    rates = condition.rates
    return [
        ConvLayer(
            n_filters,
            kernel_size,
            None if condition.rule is None else RULES[condition.rule](rate),
            activity=condition.activity,
            k=condition.k,
            temperature=condition.temperature,
            threshold_step=condition.threshold_step,
            output=OUTPUTS[condition.output],
            pooling=condition.pooling,
            pool_size=POOL,
            standardize=True,
            normalize="L2",
            pruned=condition.prune if number > 0 else 0.0,
        )
        for number, (n_filters, kernel_size, rate) in enumerate(
            zip(channels, KERNELS, rates, strict=True)
        )
    ]


def build(
    condition: Condition,
    channels: tuple[int, ...] = (100, 196, 400),
    input_shape: tuple[int, int, int] = (3, 32, 32),
    *,
    batch_size: int = 100,
    seed: int = 0,
) -> ConvNetwork:
    """
    Build a network with random kernels; the defaults are the published size.

    Parameters
    ----------
    condition : Condition
        Rule, output and pruning.
    channels : tuple of int
        Filters of each layer.
    input_shape : tuple of int
        ``(channels, rows, cols)`` of an image.
    batch_size : int
        Images presented side by side (cell 3, ``BATCHSIZE``).
    seed : int
        Of kernels, masks and the order of presentation.
    """
    declared = layers(channels, condition)
    return ConvNetwork(input_shape, declared, batch_size=batch_size, seed=seed)
