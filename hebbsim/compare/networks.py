"""The networks of a comparison as units: computed here or by workers, kept until they are rows."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from rich.console import Console

from hebbsim.compare.curves import CurveRow, Curves
from hebbsim.compare.images import Images
from hebbsim.compare.network_settings import NetworkSettings
from hebbsim.compare.results import ResultsFolder, Row
from hebbsim.compare.settings import CompareSettings
from hebbsim.experiments.preferences import cores
from hebbsim.experiments.results import image_fingerprints
from hebbsim.progress import Bar
from hebbsim.sweeps.listener import Listener
from hebbsim.sweeps.on_loky import run_on_loky
from hebbsim.sweeps.unit import Unit
from hebbsim.sweeps.work import End, Outcome, Task, compute

__all__ = ["NetworkError", "NetworksToDo"]


class NetworkError(ValueError):
    """A network that could not be trained or decoded."""


class NetworksToDo:
    """
    Compute networks and add what they give to the folder, in their order.

    Each is kept as a whole as soon as it is computed: an interruption loses none.

    Parameters
    ----------
    results : ResultsFolder
        The folder, which this process holds.
    settings : CompareSettings
        Of the comparison, with the batch that is used.
    images : Images
        What the networks learn.
    pairs : sequence of tuple of str and int
        Rule and seed of each network.
    n_batches : int
        Of each network.
    """

    def __init__(
        self,
        results: ResultsFolder,
        settings: CompareSettings,
        images: Images,
        pairs: Sequence[tuple[str, int]],
        n_batches: int,
    ) -> None:
        self._results, self._store = results, results.units
        self._settings, self._n_batches = settings, n_batches
        inputs = image_fingerprints(images.dataset)
        self._units = [_unit(settings, inputs, rule, seed) for rule, seed in pairs]
        #: What the bar counts
        self.total = len(pairs) * n_batches
        #: Of the networks that are added
        self.rows: list[Row] = []

    def run_here(self, function: Callable[..., Any], bar: Bar) -> None:
        """Compute one network after another in this process; an error ends it."""
        for unit in list(self._units):
            if self._store.has(unit):
                bar.advance(self._n_batches)
            else:
                bar.announce(_announced(unit))
                settings = NetworkSettings.of(self._settings, unit.arguments["rule"])
                _check(compute(self._store, unit, partial(function, settings, unit.seed)))
            self._add_those_that_are_next()
        self._store.end()

    def run_on_workers(self, jobs: int, bar: Bar, console: Console) -> None:
        """Compute networks in processes; an error ends all of them."""
        left = [unit for unit in self._units if not self._store.has(unit)]
        bar.advance(self._n_batches * (len(self._units) - len(left)))
        self._add_those_that_are_next()
        threads = max(1, cores() // jobs)
        tasks = [Task(unit, str(self._store.folder.absolute()), threads) for unit in left]
        run_on_loky(tasks, _Adding(self, bar, console), jobs)
        self._store.end()

    def ended(self, outcome: Outcome, bar: Bar) -> None:
        """Add a network that a worker computed, when those before it are there."""
        _check(outcome)
        bar.advance(self._n_batches)
        self._add_those_that_are_next()

    def _add_those_that_are_next(self) -> None:
        while self._units and self._store.has(self._units[0]):
            self._add(self._units.pop(0))

    def _add(self, unit: Unit) -> None:
        """Move what a network gave to where all networks are; what is moved already stays."""
        self._results.check_still_there()
        found = self._store.read(unit).values
        for file in sorted(self._store.files(unit).glob(f"{unit.arguments['rule']}-seed*")):
            self._results.weights.mkdir(exist_ok=True)
            file.replace(self._results.weights / file.name)
        Curves(self._results).append([CurveRow(**row) for row in found["curves"]])
        rows = [Row(**row) for row in found["rows"]]
        self._results.append(rows)
        self._store.remove(unit)
        self.rows += rows


class _Adding(Listener):
    """Hand what workers computed on."""

    def __init__(self, to_do: NetworksToDo, bar: Bar, console: Console) -> None:
        super().__init__(bar, console)
        self._to_do = to_do

    def started(self, unit: Unit) -> None:
        self._bar.announce(_announced(unit))

    def ended(self, outcome: Outcome) -> None:
        self._to_do.ended(outcome, self._bar)


def _unit(settings: CompareSettings, inputs: dict[str, Any], rule: str, seed: int) -> Unit:
    own = NetworkSettings.of(settings, rule)
    return Unit.of("compare", own, seed, {"rule": rule}, inputs=inputs)


def _announced(unit: Unit) -> str:
    return f"{unit.varied['rule']}, seed {unit.seed}"


def _check(outcome: Outcome) -> None:
    """Raise a NetworkError unless there is a result."""
    if outcome.end in (End.FAILED, End.ELSEWHERE):
        said = outcome.said or f"it is {outcome.end.value}, which an earlier run left; wait for it"
        raise NetworkError(f"{_announced(outcome.unit)}: {said}")
