"""Units as text that Brian2's equations read back."""

import doctest

import numpy as np
import pytest
from brian2 import Hz, Quantity, amp, kelvin, metre, mmolar, mS, mV, nS, ohm, pF, second, volt
from brian2.equations import Equations

from hebbsim import units
from hebbsim.units import quantity_text, unit_text

UNITS = [1 * nS, 1 * volt, 3 * Hz, nS / second, 1 / mV**2, mS * metre**-2, pF, ohm**0.5]
UNITS += [kelvin**1.5, mmolar, 1 * amp**2, 2.0]


@pytest.mark.parametrize("value", UNITS, ids=repr)
def test_units_are_read_back(value):
    dimension = Quantity(value).dim
    assert Equations(f"x : {unit_text(dimension)}")["x"].dim is dimension


@pytest.mark.parametrize("value", UNITS, ids=repr)
def test_quantities_are_read_back_with_all_digits(value):
    import brian2

    third = value / 3
    found = eval(quantity_text(third), vars(brian2))
    assert np.asarray(found) == np.asarray(third)
    assert Quantity(found).dim is Quantity(value).dim


def test_examples():
    assert doctest.testmod(units).failed == 0
