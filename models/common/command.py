"""``python -m models.NAME``, the same for all models."""

import shlex
import sys
from dataclasses import fields, replace
from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer
from rich.console import Console

from hebbsim.data.known import DATA_ROOT_VARIABLE
from hebbsim.errors import SettingsError
from hebbsim.experiments.command_line import (
    DIFFERENT,
    Overwrite,
    Resume,
    option,
    say_interrupted,
    say_written,
    seeds,
    user_errors,
)
from hebbsim.experiments.terminal import print_markdown
from models.common.claim import failing
from models.common.folder import ModelFolder
from models.common.model import Model, Results
from models.common.page import write_page

__all__ = ["make_app"]

DATA_ROOT = "data_root"


def make_app(model: Model) -> typer.Typer:
    """
    Make the command of a model; its exit status is 1 if a claim doesn't hold.

    A model whose settings have a ``data_root`` has the option ``--data-root``.
    """
    app = typer.Typer(add_completion=False)
    reads_data = any(field.name == DATA_ROOT for field in fields(model.full))
    environment = DATA_ROOT_VARIABLE if reads_data else None

    def main(
        quick: Annotated[bool, option("A reduced size, in less than a minute.", "--quick")] = False,
        seed: Annotated[str, option("A seed, or several such as 0,1,2 (default 0).")] = "0",
        output: Annotated[
            Path | None,
            option(f"Folder to write (default results/{model.name}, with -quick if it is)."),
        ] = None,
        threads: Annotated[
            int | None, option("OpenMP threads; 0: without OpenMP (default: all cores).")
        ] = None,
        data_root: Annotated[
            str | None,
            option("Folder of data sets.", envvar=environment, hidden=not reads_data),
        ] = None,
        page: Annotated[
            bool, option("Write the results into the models' README.md too.", "--page")
        ] = False,
        overwrite: Overwrite = False,
        resume: Resume = False,
    ) -> None:
        console, start = Console(), perf_counter()
        folder = output or Path("results", model.name + "-quick" * quick)
        command = shlex.join(["python", "-m", f"models.{model.name}", *_own_arguments()])
        with user_errors(), say_interrupted(console, f"to go on: {command} --resume"):
            if page and quick:
                raise SettingsError("--page is for the published size: leave out --quick")
            results = _with_data(model, data_root).run_seeds(
                seeds(seed),
                folder,
                quick=quick,
                overwrite=overwrite,
                resume=resume,
                threads=threads,
                console=console,
            )
            if page:
                _write_page(model, results, ModelFolder(folder), data_root, threads)
        print_markdown(console, model.table(results, quick=quick))
        say_written(console, perf_counter() - start, folder, digits=0)
        failed = failing(model.claims, [dict(r.numbers) for r in results], quick=quick)
        for text in failed:
            console.print(f"does not hold: {text}", markup=False, soft_wrap=True)
        if failed:
            raise typer.Exit(DIFFERENT)

    main.__doc__ = f"{model.title}."
    app.command()(main)
    return app


def _own_arguments() -> list[str]:
    return [a for a in sys.argv[1:] if a not in ("--overwrite", "--resume")]


def _with_data(model: Model, data_root: str | None) -> Model:
    """Let both sizes of a model read a folder of data sets."""
    if data_root is None:
        return model
    if not hasattr(model.full, DATA_ROOT):
        raise SettingsError(
            f"{model.name} takes no data root: leave out --data-root; a data set that it reads is "
            f"where {DATA_ROOT_VARIABLE} says"
        )
    full, quick = (replace(size, **{DATA_ROOT: data_root}) for size in (model.full, model.quick))
    return replace(model, full=full, quick=quick)


def _write_page(
    model: Model,
    results: list[Results],
    folder: ModelFolder,
    data_root: str | None,
    threads: int | None,
) -> None:
    found = ",".join(str(n) for n in folder.by_seed())
    command = f".venv/bin/python -m models.{model.name} --seed {found}"
    if data_root is not None:
        command += " --data-root FOLDER"
    if threads is not None:
        command += f" --threads {threads}"
    figures = model.figures(model.full, results)
    write_page(model, results, folder.seconds(), figures, command, threads=threads)
