"""Time of a step: stamps inside a Brian2 run, and contenders that take turns."""

from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any, Protocol

import numpy as np
from brian2 import Clock, Network, NetworkOperation, defaultclock

from hebbsim.experiments.preferences import THREADS, preferences

__all__ = ["TIMED_TOGETHER", "Contender", "Repeated", "Stamped", "interleave"]

MIN_STEPS, MAX_STEPS = 5, 300
#: Steps of small networks: few enough for short runs, enough for steps without Python in between
TIMED_TOGETHER = 10


class Contender(Protocol):
    """What can be timed."""

    def measure(self, steps: int) -> float:
        """Return the median time of so many steps, in seconds."""
        ...


class Repeated:
    """Time a function that is one step.

    Parameters
    ----------
    step : callable
        One step.
    every : int
        How many steps are timed together.
    """

    def __init__(self, step: Callable[[], object], every: int = 1) -> None:
        self.step, self.every = step, every

    def measure(self, steps: int) -> float:
        """Return the median time of so many steps, in seconds."""
        stamps = [perf_counter()]
        for number in range(1, _whole(steps, self.every) + 1):
            self.step()
            if number % self.every == 0:
                stamps.append(perf_counter())
        return float(np.median(np.diff(stamps))) / self.every


class Stamped:
    """Time the steps of a Brian2 network: the true interval from one to the next.

    So the start of a run, which is the same for a short run and for a long one, is no part of it.

    Parameters
    ----------
    network : Network
        The network; a network operation that takes the stamps is added to it.
    threads : int
        OpenMP threads of its loops.
    clock : Clock, optional
        The clock of its objects, Brian2's default one by default.
    run : callable, optional
        Runs so many steps, by default of `network`.
    every : int
        How many steps are timed together: between two stamps Python isn't needed.
    """

    def __init__(
        self,
        network: Network,
        threads: int,
        clock: Any = None,
        run: Callable[[int], object] | None = None,
        every: int = 1,
    ) -> None:
        self.network, self.threads, self.every = network, threads, every
        self.stamps: list[float] = []
        clock = defaultclock if clock is None else clock
        dt = clock.dt
        operation = NetworkOperation(
            lambda: self.stamps.append(perf_counter()),
            clock=clock if every == 1 else Clock(every * dt),
            when="start",
            order=-10,
        )
        operation.leaves_kernels = True
        network.add(operation)
        self._run = run or (lambda steps: network.run(steps * dt, namespace={}))
        #: What each run took before its first step, in seconds
        self.starts: list[float] = []

    def run(self, steps: int) -> None:
        """Run so many steps."""
        with preferences({THREADS: self.threads}):
            self._run(steps)

    def measure(self, steps: int) -> float:
        """Return the median time of so many steps, in seconds."""
        self.stamps.clear()
        begun = perf_counter()
        self.run(_whole(steps, self.every) + self.every)
        step = float(np.median(np.diff(self.stamps))) / self.every
        self.starts.append(self.stamps[0] - begun)
        return step


def _whole(steps: int, every: int) -> int:
    """Return the next number of steps that can be timed."""
    return -(-steps // every) * every


def interleave(
    contenders: Mapping[str, Contender], repeats: int, seconds: float
) -> dict[str, float]:
    """
    Time contenders in turns, so that they see the same state of the machine.

    Parameters
    ----------
    contenders : mapping of str to Contender
        By name.
    repeats : int
        Turns of each.
    seconds : float
        What a turn takes about: 5 to 300 steps.

    Returns
    -------
    dict of str to float
        Median over the turns of the time of a step, in seconds.
    """
    steps = {}
    for name, contender in contenders.items():
        contender.measure(2)  # compiles, and fills caches
        wanted = seconds / max(contender.measure(2), 1e-9)
        steps[name] = int(np.clip(wanted, MIN_STEPS, MAX_STEPS))
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(repeats):
        for name, contender in contenders.items():
            times[name].append(contender.measure(steps[name]))
    return {name: float(np.median(values)) for name, values in times.items()}
