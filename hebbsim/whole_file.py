"""Files that are there whole, on the disk, or as they were before."""

import glob
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from hebbsim.file_lock import lock

__all__ = ["check_place", "make_folder", "whole_file", "write_text"]


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """
    Open a file to write that takes its place when all of it is on the disk.

    It is written beside its place, synchronised and moved there, and so is the entry of its folder:
    neither an exception nor a loss of power leaves half a file, or an empty one. Of processes that
    write the same file at the same time the last one counts. What a killed one left is removed.

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
    file = _new_part(path)
    part = Path(file.name)
    try:
        with file:
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


def make_folder(folder: Path) -> None:
    """
    Make a folder for results, and those around it, where they are missing.

    Raises
    ------
    OSError
        If it can't be made; it names the folder, and the way out.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        what = f"no folder can be made there ({error.strerror or error}); name another one"
        raise type(error)(error.errno, what, str(folder)) from error


def check_place(path: Path) -> None:
    """
    Make sure that `whole_file` can write a file, before the work for it begins.

    Raises
    ------
    OSError
        If it can't; it names the file.
    """
    with _new_part(path) as file:
        os.unlink(file.name)


def _new_part(path: Path) -> BinaryIO:
    """Open a file beside `path` that is this writer's own, and locked to show that it is in use."""
    for left in path.parent.glob(f"{glob.escape(path.name)}.*.part"):
        _remove_if_left(left)
    while True:
        part = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
        try:
            file = part.open("xb")
        except OSError as error:
            raise _named(error, path) from error
        with suppress(OSError):  # where nothing can be locked
            lock(file.fileno())
        if part.exists():
            return file
        file.close()  # another process took it for left behind, before it was locked


def _remove_if_left(part: Path) -> None:
    with suppress(OSError), part.open("rb") as file:  # gone already, or nothing can be locked
        if lock(file.fileno()):
            part.unlink()


def _named(error: OSError, path: Path) -> OSError:
    """Return an error that names the file, and what became of it."""
    what = f"{error.strerror or error}; nothing is written there, and what was there before is kept"
    return type(error)(error.errno, what, str(path))
