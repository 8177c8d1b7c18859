"""The command line of the model."""

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markdown import Markdown
from rich.text import Text

from hebbsim.compare.settings import SettingsError
from hebbsim.data.datasets import DATA_ROOT_VARIABLE
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

USER_ERROR = 2
INTERRUPTED = 130


def _option(text: str, *names: str, **kwds: Any) -> Any:
    return typer.Option(*names, help=text, show_default=False, **kwds)


@app.command()
def main(
    rule: Annotated[str | None, _option(f"{', '.join(RULES)} (default instar).")] = None,
    output: Annotated[
        str | None,
        _option(f"What a layer hands on: {', '.join(OUTPUTS)} (default triangle)."),
    ] = None,
    prune: Annotated[
        float | None,
        _option(
            f"Share of weights masked in layers 2 and 3 (default {PRUNE}; quick {PRUNE_QUICK})."
        ),
    ] = None,
    conditions: Annotated[
        str | None,
        _option(f"Instead of --rule and --output: all, or any of {', '.join(CONDITIONS)}."),
    ] = None,
    epochs: Annotated[int | None, _option("Passes over the images (default 20; quick 3).")] = None,
    seed: Annotated[str, _option("A seed, or several such as 0,1,2 (default 0).")] = "0",
    data_root: Annotated[
        str | None, _option("Folder of torchvision's data sets.", envvar=DATA_ROOT_VARIABLE)
    ] = None,
    quick: Annotated[
        bool,
        _option(
            "A third of the filters, 6000 images, 3 epochs; without a data root on digits put on "
            "photographs.",
            "--quick",
        ),
    ] = False,
    validation: Annotated[
        int, _option("Hold out so many training images in place of the test split.")
    ] = 0,
    check_torch: Annotated[
        bool, _option("Read out the exported network's features in torch too.", "--check-torch")
    ] = False,
    threads: Annotated[int | None, _option("OpenMP threads (default: all cores).")] = None,
    folder: Annotated[
        Path | None,
        _option("Folder to write (default results/miconi2021, or results/miconi2021-quick)."),
    ] = None,
    overwrite: Annotated[bool, _option("Replace the results in the folder.", "--overwrite")] = (
        False
    ),
    resume: Annotated[bool, _option("Go on with the results in the folder.", "--resume")] = False,
) -> None:
    """Hebbian learning in a deep convolutional network (Miconi 2021) on CIFAR-10."""
    given = {"epochs": epochs, "threads": threads, "validation": validation or None}
    given = {name: value for name, value in given.items() if value is not None}
    with _user_errors():
        make = Settings.quick if quick else Settings.full
        settings = make(data_root, **given)
        share = prune if prune is not None else PRUNE_QUICK if quick else PRUNE
        chosen = _conditions(conditions, rule, output, share)
        place = folder or Path("results", "miconi2021-quick" if quick else "miconi2021")
        _run(
            settings,
            chosen,
            _seeds(seed),
            place,
            overwrite=overwrite,
            resume=resume,
            check_torch=check_torch,
        )


def _conditions(
    names: str | None, rule: str | None, output: str | None, prune: float
) -> dict[str, Condition]:
    if names is None:
        return own_condition(rule or "instar", output or "triangle", prune)
    if rule is not None or output is not None:
        raise SettingsError("--conditions has its own rules and outputs: leave out --rule/--output")
    return named_conditions([part.strip() for part in names.split(",") if part.strip()], prune)


def _seeds(text: str) -> list[int]:
    try:
        seeds = [int(part) for part in text.split(",")]
    except ValueError:
        seeds = [-1]
    if min(seeds) < 0 or len(set(seeds)) < len(seeds):
        raise SettingsError(
            f"--seed: expected different whole numbers from 0 on, such as 0,1,2, got {text!r}"
        )
    return seeds


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
    try:
        rows = run(settings, conditions, seeds, folder, console=console, **how)
    except KeyboardInterrupt:
        arguments = [a for a in sys.argv[1:] if a not in ("--overwrite", "--resume")]
        command = shlex.join(["python", "-m", "models.miconi2021", *arguments, "--resume"])
        console.print(f"interrupted; to go on: {command}", markup=False, soft_wrap=True)
        raise typer.Exit(INTERRUPTED) from None
    console.print(Markdown(table(rows)))
    console.print(
        f"{perf_counter() - start:.0f} s; written to {folder}", markup=False, soft_wrap=True
    )


@contextmanager
def _user_errors() -> Iterator[None]:
    """Print what the user can mend as a single line, without a traceback."""
    from hebbsim.synapses.update import NonFiniteWeightsError

    try:
        yield
    except (ValueError, OSError, NonFiniteWeightsError) as error:
        message = " ".join(str(error).split())
        Console(file=sys.stderr).print(
            Text.assemble(("error: ", "bold red"), (message, "red")), soft_wrap=True
        )
        raise typer.Exit(USER_ERROR) from None
