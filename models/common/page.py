"""The page of all models, whose numbers the commands write."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.animation import Animation
from matplotlib.figure import Figure

from hebbsim.errors import SettingsError
from hebbsim.experiments.figures import save_picture
from hebbsim.experiments.preferences import cores
from hebbsim.whole_file import write_text
from models.common.model import Model, Results

__all__ = ["PAGE", "write_page"]

_NUMBERS = {1: "one", 2: "two"}
PAGE = Path(__file__).parents[1] / "README.md"


def write_page(
    model: Model,
    results: Sequence[Results],
    seconds: Sequence[float],
    figures: Mapping[str, Figure | Animation],
    command: str,
    page: Path = PAGE,
    *,
    threads: int | None = None,
) -> None:
    """
    Write a model's line, table and figures into the page of all models.

    The page has a line ``| [title](#...) | ... |`` for the model, and in its section two comments,
    ``<!-- NAME -->`` and ``<!-- end of NAME -->``; what is between them is replaced. It says on how
    many threads the model ran, or without such a number on how many cores.

    Raises
    ------
    SettingsError
        If the page lacks them.
    """
    first = model.claims[0]
    found = first.found([r.numbers[first.quantity] for r in results])
    duration = _duration(float(np.mean(seconds)))
    of_each = (
        f"1 seed, {duration}" if len(results) == 1 else f"{len(results)} seeds, {duration} each"
    )
    line = f"{first.text} | {first.published} | {found} | `{command}` | {duration} a seed |"
    took = f"{of_each} on {_place(threads)}: `{command}`."
    section = f"\n{model.table(results)}\n{took}\n\n"
    text = page.read_text(encoding="utf-8")
    text = _replaced(
        page,
        text,
        rf"(\| \[{re.escape(model.title)}\]\(#[^)]*\) \| )[^\n]*",
        line,
        f"a line '| [{model.title}](#...) | ... |'",
    )
    text = _replaced(
        page,
        text,
        rf"(<!-- {model.name} -->\n).*?(?=<!-- end of {model.name} -->)",
        section,
        f"the comments '<!-- {model.name} -->' and '<!-- end of {model.name} -->'",
    )
    for name, figure in figures.items():
        save_picture(figure, page.parent / "figures" / f"{model.name}-{name}")
    write_text(page, text)


def _replaced(page: Path, text: str, pattern: str, by: str, what: str) -> str:
    new, n = re.subn(pattern, lambda match: match[1] + by, text, count=1, flags=re.DOTALL)
    if not n:
        raise SettingsError(f"'{page}' has no place for these results: it needs {what}")
    return new


def _place(threads: int | None) -> str:
    if threads is None:
        n, of = cores(), "core"
    else:
        n, of = max(threads, 1), "thread"
    return f"{_NUMBERS.get(n, n)} {of}" + "s" * (n > 1)


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} minutes"
