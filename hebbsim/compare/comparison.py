"""The comparison of plasticity rules: what a linear read-out tells from each layer's features."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from brian2 import prefs
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from hebbsim.bridge.decoding import decode
from hebbsim.compare.results import PIXELS, RANDOM, ResultsFolder, Row
from hebbsim.compare.settings import CompareSettings, SettingsError
from hebbsim.compare.tables import markdown
from hebbsim.data.datasets import ImageDataset, as_float, load_dataset
from hebbsim.data.preprocessing import ZCA, Preprocessing, make_preprocessing, standardize
from hebbsim.geometry import GeometryError
from hebbsim.networks.conv_network import ConvNetwork

__all__ = ["CompareSettings", "compare", "features", "quadrants"]

MAX_FEATURES = 4000


def compare(
    settings: CompareSettings,
    folder: str | Path,
    *,
    overwrite: bool = False,
    resume: bool = False,
    download: bool = False,
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
        Where ``results.csv``, ``table.md``, ``settings.json``, the figures ``filters.png`` and
        ``accuracy.png``, and ``weights/`` are written. Rows are written as they come.
    overwrite : bool
        Replace the results in the folder; other files stay.
    resume : bool
        Go on with the results in the folder, if there are any.
    download : bool
        Whether torchvision may download the data set.
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
        If the folder holds results and it isn't said what to do with them, or of other settings.
    DatasetError, GeometryError, SettingsError
        If the data can't be loaded, a kernel doesn't fit, or there are too few images.
    KeyboardInterrupt
        On Ctrl-C; the networks that are done can be gone on with.
    """
    results = ResultsFolder(folder)
    results.check(settings, overwrite=overwrite, resume=resume)
    images = load_images(settings, download=download)
    check_layers(settings, images.shape)  # fails before anything is replaced
    with preferences(settings):
        rows = results.begin(settings, resume=resume)
        done = {(row.rule, row.seed) for row in rows}
        if (PIXELS, 0) not in done:
            rows += _kept(results, [decode_pixels(settings, images)])
        pairs = [
            (rule, seed)
            for seed in range(settings.seeds)
            for rule in (RANDOM, *settings.rules)
            if (rule, seed) not in done
        ]
        n_batches = settings.epochs * (len(images.train) // settings.batch_size)
        with _progress(progress, console, len(pairs) * n_batches) as (announce, advance):
            for rule, seed in pairs:
                announce(f"{rule}, seed {seed}")
                found, network = run_network(settings, images, rule, seed, advance)
                results.save_weights(network, rule, seed)
                rows += _kept(results, found)
    write_report(results, settings, rows)
    return rows


@dataclass(frozen=True, eq=False)
class Images:
    """Hold a data set and its two splits as the network gets them, in float32."""

    dataset: ImageDataset
    train: np.ndarray
    test: np.ndarray

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape `(channels, rows, cols)` of one image."""
        return self.dataset.shape


def load_images(settings: CompareSettings, *, download: bool = False) -> Images:
    """Load and preprocess the data set; whatever is fitted is fitted on the training split."""
    dataset = load_dataset(settings.data, settings.data_root, download)
    dataset = dataset.subset(settings.n_train, settings.n_test)
    if len(dataset.train_images) < settings.batch_size:
        raise SettingsError(
            f"batch_size: expected at most the {len(dataset.train_images)} training images of "
            f"'{settings.data}', got {settings.batch_size}; give a smaller --batch-size or a "
            "larger --n-train"
        )
    preprocessing = _preprocessing(settings)
    train = preprocessing.fit_transform(as_float(dataset.train_images))
    return Images(dataset, train, preprocessing.transform(as_float(dataset.test_images)))


def _preprocessing(settings: CompareSettings) -> Preprocessing:
    if settings.preprocessing == "zca":
        return Preprocessing("zca", standardize, ZCA(settings.zca_epsilon))
    return make_preprocessing(settings.preprocessing)


def check_layers(settings: CompareSettings, shape: tuple[int, int, int]) -> None:
    """Raise an error if the learning rate is not finite, or a layer does not fit what it gets."""
    for number, layer in enumerate(settings.layers(settings.rules[0]), start=1):
        try:
            shape = layer.output_shape(shape)
        except GeometryError as error:
            raise GeometryError(f"layer {number}: {error}") from None


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
) -> tuple[list[Row], ConvNetwork]:
    """Train and decode one network, calling `advance` for each batch; return a row for each layer.

    The rule may be ``'random'``.
    """

    def count(batch: np.ndarray, _: np.random.Generator) -> np.ndarray:
        advance()
        return batch

    start = perf_counter()
    network = build_network(settings, images.shape, None if rule == RANDOM else rule, seed)
    # under 'random' the thresholds alone adapt, so that the kernels are all that differs
    network.fit(images.train, epochs=settings.epochs, augment=count, progress=False)
    train = network.transform_all(images.train, reduce=features)
    test = network.transform_all(images.test, reduce=features)
    seconds = round(perf_counter() - start, 3)
    layers = enumerate(zip(train, test, strict=True), start=1)
    return [
        _decoded(settings, images.dataset, split, rule=rule, layer=n, seed=seed, seconds=seconds)
        for n, split in layers
    ], network


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


def features(maps: np.ndarray) -> np.ndarray:
    """
    Give the whole maps if they are small enough to be decoded, else their quadrant means.

    Parameters
    ----------
    maps : array
        `(n, channels, rows, cols)`.

    Returns
    -------
    array
        `(n, channels, rows, cols)`, or `(n, channels, 2, 2)` where an image has more than 4000
        features.
    """
    return maps if np.prod(maps.shape[1:]) <= MAX_FEATURES else quadrants(maps)


def quadrants(maps: np.ndarray) -> np.ndarray:
    """
    Average maps over their four quadrants (Miconi 2021).

    Parameters
    ----------
    maps : array
        `(n, channels, rows, cols)`. A middle row or column belongs to both sides.

    Returns
    -------
    array
        `(n, channels, 2, 2)`.
    """
    rows, cols = maps.shape[2:]
    top, bottom = slice((rows + 1) // 2), slice(rows // 2, None)
    left, right = slice((cols + 1) // 2), slice(cols // 2, None)
    means = [maps[:, :, r, c].mean(axis=(2, 3)) for r in (top, bottom) for c in (left, right)]
    return np.stack(means, axis=-1).reshape(*maps.shape[:2], 2, 2)


def write_report(results: ResultsFolder, settings: CompareSettings, rows: list[Row]) -> None:
    """Write ``table.md``, ``filters.png`` (of the first seed) and ``accuracy.png``."""
    from hebbsim.compare.figures import accuracy_figure, filter_figure, save_figure

    results.table.write_text(markdown(settings, rows), encoding="utf-8")
    kernels = {rule: results.first_kernel(rule, 0) for rule in (RANDOM, *settings.rules)}
    save_figure(filter_figure(kernels), results.filters)
    save_figure(accuracy_figure(rows), results.accuracy)


def _kept(results: ResultsFolder, rows: list[Row]) -> list[Row]:
    results.append(rows)
    return rows


@contextmanager
def preferences(settings: CompareSettings) -> Iterator[None]:
    """Set Brian2's precision and threads for the time being."""
    chosen = {
        "core.default_float_dtype": np.dtype(settings.dtype).type,
        "devices.cpp_standalone.openmp_threads": settings.threads,
        # a run that ends early without an error would pass for a complete one
        "core.stop_on_keyboard_interrupt": False,
    }
    before = {name: prefs[name] for name in chosen}
    try:
        for name, value in chosen.items():
            prefs[name] = value
        yield
    finally:
        for name, value in before.items():
            prefs[name] = value


@contextmanager
def _progress(
    show: bool, console: Console | None, total: int
) -> Iterator[tuple[Callable[[str], None], Callable[[], None]]]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:.0f} %"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not show, transient=True) as bar:
        task = bar.add_task("starting", total=total)
        yield lambda text: bar.update(task, description=text), lambda: bar.advance(task)
