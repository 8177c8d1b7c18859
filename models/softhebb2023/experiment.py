"""The protocol: kernels learn from images alone, then classes are read out."""

from pathlib import Path
from time import perf_counter

import numpy as np

from hebbsim import ConvNetwork
from hebbsim.data.dataset import as_float
from hebbsim.networks.checkpoint import Position, load_checkpoint, save_checkpoint
from models.common import Results
from models.common.model import Announce, silent
from models.common.progress import Progress
from models.miconi2021.images import fitted_zca, whitened
from models.miconi2021.model import CONDITIONS as MICONI
from models.miconi2021.model import Condition
from models.miconi2021.model import build as build_miconi
from models.miconi2021.settings import PRUNE
from models.softhebb2023.images import Images, load_images
from models.softhebb2023.model import ABLATIONS, SOFTHEBB, Variation, build
from models.softhebb2023.readout import by_gradients, ridge
from models.softhebb2023.settings import LAYER_BY_LAYER, PENALTY, Settings

__all__ = ["features", "learn", "run"]

#: Of Miconi's network: passes over the images, and batches in which thresholds alone adapt
_MICONI = {"epochs": 20, "burn_in": 20}
_N_ZCA = 9000
#: Images whose features are computed before they are stored in half precision
_CHUNK = 1000


def run(
    settings: Settings, seed: int, announce: Announce = silent, state: Path | None = None
) -> Results:
    """
    Run the network and its ablations with one seed.

    Parameters
    ----------
    settings : Settings
        Sizes.
    seed : int
        Of kernels, the order of images, and the classifiers.
    announce : callable
        Told what is being done.
    state : path, optional
        File that is written after each read-out, and gone on from. Networks that learn have files
        beside it.

    Returns
    -------
    Results
        Accuracies in percent, and minutes; kernels of the first layer, and norms of all filters.
    """
    announce("loading")
    images = load_images(settings)
    progress = Progress.of(state)
    for schedule in settings.schedules:
        _whole(progress, schedule, images, seed, settings, announce)
    some = images.first(settings.n_ablation, settings.n_ablation_test)
    for name in ("trained", *settings.ablations) if settings.ablations else ():
        quantity = f"ablation: {name}"
        if quantity not in progress.done:
            announce(name)
            found = 100 * _ablated(name, some, seed, settings)
            progress.add(**{quantity: np.array(found)})
    arrays = {name: found for name, found in progress.done.items() if found.ndim}
    numbers = {name: float(found) for name, found in progress.done.items() if not found.ndim}
    for name, norms in arrays.items():
        if name.startswith("norms"):
            numbers[f"norm, layer {name.split()[-1]}"] = float(np.median(norms))
    for name in settings.ablations:
        quantity = f"trained - {name}"
        numbers[quantity] = numbers["ablation: trained"] - numbers[f"ablation: {name}"]
    return Results(numbers, arrays)


def _whole(
    progress: Progress,
    schedule: str,
    images: Images,
    seed: int,
    settings: Settings,
    announce: Announce,
) -> None:
    """Let a network learn, and read out its last layer, or each."""
    last = len(settings.channels) - 1
    numbers = range(last, -1 if settings.all_layers else last - 1, -1)
    names = [f"{schedule}, layer {n + 1}, {how}" for n in numbers for how in _READ_OUTS]
    left = [name for name in names if name not in progress.done]
    if not left:
        return
    network = build(settings, images.shape, seed)
    checkpoint = None
    if progress.path is not None:
        name = f"{progress.path.stem}-{schedule.replace(' ', '-')}.npz"
        checkpoint = progress.path.with_name(name)
    begun = perf_counter()
    done = learn(
        network,
        images.shown,
        settings.parts,
        layer_by_layer=schedule == LAYER_BY_LAYER,
        checkpoint=checkpoint,
        announce=lambda text: announce(f"{schedule}: {text}"),
    )
    if done:  # of a run that was stopped, the share that is left
        minutes = (perf_counter() - begun) / 60 / done
        progress.add(**{f"{schedule}, minutes": np.array(minutes)})
    if schedule == settings.schedules[0]:
        kernels = [stage.conv.get_kernel("w") for stage in network.stages]
        norms = {f"norms {n}": _norms(kernel) for n, kernel in enumerate(kernels, start=1)}
        progress.add(kernel=kernels[0], **norms)
    for number in numbers:
        quantities = {how: f"{schedule}, layer {number + 1}, {how}" for how in _READ_OUTS}
        asked = {how: name for how, name in quantities.items() if name in left}
        if not asked:
            continue
        announce(f"{schedule}: features of layer {number + 1}")
        train, test = (
            features(network, of, number, mirrored=settings.mirrored)
            for of in (images.train, images.test)
        )
        for how, quantity in asked.items():
            announce(f"{schedule}: layer {number + 1}, {how}")
            guessed = _READ_OUTS[how](train, images.train_labels, test, settings, seed)
            accuracy = 100 * (guessed == images.test_labels).mean()
            progress.add(**{quantity: np.array(accuracy)})
        del train, test
    if checkpoint is not None:
        checkpoint.unlink(missing_ok=True)


def _norms(kernel: np.ndarray) -> np.ndarray:
    return np.linalg.norm(kernel.reshape(len(kernel), -1), axis=1)


def _by_gradients(
    train: np.ndarray, labels: np.ndarray, test: np.ndarray, settings: Settings, seed: int
) -> np.ndarray:
    return by_gradients(train, labels, test, settings.epochs, seed)


def _by_ridge(
    train: np.ndarray, labels: np.ndarray, test: np.ndarray, settings: Settings, seed: int
) -> np.ndarray:
    return ridge(train, labels, test, PENALTY)


_READ_OUTS = {"by gradients": _by_gradients, "ridge": _by_ridge}


def learn(
    network: ConvNetwork,
    images: np.ndarray,
    parts: int = 1,
    *,
    layer_by_layer: bool = False,
    learns: bool = True,
    checkpoint: Path | None = None,
    announce: Announce = silent,
) -> float:
    """
    Show all images once, in an order of the network's seed; return the share that was left to show.

    Parameters
    ----------
    network : ConvNetwork
        The network.
    images : array
        `(n, channels, rows, cols)`.
    parts : int
        After each of so many parts of the images the checkpoint is written.
    layer_by_layer : bool
        Show them once for each layer, which learns while those before it rest.
    learns : bool
        Or kernels stay, and the normalisation of the layers' inputs adapts.
    checkpoint : path, optional
        Gone on with if it is there.
    announce : callable
        Told what is being done.
    """
    order = np.random.default_rng([network.seed, len(network.stages)]).permutation(len(images))
    numbers = range(len(network.stages))
    phases = [[number] for number in numbers] if layer_by_layer else [list(numbers)]
    places = [Position(phase, 0, part) for phase in range(len(phases)) for part in range(parts)]
    schedule = {"schedule": phases, "parts": parts, "n_images": len(images)}
    begun = 0
    if checkpoint is not None and checkpoint.exists():
        position = load_checkpoint(network, checkpoint, schedule)
        begun = places.index(position) + 1
    for place in places[begun:]:
        announce(f"part {place.batch + 1} of {parts}, learns {phases[place.phase]}")
        chosen = np.array_split(order, parts)[place.batch]
        network.fit(
            images[chosen],
            layers=phases[place.phase],
            burn_in=0 if learns else len(chosen),
            shuffle=False,
            progress=False,
        )
        if checkpoint is not None:
            save_checkpoint(network, checkpoint, place, schedule)
    return 1 - begun / len(places)


def features(
    network: ConvNetwork, images: np.ndarray, layer: int = -1, *, mirrored: bool = False
) -> np.ndarray:
    """
    Return what a layer hands on, `(n, features)` in half precision, which holds 2.5 GB.

    If `mirrored`, the mean of that and of what it hands on of the images' mirror images.
    """
    found: np.ndarray | None = None
    for start in range(0, len(images), _CHUNK):
        shown = images[start : start + _CHUNK]
        part = network.transform(shown, layer)
        if mirrored:
            part = (part + network.transform(np.ascontiguousarray(shown[..., ::-1]), layer)) / 2
        if found is None:
            found = np.empty((len(images), part[0].size), dtype=np.float16)
        found[start : start + len(part)] = part.reshape(len(part), -1)
    assert found is not None
    return found


def _ablated(name: str, images: Images, seed: int, settings: Settings) -> float:
    """Return the accuracy of ridge regression on what the last layer hands on."""
    if name == "Miconi":
        zca = fitted_zca(images.train[:_N_ZCA])
        train, test = (whitened(of, zca) for of in (images.train, images.test))
        network = build_miconi(Condition(**{"prune": PRUNE, **MICONI["pruned"]}), seed=seed)
        network.fit(train, progress=False, **_MICONI)
    else:
        train, test = as_float(images.train), as_float(images.test)
        variation: Variation = SOFTHEBB if name == "trained" else ABLATIONS[name]
        network = build(settings, images.shape, seed, variation)
        learn(network, images.shown, learns=variation.learns)
    guessed = ridge(features(network, train), images.train_labels, features(network, test), PENALTY)
    return float((guessed == images.test_labels).mean())
