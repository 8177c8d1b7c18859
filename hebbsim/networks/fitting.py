"""Learning from a data set: epochs, progress, interruption, checkpoints."""

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from hebbsim.data.dataset import as_float
from hebbsim.geometry import is_integer
from hebbsim.networks.checkpoint import Checkpointed, Position, load_checkpoint, save_checkpoint
from hebbsim.networks.stage import Stage
from hebbsim.synapses.update import NonFiniteWeightsError

__all__ = ["Trainable", "fit"]

Augmentation = Callable[[np.ndarray, np.random.Generator], np.ndarray]


class Trainable(Checkpointed, Protocol):
    """What fitting needs to know of a network."""

    batch_size: int
    seed: int
    stages: list[Stage]

    def check_images(self, images: Any) -> int:
        """Return the number of images, or say what is wrong with them."""
        ...

    @property
    def present(self) -> Callable[..., None]:
        """What presents batches of images, as `LayeredNetwork.present`."""
        ...


def fit(
    network: Trainable,
    images: np.ndarray,
    *,
    epochs: int = 1,
    labels: np.ndarray | None = None,
    layers: Sequence[int] | None = None,
    layerwise: bool = False,
    burn_in: int = 0,
    augment: Augmentation | None = None,
    checkpoint: str | Path | None = None,
    resume: bool = False,
    progress: bool = True,
) -> None:
    """Learn a network's kernels from images, presented in random order, a batch a time step.

    Parameters
    ----------
    network : ConvNetwork or SpikingNetwork
        The network; its kernels change.
    images : ndarray
        ``(n, channels, rows, cols)``, indexed batch by batch (a memory-mapped file will do); uint8
        is read as 0 to 1. What doesn't fill a last batch is left out of an epoch.
    epochs : int
        Passes over the images; with `layerwise`, for each layer.
    labels : ndarray of int, optional
        ``(n,)``, the class of each image: then a `SpikingNetwork` whose last layer learns from
        reward is told whether its choice was right; see `SpikingNetwork.choose`.
    layers : sequence of int, optional
        Numbers (from 0) of the layers that learn; by default all.
    layerwise : bool
        Learn one layer after the other, instead of all at once.
    burn_in : int
        Batches at the start during which thresholds adapt and weights don't.
    augment : callable, optional
        Called with a batch and a random generator, returns the batch to present.
    checkpoint : path, optional
        File that the state is written to after each epoch and on interruption.
    resume : bool
        Go on from `checkpoint`, if the file exists.
    progress : bool
        Show a progress bar.

    Raises
    ------
    ValueError
        If the images don't fit the network or are not finite.
    NonFiniteWeightsError
        If weights become NaN or infinite; the checkpoint keeps the last good state.
    KeyboardInterrupt
        On Ctrl-C, after the current step has ended and the checkpoint is written.
    CheckpointError
        If the checkpoint is of another network or can't be read.
    """
    n_batches = _check(network, images, epochs, burn_in)
    position = Position()
    if checkpoint is not None and resume and Path(checkpoint).exists():
        position = load_checkpoint(network, checkpoint)
    reward = None if labels is None else _rewarding(network, images, labels)
    phases = _phases(len(network.stages), layers, layerwise)
    run = _Run(network, images, n_batches, augment, burn_in, reward)
    total = len(phases) * epochs * n_batches
    with _progress(progress, total) as run.advance, _interruptible() as run.stopped:
        run.advance((position.phase * epochs + position.epoch) * n_batches + position.batch)
        for learning, here in _places(phases, epochs, position):
            position = _next(here, run.epoch(learning, here), n_batches, epochs)
            if checkpoint is not None:
                save_checkpoint(network, checkpoint, position)
            if run.stopped.is_set():
                raise KeyboardInterrupt


def _check(network: Trainable, images: np.ndarray, epochs: int, burn_in: int) -> int:
    """Return the batches of an epoch, or say what is wrong."""
    for name, value in (("epochs", epochs), ("burn_in", burn_in)):
        if not is_integer(value, 0):
            raise ValueError(f"{name}: expected a whole number from 0 on, got {value!r}")
    n_batches = network.check_images(images) // network.batch_size
    if n_batches == 0:
        raise ValueError(
            f"images: {len(images)} don't fill a batch of {network.batch_size}; give more or build "
            "the network with a smaller batch_size"
        )
    return n_batches


def _places(
    phases: list[list[bool]], epochs: int, position: Position
) -> Iterator[tuple[list[bool], Position]]:
    """Yield which layers learn, and where each epoch from `position` on begins."""
    batch = position.batch
    for phase, learning in enumerate(phases):
        for epoch in range(epochs):
            if (phase, epoch) >= (position.phase, position.epoch):
                yield learning, Position(phase, epoch, batch)
                batch = 0  # all later epochs are whole


def _next(here: Position, done: int, n_batches: int, epochs: int) -> Position:
    """Return the position after `done` batches of an epoch."""
    if done < n_batches:
        return Position(here.phase, here.epoch, done)
    last = here.epoch + 1 == epochs
    return Position(here.phase + 1) if last else Position(here.phase, here.epoch + 1)


def _phases(depth: int, layers: Sequence[int] | None, layerwise: bool) -> list[list[bool]]:
    """Say which layers learn in each phase."""
    chosen = range(depth) if layers is None else layers
    if not chosen or not all(is_integer(n, -depth) and n < depth for n in chosen):
        raise ValueError(f"layers: expected numbers from 0 to {depth - 1}, got {list(chosen)}")
    numbers = sorted(range(depth)[n] for n in chosen)
    together = [[layer] for layer in numbers] if layerwise else [numbers]
    return [[n in phase for n in range(depth)] for phase in together]


def _rewarding(
    network: Trainable, images: np.ndarray, labels: np.ndarray
) -> Callable[[np.ndarray], None]:
    """Return what tells the network about its choices, given the numbers of the images shown."""
    reward = getattr(network, "reward_choices", None)
    if reward is None:
        raise TypeError(
            f"labels: a {type(network).__name__} doesn't learn from reward; leave them out"
        )
    classes = np.asarray(labels)
    if classes.shape != (len(images),) or classes.dtype.kind not in "iu" or classes.min() < 0:
        raise ValueError(
            f"labels: expected {len(images)} classes from 0 on, one for each image, got an array "
            f"of {classes.dtype} with shape {classes.shape}"
        )
    n_classes = int(classes.max()) + 1

    def tell(shown: np.ndarray) -> None:
        reward(classes[shown], n_classes)

    return tell


class _Run:
    """The presentation of one data set to one network."""

    def __init__(
        self,
        network: Trainable,
        images: np.ndarray,
        n_batches: int,
        augment: Augmentation | None,
        burn_in: int,
        reward: Callable[[np.ndarray], None] | None,
    ) -> None:
        self.reward, self.images_shown = reward, np.arange(0)
        self.network, self.images, self.n_batches = network, images, n_batches
        self.augment, self.burn_in = augment, burn_in
        self.advance: Callable[[int], None] = lambda n: None
        self.stopped = threading.Event()
        self.done = 0

    def epoch(self, learning: list[bool], start: Position) -> int:
        """Present an epoch from batch `start.batch` on; return the number of the next batch."""
        self.done = start.batch
        burning = self.burn_in if (start.phase, start.epoch) == (0, 0) else 0
        for stop, frozen in ((min(burning, self.n_batches), True), (self.n_batches, False)):
            if self.done < stop and not self.stopped.is_set():
                self._present(learning, start, stop, frozen)
        return self.done

    def _present(self, learning: list[bool], place: Position, stop: int, frozen: bool) -> None:
        rewarding: dict[str, Any] = {}
        if self.reward is not None and learning[-1] and not frozen:
            tell = self.reward
            rewarding["reward"] = lambda: tell(self.images_shown)
        try:
            self.network.present(
                self._batches(place.phase, place.epoch, self.done, stop),
                stop - self.done,
                learning=learning,
                frozen=frozen,
                depth=max(n for n, learns in enumerate(learning) if learns) + 1,
                collect=self._count,
                **rewarding,
            )
        except NonFiniteWeightsError as error:
            batch = f"epoch {place.epoch + 1}, batch {self.done + 1} of {self.n_batches}"
            raise NonFiniteWeightsError(f"{batch}: {error}") from None

    def _count(self) -> None:
        self.done += 1
        self.advance(1)
        if self.stopped.is_set():
            self.network.brian2.stop()

    def _batches(self, phase: int, epoch: int, start: int, stop: int) -> Iterator[np.ndarray]:
        size = self.network.batch_size
        # the order depends on the seed and the place in the schedule alone: resumed is repeated
        shuffle = np.random.default_rng([self.network.seed, 1_000_000 + phase, epoch])
        order = shuffle.permutation(len(self.images))
        for number in range(start, stop):
            chosen = np.sort(order[number * size : (number + 1) * size])
            self.images_shown = chosen
            batch = as_float(np.asarray(self.images[chosen]))
            if self.augment is not None:
                rng = np.random.default_rng([self.network.seed, 2_000_000 + phase, epoch, number])
                batch = self.augment(batch, rng)
            yield batch


@contextmanager
def _progress(show: bool, total: int) -> Iterator[Callable[[int], None]]:
    columns = (
        TextColumn("learning"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("batches, {task.fields[rate]:.0f} a second,"),
        TimeRemainingColumn(),
        TextColumn("left"),
    )
    with Progress(*columns, disable=not show, transient=True) as bar:
        task = bar.add_task("learning", total=total, rate=0.0)

        def advance(n: int) -> None:
            bar.update(task, advance=n, rate=bar.tasks[0].speed or 0.0)

        yield advance


@contextmanager
def _interruptible() -> Iterator[threading.Event]:
    """Note Ctrl-C, to end the run after the current step instead of in the middle of it."""
    stopped = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stopped  # signals reach the main thread alone
        return
    previous = signal.signal(signal.SIGINT, lambda *_: stopped.set())
    try:
        yield stopped
    finally:
        signal.signal(signal.SIGINT, previous)
