"""Files that are there whole, on the disk, or as they were before."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

__all__ = ["check_place", "whole_file", "write_text"]


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """
    Open a file to write that takes its place when all of it is on the disk.

    It is written beside its place, synchronised and moved there, and so is the entry of its folder:
    neither an exception nor a loss of power leaves half a file, or an empty one.

    Parameters
    ----------
    path : Path
        The file; an older one is replaced, so ask before.

    Yields
    ------
    binary file
        To write to.

    Raises
    ------
    OSError
        If it can't be written, as where a disk is full; it names the file.
    """
    part = _part(path)
    try:
        with part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException as error:
        part.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename in (None, str(part), part):
            raise _named(error, path) from error
        raise
    if os.name == "posix":  # elsewhere a folder can't be opened
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def write_text(path: Path, text: str) -> None:
    """Write a text in UTF-8; the file is there whole, on the disk, or as it was before."""
    with whole_file(path) as file:
        file.write(text.encode())


def check_place(path: Path) -> None:
    """
    Make sure that `whole_file` can write a file, before the work for it begins.

    Raises
    ------
    OSError
        If it can't; it names the file.
    """
    part = _part(path)
    try:
        part.open("wb").close()
        part.unlink()
    except OSError as error:
        raise _named(error, path) from error


def _part(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")


def _named(error: OSError, path: Path) -> OSError:
    """Return an error that names the file, and what became of it."""
    what = f"{error.strerror or error}; nothing is written there, and what was there before is kept"
    return type(error)(error.errno, what, str(path))
