"""The command ``hebbsim benchmark``."""

from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer
from rich.console import Console

from hebbsim.benchmark import FULL, QUICK, Setting, runner
from hebbsim.benchmark.environment import environment
from hebbsim.benchmark.report import table
from hebbsim.experiments.command_line import (
    DIFFERENT,
    Overwrite,
    names,
    option,
    say_interrupted,
    say_written,
    user_errors,
)
from hebbsim.experiments.preferences import cores

__all__ = ["benchmark"]

_WIDE = 160


def benchmark(
    parts: Annotated[
        str | None,
        option(
            "Any of a (explicit Brian2 synapses), b (torch, closed form), c (torch, gradient "
            "trick), d (torch, convolution), e (memory), f (scaling), g (start-up), h or spiking "
            "(compiled torch, BindsNET, SpikingJelly); default all."
        ),
    ] = None,
    threads: Annotated[
        int | None, option("OpenMP and torch threads (default: as many as there are cores).")
    ] = None,
    repeats: Annotated[int, option("Turns of each contender (default 5).")] = 5,
    output: Annotated[Path, option("Folder to write (default results/benchmark).")] = Path(
        "results", "benchmark"
    ),
    overwrite: Overwrite = False,
    device: Annotated[
        str, option("cpu, or cuda: parts c and d on a GPU, through Brian2CUDA (default cpu).")
    ] = "cpu",
    quick: Annotated[bool, option("Tiny sizes.", "--quick", hidden=True)] = False,
) -> None:
    """Measure speed and memory against explicit Brian2 synapses and torch.

    In single precision and one process, ours and rivals in turns, with the results compared.
    """
    with user_errors():
        sizes = QUICK if quick else FULL
        setting = Setting(cores() if threads is None else threads, repeats, sizes, device=device)
        _benchmark(None if parts is None else names(parts), output, setting, overwrite=overwrite)


def _benchmark(
    parts: tuple[str, ...] | None, folder: Path, setting: Setting, *, overwrite: bool
) -> None:
    console = Console()
    start = perf_counter()
    with (
        say_interrupted(console, f"what was measured is in {folder}"),
        console.status("starting") as status,
    ):
        setting = replace(setting, announce=status.update)
        rows = runner.benchmark(setting, folder, parts, overwrite=overwrite)
    if not console.is_terminal:  # a file is as wide as it needs to be
        console.width = max(console.width, _WIDE)
    console.print(table(rows, environment(setting)))
    say_written(console, perf_counter() - start, folder)
    differing = [f"{row.part}, {row.what}" for row in rows if row.differs]
    if differing:
        console.print(f"results differ: {'; '.join(differing)}", style="red", soft_wrap=True)
        raise typer.Exit(DIFFERENT)
