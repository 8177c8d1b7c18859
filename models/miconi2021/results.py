"""The folder that a run writes, row by row, so that an interruption loses nothing."""

import csv
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from hebbsim.compare.results import ResultsError
from hebbsim.networks.conv_network import ConvNetwork
from models.miconi2021.model import Condition
from models.miconi2021.settings import Settings

__all__ = ["ALL_LAYERS", "PIXELS", "Results", "ResultsError", "Row", "table"]

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


_COLUMNS = tuple(field.name for field in fields(Row))
_TYPES: dict[str, Callable[[str], Any]] = {
    **dict.fromkeys(("prune", "accuracy", "sum_w4", "seconds"), float),
    **dict.fromkeys(("seed", "layer", "n_features"), int),
}


def _row(values: Sequence[str]) -> Row:
    pairs = zip(_COLUMNS, values, strict=True)
    return Row(**{name: _TYPES.get(name, str)(value) for name, value in pairs})


class Results:
    """
    Keep the results of a run in a folder.

    Parameters
    ----------
    path : path
        The folder; `begin` makes it.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.csv = self.path / "results.csv"
        self.table = self.path / "table.md"
        self.settings = self.path / "settings.json"
        self.accuracy = self.path / "accuracy.png"
        self.histogram = self.path / "weights.png"

    def stem(self, condition: str, seed: int) -> Path:
        """Path of a network's weights, without a suffix."""
        return self.path / "weights" / f"{condition}-seed{seed}"

    def checkpoint(self, condition: str, seed: int) -> Path:
        """Path of a network's checkpoint."""
        return self.path / "checkpoints" / f"{condition}-seed{seed}.npz"

    def receptive_fields(self, condition: str) -> Path:
        """Path of the figure of a condition's receptive fields."""
        return self.path / f"receptive-fields-{condition}.png"

    def written(self) -> list[Path]:
        """List the files of ours that there are."""
        single = (self.csv, self.settings, self.table, self.accuracy, self.histogram)
        several = ("receptive-fields-*.png", "weights/*-seed*.*", "checkpoints/*-seed*.npz")
        found = [file for file in single if file.exists()]
        return found + [file for pattern in several for file in sorted(self.path.glob(pattern))]

    def check(self, settings: Settings, *, overwrite: bool, resume: bool) -> None:
        """
        Make sure that nothing is lost, before anything is computed.

        Raises
        ------
        ResultsError
            If there are results and it isn't said what to do with them, or of other settings.
        """
        if overwrite and resume:
            raise ResultsError("give --overwrite or --resume, not both")
        if self.path.exists() and not self.path.is_dir():
            raise ResultsError(f"'{self.path}' is a file; give --folder a folder")
        found = self.written()
        if not found or overwrite:
            return
        if not resume:
            raise ResultsError(
                f"'{self.path}' holds results ({found[0].name}); give --resume to go on with "
                "them, --overwrite to replace them, or another folder with --folder"
            )
        difference = Settings.load(self.settings).difference(settings)
        if difference is not None:
            raise ResultsError(
                f"'{self.path}' holds results of other settings: {difference}; give the same "
                "options to go on, or another folder with --folder"
            )

    def begin(self, settings: Settings, *, resume: bool) -> list[Row]:
        """Make the folder, or clear it of our files; return the rows to go on with."""
        if not resume:
            for file in self.written():
                file.unlink()
        rows = self.read()
        self.path.mkdir(parents=True, exist_ok=True)
        settings.save(self.settings)
        self._write(rows)
        return rows

    def append(self, rows: Sequence[Row]) -> None:
        """Add rows; all of them are on the disk when this returns, or none."""
        self._write([*self.read(), *rows])

    def _write(self, rows: Iterable[Row]) -> None:
        part = self.csv.with_name(f"{self.csv.name}.part")
        with part.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(_COLUMNS)
            writer.writerows(asdict(row).values() for row in rows)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, self.csv)

    def read(self) -> list[Row]:
        """Read ``results.csv``."""
        if not self.csv.exists():
            return []
        with self.csv.open(encoding="utf-8", newline="") as file:
            lines = list(csv.reader(file))
        try:
            if not lines or tuple(lines[0]) != _COLUMNS:
                raise ValueError(f"its columns are not {','.join(_COLUMNS)}")
            return [_row(line) for line in lines[1:]]
        except ValueError as error:
            raise ResultsError(
                f"'{self.csv}' is no table of this program ({error}); give --overwrite, or "
                "another folder with --folder"
            ) from error

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
                f"{condition.prune}; give the same --prune, or another folder with --folder"
            )
        return bool(same)

    def kernel(self, condition: str, seed: int, layer: int) -> np.ndarray:
        """Read a kernel, `(out_channels, in_channels, rows, cols)`; layers count from 1."""
        from safetensors.numpy import load_file

        kernel: np.ndarray = load_file(f"{self.stem(condition, seed)}.safetensors")[
            f"conv{layer}.weight"
        ]
        return kernel

    def save_weights(self, network: ConvNetwork, condition: str, seed: int) -> None:
        """Write a network's kernels, thresholds and description."""
        from hebbsim.bridge.weights import save_weights

        save_weights(network, self.stem(condition, seed))


def table(rows: Iterable[Row]) -> str:
    """Write the accuracies in Markdown: a line for each condition, mean ± deviation over seeds."""
    rows = list(rows)
    layers = sorted({row.layer for row in rows if row.layer})
    heading = ["condition", "rule", "output", "pruned", "features from", "seeds"]
    heading += [f"layer {n} (%)" for n in layers] + ["all (%)", "sum of w^4, last layer"]
    lines = [heading, [":---"] * 5 + ["---:"] * (len(heading) - 5)]
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
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def spread(values: Sequence[float]) -> str:
    """Write a mean, with the standard deviation (n - 1) if there is more than one value."""
    text = f"{np.mean(values):.2f}"
    return text if len(values) < 2 else f"{text} ± {np.std(values, ddof=1):.2f}"
