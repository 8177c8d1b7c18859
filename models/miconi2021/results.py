"""The folder that a run writes, row by row, so that an interruption loses nothing."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hebbsim.experiments.results import ResultsError, RunFolder
from hebbsim.experiments.tables import markdown_table, spread
from models.miconi2021.model import Condition
from models.miconi2021.settings import Settings

__all__ = ["ALL_LAYERS", "PIXELS", "Results", "Row", "table"]

#: What stands in the column ``condition`` for the images themselves
PIXELS = "pixels"
#: What stands in the column ``features`` where a read-out gets every layer's, unlike the paper's
ALL_LAYERS = "all layers"


@dataclass(frozen=True)
class Row:
    """
    Hold one accuracy, a line of ``results.csv``.

    Parameters
    ----------
    condition : str
        Its name; ``'pixels'`` are the images themselves.
    rule, output, prune
        Of the condition.
    seed : int
        Of the network.
    layer : int
        Counted from 1; 0 for pixels, and for all layers together.
    features : {'pixels', 'quadrants', 'full map', 'all layers'}
        What the read-out got; of the last layer's map of 2x2 positions quadrants and full map are
        the same.
    n_features : int
        Their number.
    accuracy : float
        Of the ridge read-out on the test images, in [0, 1].
    sum_w4 : float
        Sum of the fourth powers of the weights of a filter of unit norm, mean over the layer's
        filters: from 1/(number of weights), all equal, to 1, a single one; of the last layer for
        all layers.
    computed_by : {'hebbsim', 'torch'}
        What computed the features.
    seconds : float
        Wall time of learning, of the whole network; since the last interruption.
    """

    condition: str
    rule: str
    output: str
    prune: float
    seed: int
    layer: int
    features: str
    n_features: int
    accuracy: float
    sum_w4: float
    computed_by: str
    seconds: float


class Results(RunFolder[Row, Settings]):
    """
    Keep the results of a run in a folder.

    Parameters
    ----------
    path : path
        The folder; `begin` makes it.
    """

    OTHER_SETTINGS = "give the same options to go on, or another folder"

    def __init__(self, path: str | Path) -> None:
        super().__init__(path, Row)
        self.accuracy = self.path / "accuracy.png"
        self.histogram = self.path / "weights.png"

    def checkpoint(self, condition: str, seed: int) -> Path:
        """Path of a network's checkpoint."""
        return self.path / "checkpoints" / f"{condition}-seed{seed}.npz"

    def receptive_fields(self, condition: str) -> Path:
        """Path of the figure of a condition's receptive fields."""
        return self.path / f"receptive-fields-{condition}.png"

    def files(self) -> Iterator[Path]:
        """Iterate over the files that may be ours, whether they are there or not."""
        yield from super().files()
        yield from (self.accuracy, self.histogram)
        for pattern in ("receptive-fields-*.png", "checkpoints/*-seed*.npz"):
            yield from sorted(self.path.glob(pattern))

    def is_done(self, rows: Iterable[Row], name: str, condition: Condition, seed: int) -> bool:
        """
        Say whether the rows hold a network's results.

        Raises
        ------
        ResultsError
            If they hold results of another condition under the same name.
        """
        same = [row for row in rows if (row.condition, row.seed) == (name, seed)]
        if same and (same[0].prune, same[0].output) != (condition.prune, condition.output):
            raise ResultsError(
                f"'{self.path}' holds '{name}' with prune {same[0].prune}, now it is "
                f"{condition.prune}; give the same --prune, or another folder with --output"
            )
        return bool(same)


def table(rows: Iterable[Row]) -> str:
    """Write the accuracies in Markdown: a line for each condition, mean ± deviation over seeds."""
    rows = list(rows)
    layers = sorted({row.layer for row in rows if row.layer})
    left = ["condition", "rule", "output", "pruned", "features from"]
    heading = [*left, "seeds", *(f"layer {n} (%)" for n in layers)]
    heading += ["all (%)", "sum of w^4, last layer"]
    lines = []
    for row in rows:
        if row.condition == PIXELS:
            shown = ["raw pixels", "", "", "", "", "", f"{100 * row.accuracy:.2f}"]
            lines.append(shown + [""] * (len(heading) - len(shown)))
    for name, by in dict.fromkeys((row.condition, row.computed_by) for row in rows):
        same = [row for row in rows if (row.condition, row.computed_by) == (name, by)]
        if name == PIXELS:
            continue
        found = {n: [row for row in same if row.layer == n] for n in layers}
        first, last = same[0], found[layers[-1]]
        n_seeds = len({row.seed for row in same})
        lines.append(
            [name, first.rule, first.output, f"{first.prune:g}", by, str(n_seeds)]
            + [spread([100 * row.accuracy for row in found[n]]) for n in layers]
            + [spread([100 * row.accuracy for row in same if row.features == ALL_LAYERS])]
            + [f"{np.mean([row.sum_w4 for row in last]):.3f}"]
        )
    return markdown_table(heading, lines, left)
