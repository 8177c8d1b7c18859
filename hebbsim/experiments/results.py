"""Folders of results: nothing is lost that is there, and a run can be gone on with."""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import Any, ClassVar, get_type_hints

import numpy as np

from hebbsim.data.dataset import ImageDataset
from hebbsim.experiments.settings import SavedSettings, saved_images
from hebbsim.networks.differences import differences_of, named
from hebbsim.networks.fingerprint import fingerprint
from hebbsim.networks.layered_network import LayeredNetwork
from hebbsim.whole_file import whole_file

__all__ = ["OutputFolder", "ResultsError", "RunFolder", "write_csv"]

_ARRAYS = ("train_images", "train_labels", "test_images", "test_labels")
_WEIGHTS = re.compile(r".+-seed\d+\.(pt|safetensors|json)")


class ResultsError(ValueError):
    """A folder that holds other results, or none that can be gone on with."""


class OutputFolder:
    """
    Know which files of a folder are ours.

    Parameters
    ----------
    path : path
        The folder.
    """

    #: The option that names the folder
    OPTION: ClassVar[str] = "--output"
    #: What there is to do with results, beside giving another folder
    CHOICES: ClassVar[str] = "--overwrite to replace them"

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.csv = self.path / "results.csv"
        self.table = self.path / "table.md"

    def files(self) -> Iterator[Path]:
        """Iterate over the files that may be ours, whether they are there or not."""
        yield from (self.csv, self.table)

    def written(self) -> list[Path]:
        """List the files of ours that there are."""
        return [file for file in self.files() if file.exists()]

    def check_free(self, *, overwrite: bool, resume: bool = False) -> list[Path]:
        """
        Make sure that it is said what becomes of results; return their files.

        Raises
        ------
        ResultsError
            If there are results and neither `overwrite` nor `resume` is asked for, or both are;
            if the folder is a file.
        """
        if overwrite and resume:
            raise ResultsError("give --overwrite or --resume, not both")
        if self.path.exists() and not self.path.is_dir():
            raise ResultsError(f"'{self.path}' is a file; give {self.OPTION} a folder")
        found = self.written()
        if found and not (overwrite or resume):
            raise ResultsError(
                f"'{self.path}' holds results ({found[0].name}); give {self.CHOICES}, or another "
                f"folder with {self.OPTION}"
            )
        return found


class RunFolder[R, S: SavedSettings](OutputFolder):
    """
    Keep the rows, settings and networks of a run, so that an interruption loses nothing.

    Parameters
    ----------
    path : path
        The folder; `begin` makes it.
    row : type
        A frozen dataclass of texts and numbers: a line of ``results.csv``.
    """

    CHOICES = "--resume to go on with them, --overwrite to replace them"
    #: How to go on with results of other settings
    OTHER_SETTINGS: ClassVar[str] = "leave the option out to go on, or give another folder"
    #: Whether a line that is damaged is left out: only where `complete` has it done again
    DROPS_DAMAGED: ClassVar[bool] = False

    def __init__(self, path: str | Path, row: type[R]) -> None:
        super().__init__(path)
        self.settings = self.path / "settings.json"
        self.weights = self.path / "weights"
        self._row, self._types = row, get_type_hints(row)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of ``results.csv``."""
        return tuple(self._types)

    def files(self) -> Iterator[Path]:
        """Iterate over the files that may be ours, whether they are there or not."""
        yield from (self.csv, self.settings, self.table)
        yield from sorted(f for f in self.weights.glob("*") if _WEIGHTS.fullmatch(f.name))

    def check(self, settings: S, *, overwrite: bool, resume: bool) -> None:
        """
        Make sure that nothing is lost, before anything is computed.

        Raises
        ------
        ResultsError
            If there are results, and neither `overwrite` nor `resume` is asked for; if the
            results to go on with are of other settings.
        """
        if not self.check_free(overwrite=overwrite, resume=resume) or overwrite:
            return
        if not self.settings.exists():
            raise ResultsError(
                f"'{self.path}' holds {self.written()[0].name} but no settings.json, so that it "
                f"can't be gone on with; give --overwrite or another folder with {self.OPTION}"
            )
        difference = type(settings).load(self.settings).difference(settings)
        if difference is not None:
            raise ResultsError(
                f"'{self.path}' holds results of other settings: {difference}; "
                f"{self.OTHER_SETTINGS} with {self.OPTION}"
            )

    def begin(self, settings: S, dataset: ImageDataset, *, resume: bool) -> list[R]:
        """
        Make the folder, or clear it of our files; return the rows to go on with.

        Raises
        ------
        ResultsError
            If the results to go on with are of other images, which settings can't tell: a folder of
            images may have changed.
        """
        rows = self.complete(self.read(), settings) if resume else []
        images = {name: fingerprint(getattr(dataset, name)) for name in _ARRAYS}
        if rows:
            self._check_images(images)
        if not resume:
            for file in self.written():
                file.unlink()
        self.path.mkdir(parents=True, exist_ok=True)
        if not self.settings.exists():
            settings.save(self.settings, images)
        self._write(rows)
        return rows

    def _check_images(self, ours: dict[str, Any]) -> None:
        differences = list(differences_of(saved_images(self.settings) or {}, ours))
        if differences:
            raise ResultsError(
                f"'{self.path}' holds results of other images: {named(differences)}; give "
                f"--overwrite to replace them, or another folder with {self.OPTION}"
            )

    def complete(self, rows: list[R], settings: S) -> list[R]:
        """Return the rows that needn't be computed again."""
        return rows

    def append(self, rows: Sequence[R]) -> None:
        """Add rows; all of them are on the disk when this returns, or none."""
        self._write([*self.read(), *rows])

    def _write(self, rows: Iterable[R]) -> None:
        values = ([getattr(row, name) for name in self.columns] for row in rows)
        write_csv(self.csv, self.columns, values)

    def read(self) -> list[R]:
        """
        Read ``results.csv``.

        Raises
        ------
        ResultsError
            If it has other columns, or a damaged line that isn't to be left out.
        """
        if not self.csv.exists():
            return []
        with self.csv.open(encoding="utf-8", newline="") as file:
            header, *lines = list(csv.reader(file)) or [[]]
        if tuple(header) != self.columns and (header or not self.DROPS_DAMAGED):
            raise self._damaged(
                f"its columns are not ours: expected the columns {','.join(self.columns)}, got "
                f"{','.join(header)}"
            )
        rows = []
        for line in lines:
            try:
                rows.append(self._parsed(line))
            except ValueError as error:
                if not self.DROPS_DAMAGED:
                    raise self._damaged(str(error)) from error
        return rows

    def _parsed(self, line: Sequence[str]) -> R:
        pairs = zip(self._types.items(), line, strict=True)
        return self._row(**{name: kind(value) for (name, kind), value in pairs})

    def _damaged(self, what: str) -> ResultsError:
        return ResultsError(
            f"'{self.csv}' is no table of this program ({what}); give --overwrite, or another "
            f"folder with {self.OPTION}"
        )

    def stem(self, name: str, seed: int) -> Path:
        """Path of a network's weights, without a suffix."""
        return self.weights / f"{name}-seed{seed}"

    def save_weights(self, network: LayeredNetwork, name: str, seed: int) -> None:
        """Write a network's kernels, thresholds and description."""
        from hebbsim.bridge.weights import save_weights

        save_weights(network, self.stem(name, seed), overwrite=True)  # of a run that goes on

    def kernel(self, name: str, seed: int, layer: int) -> np.ndarray:
        """Read a kernel, `(out_channels, in_channels, rows, cols)`; layers count from 1."""
        from safetensors.numpy import load_file

        return load_file(f"{self.stem(name, seed)}.safetensors")[f"conv{layer}.weight"]


def write_csv(path: Path, header: Sequence[str], lines: Iterable[Sequence[object]]) -> None:
    """Write a table; the file is there whole, on the disk, or as it was before."""
    with whole_file(path) as file:
        text = TextIOWrapper(file, encoding="utf-8", newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(lines)
        text.detach()  # written out, and not closed
