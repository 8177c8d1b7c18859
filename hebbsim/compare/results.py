"""The folder that `hebbsim compare` writes, row by row."""

import csv
import io
import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hebbsim.compare.settings import CompareSettings

if TYPE_CHECKING:
    from hebbsim.networks.conv_network import ConvNetwork

__all__ = ["PIXELS", "RANDOM", "ResultsError", "ResultsFolder", "Row"]

#: What stands in the column ``rule`` for the two baselines
PIXELS, RANDOM = "pixels", "random"

_WEIGHTS = re.compile(r".+-seed\d+\.(pt|safetensors|json)")


class ResultsError(ValueError):
    """A folder that holds other results, or none that can be gone on with."""


@dataclass(frozen=True)
class Row:
    """
    Hold one accuracy, a line of ``results.csv``.

    Parameters
    ----------
    data : str
        The data set.
    rule : str
        Name of the rule; ``'random'`` are random kernels, ``'pixels'`` the images themselves.
    layer : int
        Counted from 1; 0 for pixels.
    seed : int
        Of the network; 0 for pixels, which have none.
    accuracy : float
        On the test split, in [0, 1].
    n_features : int
        What the read-out got of each image.
    seconds : float
        Wall time of learning and responding, of the whole network.
    method : str
        The read-out.
    """

    data: str
    rule: str
    layer: int
    seed: int
    accuracy: float
    n_features: int
    seconds: float
    method: str


_COLUMNS = tuple(field.name for field in fields(Row))
_TYPES = {"layer": int, "seed": int, "accuracy": float, "n_features": int, "seconds": float}


class ResultsFolder:
    """
    Keep a comparison's results in a folder, so that an interruption loses nothing.

    Parameters
    ----------
    path : path
        The folder; `begin` makes it.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.csv = self.path / "results.csv"
        self.settings = self.path / "settings.json"
        self.table = self.path / "table.md"
        self.filters = self.path / "filters.png"
        self.accuracy = self.path / "accuracy.png"
        self.weights = self.path / "weights"

    def written(self) -> list[Path]:
        """List the files of ours that there are."""
        files = (self.csv, self.settings, self.table, self.filters, self.accuracy)
        weights = [f for f in self.weights.glob("*") if _WEIGHTS.fullmatch(f.name)]
        return [file for file in files if file.exists()] + sorted(weights)

    def check(self, settings: CompareSettings, *, overwrite: bool, resume: bool) -> None:
        """
        Make sure that nothing is lost, before anything is computed.

        Raises
        ------
        ResultsError
            If there are results, and neither `overwrite` nor `resume` is asked for; if the
            results to go on with are of other settings.
        """
        if overwrite and resume:
            raise ResultsError("give --overwrite or --resume, not both")
        if self.path.exists() and not self.path.is_dir():
            raise ResultsError(f"'{self.path}' is a file; give --output a folder")
        found = self.written()
        if not found or overwrite:
            return
        if not resume:
            raise ResultsError(
                f"'{self.path}' holds results ({found[0].name}); give --resume to go on with "
                "them, --overwrite to replace them, or another folder with --output"
            )
        if not self.settings.exists():
            raise ResultsError(
                f"'{self.path}' holds {found[0].name} but no settings.json, so that it can't be "
                "gone on with; give --overwrite or another folder with --output"
            )
        difference = CompareSettings.load(self.settings).difference(settings)
        if difference is not None:
            raise ResultsError(
                f"'{self.path}' holds results of other settings: {difference}; leave the option "
                "out to go on, or give another folder with --output"
            )

    def begin(self, settings: CompareSettings, *, resume: bool) -> list[Row]:
        """Make the folder, or clear it of our files; return the rows to go on with."""
        rows = self._complete(len(settings.channels)) if resume else []
        if not resume:
            for file in self.written():
                file.unlink()
        self.weights.mkdir(parents=True, exist_ok=True)
        if not self.settings.exists():
            settings.save(self.settings)
        # a line that a crash cut off must not stay in the way of those to come
        part = self.csv.with_name(self.csv.name + ".part")
        part.write_text(_csv_text(rows, header=True), encoding="utf-8")
        os.replace(part, self.csv)
        return rows

    def append(self, rows: Sequence[Row]) -> None:
        """Add rows to ``results.csv``; they are on the disk when this returns."""
        with self.csv.open("a", encoding="utf-8", newline="") as file:
            file.write(_csv_text(rows))
            file.flush()
            os.fsync(file.fileno())

    def read(self) -> list[Row]:
        """
        Read ``results.csv``, without a last line that was cut off.

        Raises
        ------
        ResultsError
            If it has other columns.
        """
        if not self.csv.exists():
            return []
        with self.csv.open(encoding="utf-8", newline="") as file:
            lines = csv.reader(file)
            header = tuple(next(lines, ()))
            if header not in ((), _COLUMNS):
                raise ResultsError(
                    f"'{self.csv}': expected the columns {','.join(_COLUMNS)}, got "
                    f"{','.join(header)}; give --overwrite or another folder with --output"
                )
            return [row for row in map(_row, lines) if row is not None]

    def _complete(self, n_layers: int) -> list[Row]:
        """Read the rows, without those of networks that lack a layer or their weights."""
        rows = self.read()
        counts = Counter((row.rule, row.seed) for row in rows)

        def is_complete(row: Row) -> bool:
            if row.rule == PIXELS:
                return True
            kernels = Path(f"{self.stem(row.rule, row.seed)}.safetensors")
            return counts[row.rule, row.seed] == n_layers and kernels.exists()

        return [row for row in rows if is_complete(row)]

    def stem(self, rule: str, seed: int) -> Path:
        """Path of a network's weights, without a suffix."""
        return self.weights / f"{rule}-seed{seed}"

    def save_weights(self, network: "ConvNetwork", rule: str, seed: int) -> None:
        """Write the kernels and the description of a network."""
        from hebbsim.bridge.weights import save_weights

        save_weights(network, self.stem(rule, seed))

    def first_kernel(self, rule: str, seed: int) -> np.ndarray:
        """Read the first layer's kernel, `(out_channels, in_channels, rows, cols)`."""
        from safetensors.numpy import load_file

        return load_file(f"{self.stem(rule, seed)}.safetensors")["conv1.weight"]


def _row(values: Sequence[str]) -> Row | None:
    if len(values) != len(_COLUMNS):
        return None
    try:
        return Row(
            **{
                name: _TYPES.get(name, str)(value)
                for name, value in zip(_COLUMNS, values, strict=True)
            }
        )
    except ValueError:
        return None


def _csv_text(rows: Iterable[Row], *, header: bool = False) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if header:
        writer.writerow(_COLUMNS)
    writer.writerows(asdict(row).values() for row in rows)
    return text.getvalue()
