"""Train each condition, read every layer out, and write what was found."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import perf_counter

import numpy as np
from rich.console import Console

from hebbsim import decode, to_torch
from hebbsim.data.dataset import as_float
from hebbsim.data.filters import standardize
from hebbsim.experiments.features import quadrants
from hebbsim.experiments.preferences import run_preferences
from hebbsim.experiments.standalone import check_device, device_of_networks
from hebbsim.networks.conv_network import ConvNetwork
from hebbsim.progress import progress_bar
from hebbsim.whole_file import write_text
from models.miconi2021.figures import save_figures
from models.miconi2021.images import Images, load_images, mirrored
from models.miconi2021.model import Condition, build
from models.miconi2021.results import ALL_LAYERS, PIXELS, Results, Row, table
from models.miconi2021.settings import Settings

__all__ = ["brian_features", "read_out", "run", "together", "torch_features", "train"]


def run(
    settings: Settings,
    conditions: Mapping[str, Condition],
    seeds: Sequence[int],
    folder: str | Path,
    *,
    overwrite: bool = False,
    resume: bool = False,
    check_torch: bool = False,
    progress: bool = True,
    console: Console | None = None,
) -> list[Row]:
    """
    Train the conditions one after the other, each with all seeds, and write the results.

    Parameters
    ----------
    settings : Settings
        What all conditions have in common.
    conditions : mapping of str to Condition
        By name.
    seeds : sequence of int
        Of kernels, masks and the order of presentation.
    folder : path
        Where ``results.csv``, ``table.md``, ``settings.json``, the figures, weights and
        checkpoints are written.
    overwrite, resume : bool
        Replace the results in the folder, or go on with them: with other conditions and seeds too,
        and inside an epoch that was interrupted.
    check_torch : bool
        Compute the features with torch as well, from the exported network, and read them out.
    progress : bool
        Show progress bars.
    console : Console, optional
        Where to report.

    Returns
    -------
    list of Row
        What ``results.csv`` holds.

    Raises
    ------
    ResultsError, DatasetError, SettingsError
        If the folder holds something else, or the data can't be used.
    FolderHeldError
        If another process writes to the folder.
    KeyboardInterrupt
        On Ctrl-C, after the checkpoint is written.
    """
    console = console or Console()
    results = Results(folder)
    with results.held():
        results.check(settings, overwrite=overwrite, resume=resume)
        check_device(settings.device)
        before = results.read() if resume else []
        everything = [(*named, seed) for named in conditions.items() for seed in seeds]
        pairs = [pair for pair in everything if not results.is_done(before, *pair)]
        with console.status("whitening the images"):
            images = load_images(settings)
        results.begin(settings, images.raw, resume=resume)
        if not any(row.condition == PIXELS for row in before):
            results.append([_pixels(images, console)])
        for number, pair in enumerate(pairs, start=1):
            console.print(f"{number} of {len(pairs)}: {pair[0]}, seed {pair[2]}")
            last = _run_network(settings, images, results, pair, check_torch, progress)
            console.print(f"   accuracy of the last layer {last.accuracy:.4f}")
        return _reported(results)


def _reported(results: Results) -> list[Row]:
    """Write the table and the figures of the rows in the folder; return the rows."""
    rows = results.read()
    write_text(results.table, table(rows))
    save_figures(results, rows)
    return rows


def _run_network(
    settings: Settings,
    images: Images,
    results: Results,
    pair: tuple[str, Condition, int],
    check_torch: bool,
    progress: bool,
) -> Row:
    """Train, read out and keep the network of a condition and a seed; return the last layer's row.

    Each layer has a row of its own, and all of them together.
    """
    name, condition, seed = pair
    with run_preferences(settings.threads), device_of_networks(settings.device):
        network = build(
            condition,
            settings.channels,
            images.raw.shape,
            batch_size=settings.batch_size,
            seed=seed,
        )
        start = perf_counter()
        checkpoint = results.checkpoint(name, seed)
        train(network, images.train, settings, checkpoint=checkpoint, progress=progress)
        seconds = round(perf_counter() - start, 1)
        results.save_weights(network, name, seed)
        features = _features(network, images, check_torch, progress)
        depth = len(network.stages)
        sums_w4 = [_sum_w4(network, number) for number in range(1, depth + 1)]
    kinds = [*((n, "quadrants") for n in range(1, depth)), (depth, "full map"), (0, ALL_LAYERS)]
    rows = [
        Row(
            condition=name,
            rule=condition.rule or "none",
            output=condition.output,
            prune=condition.prune,
            seed=seed,
            layer=number,
            features=kind,
            n_features=int(np.prod(found[0].shape[1:])),
            accuracy=read_out(images, *found),
            sum_w4=sums_w4[(number or depth) - 1],
            computed_by=computed_by,
            seconds=seconds,
        )
        for computed_by, splits in features.items()
        for (number, kind), found in zip(
            kinds, [*zip(*splits, strict=True), tuple(map(together, splits))], strict=True
        )
    ]
    results.append(rows)
    return rows[depth - 1]


def _features(
    network: ConvNetwork, images: Images, check_torch: bool, progress: bool
) -> dict[str, list[list[np.ndarray]]]:
    """Return each layer's features of both splits, by what computed them."""
    ways = {"hebbsim": ("responding", brian_features)}
    if check_torch:
        ways["torch"] = ("responding in torch", torch_features)
    n_images = len(images.train) + len(images.test)
    found = {}
    for computed_by, (text, compute) in ways.items():
        with progress_bar(text, n_images, show=progress) as bar:
            found[computed_by] = [
                compute(network, split, bar.advance) for split in (images.train, images.test)
            ]
    return found


def together(features: Sequence[np.ndarray]) -> np.ndarray:
    """Join what a read-out gets of each layer, `(n, features)`."""
    return np.concatenate([maps.reshape(len(maps), -1) for maps in features], axis=1)


def train(
    network: ConvNetwork,
    images: np.ndarray,
    settings: Settings,
    *,
    checkpoint: Path | None = None,
    progress: bool = False,
) -> None:
    """
    Learn from whitened images; all layers learn at once.

    Parameters
    ----------
    network : ConvNetwork
        The network.
    images : array
        `(n, channels, rows, cols)`, whitened.
    settings : Settings
        Epochs and burn-in.
    checkpoint : path, optional
        Gone on with if it is there, and written after each epoch.
    progress : bool
        Show batches a second and the time left.
    """
    network.fit(
        images,
        epochs=settings.epochs,
        burn_in=settings.burn_in,
        augment=mirrored,
        checkpoint=checkpoint,
        resume=checkpoint is not None,
        progress=progress,
    )


def brian_features(
    network: ConvNetwork, images: np.ndarray, advance: Callable[[int], None] = lambda n: None
) -> list[np.ndarray]:
    """
    Give what the read-outs get of each layer, from one presentation with frozen weights.

    Parameters
    ----------
    network : ConvNetwork
        The network.
    images : array
        `(n, channels, rows, cols)`, whitened.
    advance : callable
        Called with the number of images that are done.

    Returns
    -------
    list of array
        For each layer `(n, channels, 2, 2)`: the means over the four quadrants of the map that the
        next layer sees, standardised; the last layer's map as it is (notebook, cell 3,
        ``layerquads`` and ``trainouts``).

    Notes
    -----
    Weights and thresholds are frozen and images are not mirrored, unlike in the notebook, whose
    thresholds go on adapting, to test images as well.
    """
    last = tuple(network.stages[-1].output.shape)

    def reduce(maps: np.ndarray) -> np.ndarray:
        if maps.shape[1:] != last:
            return quadrants(standardize(maps))
        advance(len(maps))
        return maps

    return network.transform_all(images, reduce=reduce)


def torch_features(
    network: ConvNetwork, images: np.ndarray, advance: Callable[[int], None] = lambda n: None
) -> list[np.ndarray]:
    """Give what `brian_features` gives, computed by torch in the exported network."""
    import torch

    modules = dict(to_torch(network).named_children())
    depth = len(network.stages)
    found: list[list[np.ndarray]] = [[] for _ in range(depth)]
    for start in range(0, len(images), network.batch_size):
        x = torch.from_numpy(images[start : start + network.batch_size])
        for name, module in modules.items():
            x = module(x)
            if name.startswith("pool"):
                number = int(name.removeprefix("pool"))
                maps = x.numpy()
                if number < depth:
                    maps = quadrants(standardize(maps))
                found[number - 1].append(maps)
        advance(len(x))
    return [np.concatenate(batches) for batches in found]


def read_out(images: Images, train: np.ndarray, test: np.ndarray) -> float:
    """Fit ridge regression on the training images, and score it on the test images."""
    return decode(train, images.raw.train_labels, test, images.raw.test_labels, alpha=1.0)


def _sum_w4(network: ConvNetwork, layer: int) -> float:
    kernel = network.stages[layer - 1].conv.get_kernel("w").astype(np.float64)
    return float(np.mean((kernel**4).sum(axis=(1, 2, 3))))


def _pixels(images: Images, console: Console) -> Row:
    splits = (as_float(images.raw.train_images), as_float(images.raw.test_images))
    with console.status("reading out the raw pixels"):
        accuracy = read_out(images, *splits)
    return Row(
        condition=PIXELS,
        rule="none",
        output="none",
        prune=0.0,
        seed=0,
        layer=0,
        features="pixels",
        n_features=int(np.prod(images.raw.shape)),
        accuracy=accuracy,
        sum_w4=float("nan"),
        computed_by="none",
        seconds=0.0,
    )
