"""The command ``hebbsim compare``."""

import shlex
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

from rich.console import Console

from hebbsim.compare import comparison
from hebbsim.compare.settings import CompareSettings
from hebbsim.compare.tables import table
from hebbsim.data.load import available_datasets
from hebbsim.errors import SettingsError
from hebbsim.experiments.command_line import (
    DataRoot,
    Overwrite,
    Resume,
    names,
    option,
    say_interrupted,
    say_written,
    user_errors,
    whole_numbers,
)

__all__ = ["compare"]


def compare(
    data: Annotated[
        str | None,
        option("digits (the default), mnist, fashion-mnist, cifar10, or a folder or .npz file."),
    ] = None,
    data_root: DataRoot = None,
    download: Annotated[bool, option("Download the data set if it is missing.", "--download")] = (
        False
    ),
    rules: Annotated[
        str | None,
        option(
            "Any of Hebb, Instar, Oja, Sanger, BCM, Covariance, NonlinearHebb, SoftHebb (default "
            "hebb,instar,oja)."
        ),
    ] = None,
    seeds: Annotated[int | None, option("Number of seeds (default 3).")] = None,
    epochs: Annotated[int | None, option("Passes over the training images (default 5).")] = None,
    channels: Annotated[
        str | None, option("Filters of each layer (default 32,64; digits: 16,64).")
    ] = None,
    kernels: Annotated[
        str | None, option("Kernel size of each layer (default 5,3; digits: 6,2).")
    ] = None,
    padding: Annotated[int | None, option("Zeros around each layer's input (default 0).")] = None,
    pooling: Annotated[
        str | None,
        option("none, average, max or sum, after each layer (default average; digits: none)."),
    ] = None,
    batch_size: Annotated[
        int | None, option("Images presented side by side (default 100; digits: 50).")
    ] = None,
    preprocessing: Annotated[
        str | None, option("none, standardize, dog or zca (default zca).")
    ] = None,
    zca_epsilon: Annotated[
        float | None, option("Regularises the whitening (default 0.1; digits: 1).")
    ] = None,
    zca_components: Annotated[
        int | None, option("Whiten along so many directions (default: as many as memory holds).")
    ] = None,
    n_train: Annotated[int | None, option("Use so many training images (default all).")] = None,
    n_test: Annotated[int | None, option("Use so many test images (default all).")] = None,
    activity: Annotated[
        str | None,
        option(
            "What plasticity sees: winners, graded, softmax, signed_softmax, rectified or linear "
            "(default graded; SoftHebb has its own)."
        ),
    ] = None,
    learning_rate: Annotated[
        str | None,
        option("A number or an expression, for every rule (default 1/n_shared; SoftHebb 0.08)."),
    ] = None,
    threshold_step: Annotated[
        float | None, option("Step of the adaptive thresholds; 0: none (default 1.0).")
    ] = None,
    output_activation: Annotated[
        str | None,
        option(
            "What a layer hands on: triangle, activity, rectified or linear (default triangle)."
        ),
    ] = None,
    decoder: Annotated[str | None, option("ridge, logistic or svm (default ridge).")] = None,
    dtype: Annotated[str | None, option("float32 or float64 (default float32).")] = None,
    threads: Annotated[int | None, option("OpenMP threads; 0: without OpenMP (default 0).")] = None,
    jobs: Annotated[
        int, option("Networks that learn at once, each in a process of its own (default 1).")
    ] = 1,
    device: Annotated[
        str | None,
        option(
            "runtime (the default), or a program that is compiled for each network: cpp, or cuda "
            "on an NVIDIA GPU."
        ),
    ] = None,
    quick: Annotated[
        bool, option("A first look: one seed, one epoch, at most 500 images.", "--quick")
    ] = False,
    settings: Annotated[
        Path | None,
        option("A settings.json to start from; options given besides take precedence."),
    ] = None,
    output: Annotated[
        Path | None, option("Folder to write (default results/compare-<data>).")
    ] = None,
    overwrite: Overwrite = False,
    resume: Resume = False,
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
        "zca_components": zca_components,
        "n_train": n_train,
        "n_test": n_test,
        "activity": activity,
        "learning_rate": learning_rate,
        "threshold_step": threshold_step,
        "output_activation": output_activation,
        "decoder": decoder,
        "dtype": dtype,
        "threads": threads,
        "device": device,
    }
    with user_errors():
        given["rules"] = None if rules is None else names(rules)
        given["channels"] = _of_each_layer("--channels", channels)
        given["kernels"] = _of_each_layer("--kernels", kernels)
        given = {name: value for name, value in given.items() if value is not None}
        folder = output or Path("results", f"compare-{_stem(data, settings)}")
        if resume and not quick and settings is None and (folder / "settings.json").exists():
            settings = folder / "settings.json"
        chosen = _settings(settings, data, quick, given)
        how = {"overwrite": overwrite, "resume": resume, "download": download}
        _compare(chosen, folder, jobs=jobs, **how)


def _of_each_layer(name: str, text: str | None) -> tuple[int, ...] | None:
    expected = "a number for each layer, such as 32,64"
    return None if text is None else whole_numbers(text, name, expected)


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
    saved = CompareSettings.load(source)
    at_most = {name: value for name, value in saved.at_most.items() if name not in given}
    return replace(saved, **given, at_most=at_most)


def _compare(settings: CompareSettings, folder: Path, *, jobs: int, **how: bool) -> None:
    console = Console()
    start = perf_counter()
    more = () if jobs == 1 else ("--jobs", str(jobs))
    command = shlex.join(["hebbsim", "compare", "--output", str(folder), "--resume", *more])
    with say_interrupted(console, f"to go on: {command}"):
        rows = comparison.compare(settings, folder, console=console, jobs=jobs, **how)
    console.print(table(settings, rows))
    say_written(console, perf_counter() - start, folder)
