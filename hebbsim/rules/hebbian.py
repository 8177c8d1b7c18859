"""Hebbian rules for rates."""

from dataclasses import dataclass

from hebbsim.rules.rule import Rule

__all__ = ["Hebb", "Instar", "Oja", "Sanger"]


@dataclass(frozen=True)
class Hebb(Rule):
    """Plain Hebb: the product of pre- and postsynaptic activity. Grows without bound by itself."""

    equations: str = "dw = y_post*x_pre : 1 (summed)"
    reference: str = "Hebb 1949, The Organization of Behavior"


@dataclass(frozen=True)
class Instar(Rule):
    """Grossberg's instar: an active neuron's weights move towards its input."""

    equations: str = "dw = y_post*(x_pre - w) : 1 (summed)"
    reference: str = "Grossberg 1976, Biol Cybern 23:121"


@dataclass(frozen=True)
class Oja(Rule):
    """Oja's rule: finds the first principal component, with unit norm."""

    equations: str = "dw = y_post*(x_pre - y_post*w) : 1 (summed)"
    reference: str = "Oja 1982, J Math Biol 15:267, equation 3"


@dataclass(frozen=True)
class Sanger(Rule):
    """Sanger's generalised Hebbian algorithm: the first principal components, in order.

    ``xhat`` is the input as this output channel and those before it reconstruct it.
    """

    equations: str = """xhat = y_post*w : 1 (cumulative)
dw = y_post*(x_pre - xhat) : 1 (summed)"""
    reference: str = "Sanger 1989, Neural Networks 2:459, equation 3"
