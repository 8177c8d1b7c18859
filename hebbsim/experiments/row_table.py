"""A table of rows in a file, whose lines are checked one by one when they are read."""

import csv
import hashlib
from collections.abc import Iterable, Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import get_type_hints

from hebbsim.whole_file import whole_file, write_text

__all__ = ["RowTable", "write_csv"]


class RowTable[R]:
    """
    Keep rows in a CSV file, and a checksum of each in a file beside it.

    Parameters
    ----------
    path : Path
        The file.
    row : type
        A frozen dataclass of texts and numbers: a line.
    """

    def __init__(self, path: Path, row: type[R]) -> None:
        self.path, self.checksums = path, path.with_name(f"{path.name}.sha256")
        self._row, self._types = row, get_type_hints(row)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the file."""
        return tuple(self._types)

    def write(self, rows: Iterable[R]) -> None:
        """Write rows; all of them are on the disk when this returns, or none."""
        lines = [[str(getattr(row, name)) for name in self.columns] for row in rows]
        # first, and with the older ones: what is there in between has its checksums too
        known = (self._known() or set()) | {_sum(line) for line in lines}
        write_text(self.checksums, "".join(f"{checksum}\n" for checksum in sorted(known)))
        write_csv(self.path, self.columns, lines)

    def read(self) -> tuple[list[R], list[str]]:
        """
        Read the file.

        Returns
        -------
        rows : list
            Those that are as they were written.
        faults : list of str
            What is wrong with others, for an error; of a file with other columns that alone.
        """
        with self.path.open(encoding="utf-8", errors="replace", newline="") as file:
            header, *lines = list(csv.reader(file)) or [[]]
        if tuple(header) != self.columns and header:
            return [], [
                f"its columns are not ours: expected the columns {','.join(self.columns)}, got "
                f"{','.join(header)}"
            ]
        faults = [] if header else ["it is empty"]
        rows, known = [], self._known()
        for number, line in enumerate(lines, start=2):
            try:
                if known is not None and _sum(line) not in known:
                    raise ValueError("it is not as it was written")
                rows.append(self._parsed(line))
            except ValueError as error:
                faults.append(f"line {number}: {error}")
        return rows, faults

    def _known(self) -> set[str] | None:
        """Return the checksums of all lines, or None if nothing is known of them."""
        if not self.checksums.exists():
            return None
        return set(self.checksums.read_text(encoding="utf-8", errors="replace").split())

    def _parsed(self, line: Sequence[str]) -> R:
        pairs = zip(self._types.items(), line, strict=True)
        return self._row(**{name: kind(value) for (name, kind), value in pairs})


def _sum(line: Sequence[str]) -> str:
    return hashlib.sha256("\0".join(line).encode()).hexdigest()


def write_csv(path: Path, header: Sequence[str], lines: Iterable[Sequence[object]]) -> None:
    """Write a table; the file is there whole, on the disk, or as it was before."""
    with whole_file(path) as file:
        text = TextIOWrapper(file, encoding="utf-8", newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(lines)
        text.detach()  # written out, and not closed
