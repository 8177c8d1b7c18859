"""The folder that `hebbsim compare` writes, row by row."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hebbsim.compare.settings import CompareSettings
from hebbsim.experiments.results import ResultsError, RunFolder
from hebbsim.sweeps.store import UnitStore

__all__ = ["PIXELS", "RANDOM", "ResultsFolder", "Row"]

#: What stands in the column ``rule`` for the two baselines
PIXELS, RANDOM = "pixels", "random"


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


class ResultsFolder(RunFolder[Row, CompareSettings]):
    """
    Keep a comparison's results in a folder.

    Parameters
    ----------
    path : path
        The folder; `begin` makes it.
    """

    DROPS_DAMAGED = True

    def __init__(self, path: str | Path) -> None:
        super().__init__(path, Row)
        self.filters = self.path / "filters.png"
        self.accuracy = self.path / "accuracy.png"
        self.curves = self.path / "curves.csv"
        self.learning = self.path / "learning.png"
        self.report = self.path / "report.html"
        #: Networks that are computed and not among the rows yet
        self.units = UnitStore(self.path / "units")

    def check(self, settings: CompareSettings, *, overwrite: bool, resume: bool) -> None:
        """
        Make sure that nothing is lost, before anything is computed.

        Raises
        ------
        ResultsError
            As `RunFolder.check` does; or if a sweep's results lie in the folder.
        """
        if not self.settings.exists() and next(self.units.folder.glob("*.json"), None):
            raise ResultsError(
                f"'{self.path}' holds the results of a sweep ({self.units.folder.name}); give "
                f"another folder with {self.OPTION}"
            )
        super().check(settings, overwrite=overwrite, resume=resume)

    def files(self) -> Iterator[Path]:
        """Iterate over the files that may be ours, whether they are there or not."""
        yield from super().files()
        yield from (self.filters, self.accuracy, self.learning, self.report)
        yield from self.units.written()
        yield from (self.curves, self.curves.with_name(f"{self.curves.name}.sha256"))

    def complete(self, rows: list[Row], settings: CompareSettings) -> list[Row]:
        """Return the rows, without those of networks that lack a layer or whole weights."""
        counts = Counter((row.rule, row.seed) for row in rows if row.rule != PIXELS)
        whole = {
            (rule, seed)
            for (rule, seed), n_layers in counts.items()
            if n_layers == len(settings.channels) and self.has_whole_weights(rule, seed)
        }
        return [row for row in rows if row.rule == PIXELS or (row.rule, row.seed) in whole]
