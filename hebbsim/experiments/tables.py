"""Tables in Markdown, and means over seeds as they show them."""

from collections.abc import Collection, Iterable, Sequence

import numpy as np

__all__ = ["deviation", "markdown_table", "spread", "with_deviation"]


def deviation(values: Sequence[float]) -> float:
    """Return the standard deviation (n - 1); NaN for a single value."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")


def with_deviation(mean: float, deviation: float) -> str:
    """Write a mean, with the standard deviation unless it is NaN."""
    return f"{mean:.2f}" + ("" if np.isnan(deviation) else f" ± {deviation:.2f}")


def spread(values: Sequence[float]) -> str:
    """Write a mean, with the standard deviation (n - 1) if there is more than one value."""
    return with_deviation(float(np.mean(values)), deviation(values))


def markdown_table(
    headings: Sequence[str], lines: Iterable[Sequence[str]], left: Collection[str]
) -> str:
    """
    Write a table in Markdown.

    Parameters
    ----------
    headings : sequence of str
        Of the columns.
    lines : iterable of sequence of str
        The cells below them.
    left : collection of str
        Headings of the columns that are aligned to the left; the others are to the right.
    """
    align = [":---" if heading in left else "---:" for heading in headings]
    return "".join(f"| {' | '.join(line)} |\n" for line in (headings, align, *lines))
