"""What command lines share: options, lists in text, one line for what the user can mend."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from brian2.core.base import BrianObjectException
from rich.console import Console
from rich.text import Text

from hebbsim.codegen.cpp.compiler import CompilationError
from hebbsim.data.known import DATA_ROOT_VARIABLE
from hebbsim.errors import MissingPackageError, SettingsError
from hebbsim.synapses.update import NonFiniteWeightsError

__all__ = [
    "DIFFERENT",
    "INTERRUPTED",
    "USER_ERROR",
    "DataRoot",
    "Overwrite",
    "Resume",
    "names",
    "option",
    "say_interrupted",
    "say_written",
    "seeds",
    "user_errors",
    "whole_numbers",
]

#: Exit statuses
DIFFERENT, USER_ERROR, INTERRUPTED = 1, 2, 130

_MENDED_BY_USERS = (
    ValueError,
    OSError,
    NonFiniteWeightsError,
    CompilationError,
    MissingPackageError,
)


def option(text: str, *names: str, **kwds: Any) -> Any:
    """Describe an option; the text says what its default is."""
    return typer.Option(*names, help=text, show_default=False, **kwds)


DataRoot = Annotated[
    str | None, option("Folder of torchvision's data sets.", envvar=DATA_ROOT_VARIABLE)
]
Overwrite = Annotated[bool, option("Replace the results in the folder.", "--overwrite")]
Resume = Annotated[bool, option("Go on with the results in the folder.", "--resume")]


def names(text: str) -> tuple[str, ...]:
    """Return the names in a list with commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def whole_numbers(text: str, name: str, expected: str) -> tuple[int, ...]:
    """
    Return the whole numbers in a list with commas.

    Parameters
    ----------
    text : str
        The list.
    name, expected : str
        The option, and what the error says that it takes.

    Raises
    ------
    SettingsError
        If a part is no whole number.
    """
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise SettingsError(f"{name}: expected {expected}, got {text!r}") from None


def seeds(text: str, name: str = "--seed") -> list[int]:
    """Return the seeds in a list with commas, or raise a SettingsError."""
    expected = "different whole numbers from 0 on, such as 0,1,2"
    found = whole_numbers(text, name, expected)
    if min(found) < 0 or len(set(found)) < len(found):
        raise SettingsError(f"{name}: expected {expected}, got {text!r}")
    return list(found)


@contextmanager
def user_errors() -> Iterator[None]:
    """Print what the user can mend as a single line, without a traceback."""
    try:
        yield
    except Exception as error:
        message = _what_to_mend(error)
        if message is None:
            raise
        Console(file=sys.stderr).print(
            Text.assemble(("error: ", "bold red"), (message, "red")), soft_wrap=True
        )
        raise typer.Exit(USER_ERROR) from None


def _what_to_mend(error: BaseException) -> str | None:
    """Return what to say of an error, or of what Brian2 wrapped in its own; else None."""
    cause: BaseException | None = error
    while isinstance(cause, BrianObjectException):
        cause = cause.__cause__
    if isinstance(cause, MemoryError):
        return (
            f"there isn't enough memory ({str(cause) or 'not said for what'}); give fewer or "
            "smaller images, or a smaller batch"
        )
    if not isinstance(cause, _MENDED_BY_USERS):
        return None
    return " ".join(str(cause).split())


@contextmanager
def say_interrupted(console: Console, what_next: str) -> Iterator[None]:
    """End with a line that says what next, and without a traceback, on Ctrl-C."""
    try:
        yield
    except KeyboardInterrupt:
        console.print(f"interrupted; {what_next}", markup=False, soft_wrap=True)
        raise typer.Exit(INTERRUPTED) from None


def say_written(console: Console, seconds: float, folder: Path, digits: int = 1) -> None:
    """Say how long a run took, and where its results are."""
    text = f"{seconds:.{digits}f} s; written to {folder}"
    console.print(text, markup=False, soft_wrap=True)
