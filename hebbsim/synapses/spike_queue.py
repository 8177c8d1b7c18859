"""When spikes arrive: the delays of a pathway's connections, and the spikes on their way."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from brian2.devices.device import RuntimeDevice, get_device
from brian2.groups.group import Group
from brian2.units import second
from brian2.units.fundamentalunits import Quantity, have_same_dimensions

from hebbsim.brian2_private import resize_array
from hebbsim.synapses.kernel import KernelGroup

__all__ = ["Delay", "SpikeQueue", "delay_variable", "read_delays"]

#: Numbers of the table of starts for each kernel element
_MOST_STARTS = 4

#: A time, an expression over the kernel, or a time for each kernel element
type Delay = Quantity | str


def delay_variable(pathway: str) -> str:
    """Return the kernel variable that holds a pathway's delays; Brian2's name for ``'pre'``."""
    return "delay" if pathway == "pre" else f"{pathway}_delay"


def read_delays(
    label: str, delay: Delay | Mapping[str, Delay] | None, names: list[str]
) -> dict[str, Delay]:
    """Return the delays given for each pathway; a single one is that of ``'pre'``, as in Brian2.

    Raises
    ------
    ValueError
        If there is no such pathway, or a delay is no time.
    """
    delays: dict[str, Any] = dict(delay) if isinstance(delay, Mapping) else {}
    if delay is not None and not isinstance(delay, Mapping):
        delays = {"pre": delay}
    for name, value in delays.items():
        if name not in names:
            known = ", ".join(names) or "none, for there is neither on_pre nor on_post"
            raise ValueError(f"{label}, delay: there is no pathway '{name}', only {known}")
        if isinstance(value, str):
            continue
        if not have_same_dimensions(value, second):
            raise ValueError(
                f"{label}, delay of '{name}': expected a time, such as 2*ms or '(1 + rand())*ms', "
                f"got {value!r}"
            )
        _check(label, name, np.asarray(value))
    return delays


def _check(label: str, pathway: str, seconds: np.ndarray) -> None:
    if not (np.isfinite(seconds).all() and (seconds >= 0).all()):
        wrong = seconds[~(np.isfinite(seconds) & (seconds >= 0))].ravel()[0]
        raise ValueError(
            f"{label}, delay of '{pathway}': expected a time, 0*ms or longer, got {wrong} s"
        )


class SpikeQueue:
    """Keep the spikes of the last time steps, for as long as the longest delay is.

    A ring with a slot for each step, which holds who spiked. What arrives is looked up by its age:
    in each slot as old as some delay, along the connections that have that delay.

    Parameters
    ----------
    kernel : KernelGroup
        Whose elements have the delays, and which stores the ring.
    pathway, name : str
        The pathway whose delays count, and a name for what is stored.
    group : Group
        Whose spikes.
    """

    def __init__(self, kernel: KernelGroup, pathway: str, name: str, group: Group) -> None:
        self._kernel, self._pathway, self._group = kernel, pathway, group
        #: The kernel variable that holds the delays
        self.delays = delay_variable(pathway)
        variables = kernel.variables
        if self.delays not in variables:
            size = len(kernel)
            variables.add_array(self.delays, size=size, dimensions=second.dim, constant=True)
        self.ring, self.slot, self.steps = f"_{name}_queue", f"_{name}_slot", f"_{name}_steps"
        #: The channels of each group, sorted by delay; none if all delays are the same
        self.order = f"_{name}_order"
        #: Where each delay begins among them, the shortest first, and where the last one ends
        self.starts = f"_{name}_starts"
        for sized in (self.ring, self.order, self.starts):
            if isinstance(get_device(), RuntimeDevice):
                variables.add_dynamic_array(sized, size=0, dtype=np.int32)
            else:
                variables.add_array(sized, size=1, dtype=np.int32)
        variables.add_array(self.slot, size=1, dtype=np.int32, scalar=True)
        variables.add_array(self.steps, size=len(kernel), dtype=np.int32, read_only=True)
        #: The time step in which delays and ages were counted last
        self._step = f"_{name}_step"
        variables.add_array(self._step, size=1, dtype=np.float64, scalar=True, read_only=True)
        #: Number of slots; none if every spike arrives at once
        self.slots = 0
        self._in_use = False
        #: The delays that there are, in steps, the longest first: so the oldest spikes come first
        self.ages: list[int] = [0]

    @property
    def _label(self) -> str:
        return self._kernel.connections.label

    @property
    def _row(self) -> int:
        """Size of a slot: who spiked, and how many they are."""
        return len(self._group) + 1

    @property
    def _stored_slots(self) -> int:
        return int(self._kernel.variables[self.ring].size) // self._row

    @property
    def stored(self) -> dict[str, tuple[str, str | None]]:
        """What the loops name: variables of the kernel, each with its index."""
        found: dict[str, tuple[str, str | None]] = {}
        if self.slots:
            found |= {"_queue": (self.ring, None), "_queue_slot": (self.slot, "0")}
        if len(self.ages) > 1:
            found |= {"_steps": (self.steps, "_kernel_idx"), "_order": (self.order, "_kernel_idx")}
            if self.has_starts:
                found["_starts"] = (self.starts, None)
        return found

    @property
    def has_starts(self) -> bool:
        """Whether it is kept where each delay begins, or searched for.

        A program of a standalone device has one size for all its runs, in which there may be
        different delays; and the table of many delays to few channels would dwarf the kernel.
        """
        channels = self._kernel.geometry.out_channels_per_group
        few = len(self.ages) < _MOST_STARTS * channels
        return few and isinstance(get_device(), RuntimeDevice)

    def prepare(self, *, in_use: bool = True) -> None:
        """Read the delays, and make the ring as long as they are.

        Parameters
        ----------
        in_use : bool
            Whether spikes are sent from now on.

        Raises
        ------
        ValueError
            If a delay is negative or not finite, or changes while spikes are on their way. A time
            step may become a whole fraction of what it was.
        NotImplementedError
            If a standalone device computes them.
        """
        steps = self._read_steps()
        self.ages = sorted(map(int, np.unique(steps)), reverse=True)
        slots = self.ages[0] + 1 if self.ages[0] else 0
        before = self._kernel.variables[self.steps]
        if not np.array_equal(before.get_value(), steps):
            if self._is_pending():
                self._refine(steps, slots)
            before.set_value(steps.astype(np.int32))
            self._sort(steps)
        elif self.has_starts and self._kernel.variables[self.starts].size < len(self.ages):
            self._sort(steps)  # a checkpoint of a device has no table
        if slots != self._stored_slots:
            self._lengthen(slots)
        self._kernel.variables[self._step].set_value(float(self._group.clock.dt))
        self.slots = slots
        self._in_use |= in_use

    def _sort(self, steps: np.ndarray) -> None:
        """Sort the target channels of each group by delay: loops visit those that are due."""
        if len(self.ages) < 2:
            return
        of_group = steps.reshape(-1, self._kernel.geometry.out_channels_per_group)
        self._store(self.order, np.argsort(of_group, axis=1, kind="stable"))
        if not self.has_starts:
            return
        n_groups, n_ages = len(of_group), len(self.ages)
        places = np.searchsorted(self.ages[::-1], of_group) + n_ages * np.arange(n_groups)[:, None]
        counts = np.bincount(places.ravel(), minlength=n_groups * n_ages).reshape(n_groups, n_ages)
        self._store(self.starts, np.pad(np.cumsum(counts, axis=1), ((0, 0), (1, 0))))

    def _store(self, name: str, numbers: np.ndarray) -> None:
        variable = self._kernel.variables[name]
        resize_array(variable, numbers.size)
        variable.set_value(numbers.ravel().astype(np.int32))

    def _read_steps(self) -> np.ndarray:
        try:
            seconds = np.asarray(self._kernel.variables[self.delays].get_value())
        except NotImplementedError:
            raise NotImplementedError(
                f"{self._label}, delay of '{self._pathway}': a standalone device computes it when "
                "the simulation runs, too late to know how many spikes to keep; set it to an array"
                ", as in conv.set_kernel('"
                f"{self.delays}', (1 + np.random.rand(*conv.geometry.kernel_shape))*ms)"
            ) from None
        _check(self._label, self._pathway, seconds)
        return np.floor(seconds / float(self._group.clock.dt) + 0.5).astype(np.int64)

    def _refine(self, steps: np.ndarray, slots: int) -> None:
        """Count the ages of spikes on their way in shorter time steps, if these are what changed.

        Raises
        ------
        ValueError
            If the time step isn't a whole fraction of the one before, or a delay changed too.
        """
        variables = self._kernel.variables
        ratio = float(variables[self._step].get_value()[0]) / float(self._group.clock.dt)
        factor, before = round(ratio), variables[self.steps].get_value()
        same_times = np.abs(steps - factor * before).max() <= factor / 2  # but for rounding
        if factor < 2 or abs(ratio - factor) > 1e-6 or not same_times:
            raise self._changed()
        old = variables[self.ring].get_value().reshape(-1, self._row)
        now = int(variables[self.slot].get_value()[0])
        ring = np.zeros((slots, self._row), np.int32)
        for age in range(1, len(old)):
            ring[-min(age * factor, slots - 1)] = old[(now - age) % len(old)]
        resize_array(variables[self.ring], ring.size)
        variables[self.ring].get_value()[:] = ring.ravel()
        variables[self.slot].get_value()[:] = 0

    def _lengthen(self, slots: int) -> None:
        variables = self._kernel.variables
        on_their_way = self._is_pending()
        if not isinstance(get_device(), RuntimeDevice):  # who knows what a run before left
            on_their_way = self._in_use and self._stored_slots > 0
        if on_their_way:
            raise self._changed()
        resize_array(variables[self.ring], max(1, slots * self._row))
        self.forget()

    def _changed(self) -> ValueError:
        return ValueError(
            f"{self._label}: the delay of '{self._pathway}' changed while spikes were on their "
            "way, or their time step did, and not to a whole fraction of it; change it where none "
            "are, such as before the first run"
        )

    def _is_pending(self) -> bool:
        """Whether a spike has yet to arrive."""
        if not (self._stored_slots and isinstance(get_device(), RuntimeDevice)):
            return False
        variables = self._kernel.variables
        counts = variables[self.ring].get_value().reshape(-1, self._row)[:, -1]
        oldest = int(variables[self.slot].get_value()[0])  # has been everywhere
        return bool(np.delete(counts, oldest % len(counts)).any())

    def forget(self) -> None:
        """Drop the spikes that are on their way."""
        if isinstance(get_device(), RuntimeDevice):
            variables = self._kernel.variables
            variables[self.ring].get_value()[:] = 0
            variables[self.slot].get_value()[:] = 0
