"""Results on a terminal, whole: a table that is too wide becomes two that begin alike."""

import re
from collections.abc import Iterator, Sequence
from itertools import groupby

from rich import box
from rich.console import Console
from rich.markdown import Markdown
from rich.table import Table

__all__ = ["print_markdown"]

_BORDERS = 3  # of each column, and one more
_NUMBER = re.compile(r"[-+±\d.]")
_LONGEST_NUMBER = 24


def print_markdown(console: Console, text: str) -> None:
    """
    Print a page in Markdown, its tables with no word and no number cut.

    Parameters
    ----------
    console : Console
        Where; its width is what a table may have.
    text : str
        The page, with tables as `markdown_table` writes them.
    """
    for is_table, lines in groupby(text.splitlines(), key=lambda line: line.startswith("|")):
        if not is_table:
            console.print(Markdown("\n".join(lines)))
            continue
        heading, align, *rows = [[c.strip() for c in line[1:-1].split(" | ")] for line in lines]
        for columns in _split(heading, rows, console.width):
            table = [[line[n] for n in columns] for line in (heading, align, *rows)]
            console.print(_table(*table, width=console.width))


def _split(
    heading: Sequence[str], rows: Sequence[Sequence[str]], width: int
) -> Iterator[list[int]]:
    """Yield the columns of each table: all of them if they fit, else some after the first."""
    widths = [_least([heading[n], *(row[n] for row in rows)]) for n in range(len(heading))]
    columns = [0]
    for number in range(1, len(heading)):
        taken = 1 + sum(widths[n] + _BORDERS for n in [*columns, number])
        if taken > width and len(columns) > 1:
            yield columns
            columns = [0]
        columns.append(number)
    yield columns


def _table(heading: Sequence[str], align: Sequence[str], *rows: Sequence[str], width: int) -> Table:
    table = Table(box=box.HORIZONTALS)
    columns = list(zip(heading, *rows, strict=True))
    widths = [_least(cells) for cells in columns]
    left = width - 1 - sum(n + _BORDERS for n in widths)
    for title, side, cells, least in zip(heading, align, columns, widths, strict=True):
        more = max(0, min(left, max(map(len, cells)) - least))
        left -= more
        table.add_column(
            title, justify="right" if side.endswith(":") else "left", width=least + more
        )
    for row in rows:
        table.add_row(*row)
    return table


def _least(cells: Sequence[str]) -> int:
    """Return the width below which a word or a number would be cut."""
    return max((len(part) for cell in cells for part in _unbroken(cell)), default=1)


def _unbroken(cell: str) -> list[str]:
    is_number = len(cell) <= _LONGEST_NUMBER and _NUMBER.match(cell)
    return [cell] if is_number else cell.split()
