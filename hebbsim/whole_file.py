"""Files that are there whole, on the disk, or as they were before."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

__all__ = ["whole_file"]


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
    """
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    if os.name == "posix":  # elsewhere a folder can't be opened
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
