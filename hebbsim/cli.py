"""The command line: ``hebbsim compare``, ``rules``, ``datasets``, ``benchmark`` and ``cuda``."""

import os
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from hebbsim.compare.settings import CompareSettings, SettingsError
from hebbsim.data.datasets import DATA_ROOT_VARIABLE, available_datasets

app = typer.Typer(
    help="Plastic convolutional networks, written as Brian2 equations.",
    no_args_is_help=True,
    add_completion=False,
)

DIFFERENT = 1
USER_ERROR = 2
INTERRUPTED = 130
_WIDE = 160

_DATASETS = {
    "digits": "1797 grey images of 8x8, part of scikit-learn",
    "mnist": "70,000 grey images of 28x28; needs --data-root",
    "fashion-mnist": "70,000 grey images of 28x28; needs --data-root",
    "cifar10": "60,000 RGB images of 32x32; needs --data-root",
}


def _version(asked: bool) -> None:
    if asked:
        from hebbsim import __version__

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


@app.command("rules")
def show_rules() -> None:
    """Print the equations and the reference of every rule."""
    from hebbsim import rules

    kinds = (getattr(rules, name) for name in rules.__all__)
    typer.echo("\n\n".join(str(kind()) for kind in kinds if kind is not rules.Rule))


@app.command("datasets")
def show_datasets() -> None:
    """List the data sets that are known by name."""
    for name in available_datasets():
        typer.echo(f"{name:14} {_DATASETS.get(name, '')}".rstrip())
    typer.echo("or the path of a folder with a sub-folder of images for each class, or of an .npz")


@app.command("cuda")
def check_cuda() -> None:
    """Say what Brian2CUDA finds here, what it misses, and how to get it."""
    from hebbsim.codegen.cuda.toolkit import requirements

    found = requirements()
    for item in found:
        typer.echo(f"{item.name:15} {item.found or 'missing: ' + item.way_out}")
    if not all(item.found for item in found):
        raise typer.Exit(DIFFERENT)


def _names(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(part.strip() for part in text.split(",") if part.strip())


def _numbers(option: str) -> Callable[[str | None], tuple[int, ...] | None]:
    def parse(text: str | None) -> tuple[int, ...] | None:
        try:
            return None if text is None else tuple(int(part) for part in text.split(","))
        except ValueError:
            raise SettingsError(
                f"{option}: expected a number for each layer, such as 32,64, got {text!r}"
            ) from None

    return parse


def _option(text: str, *names: str, **kwds: Any) -> Any:
    return typer.Option(*names, help=text, show_default=False, **kwds)


@app.command()
def compare(
    data: Annotated[
        str | None,
        _option("digits (the default), mnist, fashion-mnist, cifar10, or a folder or .npz file."),
    ] = None,
    data_root: Annotated[
        str | None, _option("Folder of torchvision's data sets.", envvar=DATA_ROOT_VARIABLE)
    ] = None,
    download: Annotated[bool, _option("Download the data set if it is missing.", "--download")] = (
        False
    ),
    rules: Annotated[
        str | None,
        _option("Any of Hebb, Instar, Oja, Sanger, BCM, Covariance (default hebb,instar,oja)."),
    ] = None,
    seeds: Annotated[int | None, _option("Number of seeds (default 3).")] = None,
    epochs: Annotated[int | None, _option("Passes over the training images (default 5).")] = None,
    channels: Annotated[
        str | None, _option("Filters of each layer (default 32,64; digits: 16,64).")
    ] = None,
    kernels: Annotated[
        str | None, _option("Kernel size of each layer (default 5,3; digits: 6,2).")
    ] = None,
    padding: Annotated[int | None, _option("Zeros around each layer's input (default 0).")] = None,
    pooling: Annotated[
        str | None,
        _option("none, average, max or sum, after each layer (default average; digits: none)."),
    ] = None,
    batch_size: Annotated[
        int | None, _option("Images presented side by side (default 100; digits: 50).")
    ] = None,
    preprocessing: Annotated[
        str | None, _option("none, standardize, dog or zca (default zca).")
    ] = None,
    zca_epsilon: Annotated[
        float | None, _option("Regularises the whitening (default 0.1; digits: 1).")
    ] = None,
    n_train: Annotated[int | None, _option("Use so many training images (default all).")] = None,
    n_test: Annotated[int | None, _option("Use so many test images (default all).")] = None,
    activity: Annotated[
        str | None,
        _option(
            "What plasticity sees: winners, graded, softmax, rectified or linear (default graded)."
        ),
    ] = None,
    learning_rate: Annotated[
        str | None, _option("A number or an expression, for every rule (default 1/n_shared).")
    ] = None,
    threshold_step: Annotated[
        float | None, _option("Step of the adaptive thresholds; 0: none (default 1.0).")
    ] = None,
    output_activation: Annotated[
        str | None,
        _option(
            "What a layer hands on: triangle, activity, rectified or linear (default triangle)."
        ),
    ] = None,
    decoder: Annotated[str | None, _option("ridge, logistic or svm (default ridge).")] = None,
    dtype: Annotated[str | None, _option("float32 or float64 (default float32).")] = None,
    threads: Annotated[
        int | None, _option("OpenMP threads; 0: without OpenMP (default 0).")
    ] = None,
    quick: Annotated[
        bool, _option("A first look: one seed, one epoch, 500 images.", "--quick")
    ] = False,
    settings: Annotated[
        Path | None,
        _option("A settings.json to start from; options given besides take precedence."),
    ] = None,
    output: Annotated[
        Path | None, _option("Folder to write (default results/compare-<data>).")
    ] = None,
    overwrite: Annotated[
        bool, _option("Replace the results in the folder.", "--overwrite")
    ] = False,
    resume: Annotated[bool, _option("Go on with the results in the folder.", "--resume")] = False,
) -> None:
    """Train one architecture with each rule, and decode every layer.

    Accuracies of a linear read-out, next to raw pixels and to random kernels in the same network.
    """
    given: dict[str, Any] = {
        "data_root": data_root,
        "seeds": seeds,
        "epochs": epochs,
        "padding": padding,
        "pooling": pooling,
        "batch_size": batch_size,
        "preprocessing": preprocessing,
        "zca_epsilon": zca_epsilon,
        "n_train": n_train,
        "n_test": n_test,
        "activity": activity,
        "learning_rate": learning_rate,
        "threshold_step": threshold_step,
        "output_activation": output_activation,
        "decoder": decoder,
        "dtype": dtype,
        "threads": threads,
    }
    with _user_errors():
        given["rules"] = _names(rules)
        given["channels"] = _numbers("--channels")(channels)
        given["kernels"] = _numbers("--kernels")(kernels)
        given = {name: value for name, value in given.items() if value is not None}
        folder = output or Path("results", f"compare-{_stem(data, settings)}")
        if resume and not quick and settings is None and (folder / "settings.json").exists():
            settings = folder / "settings.json"
        chosen = _settings(settings, data, quick, given)
        _compare(chosen, folder, overwrite=overwrite, resume=resume, download=download)


def _stem(data: str | None, settings: Path | None) -> str:
    """Name the data set in the name of a folder."""
    if data is None:
        data = CompareSettings.load(settings).data if settings is not None else "digits"
    return data if data in available_datasets() else Path(data).stem


def _settings(
    source: Path | None, data: str | None, quick: bool, given: dict[str, Any]
) -> CompareSettings:
    """Combine a file of settings, or the defaults for a data set, with what is given."""
    if source is None:
        return CompareSettings.for_data(data or "digits", quick=quick, **given)
    if quick:
        raise SettingsError(f"--quick has its own settings, and '{source}' others; give one")
    if data is not None:
        given = {**given, "data": CompareSettings.for_data(data).data}
    return replace(CompareSettings.load(source), **given)


def _compare(settings: CompareSettings, folder: Path, **how: bool) -> None:
    from hebbsim.compare.comparison import compare
    from hebbsim.compare.tables import table

    console = Console()
    start = perf_counter()
    try:
        rows = compare(settings, folder, console=console, **how)
    except KeyboardInterrupt:
        command = shlex.join(["hebbsim", "compare", "--output", str(folder), "--resume"])
        console.print(f"interrupted; to go on: {command}", markup=False, soft_wrap=True)
        raise typer.Exit(INTERRUPTED) from None
    console.print(table(settings, rows))
    console.print(
        f"{perf_counter() - start:.1f} s; written to {folder}", markup=False, soft_wrap=True
    )


@app.command()
def benchmark(
    parts: Annotated[
        str | None,
        _option(
            "Any of a (explicit Brian2 synapses), b (torch, closed form), c (torch, gradient "
            "trick), d (torch, convolution), e (memory), f (scaling), g (start-up); default all."
        ),
    ] = None,
    threads: Annotated[
        int | None, _option("OpenMP and torch threads (default: as many as there are cores).")
    ] = None,
    repeats: Annotated[int, _option("Turns of each contender (default 5).")] = 5,
    output: Annotated[Path, _option("Folder to write (default results/benchmark).")] = Path(
        "results", "benchmark"
    ),
    overwrite: Annotated[
        bool, _option("Replace the results in the folder.", "--overwrite")
    ] = False,
    device: Annotated[
        str, _option("cpu, or cuda: parts c and d on a GPU, through Brian2CUDA (default cpu).")
    ] = "cpu",
    quick: Annotated[bool, _option("Tiny sizes.", "--quick", hidden=True)] = False,
) -> None:
    """Measure speed and memory against explicit Brian2 synapses and torch.

    In single precision and one process, ours and rivals in turns, with the results compared.
    """
    from hebbsim.benchmark import FULL, QUICK, Setting

    if threads is None:
        threads = os.cpu_count() or 1
    with _user_errors():
        sizes = QUICK if quick else FULL
        setting = Setting(threads, repeats, sizes, device=device)
        _benchmark(_names(parts), output, setting, overwrite=overwrite)


def _benchmark(
    parts: tuple[str, ...] | None,
    folder: Path,
    setting: Any,
    *,
    overwrite: bool,
) -> None:
    from hebbsim.benchmark import benchmark
    from hebbsim.benchmark.environment import environment
    from hebbsim.benchmark.report import table

    console = Console()
    start = perf_counter()
    with console.status("starting") as status:
        setting = replace(setting, announce=status.update)
        try:
            rows = benchmark(setting, folder, parts, overwrite=overwrite)
        except KeyboardInterrupt:
            console.print(f"interrupted; what was measured is in {folder}", markup=False)
            raise typer.Exit(INTERRUPTED) from None
    if not console.is_terminal:  # a file is as wide as it needs to be
        console.width = max(console.width, _WIDE)
    console.print(table(rows, environment(setting)))
    console.print(
        f"{perf_counter() - start:.1f} s; written to {folder}", markup=False, soft_wrap=True
    )
    differing = [f"{row.part}, {row.what}" for row in rows if row.differs]
    if differing:
        console.print(f"results differ: {'; '.join(differing)}", style="red", soft_wrap=True)
        raise typer.Exit(DIFFERENT)


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
