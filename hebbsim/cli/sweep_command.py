"""The command ``hebbsim sweep``."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer
from rich.console import Console

from hebbsim.experiments.command_line import (
    DIFFERENT,
    option,
    say_interrupted,
    say_written,
    user_errors,
)
from hebbsim.experiments.terminal import print_markdown
from hebbsim.sweeps.plan import Sweep
from hebbsim.sweeps.run import Engine, SweepFolder, run_sweep
from hebbsim.sweeps.shard import Shard
from hebbsim.sweeps.work import End, Outcome

__all__ = ["sweep"]


def sweep(
    path: Annotated[Path, typer.Argument(metavar="SWEEP.TOML", show_default=False)],
    jobs: Annotated[
        int | None, option("Worker processes on this machine (default: as many as cores).")
    ] = None,
    dask: Annotated[
        str | None,
        option("Address of a dask scheduler, on whose workers, such as tcp://node1:8786."),
    ] = None,
    shard: Annotated[
        str | None, option("One share of the units, such as 3/40, in this process or on --jobs.")
    ] = None,
    threads: Annotated[int, option("Threads of BLAS and OpenMP in each worker (default 1).")] = 1,
    show: Annotated[bool, option("Show what there is, and compute nothing.", "--show")] = False,
    output: Annotated[
        Path | None,
        option("Folder to write (default what the file says, or results/<name>)."),
    ] = None,
) -> None:
    """Run a function, by default hebbsim's comparison, over settings and seeds.

    Results that are there are kept, so that the same command goes on with what was interrupted.
    """
    console, start = Console(), perf_counter()
    with user_errors(), say_interrupted(console, "what is done is kept; run it again to go on"):
        chosen = Sweep.load(path)
        if output is not None:
            chosen = replace(chosen, folder=output)
        engine = Engine(jobs, dask, None if shard is None else Shard.of(shard), threads)
        folder = SweepFolder(chosen.folder)
        outcomes = [] if show else run_sweep(chosen, engine, console=console)
        units = chosen.units()
        if show:
            folder.check()
            folder.write(units)
        table = folder.summary(units)
    print_markdown(console, table)
    if n_others := folder.store.others(units):
        console.print(f"{n_others} results of other settings or versions lie there too")
    if show:
        return
    console.print(_summary(outcomes, len(units)), markup=False, soft_wrap=True)
    say_written(console, perf_counter() - start, folder.path)
    left = [outcome.unit for outcome in outcomes if not folder.store.has(outcome.unit)]
    if left:
        console.print(f"{len(left)} of these have no result; run it again to go on", markup=False)
        raise typer.Exit(DIFFERENT)


def _summary(outcomes: Sequence[Outcome], n_units: int) -> str:
    counts = {end: sum(outcome.end is end for outcome in outcomes) for end in End}
    parts = [f"{n} {end.value}" for end, n in counts.items() if n]
    return f"{n_units} units in all; now: {', '.join(parts) or 'nothing to compute'}"
