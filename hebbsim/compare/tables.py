"""Tables of a comparison: means over seeds, and differences to the baselines."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from rich.table import Table

from hebbsim.compare.results import PIXELS, RANDOM, Row
from hebbsim.compare.settings import CompareSettings
from hebbsim.experiments.tables import deviation, markdown_table, with_deviation

__all__ = ["Summary", "label", "markdown", "summarize", "table"]

HEADINGS = ("layer", "features of", "number", "accuracy (%)", "vs random", "vs pixels")
LEFT = ("features of",)
_LABELS = {PIXELS: "raw pixels", RANDOM: "random kernels"}


@dataclass(frozen=True)
class Summary:
    """
    Hold what the seeds of one rule and layer have in common; accuracies in [0, 1].

    Parameters
    ----------
    rule, layer, n_features
        As in `Row`.
    accuracies : tuple of float
        One for each seed.
    vs_random, vs_pixels : float
        Mean difference to random kernels of the same seed and layer, and to raw pixels; NaN
        where there is nothing to compare with.
    """

    rule: str
    layer: int
    n_features: int
    accuracies: tuple[float, ...]
    vs_random: float
    vs_pixels: float

    @property
    def mean(self) -> float:
        """Mean over the seeds."""
        return float(np.mean(self.accuracies))

    @property
    def deviation(self) -> float:
        """Standard deviation over the seeds (n - 1); NaN for a single one."""
        return deviation(self.accuracies)


def summarize(rows: Iterable[Row]) -> list[Summary]:
    """Summarise rows over their seeds: pixels, then layer by layer, in the order of the rules."""
    rows = list(rows)
    accuracy = {(row.rule, row.layer, row.seed): row.accuracy for row in rows}
    pixels = accuracy.get((PIXELS, 0, 0), float("nan"))
    order = {RANDOM: -1} | {row.rule: 0 for row in rows if row.rule != RANDOM}
    groups = sorted(
        {(r.layer, order[r.rule], r.rule): r for r in rows}.items(), key=lambda g: g[0][:2]
    )
    found = []
    for (layer, _, rule), row in groups:
        seeds = sorted(seed for r, n, seed in accuracy if (r, n) == (rule, layer))
        values = tuple(accuracy[rule, layer, seed] for seed in seeds)
        pairs = [
            accuracy[rule, layer, seed] - accuracy[RANDOM, layer, seed]
            for seed in seeds
            if rule != RANDOM and (RANDOM, layer, seed) in accuracy
        ]
        vs_random = float(np.mean(pairs)) if pairs else float("nan")
        vs_pixels = float("nan") if rule == PIXELS else float(np.mean(values)) - pixels
        found.append(Summary(rule, layer, row.n_features, values, vs_random, vs_pixels))
    return found


def label(rule: str) -> str:
    """Return what tables and figures call a rule or a baseline."""
    return _LABELS.get(rule, rule)


def cells(summary: Summary) -> tuple[str, ...]:
    return (
        str(summary.layer) if summary.layer else "",
        label(summary.rule),
        str(summary.n_features),
        with_deviation(100 * summary.mean, 100 * summary.deviation),
        *("" if np.isnan(d) else f"{100 * d:+.2f}" for d in (summary.vs_random, summary.vs_pixels)),
    )


def caption(settings: CompareSettings) -> str:
    """Say in a sentence what the numbers are."""
    seeds = (
        "one seed" if settings.seeds == 1 else f"{settings.seeds} seeds, mean ± standard deviation"
    )
    return (
        f"{settings.data}: accuracy on the test split of a linear read-out ({settings.decoder}) "
        f"trained on the training split; {seeds}; differences in percentage points"
    )


def markdown(settings: CompareSettings, rows: Iterable[Row]) -> str:
    """Write the table in Markdown."""
    lines = map(cells, summarize(rows))
    return f"{caption(settings)}.\n\n{markdown_table(HEADINGS, lines, LEFT)}"


def table(settings: CompareSettings, rows: Iterable[Row]) -> Table:
    """Build the table for the terminal."""
    built = Table(caption=caption(settings), caption_justify="left")
    for heading in HEADINGS:
        built.add_column(heading, justify="left" if heading in LEFT else "right")
    layer = 0
    for summary in summarize(rows):
        if summary.layer != layer:
            built.add_section()
            layer = summary.layer
        built.add_row(*cells(summary))
    return built
