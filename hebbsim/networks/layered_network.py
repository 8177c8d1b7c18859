"""What networks of layers share: images are presented batch by batch, streamed from Python."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, ClassVar, Self

import numpy as np
from brian2 import Clock, Network, Quantity
from brian2.core.base import BrianObject
from brian2.core.variables import ArrayVariable
from brian2.devices.device import RuntimeDevice, get_device
from brian2.groups.group import Group

from hebbsim.brian2_private import mark_as_used
from hebbsim.codegen.written import written_by
from hebbsim.data.dataset import as_float
from hebbsim.geometry import MapShape, is_integer
from hebbsim.maps.feature_map import FeatureMap
from hebbsim.networks.copies import in_precision, state_of, take_over
from hebbsim.networks.device_program import DeviceProgram
from hebbsim.networks.fitting import fit
from hebbsim.networks.layer import LayerDeclaration
from hebbsim.networks.learned import Learned
from hebbsim.networks.own_random_numbers import own_random_numbers, seed_by_place
from hebbsim.networks.presentation import Presentation, Switches
from hebbsim.networks.showing import show
from hebbsim.networks.stage import Stage, StagePlan
from hebbsim.networks.whole_state import own_arrays, state_kept
from hebbsim.standalone.program import Session

__all__ = ["LayeredNetwork"]


class LayeredNetwork(ABC):
    """Stack layers on an input map, and present images to them in batches.

    Parameters
    ----------
    input_shape : tuple of int
        ``(channels, rows, cols)`` of an image.
    layers : sequence
        Declarations of the layers, from the input on.
    batch_size : int
        Stimuli presented side by side.
    seed : int
        Of everything that is drawn.
    dt : Quantity
        Time step.
    """

    #: Name of the variable that the images are written to
    input_variable = "x"
    #: What each layer is declared by
    layer_type: ClassVar[type[LayerDeclaration]]
    #: The Brian2 `Network` of all objects
    brian2: Network
    #: The map that the images are written to
    input: FeatureMap
    #: The names of the Brian2 objects that it was built of
    built_of: frozenset[str]
    #: How much it has learned from so far
    learned: Learned

    def __init__(
        self,
        input_shape: tuple[int, int, int],
        layers: Sequence[Any],
        *,
        batch_size: int,
        seed: int,
        dt: Quantity,
    ) -> None:
        kind = type(self).__name__
        if isinstance(layers, LayerDeclaration):
            raise TypeError(f"{kind}: layers must be a list, got one layer; write [layer]")
        if not isinstance(layers, Iterable):
            raise TypeError(
                f"{kind}: layers must be a list of {self.layer_type.__name__}, got {layers!r}"
            )
        self.layers = tuple(layers)
        if not self.layers:
            raise ValueError(f"{kind}: give at least one layer")
        for number, layer in enumerate(self.layers, start=1):
            if not isinstance(layer, self.layer_type):
                raise TypeError(
                    f"{kind}: layer {number} must be a {self.layer_type.__name__}, got {layer!r}"
                )
        if isinstance(batch_size, bool) or not is_integer(batch_size, 1):
            raise ValueError(f"batch_size: expected a positive integer, got {batch_size!r}")
        self.input_shape = MapShape.of(input_shape, f"{kind}'s input_shape")
        self.batch_size, self.seed = int(batch_size), int(seed)
        self.clock = Clock(dt=dt, name=f"{kind.lower()}_clock*")
        self.stages: list[Stage] = []
        self._batch_shape = (self.batch_size, *self.input_shape)
        self.learned = Learned(self.clock)
        #: The device that it was built for
        self._device = get_device()
        self._program = None if self._at_runtime else DeviceProgram(self)
        self._presentation: Presentation | None = None  # while there is one

    def _build(self, stage: Callable[[StagePlan[Any]], Stage]) -> None:
        """Build the layers one after the other, each on what the last hands on."""
        for number, layer in enumerate(self.layers, start=1):
            following = self.layers[number] if number < len(self.layers) else None
            source = self.stages[-1].output if self.stages else self.input
            plan: StagePlan[Any] = StagePlan(
                number, layer, following, source, self.batch_size, self.clock, self.seed
            )
            self.stages.append(stage(plan))

    def _assemble(self, *operations: BrianObject) -> None:
        """Put all that runs into a Brian2 network, and what streams images in runtime mode."""
        objects = [o for stage in self.stages for o in stage.objects]
        self.brian2 = Network(self.input, *objects, self.learned, *operations)
        for item in self.brian2.sorted_objects:
            mark_as_used(item, self.brian2.id)  # even if the network is never run
        self.built_of = frozenset(item.name for item in self.brian2.sorted_objects)

    # --- presentation -----------------------------------------------------------------------

    def present(
        self,
        batches: Iterable[np.ndarray],
        n_batches: int,
        *,
        learning: Sequence[bool] | None = None,
        frozen: bool = False,
        depth: int | None = None,
        collect: Callable[[], None] | None = None,
    ) -> bool:
        """Present batches of images, one after the other.

        Where no layer learns, all is afterwards as it was before: neurons, kernels, the clock; look
        at them in `collect`. Random numbers are the network's own, whatever `brian2.seed` was.

        On a standalone device the network is compiled first, once; then the program is run with the
        arrays as they are, gets one batch after the other, and its arrays come back at the end.

        Parameters
        ----------
        batches : iterable of ndarray
            Each ``(batch, channels, rows, cols)``; a `SpikingNetwork` takes intensities from 0
            to 1.
        n_batches : int
            How many of them to present.
        learning : sequence of bool, optional
            Whether each layer learns; by default none does.
        frozen : bool
            Adapt the thresholds of the layers that learn, but not their weights.
        depth : int, optional
            Number of layers to compute; by default all.
        collect : callable, optional
            Called after each batch. What it raises is raised when the batch's last time step has
            ended.

        Returns
        -------
        bool
            Whether it came to its end; False where the simulation was stopped, as by
            ``network.brian2.stop()``: after a whole batch.

        Raises
        ------
        NotImplementedError
            On a standalone device, if the network holds what runs in Python, a monitor or Brian2's
            `Synapses`.
        RuntimeError
            From within a presentation of this network; if another device is set than when it was
            built.
        """
        self._check_device()
        if self._presentation is not None:
            raise RuntimeError(
                f"{type(self).__name__}: images are being presented; what is called meanwhile, "
                "such as collect or augment, can't present others to the same network"
            )
        learning = learning or [False] * len(self.stages)
        depth = len(self.stages) if depth is None else depth
        checked = self._checked(batches)
        shown = Presentation(checked, n_batches, any(learning), collect)
        self._presentation = shown
        switches = Switches(self.brian2, self.stages)
        try:
            with self._ready(keep=any(learning)) as session:
                for number, stage in enumerate(self.stages):
                    computed, learned = number < depth, bool(learning[number])
                    self._rest(stage, computed=computed, learned=learned, frozen=frozen)
                try:
                    if session is None:
                        self._run(shown)
                        if shown.failed is not None:
                            raise shown.failed
                    else:
                        self._run_program(shown, session)
                finally:
                    switches.set_back()
        finally:
            self._presentation = None
            self.brian2.t_ = self.time  # after a stop Brian2 leaves a view of the clock there
        return not shown.stopped

    @property
    def _at_runtime(self) -> bool:
        return isinstance(self._device, RuntimeDevice)

    def _check_device(self) -> None:
        if get_device() is not self._device:
            built, now = (type(d).__name__ for d in (self._device, get_device()))
            raise RuntimeError(
                f"{type(self).__name__}: it was built for {built}, and {now} is set now; set the "
                "device first, and build the network then"
            )

    @contextmanager
    def _ready(self, *, keep: bool) -> Iterator[Session | None]:
        """Prepare to run, and `keep` what becomes of the state or not; on a device in a program."""
        if self._program is not None:
            with self._program.running(keep=keep) as session:
                yield session
            return
        kept = nullcontext() if keep else state_kept(self.brian2)
        with own_random_numbers(), kept:
            yield None

    @abstractmethod
    def _rest(self, stage: Stage, **how: bool) -> None:
        """Let a layer rest where it isn't computed or doesn't learn, as `Stage.rest`."""

    @abstractmethod
    def _run(self, shown: Presentation) -> None:
        """Run as long as a presentation takes, and note whether it is stopped."""

    @abstractmethod
    def _run_program(self, shown: Presentation, session: Session) -> None:
        """Do the same with a program of a standalone device."""

    @property
    def time(self) -> float:
        """Time of the network's clock, in seconds."""
        return float(self.clock.variables["t"].get_value()[0])

    def _seed_batch(self) -> None:
        """Seed what is drawn while the next batch is presented, by its place alone."""
        shown = self._presentation
        if shown is not None:
            learned = (self.learned.batches, 1) if shown.learns else (shown.done,)
            seed_by_place(self.seed, *learned)

    def _feed(self) -> None:
        """Write the next batch to the input, while batches are presented."""
        if self._presentation is None:
            return
        variable = self.input.variables[self.input_variable]
        shape = self.input.memory_shape
        in_place = self._at_runtime
        memory = variable.get_value().reshape(shape) if in_place else np.empty(shape)
        batch = np.broadcast_to(self._presentation.next_batch(), self._batch_shape)
        for channel in range(batch.shape[1]):  # images have few: faster than all axes at once
            memory[..., channel] = batch[:, channel]
        if not in_place:
            variable.set_value(memory.ravel())

    def _end_batch(self) -> None:
        """Count a batch that has been presented, and hand on its outcome."""
        shown = self._presentation
        if shown is None:
            return
        shown.done += 1
        if shown.learns:
            self.learned.count("batches")
        self._call(shown.collect)

    def _call(self, function: Callable[[], None]) -> None:
        """Call what may fail in a time step of a run, which is then told when that is over."""
        shown = self._presentation
        if not self._at_runtime or shown is None:
            function()
            return
        if shown.failed is not None:
            return
        try:
            function()
        except BaseException as error:
            shown.failed = error
            self.brian2.stop()

    def _checked(self, batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        for number, batch in enumerate(batches):
            values = as_float(np.asarray(batch))
            try:
                yield self.input.check_maps(values, self.input_variable)
            except ValueError as error:
                raise ValueError(f"batch {number}: {error}") from None

    def check_images(self, images: Any) -> int:
        """Return the number of `images`, ``(n, channels, rows, cols)``, or say what is wrong."""
        shape = getattr(images, "shape", None)
        if shape is None or len(shape) != 4 or tuple(shape[1:]) != tuple(self.input_shape):
            raise ValueError(
                f"images: expected an array of shape (n, channels, rows, cols) = (n, "
                f"{', '.join(map(str, self.input_shape))}), got {shape or type(images).__name__}"
            )
        return int(shape[0])

    def transform(
        self,
        images: np.ndarray,
        layer: int = -1,
        *,
        variable: str = "output",
        reduce: Callable[[np.ndarray], np.ndarray] | None = None,
    ) -> np.ndarray:
        """Return a layer's response to images, with the kernels frozen.

        Parameters
        ----------
        images : ndarray
            ``(n, channels, rows, cols)``; uint8 is read as 0 to 1.
        layer : int
            Number of the layer from 0; -1 is the last.
        variable : str
            ``'output'`` is what the layer hands on; other variables belong to the layer's own map
            (before pooling).
        reduce : callable, optional
            Applied to each batch of maps, such as `quadrants`, so that all need not be kept.

        Returns
        -------
        ndarray
            ``(n, channels, rows, cols)``, or what `reduce` makes of it.

        Raises
        ------
        StoppedError
            If the simulation is stopped, as by ``network.brian2.stop()``.
        """
        return self.transform_all(images, [layer], variable=variable, reduce=reduce)[0]

    def transform_all(
        self,
        images: np.ndarray,
        layers: Sequence[int] | None = None,
        *,
        variable: str = "output",
        reduce: Callable[[np.ndarray], np.ndarray] | None = None,
    ) -> list[np.ndarray]:
        """Return the responses of several layers (by default of each) from one presentation."""
        numbers = range(len(self.stages)) if layers is None else layers
        depth = len(self.stages)
        for number in numbers:
            if not -depth <= number < depth:
                raise ValueError(
                    f"layer {number}: the network has {depth}, numbered 0 to {depth - 1} (or -1 "
                    "for the last)"
                )
        chosen = [range(depth)[number] for number in numbers]
        maps = [
            self.stages[n].output if variable == "output" else self.stages[n].feature_map
            for n in chosen
        ]
        kept: list[list[np.ndarray]] = [[] for _ in chosen]

        def collect() -> None:
            for feature_map, batches in zip(maps, kept, strict=True):
                values = np.asarray(feature_map.get_maps(variable))
                batches.append(values if reduce is None else reduce(values))

        show(self, images, collect, "transform", depth=max(chosen) + 1)
        return [np.concatenate(batches)[: len(images)] for batches in kept]

    def fit(self, images: np.ndarray, **kwds: Any) -> Self:
        """Learn the kernels from images; see `hebbsim.networks.fitting.fit` for the keywords."""
        self._check_device()
        fit(self, images, **kwds)
        return self

    # --- state ------------------------------------------------------------------------------

    def _presented_groups(self) -> list[Group]:
        """Return what stands for stimuli: the input and the maps of each layer."""
        pooled = [stage.pooled for stage in self.stages if stage.pooled is not None]
        return [self.input, *(stage.feature_map for stage in self.stages), *pooled]

    def _transient(self) -> Iterator[tuple[Group, str, ArrayVariable]]:
        """Yield what each presentation makes anew: what anything in the network writes to maps.

        What nothing writes is a parameter, and stays as the user set it.
        """
        written = {id(v) for item in self.brian2.sorted_objects for v in written_by(item)}
        for group in self._presented_groups():
            for name, variable in own_arrays(group):
                if self._is_set_anew(group, name) or variable.read_only or id(variable) in written:
                    yield group, name, variable

    def _is_set_anew(self, group: Group, name: str) -> bool:
        """Whether a presentation itself sets a variable."""
        return group is self.input and name == self.input_variable

    def state_variables(self) -> dict[str, ArrayVariable]:
        """Everything that lasts from one presentation to the next, by ``group.variable``.

        Kernels, traces, thresholds, running means, parameters set by hand, how much was learned
        from, and whatever was added to the Brian2 network, but for monitors.
        """
        transient = {id(variable) for _, _, variable in self._transient()}
        return {
            f"{item.name}.{name}": variable
            for item in self.brian2.sorted_objects
            for name, variable in own_arrays(item)
            if id(variable) not in transient
        }

    # --- copies -----------------------------------------------------------------------------

    def declaration(self) -> dict[str, Any]:
        """Return the arguments that make a network like this one, with its initial kernels."""
        return {
            "input_shape": tuple(self.input_shape),
            "layers": self.layers,
            "batch_size": self.batch_size,
            "seed": self.seed,
        }

    def __reduce__(self) -> tuple[Any, ...]:
        """Return how `copy` and `pickle` make it anew, with its state, clock and precision."""
        given = (type(self), self.declaration(), self._precision)
        return in_precision, given, state_of(self)

    def __setstate__(self, state: dict[str, Any]) -> None:
        take_over(self, state)

    def __sklearn_clone__(self) -> Self:
        """Return a network like this one that has learned nothing, for scikit-learn's `clone`."""
        return in_precision(type(self), self.declaration(), self._precision)

    @property
    def _precision(self) -> str:
        return str(np.dtype(self.input.variables[self.input_variable].dtype))

    # --- description ------------------------------------------------------------------------

    def describe(self) -> dict[str, Any]:
        """Describe the network's structure in plain values that JSON holds."""
        return {
            "input_shape": list(self.input_shape),
            "batch_size": self.batch_size,
            "seed": self.seed,
            "layers": [layer.to_dict() for layer in self.layers],
        }

    def __repr__(self) -> str:
        shapes = [tuple(self.input_shape), *(tuple(s.output.shape) for s in self.stages)]
        chain = " -> ".join(map(str, shapes))
        return f"<{type(self).__name__} {chain}, batch_size={self.batch_size}>"
