"""The command line: ``hebbsim compare``, ``sweep``, ``rules``, ``datasets``, ``benchmark``..."""

from typing import Annotated

import typer

from hebbsim import __version__
from hebbsim.cli.benchmark_command import benchmark
from hebbsim.cli.compare_command import compare
from hebbsim.cli.listings import check_cuda, show_datasets, show_rules
from hebbsim.cli.sweep_command import sweep

__all__ = ["app"]

app = typer.Typer(
    help="Plastic convolutional networks, written as Brian2 equations.",
    no_args_is_help=True,
    add_completion=False,
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"hebbsim {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Plastic convolutional networks, written as Brian2 equations."""


app.command("rules")(show_rules)
app.command("datasets")(show_datasets)
app.command("cuda")(check_cuda)
app.command()(compare)
app.command()(sweep)
app.command()(benchmark)
