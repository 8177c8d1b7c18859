"""Learning from a data set: epochs, progress, interruption, checkpoints."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from brian2.utils.logger import get_logger
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from hebbsim.data.dataset import as_float, one_a_sample
from hebbsim.geometry import is_integer
from hebbsim.networks.checkpoint import (
    Checkpointed,
    Position,
    check_free,
    described,
    load_checkpoint,
    save_checkpoint,
)
from hebbsim.networks.fingerprint import fingerprint
from hebbsim.networks.interruption import Interruption, StoppedError, interruptible
from hebbsim.networks.learned import Learned
from hebbsim.networks.schedule import Schedule
from hebbsim.networks.serialization import plain
from hebbsim.networks.stage import Stage
from hebbsim.progress import can_draw
from hebbsim.synapses.update import NonFiniteWeightsError
from hebbsim.whole_file import check_place, make_folder

__all__ = ["Callback", "Trainable", "fit"]

logger = get_logger("hebbsim.networks.fitting")

Augmentation = Callable[[np.ndarray, np.random.Generator], np.ndarray]


class Trainable(Checkpointed, Protocol):
    """What fitting needs to know of a network."""

    batch_size: int
    seed: int
    stages: list[Stage]
    learned: Learned

    def check_images(self, images: Any) -> int:
        """Return the number of images, or say what is wrong with them."""
        ...

    @property
    def present(self) -> Callable[..., bool]:
        """What presents batches of images, as `LayeredNetwork.present`."""
        ...


class Callback(Protocol):
    """What `fit` tells while it learns."""

    def after_batch(self, network: Any, depth: int) -> None:
        """Look at the maps of the first `depth` layers, which have been computed."""
        ...

    def after_epoch(self, network: Any) -> None:
        """Do anything between two epochs but learn, as `transform`."""
        ...


def fit(
    network: Trainable,
    images: np.ndarray,
    *,
    epochs: int | Sequence[int] = 1,
    labels: np.ndarray | None = None,
    layers: Sequence[int] | None = None,
    layerwise: bool = False,
    burn_in: int = 0,
    shuffle: bool = True,
    augment: Augmentation | None = None,
    checkpoint: str | Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
    keep_outputs: int = 1_000_000_000,
    progress: bool = True,
    callback: Callback | None = None,
) -> None:
    """Learn a network's kernels from images, a batch a time step.

    Another call goes on with other orders: two of one epoch are one of two.

    Parameters
    ----------
    network : ConvNetwork or SpikingNetwork
        The network; its kernels change.
    images : ndarray
        ``(n, channels, rows, cols)``, indexed batch by batch (a memory-mapped file will do); uint8
        is read as 0 to 1 (see `as_float`). What doesn't fill a last batch is left out of an epoch.
    epochs : int or sequence of int
        Passes over the images; with `layerwise`, for each layer, or of each: ``[2, 20]``.
    labels : ndarray of int, optional
        ``(n,)``, the class of each image: then a `SpikingNetwork` whose last layer learns from
        reward is told whether its choice was right; see `SpikingNetwork.choose`.
    layers : sequence of int, optional
        Numbers (from 0) of the layers that learn; by default all.
    layerwise : bool
        Learn one layer after the other, instead of all at once.
    burn_in : int
        Batches at the start during which thresholds adapt and weights don't.
    shuffle : bool
        Present the images of each epoch in an order of its own, or else as they come.
    augment : callable, optional
        Called with a batch and a random generator, returns the batch to present.
    checkpoint : path, optional
        File that the state is written to after each epoch and on interruption. It says what is
        learned from and in which schedule; for that all images are read once, in about a second
        for 700 MB.
    resume : bool
        Go on from `checkpoint`, if the file exists: with the same network, images, labels and
        schedule, but that there may be more `epochs` (with `layerwise`, only while the first layer
        learns). What `augment` does can't be compared: give the same.
    overwrite : bool
        Start anew, and replace `checkpoint` after the first epoch.
    keep_outputs : int
        With `layerwise`, bytes that may hold what the layers before the one that learns hand on: a
        `SpikingNetwork` with ``encoding='latency'`` finds their spikes once for all its epochs, and
        keeps two bytes a spike. If they would take more, depend on random numbers or the time, are
        augmented, or something was added to the network, where a layer reads more than spikes of
        the one before (``v_pre``), with a `callback`, and on standalone devices, they are computed
        in each epoch; 0 says so. Kernels are the same.
    progress : bool
        Show a progress bar.
    callback : Callback, optional
        Its ``after_batch(network, depth)`` is called after each batch, its ``after_epoch(network)``
        after each whole epoch, before the checkpoint is written: such as `LearningCurves`.

    Raises
    ------
    ValueError
        If the images don't fit the network or are not finite, `keep_outputs` is no number of bytes,
        or no layer that would learn has a rule or a threshold that adapts.
    TypeError
        If `callback` lacks one of its functions.
    NonFiniteWeightsError
        If weights become NaN or infinite; the checkpoint keeps the last good state.
    StoppedError
        If the simulation is stopped, as by ``network.brian2.stop()``; with the batch, and the
        checkpoint written.
    KeyboardInterrupt
        On Ctrl-C, after the current step has ended and the checkpoint is written.
    SystemExit
        Likewise on SIGTERM and SIGHUP, unless they are ignored.
    OSError
        If `checkpoint` can't be written, before anything is learned.
    CheckpointError
        If there is a checkpoint and neither `resume` nor `overwrite` is asked for; if the one to
        resume can't be read, or is of another network, other images or another schedule. Nothing is
        changed then.
    """
    schedule = Schedule.of(
        len(network.stages),
        epochs=epochs,
        layers=layers,
        layerwise=layerwise,
        burn_in=burn_in,
        shuffle=shuffle,
    )
    _check_learns(network, layers)
    n_batches = _check(network, images)
    reward = None if labels is None else _rewarding(network, images, labels)
    if labels is None:
        _tell_unrewarded(network, schedule)
    if isinstance(keep_outputs, bool) or not is_integer(keep_outputs, 0):
        raise ValueError(
            f"keep_outputs: expected a number of bytes, an integer from 0 on, got {keep_outputs!r}"
        )
    for name in () if callback is None else ("after_batch", "after_epoch"):
        if not callable(getattr(callback, name, None)):
            raise TypeError(
                f"callback: expected an object with after_batch and after_epoch, such as "
                f"LearningCurves('curves.csv'), got {callback!r} without {name}"
            )
    path = _checkpoint(checkpoint, resume=resume, overwrite=overwrite)
    position, fitted = Position(), {}
    if path is not None:
        described(network)  # not after an epoch that would be lost
        fitted = _describe(schedule, images, labels)
        if resume and path.exists():
            position = load_checkpoint(network, path, fitted)
    # the epochs of earlier fits: what is drawn goes on from them
    earlier = network.learned.epochs - schedule.epochs_begun(position)
    # a callback may look at all layers
    kept = keep_outputs if callback is None else 0
    run = _Run(network, images, n_batches, augment, schedule, reward, earlier, kept, callback)
    total = sum(schedule.epochs) * n_batches
    with _progress(progress, total) as run.advance, interruptible() as run.stopped:
        run.advance(schedule.batches_before(position, n_batches))
        for learning, here in schedule.places(position):
            position = schedule.next(here, run.epoch(learning, here), n_batches)
            try:
                if callback is not None and run.done == n_batches:
                    callback.after_epoch(network)
            finally:  # what was learned isn't lost where a callback fails
                if path is not None:
                    save_checkpoint(network, path, position, fitted)
            run.stopped.obey()
            if run.halted and any(schedule.places(position)):
                raise StoppedError(_where_stopped(here, run.done, n_batches, path))


def _where_stopped(here: Position, done: int, n_batches: int, path: Path | None) -> str:
    way_out = (
        f"the state is in {path}, go on with resume=True"
        if path is not None
        else "with a checkpoint= it could be gone on with"
    )
    return (
        f"fit: the simulation was stopped, as by network.brian2.stop(), after batch {done} of "
        f"{n_batches} in epoch {here.epoch + 1}; {way_out}"
    )


def _checkpoint(checkpoint: str | Path | None, *, resume: bool, overwrite: bool) -> Path | None:
    """Return the file that may be written to, or say what is wrong, before anything is learned."""
    if resume and overwrite:
        raise ValueError("resume and overwrite: give one of them, not both")
    if checkpoint is None:
        if resume or overwrite:
            option = "resume" if resume else "overwrite"
            raise ValueError(f"{option}=True: there is no checkpoint; give checkpoint='state.npz'")
        return None
    path = Path(checkpoint)
    check_free(path, resume=resume, overwrite=overwrite)
    make_folder(path.parent)  # fails now, if it does
    check_place(path)
    return path


def _describe(schedule: Schedule, images: Any, labels: Any) -> dict[str, Any]:
    """Describe what is learned from, and when, in plain values that JSON holds."""
    classes = None if labels is None else fingerprint(np.asarray(labels))
    return plain({**schedule.describe(), "images": fingerprint(images), "labels": classes})


def _check_learns(network: Trainable, layers: Sequence[int] | None) -> None:
    """Refuse to present images from which nothing would be learned."""
    numbers = range(len(network.stages)) if layers is None else layers
    if not any(network.stages[number].layer.adapts for number in numbers):
        which = "no layer" if layers is None else f"of the layers {list(layers)} none"
        raise ValueError(
            f"fit: {which} has a rule, so nothing would be learned; give one, such as "
            "rule=rules.Oja() to a ConvLayer or rule=rules.PairSTDP() to a SpikingLayer"
        )


def _tell_unrewarded(network: Trainable, schedule: Schedule) -> None:
    """Warn where a layer learns what a stimulus was rewarded with, and none is."""
    rule = network.stages[-1].layer.rule
    waits = any(getattr(rule, name, False) for name in ("learns_from_reward", "trial_by_trial"))
    if waits and any(learning[-1] for learning, _ in schedule.places(Position())):
        logger.warn(
            "fit: the last layer learns from the reward of its choices, which needs labels=; "
            "without them it learns what you reward yourself, or nothing"
        )


def _check(network: Trainable, images: np.ndarray) -> int:
    """Return the batches of an epoch, or say what is wrong."""
    n_batches = network.check_images(images) // network.batch_size
    if n_batches == 0:
        raise ValueError(
            f"images: {len(images)} don't fill a batch of {network.batch_size}; give more or build "
            "the network with a smaller batch_size"
        )
    return n_batches


def _rewarding(
    network: Trainable, images: np.ndarray, labels: np.ndarray
) -> Callable[[np.ndarray], None]:
    """Return what tells the network about its choices, given the numbers of the images shown."""
    reward = getattr(network, "reward_choices", None)
    if reward is None:
        raise TypeError(
            f"labels: a {type(network).__name__} doesn't learn from reward; leave them out"
        )
    classes = one_a_sample(np.asarray(labels))
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
        schedule: Schedule,
        reward: Callable[[np.ndarray], None] | None,
        earlier: int,
        keep_outputs: int,
        callback: Callback | None,
    ) -> None:
        self.callback = callback
        self.earlier, self.keep_outputs = earlier, keep_outputs
        self.kept: Any = None
        self.kept_of = -1  # the phase
        self.reward, self.images_shown = reward, np.arange(0)
        self.network, self.images, self.n_batches = network, images, n_batches
        self.augment, self.schedule = augment, schedule
        self.advance: Callable[[int], None] = lambda n: None
        self.stopped = Interruption()
        self.done = 0
        #: Whether somebody else stopped the simulation
        self.halted = False

    def epoch(self, learning: list[bool], start: Position) -> int:
        """Present an epoch from batch `start.batch` on; return the number of the next batch."""
        self._keep_outputs(learning, start)
        self.done = start.batch
        burning = self.schedule.burning(start, self.n_batches)
        for stop, frozen in ((burning, True), (self.n_batches, False)):
            if self.done < stop and not self.stopped.is_set():
                self._present(learning, start, stop, frozen)
                if self.halted:
                    break
        return self.done

    def _keep_outputs(self, learning: list[bool], place: Position) -> None:
        """Find once in a phase what the layers hand on that are fixed, if it is shown again."""
        if self.kept_of == place.phase:
            return
        self.kept, self.kept_of = None, place.phase
        find = getattr(self.network, "keep_outputs", None)
        again = self.schedule.epochs[place.phase] - place.epoch > 1
        again &= self.augment is None and not self.schedule.burning(place, self.n_batches)
        fixed = learning.index(True)
        if find is not None and again and fixed and self.keep_outputs:
            self.kept = find(self.images, fixed, self.keep_outputs, self.stopped.is_set)
        if self.kept is not None:
            self.kept.shown = lambda: self.images_shown

    def _present(self, learning: list[bool], place: Position, stop: int, frozen: bool) -> None:
        more: dict[str, Any] = {} if self.kept is None else {"kept": self.kept}
        if self.reward is not None and learning[-1] and not frozen:
            tell = self.reward
            more["reward"] = lambda: tell(self.images_shown)
        depth = max(n for n, learns in enumerate(learning) if learns) + 1
        try:
            self.halted = not self.network.present(
                self._batches(place.phase, place.epoch, self.done, stop),
                stop - self.done,
                learning=learning,
                frozen=frozen,
                depth=depth,
                collect=lambda: self._count(depth),
                **more,
            )
        except NonFiniteWeightsError as error:
            batch = f"epoch {place.epoch + 1}, batch {self.done + 1} of {self.n_batches}"
            raise NonFiniteWeightsError(f"{batch}: {error}") from None

    def _count(self, depth: int) -> None:
        self.done += 1
        if self.done == 1:
            self.network.learned.count("epochs")
        self.advance(1)
        if self.callback is not None:
            self.callback.after_batch(self.network, depth)
        if self.stopped.is_set():
            self.network.brian2.stop()

    def _batches(self, phase: int, epoch: int, start: int, stop: int) -> Iterator[np.ndarray]:
        size = self.network.batch_size
        # the order depends on the seed and the place in the network's life alone: what is resumed
        # is repeated, and another fit goes on
        epoch += self.earlier
        order = np.arange(len(self.images))
        if self.schedule.shuffle:
            np.random.default_rng([self.network.seed, 1_000_000 + phase, epoch]).shuffle(order)
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
    with Progress(*columns, disable=not (show and can_draw()), transient=True) as bar:
        task = bar.add_task("learning", total=total, rate=0.0)

        def advance(n: int) -> None:
            bar.update(task, advance=n, rate=bar.tasks[0].speed or 0.0)

        yield advance
