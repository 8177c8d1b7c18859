"""The run of a sweep: what is there is left as it is, the rest is computed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from hebbsim.errors import SettingsError
from hebbsim.experiments.preferences import cores
from hebbsim.experiments.results import ResultsError
from hebbsim.progress import progress_bar
from hebbsim.sweeps.here import run_here
from hebbsim.sweeps.listener import Listener
from hebbsim.sweeps.on_dask import check_dask, run_on_dask
from hebbsim.sweeps.on_loky import run_on_loky
from hebbsim.sweeps.plan import Sweep
from hebbsim.sweeps.shard import Shard
from hebbsim.sweeps.store import Result, UnitStore
from hebbsim.sweeps.summary import summary_table, write_results
from hebbsim.sweeps.unit import Unit
from hebbsim.sweeps.work import Outcome, Task
from hebbsim.whole_file import write_text

__all__ = ["Engine", "SweepFolder", "run_sweep"]


@dataclass(frozen=True)
class Engine:
    """
    Say where units are computed.

    Parameters
    ----------
    jobs : int, optional
        On so many worker processes of this machine; by default one for each core, and none, which
        means this process, for a shard.
    dask : str, optional
        Address of a dask scheduler, on whose workers; it excludes `jobs`.
    shard : Shard, optional
        Only this share.
    threads : int
        At most so many of BLAS and OpenMP in each worker.

    Raises
    ------
    SettingsError
        If the values make no sense, or dask isn't installed.
    """

    jobs: int | None = None
    dask: str | None = None
    shard: Shard | None = None
    threads: int = 1

    def __post_init__(self) -> None:
        for name, value in (("--jobs", self.jobs), ("--threads", self.threads)):
            if value is not None and value < 1:
                raise SettingsError(f"{name}: expected a whole number from 1 on, got {value}")
        if self.dask is not None and self.jobs is not None:
            raise SettingsError(
                "give --jobs, for workers of this machine, or --dask, whose cluster has its own"
            )
        if self.dask is not None:
            check_dask()

    def run(self, tasks: Sequence[Task], listener: Listener) -> None:
        """Compute units, and tell the listener how they end."""
        if self.dask is not None:
            run_on_dask(tasks, listener, self.dask)
        elif self.jobs is None and self.shard is not None:
            run_here(tasks, listener)
        else:
            run_on_loky(tasks, listener, self.jobs or max(1, cores() // self.threads))


class SweepFolder:
    """
    Know where the results of a sweep are, and what they amount to.

    Parameters
    ----------
    folder : Path
        The folder.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder.absolute()
        self.store = UnitStore(self.path / "units")
        self.table = self.path / "table.md"
        self.csv = self.path / "results.csv"
        self.figure = self.path / "sweep.png"

    def check(self) -> None:
        """
        Refuse a place where something else lies.

        Raises
        ------
        ResultsError
            If it is a file, or holds the results of a comparison or a model.
        """
        if self.path.exists() and not self.path.is_dir():
            raise ResultsError(f"'{self.path}' is a file; give --output a folder")
        if (self.path / "settings.json").exists():
            raise ResultsError(
                f"'{self.path}' holds results that are no sweep's (settings.json lies there); give "
                "--output another folder"
            )

    def found(self, units: Sequence[Unit]) -> list[tuple[Unit, Result]]:
        """
        Read what there is.

        Raises
        ------
        ResultsError
            If a result is damaged, or of other settings.
        """
        return [(unit, self.store.read(unit)) for unit in units if self.store.has(unit)]

    def summary(self, units: Sequence[Unit]) -> str:
        """Return the table of all that there is, in Markdown."""
        found = self.found(units)
        return summary_table(found, len(units)) if found else f"0 of {len(units)} units."

    def write(self, units: Sequence[Unit]) -> None:
        """Write the table and the figure of all that there is, if there is anything."""
        found = self.found(units)
        if not found:
            return
        from hebbsim.experiments.figures import save_figure
        from hebbsim.sweeps.figure import sweep_figure

        write_text(self.table, summary_table(found, len(units)))
        write_results(self.csv, found)
        save_figure(sweep_figure(found), self.figure)


def run_sweep(
    sweep: Sweep, engine: Engine | None = None, *, console: Console | None = None
) -> list[Outcome]:
    """
    Compute what is missing of a sweep; whatever ends it, what is done is kept.

    Parameters
    ----------
    sweep : Sweep
        What.
    engine : Engine, optional
        Where; by default on all cores.
    console : Console, optional
        Where to show progress; by default nowhere.

    Returns
    -------
    list of Outcome
        How each unit ended that was to be computed; those that were there are not among them.

    Raises
    ------
    SettingsError
        If a unit can't be made, or nobody answers at an address.
    ResultsError
        If a result is damaged, or of other settings; or the folder holds other results.
    OSError
        If the folder can't be written to.
    KeyboardInterrupt
        On Ctrl-C; running again goes on.
    """
    engine = engine or Engine()
    units = sweep.units()
    folder = SweepFolder(sweep.folder)
    folder.check()
    folder.store.begin()
    folder.found(units)
    share = units if engine.shard is None else engine.shard.take(units)
    left = [unit for unit in share if not folder.store.has(unit)]
    tasks = [Task(unit, str(folder.store.folder), engine.threads) for unit in left]
    quiet = console is None
    console = console or Console(quiet=True)
    with progress_bar("starting", len(tasks), show=not quiet, console=console) as bar:
        listener = Listener(bar, console)
        engine.run(tasks, listener)
    folder.write(units)
    return listener.outcomes
