"""What the parameters of a rule have to be."""

from collections.abc import Collection, Mapping
from numbers import Real
from typing import Any

import numpy as np
from brian2.equations import Equations
from brian2.units import Quantity, second
from brian2.units.fundamentalunits import Dimension, get_dimensions, have_same_dimensions

from hebbsim.units import unit_text

__all__ = ["check_constants", "check_numbers", "check_time", "decides_units", "with_units"]

#: What equations of weights read as their own besides the names that Brian2 reserves
_OF_WEIGHTS = {"j", "w", "eta", "n_shared", "map_size"}


def check_constants(rule: str, constants: Mapping[str, Any], defined: Collection[str]) -> None:
    """Refuse a constant that Brian2 would read as something else, such as what is `defined`."""
    for name in constants:
        try:
            Equations.check_identifier(name)
            why = f"'{name}' has a meaning of its own in equations" if name in _OF_WEIGHTS else ""
            why = "the rule's equations define it" if name in defined else why
        except SyntaxError as error:
            why = str(error).rstrip(".")
        if why:
            raise ValueError(f"{rule}: the constant '{name}' would not be used: {why}; rename it")


def check_numbers(rule: str, parameters: Mapping[str, Any]) -> None:
    """Refuse a parameter that is NaN: it would turn all weights into NaN, which learn nothing."""
    for name, value in parameters.items():
        # of all numbers NaN alone differs from itself; numpy doesn't know each, such as a Fraction
        if isinstance(value, Real | np.ndarray) and np.any(value != value):
            raise ValueError(f"{rule}: {name} must be a number, got {value!r}")


def check_time(rule: str, name: str, value: Any) -> None:
    """Refuse a parameter of a rule that is no positive time."""
    if not (have_same_dimensions(value, second) and float(value) > 0):
        raise ValueError(f"{rule}: {name} must be a positive time, such as 20*ms, got {value!r}")


def decides_units(values: Mapping[str, float | Quantity]) -> str:
    """Return which of some values has the units of all: none that is 0, one with units first."""

    def weight(name: str) -> tuple[bool, bool]:
        value = values[name]
        return float(value) != 0, not get_dimensions(value).is_dimensionless

    return max(values, key=weight)


def with_units(
    rule: str, values: Mapping[str, float | Quantity], wanted: Dimension, of: str
) -> dict[str, float | Quantity]:
    """Return values that have the `wanted` dimensions; a 0 takes them.

    Raises
    ------
    ValueError
        If one has others, with what has the wanted ones (`of`).
    """
    found: dict[str, float | Quantity] = {}
    for name, value in values.items():
        if get_dimensions(value) is wanted:
            found[name] = value
        elif float(value) == 0:
            found[name] = Quantity(0.0, dim=wanted) if not wanted.is_dimensionless else 0.0
        else:
            units = "none" if wanted.is_dimensionless else unit_text(wanted)
            raise ValueError(f"{rule}: {name} must have the units of {of}, {units}, got {value!r}")
    return found
