"""A network of spiking layers, to which each image is presented for a time."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, Self

import numpy as np
from brian2 import Hz, NetworkOperation, Quantity, ms, second
from brian2.core.base import BrianObject
from brian2.core.variables import ArrayVariable
from brian2.groups.group import Group

from hebbsim.brian2_private import mark_as_used, was_stopped
from hebbsim.competition.inhibition import LateralInhibition
from hebbsim.data.dataset import one_a_sample
from hebbsim.errors import unknown
from hebbsim.maps.durations import whole_steps
from hebbsim.maps.encoders import LatencyEncoder, PoissonEncoder
from hebbsim.maps.feature_map import FeatureMap
from hebbsim.maps.stimulus_nest import StimulusNest
from hebbsim.networks.class_choice import DECISIONS, check_classes, chosen_classes
from hebbsim.networks.fixed_outputs import find_outputs
from hebbsim.networks.kept_spikes import KeptSpikes
from hebbsim.networks.layered_network import LayeredNetwork
from hebbsim.networks.presentation import Presentation
from hebbsim.networks.reset_at_onset import FIRST, Restart, known_values
from hebbsim.networks.serialization import plain, rich
from hebbsim.networks.showing import show
from hebbsim.networks.spiking_layer import SpikingLayer
from hebbsim.networks.spiking_stage import build_stage
from hebbsim.networks.stage import Stage
from hebbsim.networks.whole_state import own_arrays
from hebbsim.rules.order_stdp import OrderSTDP
from hebbsim.standalone.program import Session
from hebbsim.synapses.conv_synapses import ConvSynapses

__all__ = ["SpikingNetwork"]

ENCODINGS = ("latency", "poisson")


class SpikingNetwork(LayeredNetwork):
    """Stack spiking layers, and learn their kernels while each image is shown for a time.

    At the onset of each batch of images every neuron, every trace and every spike on its way goes
    back to its initial state; kernels and adaptive thresholds stay.

    Parameters
    ----------
    input_shape : tuple of int
        ``(channels, rows, cols)`` of an image.
    layers : sequence of SpikingLayer
        From the input on.
    encoding : {'latency', 'poisson'}
        Intensities, from 0 to 1, become one spike each, the earlier the larger they are
        (`LatencyEncoder`), or spikes at random, the more the larger (`PoissonEncoder`).
    duration : Quantity
        How long each image is shown.
    max_rate : Quantity
        Rate of an intensity of 1, with ``'poisson'``.
    latest : Quantity, optional
        Latency that an intensity of 0 would have, with ``'latency'``; by default `duration`.
    decision : {'count', 'first', 'strongest'}
        What chooses a class, see `chosen_classes`.
    classes : sequence of int, optional
        The class of each channel of the last layer, such as ``np.arange(200)//20``; by default
        channel ``c`` speaks for class ``c % n_classes``.
    batch_size : int
        Stimuli presented side by side.
    seed : int
        Of initial kernels, the order of presentation and Poisson spikes. The same seed, data,
        machine and device give the same kernels to the bit.
    dt : Quantity
        Time step.

    Raises
    ------
    GeometryError
        If a kernel doesn't fit the map that its layer gets, with the layer's number.
    ValueError
        If `encoding` or `decision` is unknown, `duration` is no whole number of time steps, or
        `classes` has not one class for each channel.

    Examples
    --------
    >>> layer = SpikingLayer(32, 5, rules.PairSTDP(mu=1), threshold="v > 5 + theta")
    >>> network = SpikingNetwork((1, 28, 28), [layer])
    >>> network.fit(images)
    >>> counts = network.transform(images)

    On a standalone device, set before the network is built, the same calls compile it once, and
    stream the images to its program; reward, too.

    >>> set_device('cpp_standalone', build_on_run=False)
    """

    input_variable = "intensity"

    layer_type = SpikingLayer

    def __init__(
        self,
        input_shape: tuple[int, int, int],
        layers: Sequence[SpikingLayer],
        *,
        encoding: str = "latency",
        duration: Quantity = 30 * ms,
        max_rate: Quantity = 100 * Hz,
        latest: Quantity | None = None,
        decision: str = "count",
        classes: Sequence[int] | None = None,
        batch_size: int = 20,
        seed: int = 0,
        dt: Quantity = 1 * ms,
    ) -> None:
        super().__init__(input_shape, layers, batch_size=batch_size, seed=seed, dt=dt)
        if encoding not in ENCODINGS:
            raise ValueError(f"SpikingNetwork: {unknown('encoding', encoding, ENCODINGS)}")
        if decision not in DECISIONS:
            raise ValueError(f"SpikingNetwork: {unknown('decision', decision, tuple(DECISIONS))}")
        self.decision = decision
        self.classes = check_classes(classes, self.layers[-1].out_channels)
        self.encoding, self.duration, self.max_rate = encoding, duration, max_rate
        self.latest = duration if latest is None else latest
        whole_steps("SpikingNetwork", duration, dt)
        self.input = self._encoder()
        self._build(lambda plan: build_stage(plan, duration))
        self._first_step: int | None = 0  # of the presentation
        self._reward: Callable[[], None] | None = None
        self._kept: KeptSpikes | None = None
        if self._at_runtime:
            # before anything is computed from what the last stimulus left
            begin = NetworkOperation(
                self._begin_step, clock=self.clock, when="before_start", order=-1
            )
            end = NetworkOperation(self._end_step, clock=self.clock, when="after_end")
            # when inhibition has said who spikes, and before anybody looks
            self._hand_on = NetworkOperation(
                self._see_to_kept, clock=self.clock, when="thresholds", order=0.999
            )
            self._hand_on.active = False
            self._assemble(begin, self._hand_on, end)
        else:
            self._device.seed(self.seed)
            self._assemble()
        groups = [*self._presented_groups(), *(stage.conv for stage in self.stages)]
        self._first_values = {
            id(variable): known_values(variable)
            for group in groups
            for _, variable in own_arrays(group)
        }
        self._resets = list(self._resettable())
        #: What begins each stimulus where the simulation holds its stimuli itself
        self._restarts: list[BrianObject] = []
        if not self._at_runtime:
            self._restart_on_device()

    # --- construction -----------------------------------------------------------------------

    def _encoder(self) -> FeatureMap:
        rule = self.layers[0].rule
        traces = {"model": rule.pre_model, "reset": rule.pre_reset} if rule else {}
        common: dict[str, Any] = {"batch_size": self.batch_size, "clock": self.clock, **traces}
        common |= {"method": ("exact", "euler"), "name": "input", "variable": self.input_variable}
        if self.encoding == "poisson":
            return PoissonEncoder(self.input_shape, self.max_rate, **common)
        return LatencyEncoder(self.input_shape, self.latest, **common)

    # --- presentation -----------------------------------------------------------------------

    def _presented_groups(self) -> list[Group]:
        samples = [stage.conv.samples for stage in self.stages]
        return [*super()._presented_groups(), *(group for group in samples if group is not None)]

    def _transient(self) -> Iterator[tuple[Group, str, ArrayVariable]]:
        """Yield what each stimulus makes anew: neurons, samples' traces, spikes on their way."""
        yield from super()._transient()
        for stage in self.stages:
            anew = stage.conv.equations.diff_eq_names | stage.conv.on_their_way
            for name, variable in own_arrays(stage.conv):
                if name in anew or name.startswith(FIRST):
                    yield stage.conv, name, variable

    def _resettable(self) -> Iterator[tuple[Group, str, ArrayVariable]]:
        """Yield what goes back to its initial value with each stimulus."""
        for group, name, variable in self._transient():
            if not (self._is_set_anew(group, name) or variable.read_only):
                yield group, name, variable

    def _is_set_anew(self, group: Group, name: str) -> bool:
        return name == "onset" or name.startswith(FIRST) or super()._is_set_anew(group, name)

    def _restart_on_device(self) -> None:
        """Let each stimulus begin where nothing runs in Python."""
        for group, found in groupby(self._resets, key=itemgetter(0)):
            # thresholds write the spikes of every step
            names = {name for _, name, _ in found} - {"_spikespace"}
            dropped: set[str] = getattr(group, "on_their_way", set())
            restart = Restart(group, sorted(names - dropped), self.n_steps, zero=sorted(dropped))
            mark_as_used(restart, self.brian2.id)
            self._restarts.append(restart)
            if "onset" in group.variables:  # is computed
                place = f"t_in_timesteps % {self.n_steps}"
                onset = group.run_regularly(
                    f"onset = int({place} == 0)*t + int({place} > 0)*onset",
                    when="before_start",
                    order=-1,
                )
                self._restarts.append(onset)

    @property
    def n_steps(self) -> int:
        """Time steps of one stimulus."""
        return round(float(self.duration) / self.clock.dt_)

    @property
    def _timestep(self) -> int:
        return int(self.clock.variables["timestep"].get_value()[0])

    def _begin_stimulus(self) -> None:
        whole_steps("SpikingNetwork", self.duration, self.clock.dt)
        self._drop_spikes()
        for group, name, variable in self._resets:
            if not _is_on_its_way(group, name):
                variable.set_value(self._first_values[id(variable)])
        # what is drawn depends on the stimulus' place alone: a run can be resumed and repeated
        self._seed_batch()
        self._feed()
        for group in (self.input, *(stage.feature_map for stage in self.stages)):
            if "onset" in group.variables:
                group.variables["onset"].set_value(self.time)

    def _drop_spikes(self) -> None:
        for group, name, variable in self._resets:
            if _is_on_its_way(group, name):
                variable.set_value(0)

    def _begin_step(self) -> None:
        if self._first_step is None:
            self._first_step = self._timestep
        place = (self._timestep - self._first_step) % self.n_steps
        if place == 0:
            self._begin_stimulus()
        if self._reward is not None and place == self.n_steps - 1:
            self._call(self._reward)

    def _see_to_kept(self) -> None:
        if self._kept is not None and self._first_step is not None:
            self._kept.step((self._timestep - self._first_step) % self.n_steps)

    def _end_step(self) -> None:
        if (self._timestep + 1 - (self._first_step or 0)) % self.n_steps == 0:
            if self._reward is not None:
                self._set_reward(0.0, 0)
            self._end_batch()

    def present(
        self,
        batches: Iterable[np.ndarray],
        n_batches: int,
        *,
        reward: Callable[[], None] | None = None,
        kept: KeptSpikes | None = None,
        **kwds: Any,
    ) -> bool:
        """Show batches of images, one after the other, each for `duration`.

        Parameters
        ----------
        batches, n_batches, **kwds
            As in `LayeredNetwork.present`.
        reward : callable, optional
            Called at the start of the last time step of each stimulus.
        kept : KeptSpikes, optional
            Finds the spikes of a layer's output, or lets them come again, without what is before.
            In runtime mode alone.

        Raises
        ------
        ValueError
            If who learns is found for stimuli of `duration` from time 0 on, and the network's time
            is within one, or its `duration` is another now; if there is a `reward` that the last
            layer can't learn from.
        """
        self._check_place()
        if reward is not None:
            self._set_reward(0.0, 0)  # refused before a stimulus has begun, if it is
        self._reward, self._kept = reward, kept
        try:
            return super().present(batches, n_batches, **kwds)
        finally:
            self._reward = self._kept = None
            if kept is not None:
                kept.silence()

    def _check_place(self) -> None:
        """Refuse to begin a stimulus where what counts time steps is within one."""
        nests = (item for stage in self.stages for item in stage.learners)
        nest = next((item for item in nests if isinstance(item, StimulusNest)), None)
        if nest is None:
            return
        if float(nest.duration) != float(self.duration):
            raise ValueError(
                f"duration: the network was built for stimuli of {nest.duration}, got "
                f"{self.duration}; build it with another"
            )
        beyond = round(self.time / self.clock.dt_) % self.n_steps
        if beyond:
            raise ValueError(
                f"the network's time, {self.time * second}, is within a stimulus of "
                f"{self.duration}; end it with network.brian2.run("
                f"{(self.n_steps - beyond) * self.clock.dt})"
            )

    def keep_outputs(
        self, images: np.ndarray, layer: int, n_bytes: int, stopped: Callable[[], bool]
    ) -> KeptSpikes | None:
        """Return what the layers before a layer hand on for each image, found once; see `fit`.

        None where it isn't the same each time, takes more than `n_bytes`, or the simulation is
        `stopped`, and on standalone devices.
        """
        return find_outputs(self, images, layer, n_bytes, stopped) if self._at_runtime else None

    def _run(self, shown: Presentation) -> None:
        self._resets = list(self._resettable())  # the user may have added what writes
        self._drop_spikes()  # whose delays may be other numbers of steps now
        self._first_step = None  # known when it has begun: the time step may have changed
        left = shown.n_batches * self.n_steps
        try:
            while left > 0:
                self.brian2.run(left * self.clock.dt, namespace={})
                shown.stopped |= was_stopped(self.brian2)
                # where it is stopped, a stimulus that has begun is shown to its end
                left = -(self._timestep - (self._first_step or 0)) % self.n_steps
                self.brian2.t_ = self.time
        finally:
            self._first_step = 0  # as where nothing runs in Python
            if self._reward is not None:
                self._set_reward(0.0, 0)

    def _run_program(self, shown: Presentation, session: Session) -> None:
        self._resets = list(self._resettable())
        for item in self._restarts:
            item.active = False  # of what is written at each onset
        for _, _, variable in self._resets:
            if self._first_values[id(variable)] is None:  # nothing has run yet
                self._first_values[id(variable)] = known_values(variable)
        try:
            while shown.done < shown.n_batches and not shown.stopped:
                self._begin_stimulus()
                if self._reward is not None:
                    session.run(self.n_steps - 1, self.clock.dt_)
                    try:
                        self._reward()
                    finally:  # whole, whatever happens
                        session.run(1, self.clock.dt_)
                    self._set_reward(0.0, 0)
                else:
                    session.run(self.n_steps, self.clock.dt_)
                self._end_batch()
                shown.stopped = session.stopped
        finally:
            if self._reward is not None:
                self._set_reward(0.0, 0)

    def _rest(self, stage: Stage, **how: bool) -> None:
        maps = [stage.feature_map, *([] if stage.pooled is None else [stage.pooled])]
        runners = [item for one in maps for item in one.contained_objects]
        kept = self._kept
        number = next(n for n, found in enumerate(self.stages) if found is stage)
        if kept is not None and kept.complete and number < kept.layer:
            how["computed"] = False
            needed = kept.needed if stage.output is kept.feature_map else []
            runners = [item for item in runners if item not in needed]
            runners += self.input.contained_objects
        seen = [item for item in stage.learners if isinstance(item, LateralInhibition)]
        seen = [item for item in seen if item.active]  # the user may have switched it off
        stage.rest(runners, **how)
        if kept is not None:
            self._hand_on.active = True
            if not kept.complete and number == kept.layer:
                for item in seen:  # the layer shall see what it sees when it learns
                    item.active = True
        if stage.conv.samples is not None and not stage.conv.learning:
            for item in stage.conv.samples.contained_objects:  # needn't decay
                item.active = False

    def _checked(self, batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        for number, batch in enumerate(super()._checked(batches)):
            if batch.min() < 0 or batch.max() > 1:
                raise ValueError(
                    f"batch {number}: intensities must lie between 0 and 1, got "
                    f"{batch.min():.3g} to {batch.max():.3g}; scale the images"
                )
            yield batch

    # --- reward -----------------------------------------------------------------------------

    def choose(self, n_classes: int | None = None) -> np.ndarray:
        """Return the class that each sample's last layer stands for now: `chosen_classes`."""
        how: dict[str, Any] = {"decision": self.decision, "classes": self.classes}
        return chosen_classes(self.stages[-1].feature_map, n_classes, **how)

    def predict(self, images: np.ndarray, n_classes: int | None = None) -> np.ndarray:
        """Return the class that the network chooses for each image, see `choose`: ``(n,)``.

        Raises
        ------
        StoppedError
            If the simulation is stopped, as by ``network.brian2.stop()``.
        """
        chosen: list[np.ndarray] = []
        show(self, images, lambda: chosen.append(self.choose(n_classes)), "predict")
        return np.concatenate(chosen)[: len(images)]

    def score(self, images: np.ndarray, labels: np.ndarray) -> float:
        """Return for which share of images the network chooses their label, in [0, 1].

        Parameters
        ----------
        images : ndarray
            ``(n, channels, rows, cols)``.
        labels : ndarray of int
            ``(n,)``; without ``classes`` of the network, the largest says how many there are.

        Raises
        ------
        ValueError
            If there is not one label for each image.
        StoppedError
            As from `predict`.
        """
        known = one_a_sample(np.asarray(labels))
        if known.shape != (len(images),) or known.dtype.kind not in "iu" or not len(known):
            raise ValueError(
                f"score: expected {len(images)} labels, integers, one for each image, got an array "
                f"of {known.dtype} with shape {known.shape}"
            )
        chosen = self.predict(images, None if self.classes else int(known.max()) + 1)
        return float(np.mean(chosen == known))

    def reward_choices(self, labels: np.ndarray, n_classes: int) -> None:
        """Reward each sample whose choice is its label with 1, each other one with -1.

        `fit` does so at the start of the last time step of a stimulus, in which the reward acts;
        a first spike in that step comes too late for it.
        """
        self._set_reward(np.where(self.choose(n_classes) == labels, 1.0, -1.0), 1)

    def _set_reward(self, reward: Any, rewarded: int) -> None:
        conv, rule = self.stages[-1].conv, self.stages[-1].layer.rule
        if isinstance(rule, OrderSTDP) and rule.learns_from_reward:
            if self.batch_size > 1:
                raise ValueError(
                    "OrderSTDP learns from the reward of one stimulus at a time, got batch_size="
                    f"{self.batch_size}; build the network with batch_size=1"
                )
            conv.variables["reward"].set_value(np.mean(reward))
            return
        for group in self.stages[-1].groups:
            if "rewarded" in group.variables:
                group.variables["reward"].set_value(reward)
                group.variables["rewarded"].set_value(rewarded)
                return
        if "rewarded" not in conv.variables:
            raise ValueError(
                "the last layer doesn't learn from reward; give it the rule "
                "RewardGated(..., trial_by_trial=True) or OrderSTDP().rewarded(...)"
            )
        conv.variables["reward"].set_value(np.mean(reward))
        conv.variables["rewarded"].set_value(rewarded)

    def declaration(self) -> dict[str, Any]:
        """Return the arguments that make a network like this one, with its initial kernels."""
        own = ("encoding", "duration", "max_rate", "latest", "decision", "classes")
        given = {name: getattr(self, name) for name in own}
        return {**super().declaration(), **given, "dt": self.clock.dt}

    # --- description ------------------------------------------------------------------------

    def describe(self) -> dict[str, Any]:
        """Describe the network's structure in plain values that JSON holds."""
        own = ("encoding", "duration", "max_rate", "latest", "decision", "classes")
        timing = {name: plain(getattr(self, name)) for name in own}
        return {**super().describe(), **timing, "dt": plain(float(self.clock.dt) * second)}

    @classmethod
    def from_description(cls, description: dict[str, Any]) -> Self:
        """Build the network that `describe` described, with its initial kernels."""
        values = dict(description)
        layers = [SpikingLayer.from_dict(layer) for layer in values.pop("layers")]
        shape = tuple(values.pop("input_shape"))
        return cls(shape, layers, **{name: rich(value) for name, value in values.items()})


def _is_on_its_way(group: Group, name: str) -> bool:
    """Whether a variable holds spikes that have yet to arrive."""
    return isinstance(group, ConvSynapses) and name in group.on_their_way
