"""What a sweep found so far: means over seeds, as a table and as lines of a file."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import floor, isfinite, log10
from pathlib import Path
from typing import Any

import numpy as np

from hebbsim.experiments.row_table import write_csv
from hebbsim.experiments.tables import deviation, markdown_table
from hebbsim.sweeps.store import Result
from hebbsim.sweeps.unit import Unit, settings_label

__all__ = ["Group", "found_numbers", "groups", "summary_table", "write_results"]

_SETTINGS, _SEEDS = "settings", "seeds"
_DIGITS = 4

type Found = Sequence[tuple[Unit, Result]]


@dataclass(frozen=True)
class Group:
    """
    Hold what the seeds of the same settings gave.

    Parameters
    ----------
    varied : dict
        The settings that tell them from the others.
    numbers : list of dict
        By name, one for each seed.
    """

    varied: dict[str, Any]
    numbers: list[dict[str, float]]

    def values(self, name: str) -> list[float]:
        """Return the numbers of a name, of the seeds that have it."""
        return [found[name] for found in self.numbers if name in found]


def groups(found: Found) -> list[Group]:
    """Put the results of the same settings together, in the order of units."""
    made: dict[str, Group] = {}
    for unit, result in found:
        group = made.setdefault(settings_label(unit.varied), Group(dict(unit.varied), []))
        group.numbers.append(result.numbers)
    return list(made.values())


def found_numbers(found: Found) -> list[str]:
    """List the names of numbers, in the order in which they are met."""
    return list(dict.fromkeys(name for _, result in found for name in result.numbers))


def summary_table(found: Found, n_units: int) -> str:
    """
    Write the table in Markdown.

    Parameters
    ----------
    found : sequence of tuple of Unit and Result
        What there is.
    n_units : int
        How many units the sweep has.
    """
    names, made = found_numbers(found), groups(found)
    columns = [
        [settings_label(group.varied) or "all" for group in made],
        [str(len(group.numbers)) for group in made],
        *(_column([group.values(name) for group in made]) for name in names),
    ]
    lines = zip(*columns, strict=True)
    caption = f"{len(found)} of {n_units} units; mean ± standard deviation over seeds."
    table = markdown_table((_SETTINGS, _SEEDS, *names), lines, (_SETTINGS,))
    return f"{caption}\n\n{table}"


def _column(values: Sequence[Sequence[float]]) -> list[str]:
    """Write means and deviations with as many decimals as give the largest mean four digits."""
    means = [float(np.mean(some)) if some else 0.0 for some in values]
    largest = max((abs(mean) for mean in means if isfinite(mean)), default=0.0)
    if largest and not 1e-3 <= largest < 1e6:
        form = f".{_DIGITS - 1}e"
    else:
        form = f".{max(0, _DIGITS - 1 - floor(log10(largest))) if largest else _DIGITS}f"
    return [_spread(some, form) for some in values]


def _spread(values: Sequence[float], form: str) -> str:
    if not values:
        return ""
    spread = deviation(values)
    return f"{np.mean(values):{form}}" + ("" if np.isnan(spread) else f" ± {spread:{form}}")


def write_results(path: Path, found: Found) -> None:
    """Write a line for each unit: its settings, its seed, its numbers."""
    settings = list(dict.fromkeys(name for unit, _ in found for name in unit.varied))
    names = found_numbers(found)
    header = [*settings, "seed", *names, "seconds", "unit"]
    write_csv(path, header, (_line(settings, names, *pair) for pair in found))


def _line(
    settings: Iterable[str], names: Iterable[str], unit: Unit, result: Result
) -> list[object]:
    given = [unit.varied.get(name, "") for name in settings]
    numbers = [result.numbers.get(name, "") for name in names]
    return [*given, unit.seed, *numbers, result.seconds, unit.key]
