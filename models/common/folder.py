"""The folder that a model's run writes, seed by seed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hebbsim.experiments.results import RunFolder
from hebbsim.experiments.settings import SavedSettings
from hebbsim.whole_file import whole_file

__all__ = ["ModelFolder", "Row"]


@dataclass(frozen=True)
class Row:
    """
    Hold one number, a line of ``results.csv``.

    Parameters
    ----------
    seed : int
        Of the run.
    quantity : str
        What it is.
    value : float
        The number.
    seconds : float
        Wall time of the run.
    """

    seed: int
    quantity: str
    value: float
    seconds: float


class ModelFolder(RunFolder[Row, SavedSettings]):
    """
    Keep the results of a model in a folder.

    Parameters
    ----------
    path : path
        The folder.
    """

    OTHER_SETTINGS = "run the same model, quick or not, to go on, or give another folder"
    DROPS_DAMAGED = True

    def __init__(self, path: str | Path) -> None:
        super().__init__(path, Row)

    def figure(self, name: str) -> Path:
        """Path of a figure or an animation, without suffix."""
        return self.path / name

    def arrays(self, seed: int) -> Path:
        """Path of a seed's arrays."""
        return self.path / "arrays" / f"seed{seed}.npz"

    def state(self, seed: int) -> Path:
        """Path of what a seed that was stopped goes on from."""
        return self.path / "state" / f"seed{seed}.npz"

    def files(self) -> Iterator[Path]:
        """Iterate over the files that may be ours, whether they are there or not."""
        yield from super().files()
        for pattern in ("*.png", "*.gif", "arrays/seed*.npz", "state/seed*.npz"):
            yield from sorted(self.path.glob(pattern))

    def add(
        self, seed: int, numbers: Mapping[str, float], arrays: Mapping[str, np.ndarray], s: float
    ) -> None:
        """Write what a seed gave in `s` seconds; its rows come last, and say that it is done."""
        self.check_still_there()
        path = self.arrays(seed)
        path.parent.mkdir(exist_ok=True)
        with whole_file(path) as file:
            np.savez_compressed(file, allow_pickle=False, **dict(arrays))
        n_rows = float(len(numbers))
        rows = [("rows", n_rows), *((name, float(value)) for name, value in numbers.items())]
        self.append([Row(seed, name, value, round(s, 1)) for name, value in rows])

    def complete(self, rows: list[Row], settings: SavedSettings) -> list[Row]:
        """Return the rows of the seeds of which nothing is missing."""
        found = {row.seed: [r for r in rows if r.seed == row.seed] for row in rows}
        return [
            row
            for seed, same in found.items()
            if same[0].quantity == "rows" and len(same) == 1 + same[0].value
            if self._has_whole_arrays(seed)
            for row in same
        ]

    def _has_whole_arrays(self, seed: int) -> bool:
        try:
            with np.load(self.arrays(seed)) as file:
                return all(file[name] is not None for name in file.files)
        except Exception:  # zipfile, zlib and numpy have many ways to say so
            return False

    def by_seed(self) -> dict[int, tuple[dict[str, float], dict[str, np.ndarray]]]:
        """Return the numbers and the arrays of each seed, in the order of seeds."""
        rows = self.read()
        found = {}
        for seed in sorted({row.seed for row in rows}):
            with np.load(self.arrays(seed)) as file:
                arrays = {name: file[name] for name in file.files}
            same = {row.quantity: row.value for row in rows if row.seed == seed}
            found[seed] = ({k: v for k, v in same.items() if k != "rows"}, arrays)
        return found

    def seconds(self) -> list[float]:
        """Return how long each seed took."""
        return list({row.seed: row.seconds for row in self.read()}.values())
