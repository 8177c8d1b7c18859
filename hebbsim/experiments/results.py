"""Folders of results: nothing is lost that is there, and a run can be gone on with."""

import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from hebbsim.bridge.weights import WeightsError, check_weights, save_weights
from hebbsim.data.dataset import ImageDataset
from hebbsim.errors import SettingsError
from hebbsim.experiments.held_folder import held
from hebbsim.experiments.row_table import RowTable
from hebbsim.experiments.settings import SavedSettings, saved_images
from hebbsim.networks.differences import differences_of, named
from hebbsim.networks.fingerprint import fingerprint
from hebbsim.networks.layered_network import LayeredNetwork
from hebbsim.whole_file import make_folder

__all__ = ["OutputFolder", "ResultsError", "RunFolder", "image_fingerprints", "weights_name"]

_ARRAYS = ("train_images", "train_labels", "test_images", "test_labels")
_WEIGHTS = re.compile(r".+-seed\d+\.(pt|safetensors|json)")


def image_fingerprints(dataset: ImageDataset) -> dict[str, Any]:
    """Describe the images and labels of a data set, so that others are told apart."""
    return {name: fingerprint(getattr(dataset, name)) for name in _ARRAYS}


def weights_name(name: str, seed: int) -> str:
    """Name the files of a network's weights, without a suffix."""
    return f"{name}-seed{seed}"


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

    def check_is_folder(self) -> None:
        """Raise a ResultsError if there is a file in its place."""
        if self.path.exists() and not self.path.is_dir():
            raise ResultsError(f"'{self.path}' is a file; give {self.OPTION} a folder")

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
        self.check_is_folder()
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
        self._table = RowTable(self.csv, row)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of ``results.csv``."""
        return self._table.columns

    def held(self) -> AbstractContextManager[None]:
        """Keep other processes from writing to the folder, as `held_folder.held`."""
        self.check_is_folder()
        return held(self.path)

    def files(self) -> Iterator[Path]:
        """Iterate over the files that may be ours, whether they are there or not."""
        yield from (self.csv, self._table.checksums, self.settings, self.table)
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
        difference = self._saved(type(settings)).difference(settings)
        if difference is not None:
            raise ResultsError(
                f"'{self.path}' holds results of other settings: {difference}; "
                f"{self.OTHER_SETTINGS} with {self.OPTION}"
            )

    def _saved(self, kind: type[S]) -> S:
        try:
            return kind.load(self.settings)
        except SettingsError as error:
            raise ResultsError(
                f"{error}; without it the results can't be gone on with: give --overwrite to "
                f"replace them, or another folder with {self.OPTION}"
            ) from error

    def begin(self, settings: S, dataset: ImageDataset | None = None, *, resume: bool) -> list[R]:
        """
        Make the folder, or clear it of our files; return the rows to go on with.

        Without a data set the settings tell all that the numbers depend on.

        Raises
        ------
        ResultsError
            If the results to go on with are of other images, which settings can't tell: a folder of
            images may have changed.
        """
        rows = self.complete(self.read(), settings) if resume else []
        images = None if dataset is None else image_fingerprints(dataset)
        if rows and images:
            self._check_images(images)
        if not resume:
            # the settings last: they tell whose the rest is
            for file in sorted(self.written(), key=self.settings.__eq__):
                file.unlink()
        make_folder(self.path)
        if not rows:
            settings.save(self.settings, images)
        self._table.write(rows)
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
        """
        Add rows; all of them are on the disk when this returns, or none.

        Raises
        ------
        ResultsError
            If the earlier ones are gone.
        """
        self.check_still_there()
        self._table.write([*self.read(), *rows])

    def check_still_there(self) -> None:
        """Raise a ResultsError if the folder was removed or emptied since the run began."""
        if not (self.csv.exists() and self.settings.exists()):
            raise ResultsError(
                f"'{self.path}' was removed or emptied during the run, and the results in it are "
                "lost; run again, and leave the folder alone meanwhile"
            )

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
        rows, faults = self._table.read()
        other_columns = bool(faults) and not rows and "columns" in faults[0]
        if faults and (other_columns or not self.DROPS_DAMAGED):
            raise self._damaged(faults[0])
        return rows

    def _damaged(self, what: str) -> ResultsError:
        return ResultsError(
            f"'{self.csv}' is no table of this program ({what}); give --overwrite, or another "
            f"folder with {self.OPTION}"
        )

    def stem(self, name: str, seed: int) -> Path:
        """Path of a network's weights, without a suffix."""
        return self.weights / weights_name(name, seed)

    def save_weights(self, network: LayeredNetwork, name: str, seed: int) -> None:
        """Write a network's kernels, thresholds and description."""
        self.check_still_there()
        save_weights(network, self.stem(name, seed), overwrite=True)  # of a run that goes on

    def has_whole_weights(self, name: str, seed: int) -> bool:
        """Whether the files that `save_weights` wrote are there, as they were written."""
        try:
            check_weights(self.stem(name, seed))
        except WeightsError:
            return False
        return True

    def kernel(self, name: str, seed: int, layer: int) -> np.ndarray:
        """Read a kernel, `(out_channels, in_channels, rows, cols)`; layers count from 1."""
        from safetensors.numpy import load_file

        return load_file(f"{self.stem(name, seed)}.safetensors")[f"conv{layer}.weight"]
