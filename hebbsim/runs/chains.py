"""Time steps in which compiled objects run one after the other, without Python between them."""

import ctypes
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from brian2 import Clock, Network
from brian2.core.base import BrianObject

from hebbsim.brian2_private import last_step_of_run
from hebbsim.codegen.cpp.libraries import compile_library
from hebbsim.codegen.cpp.runtime import Compiled
from hebbsim.codegen.loop_nest import LoopNest
from hebbsim.codegen.targets import CPPRuntimeCodeObject
from hebbsim.runs.fused_thresholds import FusedThreshold
from hebbsim.runs.sample_blocks import sample_blocks

__all__ = ["Chains"]

#: Seconds after which Python sees to progress bars and Ctrl-C
_TURN = 0.01

_NAME = "steps"
_STEPS = """
#include <cstdint>
#ifdef _OPENMP
#include <omp.h>
#endif

struct Blocks
{
    int64_t links, size, n_samples, threads;
    void** const* arguments;
    int32_t* samples;
};
struct Link { void (*run)(void**); void** arguments; const int32_t* fault; const Blocks* blocks; };

// Runs links one after the other for each block of samples; each thread has blocks of its own.
static void run_blocks(const Link* const links, const Blocks& blocks)
{
    #pragma omp parallel for schedule(static) num_threads(blocks.threads) if (blocks.threads > 1)
    for (int64_t first = 0; first < blocks.n_samples; first += blocks.size)
    {
        int thread = 0;
#ifdef _OPENMP
        thread = omp_get_thread_num();
#endif
        int32_t* const samples = blocks.samples + 16 * thread;  // a line of the cache for each
        const int64_t last = first + blocks.size;
        samples[0] = first;
        samples[1] = last < blocks.n_samples ? last : blocks.n_samples;
        for (int64_t number = 0; number < blocks.links; number++)
            links[number].run(blocks.arguments[thread * blocks.links + number]);
    }
}

// Runs all links for a number of steps; stops after a link that found a fault.
extern "C" void run(void** _arguments)
{
    const Link* const links = (const Link*) _arguments[0];
    int64_t* const state = (int64_t*) _arguments[1];  // number of links, steps left, faulty link
    int64_t* const timestep = (int64_t*) _arguments[2];
    double* const t = (double*) _arguments[3];
    const double* const dt = (const double*) _arguments[4];
    while (true)
    {
        for (int64_t number = 0; number < state[0]; number++)
        {
            if (links[number].blocks)
            {
                run_blocks(links + number, *links[number].blocks);
                number += links[number].blocks->links - 1;
                continue;
            }
            links[number].run(links[number].arguments);
            if (links[number].fault && *links[number].fault >= 0)
            {
                state[2] = number;
                return;
            }
        }
        if (--state[1] <= 0)
            return;
        timestep[0]++;
        t[0] = timestep[0]*dt[0];
    }
}
"""


class Chains:
    """Let the objects of a network run in chains, until they are taken apart.

    The first object of a chain runs all of it. Where all that a clock runs can be chained, it goes
    on through as many steps as pass before another clock is due, for a hundredth of a second.
    """

    def __init__(self) -> None:
        #: Whether the network runs, and isn't profiled
        self.allowed = False
        #: What does the work of two objects of a group, where it can
        self.fused: dict[BrianObject, FusedThreshold] = {}
        self._chained: list[BrianObject] = []
        #: What led and followed in the run before, and what it was made of
        self._segments: list[_Segment] = []
        self._made_of: list[tuple[Any, ...]] = []

    def begin(self) -> None:
        """Let the compiler begin with what runs chains, while it is found out what they hold."""
        if not self._segments:
            compile_library(_STEPS, _NAME)

    def link(self, network: Network, fused: Mapping[BrianObject, FusedThreshold]) -> None:
        """Join what follows each other in a step, once a network has been prepared for a run.

        Parameters
        ----------
        network : Network
            What is to run.
        fused : mapping
            What can do the work of a group's state updater and thresholder, prepared as well.
        """
        self.take_apart()
        self.fused = dict(fused)
        active = [item for item in network.sorted_objects if item.active]
        made_of = [(i, i.clock, getattr(i, "needs_python", None), *_code_of(i)) for i in active]
        made_of += [tuple(_code_of(one)) for one in fused.values()]
        if made_of != self._made_of:
            self._segments, self._made_of = _segments(active, list(fused.values())), made_of
        for segment in self._segments:
            segment.chain.tell_blocks()
            leader, *followers = segment.chain.items
            # not by assignment: groups refuse attributes that they don't know
            leader.__dict__["run"] = segment.run
            for follower in followers:
                follower.__dict__["run"] = _nothing
            self._chained += segment.chain.items

    def take_apart(self) -> None:
        """Let each object run itself again."""
        for item in self._chained:
            del item.__dict__["run"]
        self._chained.clear()


def _nothing() -> None:
    pass


def _code_of(item: BrianObject) -> list[Any]:
    return [one.__repr__.__self__ for one in item.code_objects]  # of which it holds proxies


def _is_idle(item: BrianObject) -> bool:
    return type(item).run is BrianObject.run and not item.code_objects


def _links(item: BrianObject) -> list[Compiled]:
    """Return an object's functions and their arguments; none if it needs Python."""
    needs_python = type(item).run is not BrianObject.run
    if item.needs_python if isinstance(item, LoopNest) else needs_python:
        return []
    code = list(item.code_objects)
    if not all(isinstance(one, CPPRuntimeCodeObject) for one in code):
        return []
    return [found for one in code if (found := one.compiled()) is not None]


def _segments(active: Sequence[BrianObject], fused: Sequence[FusedThreshold]) -> list["_Segment"]:
    """Return the chains of active objects, in order."""
    links = {item: _links(item) for item in (*active, *fused)}
    working = [item for item in active if links[item] or not _is_idle(item)]
    clocks = {item.clock for item in active}
    found: list[_Segment] = []
    for clock in (one for one in clocks if isinstance(one, Clock)):  # others have no time step
        chains = [_Chain(clock, items, links, fused) for items in _following(working, clock, links)]
        is_whole = all(links[item] for item in working if item.clock is clock)
        everything = [item for chain in chains for item in chain.items]
        whole = _Chain(clock, everything, links, fused) if is_whole else None
        turns = _Turns(clock, clocks - {clock}, whole)
        found += [
            _Segment(chain, turns, number)
            for number, chain in enumerate(chains)
            if is_whole or len(chain.items) > 1
        ]
    return found


def _following(
    working: Sequence[BrianObject], clock: Clock, links: dict[BrianObject, Any]
) -> Iterator[list[BrianObject]]:
    """Yield the objects of a clock that follow each other and have links."""
    for is_chained, items in groupby(working, lambda i: bool(i.clock is clock and links[i])):
        if is_chained:
            yield list(items)


class _Link(ctypes.Structure):
    _fields_ = [
        ("run", ctypes.c_void_p),
        ("arguments", ctypes.c_void_p),
        ("fault", ctypes.c_void_p),
        ("blocks", ctypes.c_void_p),
    ]


class _Chain:
    """Objects whose code runs as one call."""

    def __init__(
        self,
        clock: Clock,
        items: Sequence[BrianObject],
        links: dict[BrianObject, list[Compiled]],
        fused: Sequence[FusedThreshold],
    ) -> None:
        self.items = items
        does: dict[BrianObject, list[Compiled]] = {}
        for one in fused:
            if one.takes_place(items):
                does |= {one.updater: links[one], one.thresholder: []}
        found = [(item, link) for item in items for link in does.get(item, links[item])]
        self._item_of = [item for item, _ in found]
        faults = [getattr(item, "fault", None) for item in self._item_of]
        self._links = (_Link * len(found))(
            *(
                _Link(
                    link.address,
                    ctypes.addressof(link.arguments),
                    fault and _address(fault.get_value()),
                )
                for (_, link), fault in zip(found, faults, strict=True)
            )
        )
        #: What runs for some samples at a time
        self.blocks = sample_blocks(found)
        for blocks in self.blocks:
            self._links[blocks.first].blocks = ctypes.addressof(blocks.structure)
        self._state = (ctypes.c_int64 * 3)(len(found), 0, -1)
        times = [clock.variables[name].get_value() for name in ("timestep", "t", "dt")]
        self._arguments = (ctypes.c_void_p * 5)(
            ctypes.addressof(self._links), ctypes.addressof(self._state), *map(_address, times)
        )
        self._held = (links, faults, times)
        self._function = compile_library(_STEPS, _NAME)

    def tell_blocks(self) -> None:
        """Let the objects know which of them run for some samples at a time."""
        for blocks in self.blocks:
            items = self._item_of[blocks.first : blocks.first + blocks.n_links]
            for item in items:
                others = tuple(other.name for other in items if other is not item)
                item.block = (blocks.size, others)

    def run(self, steps: int) -> None:
        """Run all for a number of steps; the clock is left at the last of them."""
        self._state[1:] = [steps, -1]
        self._function.result()(self._arguments)
        if self._state[2] >= 0:
            self._item_of[self._state[2]].complain()


def _address(array: Any) -> int:
    return int(array.__array_interface__["data"][0])


class _Turns:
    """When the chains of a clock run one by one, and when all as one, for many steps."""

    def __init__(self, clock: Clock, others: set[Clock], whole: _Chain | None) -> None:
        self._of, self._whole = clock, whole
        self._timestep, self._t = (clock.variables[name].get_value() for name in ("timestep", "t"))
        self._others = [other.variables["t"].get_value() for other in others]
        #: Whether all has run in this step
        self.ran_all = False
        #: How many steps take less than a turn
        self._steps = 1

    def run_all(self) -> bool:
        """Run the whole for as many steps as it can be alone; say if that are any."""
        steps = self._steps_alone() if self._whole is not None else 0
        if self._whole is None or steps == 0:
            return False
        begin = time.perf_counter()
        self._whole.run(steps)
        taken = time.perf_counter() - begin
        if taken > _TURN:
            self._steps = max(1, steps // 2)
        elif steps == self._steps and taken < _TURN / 2:
            self._steps = 2 * steps
        return True

    def _steps_alone(self) -> int:
        """Return for how many steps from this one on no other clock is due."""
        left, now = last_step_of_run(self._of) - int(self._timestep[0]), self._t[0]
        steps = min(self._steps, left)
        for other in self._others:
            ahead = (other[0] - now) / self._of.dt_
            if ahead < Clock.epsilon_dt:
                return 0
            steps = math.ceil(min(steps, ahead - Clock.epsilon_dt))  # a clock of events may end
        return steps


class _Segment:
    """A chain that is run where its first object would be, unless the first segment ran all."""

    def __init__(self, chain: _Chain, turns: _Turns, number: int) -> None:
        self.chain, self._turns, self._is_first = chain, turns, number == 0

    def run(self) -> None:
        """Run the step."""
        if self._is_first:
            self._turns.ran_all = self._turns.run_all()
        if not self._turns.ran_all:
            self.chain.run(1)
