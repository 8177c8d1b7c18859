"""Errors that several modules raise, and wording that they share."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from importlib.util import find_spec

__all__ = ["MissingPackageError", "SettingsError", "closest", "installed", "needed", "unknown"]


class MissingPackageError(ModuleNotFoundError):
    """An optional package that isn't installed."""


class SettingsError(ValueError):
    """Settings that are unknown, contradictory or out of range."""


@contextmanager
def needed(package: str, by: str, install: str) -> Iterator[None]:
    """
    Say what to install if an import in this context finds a package missing.

    Parameters
    ----------
    package : str
        Its name in an import. If another one is missing, the error is Python's.
    by : str
        What needs it, in the singular: ``'to_torch'``.
    install : str
        What pip is to install: ``'hebbsim[torch]'``.

    Raises
    ------
    MissingPackageError
        If it isn't installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if str(error.name).partition(".")[0] != package:
            raise
        raise MissingPackageError(
            f"{by} needs the package {package}, which isn't installed: pip install '{install}'",
            name=package,
        ) from error


def installed(package: str) -> bool:
    """Whether a package can be imported, without importing it."""
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:  # of a finder that refuses it
        return False


def closest(name: object, known: Iterable[str]) -> str | None:
    """
    Find the known name that a misspelt one most likely stands for.

    Parameters
    ----------
    name : object
        What was given. Letter case is ignored, and what is not a string is compared as text.
    known : iterable of str
        The names there are.

    Returns
    -------
    str or None
        The most similar known name, or None if no name is similar.
    """
    folded = {candidate.casefold(): candidate for candidate in known}
    matches = get_close_matches(str(name).casefold(), folded, n=1)
    return folded[matches[0]] if matches else None


def unknown(kind: str, name: object, known: Iterable[str]) -> str:
    """
    Word the error for a name that is not among the known ones.

    Parameters
    ----------
    kind : str
        What is named, in the singular: ``'data set'``.
    name : object
        What was given.
    known : iterable of str
        The names there are, in the order in which they are to be listed.

    Returns
    -------
    str
        The whole message, with the closest name if there is one.

    Examples
    --------
    >>> unknown("data set", "fashion_mnst", ["digits", "fashion-mnist"])
    "unknown data set 'fashion_mnst'; did you mean 'fashion-mnist'? Known: digits, fashion-mnist"
    """
    known = list(known)
    guess = closest(name, known)
    hint = f"; did you mean {guess!r}?" if guess is not None else "."
    return f"unknown {kind} {name!r}{hint} Known: {', '.join(known)}"
