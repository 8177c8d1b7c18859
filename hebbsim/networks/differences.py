"""In what two descriptions, in plain values that JSON holds, differ."""

from collections.abc import Iterator, Sequence
from typing import Any

__all__ = ["differences_of", "named"]

_MOST_NAMED = 5


def differences_of(theirs: Any, ours: Any, place: str = "") -> Iterator[str]:
    """Name each difference between two descriptions, and both values."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for name in sorted({*theirs, *ours}):
            yield from differences_of(
                theirs.get(name), ours.get(name), f"{place}.{name}" if place else name
            )
    elif isinstance(theirs, list) and isinstance(ours, list) and len(theirs) == len(ours):
        for number, (a, b) in enumerate(zip(theirs, ours, strict=True)):
            yield from differences_of(a, b, f"{place}[{number}]")
    elif theirs != ours:
        yield f"{place} is {theirs!r} there and {ours!r} here"


def named(differences: Sequence[str]) -> str:
    """Write the first differences, and how many more there are."""
    more = len(differences) - _MOST_NAMED
    shown = "; ".join(differences[:_MOST_NAMED])
    return f"{shown}; and {more} more" if more > 0 else shown
