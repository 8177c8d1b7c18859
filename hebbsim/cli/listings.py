"""The commands that list what there is: ``hebbsim rules``, ``datasets`` and ``cuda``."""

import typer

from hebbsim import rules
from hebbsim.codegen.cuda.toolkit import requirements
from hebbsim.data.load import available_datasets
from hebbsim.experiments.command_line import DIFFERENT

__all__ = ["check_cuda", "show_datasets", "show_rules"]

_DATASETS = {
    "digits": "1797 grey images of 8x8, part of scikit-learn",
    "mnist": "70,000 grey images of 28x28; needs --data-root",
    "fashion-mnist": "70,000 grey images of 28x28; needs --data-root",
    "cifar10": "60,000 RGB images of 32x32; needs --data-root",
}


def show_rules() -> None:
    """Print the equations and the reference of every rule."""
    kinds = (getattr(rules, name) for name in rules.__all__)
    typer.echo("\n\n".join(str(kind()) for kind in kinds if kind is not rules.Rule))


def show_datasets() -> None:
    """List the data sets that are known by name."""
    for name in available_datasets():
        typer.echo(f"{name:14} {_DATASETS.get(name, '')}".rstrip())
    typer.echo("or the path of a folder with a sub-folder of images for each class, or of an .npz")


def check_cuda() -> None:
    """Say what Brian2CUDA finds here, what it misses, and how to get it."""
    found = requirements()
    for item in found:
        typer.echo(f"{item.name:15} {item.found or 'missing: ' + item.way_out}")
    if not all(item.found for item in found):
        raise typer.Exit(DIFFERENT)
