"""The command line of the model."""

import shlex
import sys
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import typer
from rich.console import Console

from hebbsim.errors import SettingsError
from hebbsim.experiments.command_line import (
    DataRoot,
    Overwrite,
    Resume,
    names,
    option,
    say_interrupted,
    say_written,
    seeds,
    user_errors,
)
from hebbsim.experiments.terminal import print_markdown
from models.miconi2021.model import CONDITIONS, OUTPUTS, RULES, Condition
from models.miconi2021.settings import (
    PRUNE,
    PRUNE_QUICK,
    Settings,
    named_conditions,
    own_condition,
)

__all__ = ["app"]

app = typer.Typer(add_completion=False)


@app.command()
def main(
    rule: Annotated[str | None, option(f"{', '.join(RULES)} (default instar).")] = None,
    layer_output: Annotated[
        str | None,
        option(f"What a layer hands on: {', '.join(OUTPUTS)} (default triangle)."),
    ] = None,
    prune: Annotated[
        float | None,
        option(
            f"Share of weights masked in layers 2 and 3 (default {PRUNE}; quick {PRUNE_QUICK})."
        ),
    ] = None,
    conditions: Annotated[
        str | None,
        option(f"Instead of --rule and --layer-output: all, or any of {', '.join(CONDITIONS)}."),
    ] = None,
    epochs: Annotated[int | None, option("Passes over the images (default 20; quick 3).")] = None,
    seed: Annotated[str, option("A seed, or several such as 0,1,2 (default 0).")] = "0",
    data_root: DataRoot = None,
    quick: Annotated[
        bool,
        option(
            "A third of the filters, 6000 images, 3 epochs; without a data root on digits put on "
            "photographs.",
            "--quick",
        ),
    ] = False,
    validation: Annotated[
        int, option("Hold out so many training images in place of the test split.")
    ] = 0,
    check_torch: Annotated[
        bool, option("Read out the exported network's features in torch too.", "--check-torch")
    ] = False,
    threads: Annotated[int | None, option("OpenMP threads (default: all cores).")] = None,
    device: Annotated[
        str | None,
        option(
            "runtime (the default), or a program that is compiled for each network: cpp, or cuda "
            "on an NVIDIA GPU."
        ),
    ] = None,
    output: Annotated[
        Path | None,
        option("Folder to write (default results/miconi2021, or results/miconi2021-quick)."),
    ] = None,
    overwrite: Overwrite = False,
    resume: Resume = False,
) -> None:
    """Hebbian learning in a deep convolutional network (Miconi 2021) on CIFAR-10."""
    given: dict[str, Any] = {"epochs": epochs, "threads": threads, "device": device}
    given["validation"] = validation or None
    given = {name: value for name, value in given.items() if value is not None}
    with user_errors():
        make = Settings.quick if quick else Settings.full
        settings = make(data_root, **given)
        share = prune if prune is not None else PRUNE_QUICK if quick else PRUNE
        chosen = _conditions(conditions, rule, layer_output, share)
        place = output or Path("results", "miconi2021-quick" if quick else "miconi2021")
        _run(
            settings,
            chosen,
            seeds(seed),
            place,
            overwrite=overwrite,
            resume=resume,
            check_torch=check_torch,
        )


def _conditions(
    given: str | None, rule: str | None, output: str | None, prune: float
) -> dict[str, Condition]:
    if given is None:
        return own_condition(rule or "instar", output or "triangle", prune)
    if rule is not None or output is not None:
        raise SettingsError(
            "--conditions has its own rules and outputs: leave out --rule and --layer-output"
        )
    return named_conditions(names(given), prune)


def _run(
    settings: Settings,
    conditions: dict[str, Condition],
    seeds: list[int],
    folder: Path,
    **how: bool,
) -> None:
    from models.miconi2021.experiment import run
    from models.miconi2021.results import table

    console = Console()
    start = perf_counter()
    arguments = [a for a in sys.argv[1:] if a not in ("--overwrite", "--resume")]
    command = shlex.join(["python", "-m", "models.miconi2021", *arguments, "--resume"])
    with say_interrupted(console, f"to go on: {command}"):
        rows = run(settings, conditions, seeds, folder, console=console, **how)
    print_markdown(console, table(rows))
    say_written(console, perf_counter() - start, folder, digits=0)
