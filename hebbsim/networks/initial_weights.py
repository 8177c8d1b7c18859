"""Weights that a layer starts from, drawn from a range or by an expression."""

from typing import Any

import numpy as np
from brian2.core.functions import DEFAULT_FUNCTIONS
from brian2.core.namespace import DEFAULT_CONSTANTS
from brian2.parsing.rendering import NumpyNodeRenderer
from brian2.utils.stringtools import get_identifiers

__all__ = ["check_initial_weights", "draw_weights"]

_DRAWN = ("rand", "randn")
_KNOWN = {
    **{name: f.pyfunc for name, f in DEFAULT_FUNCTIONS.items() if f.stateless},
    **{name: c.get_value() for name, c in DEFAULT_CONSTANTS.items()},
}


def check_initial_weights(label: str, given: tuple[float, float] | str) -> None:
    """
    Say what is wrong with initial weights.

    Raises
    ------
    ValueError
        If a range doesn't rise, an expression names what isn't known, or its values aren't finite.
    """
    if isinstance(given, str):
        _draw(label, given, np.random.default_rng(0), (2,))
        return
    try:
        low, high = np.asarray(given, dtype=float)
    except (TypeError, ValueError):  # no two numbers
        low = high = np.nan
    if not -np.inf < low <= high < np.inf:
        raise ValueError(
            f"{label}: initial_weights must be a range that rises, such as (0.2, 0.8), or an "
            f"expression, such as '0.8 + 0.05*randn()', got {given!r}"
        )


def draw_weights(
    given: tuple[float, float] | str, generator: np.random.Generator, shape: tuple[int, ...]
) -> np.ndarray:
    """Return weights of a shape that are distributed uniformly in a range, or by an expression.

    Parameters
    ----------
    given : (float, float) or str
        The range, or the expression: ``rand()`` is uniform between 0 and 1, ``randn()`` normal.
    generator : numpy.random.Generator
        What draws.
    shape : tuple of int
        Of the weights.
    """
    if isinstance(given, str):
        return _draw("initial_weights", given, generator, shape)
    return generator.uniform(*given, shape)


def _draw(
    label: str, text: str, generator: np.random.Generator, shape: tuple[int, ...]
) -> np.ndarray:
    unknown = sorted(get_identifiers(text) - {*_KNOWN, *_DRAWN})
    if unknown:
        raise ValueError(
            f"{label}: initial_weights={text!r} names {', '.join(unknown)}; it may name rand(), "
            "randn(), and the functions and constants that Brian2 knows"
        )
    drawn = {
        "rand": lambda: generator.random(shape),
        "randn": lambda: generator.standard_normal(shape),
    }
    names: dict[str, Any] = {"__builtins__": {}, "logical_not": np.logical_not, **_KNOWN, **drawn}
    try:
        values = eval(NumpyNodeRenderer(auto_vectorise=set()).render_expr(text), names)
        weights = np.broadcast_to(np.asarray(values, dtype=float), shape)
    except (SyntaxError, TypeError, ValueError) as error:
        raise ValueError(f"{label}: initial_weights={text!r} can't be computed: {error}") from None
    if not np.isfinite(weights).all():
        raise ValueError(f"{label}: initial_weights={text!r} gives weights that aren't finite")
    return weights.copy()
