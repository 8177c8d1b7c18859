"""The folder of a sweep: a file for each result, whole and named by what it is the result of."""

import json
import re
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hebbsim.experiments.results import ResultsError
from hebbsim.experiments.settings import checksum_of
from hebbsim.networks.differences import differences_of, named
from hebbsim.sweeps.unit import KEY_DIGITS, Unit
from hebbsim.whole_file import check_place, make_folder, write_text

__all__ = ["Result", "UnitStore"]

_OF_A_UNIT = re.compile(rf"[0-9a-f]{{{KEY_DIGITS}}}(\..+)?")
_WAY_OUT = "delete it, and its unit is computed again"


@dataclass(frozen=True)
class Result:
    """
    Hold what a unit gave.

    Parameters
    ----------
    values : mapping
        What the function returned, as JSON gives it back.
    seconds : float
        Wall time of the call.
    """

    values: Mapping[str, Any]
    seconds: float

    @property
    def numbers(self) -> dict[str, float]:
        """The numbers among the values, which tables and figures show."""
        return {
            name: float(value)
            for name, value in self.values.items()
            if isinstance(value, int | float)
        }


class UnitStore:
    """
    Keep the results of units in a folder.

    Parameters
    ----------
    folder : Path
        Where; `begin` makes it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def result(self, unit: Unit) -> Path:
        """Path of a unit's result."""
        return self.folder / f"{unit.key}.json"

    def files(self, unit: Unit) -> Path:
        """Path of the folder that a unit may write to."""
        return self.folder / unit.key

    def error(self, unit: Unit) -> Path:
        """Path of the traceback of a unit that failed."""
        return self.folder / f"{unit.key}.error.txt"

    def begin(self) -> None:
        """Make the folder; raise an OSError that names it if nothing can be written there."""
        make_folder(self.folder)
        check_place(self.folder / "result.json")

    def has(self, unit: Unit) -> bool:
        """Whether there is a result, which may be damaged."""
        return self.result(unit).exists()

    def read(self, unit: Unit) -> Result:
        """
        Read the result of a unit.

        Raises
        ------
        ResultsError
            If it is damaged, or of something else.
        FileNotFoundError
            If there is none.
        """
        path = self.result(unit)
        text = path.read_bytes()
        try:
            found = json.loads(text)
            whole = found["checksum"] == checksum_of(found)
            result = Result(found["result"], found["seconds"])
        except (ValueError, KeyError, TypeError) as error:
            raise ResultsError(
                f"'{path}' is no whole result ({type(error).__name__}: {error}); {_WAY_OUT}"
            ) from error
        if not whole:
            raise ResultsError(f"'{path}' is not as it was written; {_WAY_OUT}")
        identity = {name: found.get(name) for name in unit.identity}
        differences = list(differences_of(identity, unit.identity))
        if differences:
            raise ResultsError(
                f"'{path}' holds a result of other settings: {named(differences)}; {_WAY_OUT}"
            )
        return result

    def write(self, unit: Unit, values: Any, seconds: float) -> None:
        """
        Keep what a unit gave; it is on the disk when this returns.

        Raises
        ------
        ResultsError
            If JSON can't hold it.
        """
        if not isinstance(values, Mapping):
            raise ResultsError(
                f"function {unit.function!r}: expected it to return a mapping, such as "
                f'{{"accuracy": 0.9}}, got {type(values).__name__}'
            )
        found = {
            **unit.identity,
            "beside": dict(unit.beside),
            "varied": dict(unit.varied),
            "seconds": round(seconds, 3),
            "result": dict(values),
        }
        try:
            found = json.loads(json.dumps(found, default=_number))
        except TypeError as error:
            raise ResultsError(
                f"function {unit.function!r}: expected it to return numbers, texts, lists and "
                f"mappings ({error}); write arrays into its folder"
            ) from error
        found["checksum"] = checksum_of(found)
        write_text(self.result(unit), json.dumps(found, indent=1) + "\n")
        self.error(unit).unlink(missing_ok=True)

    def remove(self, unit: Unit) -> None:
        """Remove all that there is of a unit, its result first."""
        self.result(unit).unlink(missing_ok=True)
        self.error(unit).unlink(missing_ok=True)
        shutil.rmtree(self.files(unit), ignore_errors=True)

    def end(self) -> None:
        """Remove the folder with all units, once they are kept elsewhere."""
        for path in self.written():
            path.unlink(missing_ok=True)
        for folder in (*self.folder.glob("*/"), self.folder):
            with suppress(OSError):  # something else lies there, or nothing
                folder.rmdir()

    def written(self) -> Iterator[Path]:
        """Iterate over the files of units that are there, and over nothing else."""
        for path in sorted(self.folder.glob("*")):
            if _OF_A_UNIT.fullmatch(path.name):
                yield from (p for p in (path, *sorted(path.rglob("*"))) if p.is_file())

    def others(self, units: Collection[Unit]) -> int:
        """Count the results that are of none of these units."""
        keys = {unit.key for unit in units}
        return sum(path.stem not in keys for path in self.folder.glob("*.json"))


def _number(value: Any) -> Any:
    """Return a number of numpy's as Python's, or an array of them as lists."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"got {type(value).__name__}")
