"""Plasticity rules as equations, one family a file."""

from hebbsim.rules.hebbian import BCM, Covariance, Hebb, Instar, Oja, Sanger
from hebbsim.rules.rule import Rule
from hebbsim.rules.stdp import PairSTDP, TripletSTDP

__all__ = [
    "BCM",
    "Covariance",
    "Hebb",
    "Instar",
    "Oja",
    "PairSTDP",
    "Rule",
    "Sanger",
    "TripletSTDP",
]
