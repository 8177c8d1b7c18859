"""The units of a weight, from what changes it."""

from collections.abc import Mapping
from typing import Any

from brian2 import units
from brian2.equations import Equations
from brian2.parsing.expressions import parse_expression_dimensions
from brian2.units import Quantity, second
from brian2.units.fundamentalunits import DIMENSIONLESS, Dimension, DimensionMismatchError
from brian2.utils.stringtools import get_identifiers

from hebbsim.rules.factors import without_conditions
from hebbsim.statements import parse_statements

__all__ = ["change_dimensions"]


def change_dimensions(
    code: str, equations: Mapping[str, str], values: Mapping[str, Any]
) -> Dimension:
    """Return the dimensions of what statements add to ``w``.

    Parameters
    ----------
    code : str
        The statements.
    equations : mapping of str to str
        What defines the names in them, by the suffix that these have there.
    values : mapping
        What further names stand for.

    Returns
    -------
    Dimension
        That of the first change that can be told without the weight's own, or of a number.
    """
    known: dict[str, Any] = {"t": second, "dt": second, "n_shared": 1, **values}
    for suffix, text in equations.items():
        for equation in Equations(text).values():
            known[equation.varname + suffix] = Quantity(1, dim=equation.dim)
    for statement in parse_statements(code):
        if statement.target != "w" or statement.operator not in ("+=", "-="):
            continue
        value = without_conditions(statement.value)
        named = {n: getattr(units, n, None) for n in get_identifiers(value)}
        of_units = {name: unit for name, unit in named.items() if isinstance(unit, Quantity)}
        try:
            return parse_expression_dimensions(value, of_units | known)
        except (KeyError, SyntaxError, ValueError, DimensionMismatchError):
            continue  # calls a function, or reads the weight or what the user defines
    return DIMENSIONLESS
