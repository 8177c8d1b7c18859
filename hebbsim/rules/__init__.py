"""Plasticity rules as equations, one family a file."""

from hebbsim.rules.hebbian import Hebb, Instar, Oja, Sanger
from hebbsim.rules.rule import Rule

__all__ = ["Hebb", "Instar", "Oja", "Rule", "Sanger"]
