"""The benchmark: part by part, into a folder."""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from hebbsim.benchmark.environment import environment
from hebbsim.benchmark.report import BenchmarkFolder
from hebbsim.benchmark.rows import PARTS, Row, Series
from hebbsim.benchmark.setting import Found, Setting
from hebbsim.errors import SettingsError, needed
from hebbsim.experiments.preferences import run_preferences
from hebbsim.experiments.settings import check_choice, check_whole_number

__all__ = ["benchmark", "check_parts"]

# torch, which takes seconds to load, is imported by the parts that need it
_FUNCTIONS = {
    "a": ("synapses", "measure"),
    "b": ("against_torch", "closed_form"),
    "c": ("against_torch", "gradient_trick"),
    "d": ("against_torch", "convolution"),
    "e": ("memory", "measure"),
    "f": ("scaling", "measure"),
    "g": ("startup", "measure"),
    "h": ("spiking", "measure"),
}
_CUDA_FUNCTIONS = {"c": ("on_cuda", "training_step"), "d": ("on_cuda", "convolution")}
_DEVICES = {"cpu": _FUNCTIONS, "cuda": _CUDA_FUNCTIONS}


#: What parts are called besides
_OTHER_NAMES = {"spiking": "h"}


def benchmark(
    setting: Setting,
    folder: str | Path,
    parts: Sequence[str] | None = None,
    *,
    overwrite: bool = False,
) -> list[Row]:
    """
    Measure hebbsim against explicit Brian2 synapses and torch, in single precision.

    Parameters
    ----------
    setting : Setting
        Threads, repetitions and sizes.
    folder : path
        Where ``results.csv``, ``series.csv``, ``table.md``, ``environment.json`` and
        ``benchmark.png`` are written; after each part all that there is so far.
    parts : sequence of str, optional
        Any of `PARTS`, by default all that are measured on the setting's device.
    overwrite : bool
        Replace the results in the folder; other files stay.

    Returns
    -------
    list of Row
        What ``results.csv`` holds.

    Raises
    ------
    SettingsError
        If a part or the device is unknown or not there, or a number is too small.
    ResultsError
        If the folder holds results, and `overwrite` isn't asked for.
    OSError
        If nothing can be written there.
    """
    _check(setting)
    functions = _DEVICES[setting.device]
    chosen = check_parts(tuple(functions) if parts is None else parts)
    elsewhere = [part for part in chosen if part not in functions]
    if elsewhere:
        raise SettingsError(
            f"part {elsewhere[0]} is not measured on {setting.device}, only "
            f"{', '.join(functions)} are"
        )
    results = BenchmarkFolder(folder)
    results.check(overwrite=overwrite)
    rows: list[Row] = []
    series: list[Series] = []
    for part in chosen:
        found = _measure(part, setting)
        rows += found.rows
        series += found.series
        results.save(rows, series, environment(setting))
    results.draw(rows, series)
    return rows


def check_parts(parts: Sequence[str]) -> list[str]:
    """Return the parts in their order, each once, or raise a SettingsError."""
    if not parts:
        raise SettingsError(f"parts: give at least one of {', '.join(PARTS)}")
    for part in parts:
        check_choice("part", part, (*PARTS, *_OTHER_NAMES))
    parts = [_OTHER_NAMES.get(part, part) for part in parts]
    return [part for part in PARTS if part in parts]


def _check(setting: Setting) -> None:
    check_choice("device", setting.device, _DEVICES)
    for name, value in (("threads", setting.threads), ("repeats", setting.repeats)):
        check_whole_number(name, value, 1)


def _measure(part: str, setting: Setting) -> Found:
    module, function = _DEVICES[setting.device][part]
    with run_preferences(setting.threads):
        with needed("torch", by=f"part {part}", install="hebbsim[torch]"):
            measure = getattr(import_module(f"hebbsim.benchmark.{module}"), function)
        found: Found = measure(setting)
    return found
