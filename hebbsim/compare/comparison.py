"""The comparison of plasticity rules: what a linear read-out tells from each layer's features."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from rich.console import Console

from hebbsim.bridge.weights import save_weights
from hebbsim.compare.curves import CurveRow, Curves, KernelChanges
from hebbsim.compare.images import Images, load_images
from hebbsim.compare.network_settings import NetworkSettings
from hebbsim.compare.networks import NetworksToDo
from hebbsim.compare.page import report_page
from hebbsim.compare.results import PIXELS, RANDOM, ResultsFolder, Row
from hebbsim.compare.settings import CompareSettings, check_layers
from hebbsim.compare.tables import markdown
from hebbsim.data.dataset import ImageDataset, as_float
from hebbsim.decoding.decode import decode
from hebbsim.errors import SettingsError
from hebbsim.experiments.features import features
from hebbsim.experiments.preferences import run_preferences
from hebbsim.experiments.results import weights_name
from hebbsim.experiments.standalone import check_device, device_of_networks
from hebbsim.networks.conv_network import ConvNetwork
from hebbsim.progress import Bar, progress_bar
from hebbsim.whole_file import write_text

__all__ = ["CompareSettings", "compare"]


def compare(
    settings: CompareSettings,
    folder: str | Path,
    *,
    overwrite: bool = False,
    resume: bool = False,
    download: bool = False,
    jobs: int = 1,
    progress: bool = True,
    console: Console | None = None,
) -> list[Row]:
    """
    Train one architecture with each rule, and decode every layer, next to the baselines.

    The baselines are the images themselves, and the same network that keeps its random initial
    kernels: its thresholds adapt to the same images, its weights don't. The read-out is trained
    on the training split, and scored on the test split, which nothing else sees.

    Parameters
    ----------
    settings : CompareSettings
        All that the numbers depend on.
    folder : path
        Where ``results.csv``, ``curves.csv``, ``table.md``, ``settings.json``, the figures
        ``filters.png``, ``accuracy.png`` and ``learning.png``, ``report.html`` and ``weights/`` are
        written. Rows are written as they come.
    overwrite : bool
        Replace the results in the folder; other files stay.
    resume : bool
        Go on with the results in the folder, if there are any.
    download : bool
        Whether torchvision may download the data set.
    jobs : int
        How many networks learn at once, each in a process of its own; 1: in this process.
    progress : bool
        Show a progress bar.
    console : Console, optional
        Where to show it.

    Returns
    -------
    list of Row
        What ``results.csv`` holds.

    Raises
    ------
    ResultsError
        If the folder holds results and it isn't said what to do with them, or of other settings or
        images; if it is removed meanwhile.
    FolderHeldError
        If another process writes to the folder.
    DatasetError, GeometryError, SettingsError
        If the data can't be loaded, a kernel doesn't fit, or there are too few images.
    NetworkError
        If a network of another process fails.
    KeyboardInterrupt
        On Ctrl-C; the networks that are done can be gone on with.
    """
    if jobs < 1:
        raise SettingsError(f"jobs: expected a whole number from 1 on, got {jobs}")
    results = ResultsFolder(folder)
    with results.held():
        results.check(settings, overwrite=overwrite, resume=resume)
        check_device(settings.device)
        images = load_images(settings, download=download)
        check_layers(settings, images.shape)  # fails before anything is replaced
        used = settings.with_batches_that_fit(len(images.train), images.shape)
        if progress:
            for note in (*images.notes, *_less(settings, used)):
                (console or Console(stderr=True)).print(note, highlight=False)
        with preferences(settings):
            rows = results.begin(settings, images.dataset, resume=resume)
            pairs = _pairs_to_do(settings, rows)
            if not any(row.rule == PIXELS for row in rows):
                rows += _kept(results, [decode_pixels(settings, images)])
            n_batches = used.epochs * (len(images.train) // used.batch_size)
            to_do = NetworksToDo(results, used, images, pairs, n_batches)
            with progress_bar("starting", to_do.total, show=progress, console=console) as bar:
                if jobs == 1:
                    to_do.run_here(partial(_train_here, results, images, bar), bar)
                else:
                    to_do.run_on_workers(jobs, bar, console or Console(stderr=True))
            rows += to_do.rows
        write_report(results, settings, rows)
    return rows


def _pairs_to_do(settings: CompareSettings, rows: list[Row]) -> list[tuple[str, int]]:
    """Return the rules and seeds whose networks have no rows yet."""
    done = {(row.rule, row.seed) for row in rows}
    rules = (RANDOM, *settings.rules)
    pairs = [(rule, seed) for seed in range(settings.seeds) for rule in rules]
    return [pair for pair in pairs if pair not in done]


def _less(settings: CompareSettings, used: CompareSettings) -> tuple[str, ...]:
    """Say that batches are smaller than by default."""
    if used.batch_size == settings.batch_size:
        return ()
    return (
        f"batches of {used.batch_size} images, as many as there are or fit into memory; "
        "--batch-size sets another number",
    )


def build_network(
    settings: CompareSettings, shape: tuple[int, int, int], rule: str | None, seed: int
) -> ConvNetwork:
    """Build the network; without a rule it keeps the initial kernels that the seed gives."""
    return ConvNetwork(shape, settings.layers(rule), batch_size=settings.batch_size, seed=seed)


def run_network(
    settings: CompareSettings,
    images: Images,
    rule: str,
    seed: int,
    advance: Callable[[], None] = lambda: None,
    curves: list[CurveRow] | None = None,
) -> tuple[list[Row], ConvNetwork]:
    """Train and decode one network, calling `advance` for each batch; return a row for each layer.

    The rule may be ``'random'``. A list of `curves` gets how much the kernels of a rule change.
    """

    def count(batch: np.ndarray, _: np.random.Generator) -> np.ndarray:
        advance()
        changes.before_batch()
        return batch

    start = perf_counter()
    network = build_network(settings, images.shape, None if rule == RANDOM else rule, seed)
    changes = KernelChanges(network, len(images.train) // settings.batch_size)
    # under 'random' the thresholds alone adapt, so that the kernels are all that differs
    network.fit(images.train, epochs=settings.epochs, augment=count, progress=False)
    if curves is not None and rule != RANDOM:
        curves += changes.rows(rule, seed)
    train = network.transform_all(images.train, reduce=features)
    test = network.transform_all(images.test, reduce=features)
    seconds = round(perf_counter() - start, 3)
    layers = enumerate(zip(train, test, strict=True), start=1)
    return [
        _decoded(settings, images.dataset, split, rule=rule, layer=n, seed=seed, seconds=seconds)
        for n, split in layers
    ], network


def network_result(
    settings: NetworkSettings,
    images: Images,
    seed: int,
    folder: Path,
    advance: Callable[[], None] = lambda: None,
    before_writing: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Train and decode a network, write its weights into a folder, and return what it gave."""
    curves: list[CurveRow] = []
    with device_of_networks(settings.device):
        rows, network = run_network(settings, images, settings.rule, seed, advance, curves)
        before_writing()
        save_weights(network, folder / weights_name(settings.rule, seed), overwrite=True)
    return result_of(rows, curves)


def result_of(rows: Sequence[Row], curves: Sequence[CurveRow]) -> dict[str, Any]:
    """Write rows and curves in plain values, and accuracies as the numbers that a sweep shows."""
    return {
        **{f"accuracy {row.layer}": row.accuracy for row in rows},
        "rows": [asdict(row) for row in rows],
        "curves": [asdict(row) for row in curves],
    }


def _train_here(
    results: ResultsFolder,
    images: Images,
    bar: Bar,
    settings: NetworkSettings,
    seed: int,
    folder: Path,
) -> dict[str, Any]:
    check = results.check_still_there
    return network_result(settings, images, seed, folder, bar.advance, check)


def decode_pixels(settings: CompareSettings, images: Images) -> Row:
    """Decode the images themselves, not preprocessed."""
    dataset = images.dataset
    split = (as_float(dataset.train_images), as_float(dataset.test_images))
    return _decoded(settings, dataset, split, rule=PIXELS, layer=0, seed=0, seconds=0.0)


def _decoded(
    settings: CompareSettings,
    dataset: ImageDataset,
    split: tuple[np.ndarray, np.ndarray],
    **row: Any,
) -> Row:
    train, test = split
    accuracy = decode(
        train, dataset.train_labels, test, dataset.test_labels, method=settings.decoder
    )
    n_features = int(np.prod(train.shape[1:]))
    return Row(
        data=settings.data,
        accuracy=accuracy,
        n_features=n_features,
        method=settings.decoder,
        **row,
    )


def write_report(results: ResultsFolder, settings: CompareSettings, rows: list[Row]) -> None:
    """Write ``table.md``, the figures, of the first seed's kernels too, and ``report.html``."""
    from hebbsim.compare.figures import accuracy_figure, filter_figure, learning_figure
    from hebbsim.experiments.figures import save_figure

    results.check_still_there()
    write_text(results.table, markdown(settings, rows))
    kernels = {rule: results.kernel(rule, 0, 1) for rule in (RANDOM, *settings.rules)}
    save_figure(filter_figure(kernels), results.filters)
    save_figure(accuracy_figure(rows), results.accuracy)
    curves = Curves(results).read()
    if curves:
        save_figure(learning_figure(curves), results.learning)
    write_text(results.report, report_page(results, settings, rows))


def _kept(results: ResultsFolder, rows: list[Row]) -> list[Row]:
    results.append(rows)
    return rows


def preferences(settings: CompareSettings) -> AbstractContextManager[None]:
    """Set Brian2's precision and threads for the time being."""
    return run_preferences(settings.threads, settings.dtype)
