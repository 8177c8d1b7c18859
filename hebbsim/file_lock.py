"""Locks that a process holds until it ends, however it ends."""

import sys

__all__ = ["lock"]

if sys.platform != "win32":
    import fcntl


def lock(handle: int) -> bool:
    """
    Lock an open file or folder for this process, if nobody else has.

    Parameters
    ----------
    handle : int
        Its descriptor. The lock goes with it: when it is closed, or the process and those that it
        forked have ended.

    Returns
    -------
    bool
        Whether it is locked now: not if another process holds it.

    Raises
    ------
    OSError
        Where nothing can be locked, as on some network drives.
    """
    if sys.platform == "win32":
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
