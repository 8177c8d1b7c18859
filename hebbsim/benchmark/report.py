"""What a benchmark writes: tables, the environment, and where they go."""

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from hebbsim.benchmark.rows import Row, Series
from hebbsim.experiments.results import OutputFolder
from hebbsim.experiments.row_table import write_csv
from hebbsim.experiments.tables import markdown_table
from hebbsim.whole_file import check_place, make_folder, write_text

__all__ = ["BenchmarkFolder", "markdown", "table"]

_HEADINGS = (
    *("part", "what", "rival", "threads", "unit", "ours", "rival's"),
    *("ratio", "target", "met", "difference"),
)
_LEFT = ("part", "what", "rival", "unit", "target", "met")


class BenchmarkFolder(OutputFolder):
    """
    Write a benchmark's results to a folder.

    Parameters
    ----------
    path : path
        The folder.
    """

    def __init__(self, path: str | Path) -> None:
        super().__init__(path)
        self.series = self.path / "series.csv"
        self.environment = self.path / "environment.json"
        self.figure = self.path / "benchmark.png"

    def files(self) -> Iterator[Path]:
        """Iterate over the files that may be ours, whether they are there or not."""
        yield from (self.csv, self.series, self.environment, self.table, self.figure)

    def check(self, *, overwrite: bool) -> None:
        """Make sure that nothing is lost and all can be written, before anything is measured."""
        self.check_free(overwrite=overwrite)
        make_folder(self.path)
        check_place(self.csv)

    def save(
        self, rows: Sequence[Row], series: Sequence[Series], environment: dict[str, Any]
    ) -> None:
        """Write all that is measured so far, and where; older results go when there are new."""
        make_folder(self.path)
        self.figure.unlink(missing_ok=True)
        write_text(self.environment, json.dumps(environment, indent=2) + "\n")
        write_csv(self.csv, _HEADINGS, (_values(row) for row in rows))
        points = (
            (s.part, s.name, s.x_label, x, s.y_label, y)
            for s in series
            for x, y in zip(s.x, s.y, strict=True)
        )
        write_csv(self.series, ("part", "series", "x_label", "x", "y_label", "y"), points)
        write_text(self.table, markdown(rows))

    def draw(self, rows: Sequence[Row], series: Sequence[Series]) -> None:
        """Write the figure."""
        from hebbsim.benchmark.charts import benchmark_figure
        from hebbsim.experiments.figures import save_figure

        save_figure(benchmark_figure(rows, series), self.figure)


def _met(row: Row) -> str:
    if row.differs:
        return "differs"
    return {True: "yes", False: "no", None: ""}[row.met]


def _values(row: Row) -> tuple[object, ...]:
    """Return the numbers of a row in full, and nothing for those that it doesn't have."""
    numbers = [
        "" if math.isnan(value) else value
        for value in (row.ours, row.theirs, row.ratio, row.difference)
    ]
    target = "" if row.target is None else str(row.target)
    return (
        *(row.part, row.what, row.rival, row.threads, row.unit),
        *(*numbers[:3], target, _met(row), numbers[3]),
    )


def _cells(row: Row) -> tuple[str, ...]:
    def shown(value: object) -> str:
        return f"{value:.3g}" if isinstance(value, float) and value < 1000 else _large(value)

    return tuple(shown(value) for value in _values(row))


def _large(value: object) -> str:
    return f"{value:.0f}" if isinstance(value, float) else str(value)


def markdown(rows: Iterable[Row]) -> str:
    """Write the table in Markdown."""
    return markdown_table(_HEADINGS, map(_cells, rows), _LEFT)


def table(rows: Iterable[Row], environment: dict[str, Any]) -> Table:
    """Build the table for the terminal."""
    caption = (
        f"{environment['cpu']}, {environment['dtype']}; medians of {environment['repeats']} "
        "interleaved repetitions; ratio: the rival's over ours; difference: largest one of the "
        "results, over their largest value"
    )
    built = Table(caption=caption, caption_justify="left")
    for heading in _HEADINGS:
        built.add_column(
            heading,
            justify="left" if heading in _LEFT else "right",
            overflow="fold",
            no_wrap=heading not in ("what", "rival"),
        )
    part = ""
    for row in rows:
        if row.part != part:
            built.add_section()
            part = row.part
        colour = {"yes": "green", "no": "red", "differs": "bold red", "": ""}[_met(row)]
        cells: list[str | Text] = list(_cells(row))
        met = _HEADINGS.index("met")
        cells[met] = Text(_met(row), colour)
        built.add_row(*cells)
    return built
