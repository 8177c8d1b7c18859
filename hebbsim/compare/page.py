"""The report of a comparison: one page that opens without a network or other files."""

import base64
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import jinja2

from hebbsim import __version__
from hebbsim.compare.results import PIXELS, ResultsFolder, Row
from hebbsim.compare.settings import CompareSettings
from hebbsim.compare.tables import HEADINGS, LEFT, caption, cells, summarize

__all__ = ["report_page"]

_TEMPLATE = Path(__file__).parent / "templates" / "report.html"


def report_page(results: ResultsFolder, settings: CompareSettings, rows: Sequence[Row]) -> str:
    """
    Write the page from what the folder holds.

    Parameters
    ----------
    results : ResultsFolder
        The folder; its figures are there.
    settings : CompareSettings
        Of the comparison.
    rows : sequence of Row
        Its results.

    Returns
    -------
    str
        HTML, with the figures inside.
    """
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    summaries = summarize(rows)
    best = max((s for s in summaries if s.rule != PIXELS), key=lambda s: s.mean, default=None)
    lines = [(summary is best, cells(summary)) for summary in summaries]
    return template.render(
        version=__version__,
        data=settings.data,
        caption=caption(settings),
        headings=[(heading, heading in LEFT) for heading in HEADINGS],
        lines=lines,
        figures=[
            (title, said, _embedded(path))
            for title, said, path in _figures(results)
            if path.exists()
        ],
        settings=[(name, json.dumps(value)) for name, value in asdict(settings).items()],
        command=f"hebbsim compare --settings {results.settings.name} --output again",
        seconds=round(sum(row.seconds for row in rows if row.layer == 1)),
    )


def _figures(results: ResultsFolder) -> list[tuple[str, str, Path]]:
    return [
        ("Accuracy", "Each layer, rule and seed; mean and standard deviation.", results.accuracy),
        (
            "Learned kernels",
            "Of the first layer and the first seed, each scaled by its own largest weight.",
            results.filters,
        ),
        (
            "Learning curves",
            "How much each layer's kernel changes in an epoch, relative to its size: mean over "
            "the seeds. A curve that has not fallen asks for more epochs.",
            results.learning,
        ),
    ]


def _embedded(path: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode("ascii")
