"""Learning curves of a comparison: how much each layer's kernel changes in each epoch."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from hebbsim.compare.results import ResultsFolder
from hebbsim.experiments.row_table import RowTable
from hebbsim.networks.conv_network import ConvNetwork

__all__ = ["CurveRow", "Curves", "KernelChanges"]


@dataclass(frozen=True)
class CurveRow:
    """
    Hold a point of a learning curve, a line of ``curves.csv``.

    Parameters
    ----------
    rule : str
        Name of the rule.
    layer : int
        Counted from 1.
    seed : int
        Of the network.
    epoch : int
        Counted from 1.
    change : float
        Of the kernel in this epoch: the L2 norm of the difference, over that of the kernel at the
        start of the epoch.
    """

    rule: str
    layer: int
    seed: int
    epoch: int
    change: float


class KernelChanges:
    """
    Follow the kernels of a network from epoch to epoch.

    Parameters
    ----------
    network : ConvNetwork
        Before it learns.
    n_batches : int
        Of an epoch.
    """

    def __init__(self, network: ConvNetwork, n_batches: int) -> None:
        self.network, self._n_batches = network, n_batches
        self._seen = 0
        self._kernels: list[list[np.ndarray]] = []

    def before_batch(self) -> None:
        """Look at the kernels where an epoch begins."""
        if self._seen % self._n_batches == 0:
            self._look()
        self._seen += 1

    def rows(self, rule: str, seed: int) -> list[CurveRow]:
        """Return the changes in each epoch and layer, once the network has learned."""
        self._look()
        return [
            CurveRow(rule, layer, seed, epoch, _change(before, after))
            for epoch, pair in enumerate(zip(self._kernels, self._kernels[1:], strict=False), 1)
            for layer, (before, after) in enumerate(zip(*pair, strict=True), start=1)
        ]

    def _look(self) -> None:
        self._kernels.append([stage.conv.get_kernel("w") for stage in self.network.stages])


def _change(before: np.ndarray, after: np.ndarray) -> float:
    size = float(np.linalg.norm(before))
    return float(np.linalg.norm(after - before)) / size if size else float("nan")


class Curves:
    """
    Keep the learning curves of a folder; those that are missing or damaged are not drawn.

    Parameters
    ----------
    results : ResultsFolder
        The folder.
    """

    def __init__(self, results: ResultsFolder) -> None:
        self._table = RowTable(results.curves, CurveRow)

    def read(self) -> list[CurveRow]:
        """Return the points that are as they were written."""
        return self._table.read()[0] if self._table.path.exists() else []

    def append(self, rows: Iterable[CurveRow]) -> None:
        """Add the points of a network, in place of those of an earlier try."""
        new = list(rows)
        networks = {(row.rule, row.seed) for row in new}
        kept = [row for row in self.read() if (row.rule, row.seed) not in networks]
        self._table.write([*kept, *new])
