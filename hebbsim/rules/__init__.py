"""Plasticity rules as equations, one family a file."""

from hebbsim.rules.clopath import Clopath
from hebbsim.rules.hebbian import (
    BCM,
    Covariance,
    Hebb,
    Instar,
    NonlinearHebb,
    Oja,
    Sanger,
    SoftHebb,
)
from hebbsim.rules.order_stdp import OrderSTDP
from hebbsim.rules.reward import RewardGated
from hebbsim.rules.rule import Rule
from hebbsim.rules.stdp import PairSTDP, TripletSTDP

__all__ = [
    "BCM",
    "Clopath",
    "Covariance",
    "Hebb",
    "Instar",
    "NonlinearHebb",
    "Oja",
    "OrderSTDP",
    "PairSTDP",
    "RewardGated",
    "Rule",
    "Sanger",
    "SoftHebb",
    "TripletSTDP",
]
