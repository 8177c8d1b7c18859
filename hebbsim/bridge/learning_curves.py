"""Learning curves: what becomes of a network epoch by epoch, in a table and in TensorBoard."""

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np

from hebbsim.decoding.decode import decode
from hebbsim.errors import needed
from hebbsim.networks.layered_network import LayeredNetwork
from hebbsim.whole_file import check_place, make_folder, write_text

__all__ = ["LearningCurves"]


class LearningCurves:
    """
    Log each epoch of `fit`: rates, win shares, norms of kernels, and what a read-out can tell.

    Parameters
    ----------
    path : path
        A ``.csv`` file with a row for each whole epoch. It is replaced whole with each row, so that
        it can be read at any time.
    probe : (ndarray, ndarray), optional
        Images, ``(n, channels, rows, cols)``, and their labels, ``(n,)``: the last layer's
        responses to every other image of each class train a ridge read-out, which is scored on
        the rest.
    tensorboard : path, optional
        A folder for TensorBoard, to which the same values go.
    resume : bool
        Go on with a file that exists. The row of an epoch that is learned again, since a run ended
        before its checkpoint, is replaced.
    overwrite : bool
        Replace one.

    Raises
    ------
    FileExistsError
        If the file exists and neither `resume` nor `overwrite` is given.
    MissingPackageError
        If `tensorboard` is given, and it or torch, which writes for it, isn't installed.
    ValueError
        If the file to resume is no such table, or `probe` is no pair of equal length with at least
        two classes; in a fit, if the network is more than an epoch behind the table.

    Notes
    -----
    The columns are ``epoch``, of the network's life, and for each layer that was computed

    - ``layer1.rate``: mean output of a neuron over all batches of the epoch; of a `SpikingNetwork`
      spikes in each stimulus;
    - ``layer1.win_share``: the largest share that one channel has of all positions and samples at
      which a channel is active, the most active one winning (ties: the lowest); 1/channels if all
      win alike;
    - ``layer1.silent``: the share of channels that win nowhere;
    - ``layer1.norm``, ``.norm_min``, ``.norm_max``: Euclidean norms of the filters, all weights
      onto one output channel;

    and with `probe` ``decoding``, the accuracy in [0, 1]. Of an epoch that was resumed, rates and
    shares are those of its batches since then.

    Examples
    --------
    >>> curves = LearningCurves("curves.csv", probe=(test_images, test_labels))
    >>> network.fit(images, epochs=5, callback=curves)
    """

    def __init__(
        self,
        path: str | Path,
        *,
        probe: tuple[np.ndarray, np.ndarray] | None = None,
        tensorboard: str | Path | None = None,
        resume: bool = False,
        overwrite: bool = False,
    ) -> None:
        self.path, self.probe = Path(path), probe
        if probe is not None and (len(probe) != 2 or len(probe[0]) != len(probe[1])):
            raise ValueError(
                "LearningCurves: probe must be images and as many labels, got "
                f"{[len(part) for part in probe]}"
            )
        if probe is not None and len(np.unique(np.asarray(probe[1]))) < 2:
            raise ValueError("LearningCurves: probe must have labels of at least two classes")
        if self.path.exists() and not (resume or overwrite):
            raise FileExistsError(
                f"{self.path} exists; give resume=True to go on with it, overwrite=True to replace "
                "it, or another file"
            )
        make_folder(self.path.parent)
        check_place(self.path)
        self._writer = None if tensorboard is None else _writer(tensorboard)
        self._sums: dict[int, float] = {}
        self._wins: dict[int, np.ndarray] = {}
        self._neurons: dict[int, int] = {}
        #: The rows so far, by column
        self.rows: list[dict[str, float]] = []
        if resume and self.path.exists():
            self.rows = _read(self.path)

    def after_batch(self, network: LayeredNetwork, depth: int) -> None:
        """Count what the first `depth` layers give for a batch."""
        last, now = self.rows[-1]["epoch"] if self.rows else 0, network.learned.epochs
        if now < last:
            raise ValueError(
                f"{self.path} has rows up to epoch {last}, and the network learns its epoch {now}, "
                "so that those would be lost; go on with its checkpoint, fit(..., resume=True), or "
                "give overwrite=True or another file"
            )
        for number, stage in enumerate(network.stages[:depth], start=1):
            values = np.asarray(stage.output.get_maps("output"))
            channels = values.shape[1]
            largest = values.argmax(1)[values.max(1) > 0]
            wins = np.bincount(largest, minlength=channels)
            self._wins[number] = self._wins.get(number, np.zeros(channels, int)) + wins
            self._sums[number] = self._sums.get(number, 0.0) + float(values.sum(dtype=float))
            self._neurons[number] = self._neurons.get(number, 0) + values.size

    def after_epoch(self, network: LayeredNetwork) -> None:
        """Write the row of an epoch."""
        row: dict[str, float] = {"epoch": network.learned.epochs}
        for number in sorted(self._wins):
            wins, layer = self._wins[number], f"layer{number}"
            kernel = np.asarray(network.stages[number - 1].conv.get_kernel("w"))
            norms = np.sqrt((kernel.astype(float) ** 2).sum(tuple(range(1, kernel.ndim))))
            row |= {
                f"{layer}.rate": self._sums[number] / self._neurons[number],
                f"{layer}.win_share": float(wins.max() / max(wins.sum(), 1)),
                f"{layer}.silent": float((wins == 0).mean()),
                f"{layer}.norm": float(norms.mean()),
                f"{layer}.norm_min": float(norms.min()),
                f"{layer}.norm_max": float(norms.max()),
            }
        self._sums, self._wins, self._neurons = {}, {}, {}
        if self.probe is not None:
            row["decoding"] = _decoding(network, *self.probe)
        self.rows = [*(r for r in self.rows if r["epoch"] < row["epoch"]), row]
        write_text(self.path, _table(self.rows))
        if self._writer is not None:
            for name, value in row.items():
                if name != "epoch":
                    self._writer.add_scalar(name.replace(".", "/"), value, int(row["epoch"]))
            self._writer.flush()


def _decoding(network: LayeredNetwork, images: np.ndarray, labels: np.ndarray) -> float:
    features, known = network.transform(images), np.asarray(labels)
    # of each class: labels that alternate would give the halves different ones
    order = np.argsort(known, kind="stable")
    train, test = order[::2], order[1::2]
    return decode(features[train], known[train], features[test], known[test])


def _table(rows: list[dict[str, float]]) -> str:
    # with layers one after the other, later rows have more columns
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _read(path: Path) -> list[dict[str, float]]:
    try:
        with path.open(newline="") as file:
            found = list(csv.DictReader(file))
        rows = [{name: float(v) for name, v in row.items() if v} for row in found]
        return [{**row, "epoch": int(row["epoch"])} for row in rows]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(
            f"{path}: expected the table that LearningCurves writes, with a column epoch and "
            f"numbers alone, got {type(error).__name__}: {error}; give overwrite=True to replace "
            "it, or another file"
        ) from error


def _writer(folder: str | Path) -> Any:
    by = f"LearningCurves: tensorboard={str(folder)!r}"
    with (
        needed("torch", by=by, install="hebbsim[torch]"),
        needed("tensorboard", by=by, install="tensorboard"),
    ):
        from torch.utils.tensorboard import SummaryWriter
    return SummaryWriter(str(folder))
