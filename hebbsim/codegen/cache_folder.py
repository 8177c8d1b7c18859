"""The folder of what is kept between runs: compiled libraries, which run as code."""

import atexit
import os
import shutil
import stat
import tempfile
from functools import cache
from pathlib import Path

from brian2.utils.logger import get_logger

__all__ = ["cache_folder"]

logger = get_logger("hebbsim.codegen")


def cache_folder() -> Path:
    """Return the folder of what is kept: ``$XDG_CACHE_HOME/hebbsim`` or ``~/.cache/hebbsim``.

    It is made where it is missing, and open to this user alone. Where it can't be made or written
    to, or others may write to it, whose files would run as this user's code, a warning names it,
    and what is compiled is kept in a temporary folder until this process ends.
    """
    try:
        folder = _wanted()
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        fault = _fault(folder)
    except (OSError, RuntimeError) as error:  # the latter where there is no home
        named = getattr(error, "filename", None)
        fault = f"'{named}': {error.strerror}" if isinstance(error, OSError) else str(error)
    if not fault:
        return folder
    logger.warn(
        f"The folder of compiled code can't be used ({fault}). What is compiled is kept until this "
        "process ends. Mend the folder, or name another one in XDG_CACHE_HOME.",
        "cache_folder",
        once=True,
    )
    return _temporary(os.getpid())


def _wanted() -> Path:
    named = os.environ.get("XDG_CACHE_HOME", "")
    # a relative one is to be ignored, says the standard
    return (Path(named) if os.path.isabs(named) else Path.home() / ".cache") / "hebbsim"


def _fault(folder: Path) -> str:
    """Say why a folder can't be trusted or written to, or nothing."""
    if not os.access(folder, os.W_OK | os.X_OK):
        return f"'{folder}' can't be written to"
    if os.name != "posix":
        return ""
    found = folder.stat()
    if found.st_uid != os.geteuid():
        return f"'{folder}' belongs to another user"
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return (
            f"others can write to '{folder}', and what lies in it runs as your code: delete it, or "
            "take the right from them with chmod go-w if you trust what is there"
        )
    for parent in folder.resolve().parents:
        mode = parent.stat().st_mode
        if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
            return f"everyone can replace what is in '{parent}', which it lies in"
    return ""


@cache
def _temporary(process: int) -> Path:
    """Return a folder of a process, which it deletes at its end; a forked one has its own."""
    folder = Path(tempfile.mkdtemp(prefix="hebbsim-"))

    def remove() -> None:
        if os.getpid() == process:
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(remove)
    return folder
