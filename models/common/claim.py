"""What a paper says, and what the numbers say to it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from hebbsim.experiments.tables import markdown_table

__all__ = ["Claim", "claims_table", "failing"]


@dataclass(frozen=True)
class Claim:
    """
    Say in which range a number must lie for a finding to hold.

    Parameters
    ----------
    text : str
        The finding, for the table.
    quantity : str
        Which of a run's numbers it is about.
    published : str
        The paper's figure; marked where it is from memory, empty where it was not found.
    least, most : float
        The range; without either the number is reported, and nothing asked of it.
    over : {'each', 'mean', 'median'}
        Whether each seed's number must lie there, or their mean or median. Runs that diverged (NaN)
        are outside of every range, and left out of means and medians: their number stands beside.
    quick : bool
        Whether it holds in the quick mode too.
    digits : int
        After the point, in the table.
    """

    text: str
    quantity: str
    published: str = ""
    least: float = -np.inf
    most: float = np.inf
    over: Literal["each", "mean", "median"] = "each"
    quick: bool = True
    digits: int = 2

    @property
    def is_asked(self) -> bool:
        """Whether anything is asked of the number."""
        return bool(np.isfinite([self.least, self.most]).any())

    def holds(self, values: Sequence[float]) -> bool:
        """Say whether the numbers of all seeds are as they must be."""
        found = np.asarray(values, dtype=float)
        if self.over != "each":
            finite = found[np.isfinite(found)]
            middle = np.mean if self.over == "mean" else np.median
            found = np.array([middle(finite) if len(finite) else np.nan])
        return not self.is_asked or bool(np.all((self.least <= found) & (found <= self.most)))

    @property
    def asked(self) -> str:
        """The range as text."""
        ends = [
            f"{sign} {end:g}"
            for sign, end in (("≥", self.least), ("≤", self.most))
            if np.isfinite(end)
        ]
        return " and ".join(ends) + (f" ({self.over})" if ends and self.over != "each" else "")

    def found(self, values: Sequence[float]) -> str:
        """Write the numbers of all seeds: mean ± standard deviation [least, most]."""
        finite = [value for value in values if np.isfinite(value)]
        diverged = len(values) - len(finite)
        left_out = f"{diverged} of {len(values)} diverged" if diverged else ""
        if not finite:
            return left_out
        d = self.digits
        if len(set(finite)) == 1:
            text = f"{finite[0]:.{d}f}"
        else:
            middle = "median " if self.over == "median" else ""
            centre = np.median(finite) if middle else np.mean(finite)
            text = f"{middle}{centre:.{d}f} ± {np.std(finite, ddof=1):.{d}f} "
            text += f"[{min(finite):.{d}f}, {max(finite):.{d}f}]"
        return f"{text}; {left_out}" if left_out else text


def failing(
    claims: Iterable[Claim], numbers: Sequence[dict[str, float]], *, quick: bool
) -> list[str]:
    """
    List the claims that don't hold, each with its numbers.

    Parameters
    ----------
    claims : iterable of Claim
        Of a model.
    numbers : sequence of dict
        Of each seed, by quantity.
    quick : bool
        Leave out what needs the published size.
    """
    return [
        f"{claim.text}: expected {claim.asked}, got {claim.found(values)}"
        for claim in claims
        if claim.quick or not quick
        for values in [[found[claim.quantity] for found in numbers]]
        if not claim.holds(values)
    ]


def claims_table(
    claims: Iterable[Claim], numbers: Sequence[dict[str, float]], *, quick: bool
) -> str:
    """
    Write a line for each claim in Markdown: published, found, asked for, whether it holds.

    What the quick mode doesn't measure is left out there.
    """
    lines = []
    for claim in claims:
        if quick and not claim.quick and not all(claim.quantity in found for found in numbers):
            continue
        values = [found[claim.quantity] for found in numbers]
        counts = claim.is_asked and (claim.quick or not quick)
        holds = {True: "yes", False: "**no**"}[claim.holds(values)] if counts else ""
        asked = claim.asked if counts else ""
        lines.append([claim.text, claim.published, claim.found(values), asked, holds])
    text = ["claim", "published"]
    return markdown_table([*text, "here", "asked", "holds"], lines, text)
