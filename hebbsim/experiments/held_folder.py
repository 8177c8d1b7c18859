"""Folders that one process at a time writes to."""

import os
import platform
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hebbsim.file_lock import lock
from hebbsim.whole_file import make_folder

__all__ = ["FolderHeldError", "held", "was_left"]

_NAME = ".running"


class FolderHeldError(OSError):
    """A folder that another process writes to."""


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """
    Hold a folder for this process alone, until the end of the block or of the process.

    Parameters
    ----------
    folder : Path
        It is made if it isn't there, with those around it, and removed if nothing was written.

    Raises
    ------
    FolderHeldError
        If another process holds it, with its number and command.
    """
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    make_folder(folder)
    path = folder / _NAME
    handle = _locked(path)
    try:
        os.truncate(handle, 0)
        os.write(handle, _this_process().encode())
        yield
    finally:
        with suppress(OSError):
            path.unlink()  # while it is still locked
        os.close(handle)
        with suppress(OSError):  # something was written
            for place in missing:
                place.rmdir()


def was_left(folder: Path) -> bool:
    """Whether a process that held a folder was killed, or still holds it."""
    return (folder / _NAME).exists()


def _locked(path: Path) -> int:
    """Return a handle of the file with the lock, or say who has it."""
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            if not lock(handle):
                holder = os.pread(handle, 1000, 0).decode(errors="replace").strip()
                raise FolderHeldError(
                    f"'{path.parent}' is being written to by {holder or 'another process'}; wait "
                    "for its end, or give another folder"
                )
        except FolderHeldError:
            os.close(handle)
            raise
        except OSError:  # nothing can be locked there
            return handle
        # another process may have removed the file between the two calls
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(handle), path.stat()):
                return handle
        os.close(handle)


def _this_process() -> str:
    command = shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])
    return f"process {os.getpid()} on {platform.node()} ({command})\n"
