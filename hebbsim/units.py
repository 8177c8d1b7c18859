"""Quantities as text that equations can read."""

import re
from typing import Any

import numpy as np
from brian2.units import allunits
from brian2.units.fundamentalunits import DIMENSIONLESS, Dimension, get_dimensions, get_unit

__all__ = ["dimensions_of", "quantity_of", "quantity_text", "unit_text"]

#: Brian2's base unit of each dimension
_BASE_UNITS = {
    "length": "metre",
    "mass": "kilogram",
    "time": "second",
    "current": "amp",
    "temperature": "kelvin",
    "substance": "mol",
    "luminosity": "candle",
}


def dimensions_of(values: Any) -> Dimension:
    """Return the dimensions of what a user gave, none of a tensor: its ``dim`` is a method."""
    return DIMENSIONLESS if callable(getattr(values, "dim", None)) else get_dimensions(values)


def unit_text(dimension: Dimension) -> str:
    """Write a dimension as a unit: Brian2 can't read all units that it prints.

    Examples
    --------
    >>> from brian2 import nS, volt
    >>> unit_text(nS.dim), unit_text(volt.dim**-1)
    ('siemens', 'metre**-2*kilogram**-1*second**3*amp')
    """
    if dimension.is_dimensionless:
        return "1"
    name = repr(get_unit(dimension))
    if name.isalpha():
        return name
    exponents = {unit: float(dimension.get_dimension(d)) for d, unit in _BASE_UNITS.items()}
    powers = {unit: f"**{exponent:g}" for unit, exponent in exponents.items() if exponent}
    return "*".join(f"{unit}{power}".removesuffix("**1") for unit, power in powers.items())


def quantity_text(value: Any) -> str:
    """Write a number or a quantity with all its digits.

    Examples
    --------
    >>> from brian2 import nS
    >>> quantity_text(0.5), quantity_text(0.5 * nS)
    ('0.5', '5e-10*siemens')
    """
    number = repr(float(np.asarray(value))).removesuffix(".0")
    unit = unit_text(get_dimensions(value))
    return number if unit == "1" else f"{number}*{unit}"


def quantity_of(text: str) -> Any:
    """Read what `quantity_text` wrote.

    Examples
    --------
    >>> quantity_of("0.02*second"), quantity_of("2e-09*siemens")
    (20. * msecond, 2. * nsiemens)
    """
    number, *factors = re.split(r"(?<!\*)\*(?!\*)", text)
    value: Any = float(number)
    for name, _, power in (factor.partition("**") for factor in factors):
        value = value * getattr(allunits, name) ** float(power or 1)
    return value
