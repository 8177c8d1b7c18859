"""Files in the folder of what is kept: there whole or not at all, with a checksum of their content.

Other processes share the folder, and a file in it may have been damaged since it was written.
"""

import hashlib
import os
import tempfile
from pathlib import Path

__all__ = ["keep", "kept", "put_whole"]

_DIGEST = hashlib.sha256().digest_size


def put_whole(path: Path, content: bytes) -> None:
    """Write a file that is there whole or not at all."""
    handle, name = tempfile.mkstemp(dir=path.parent)
    try:
        with open(handle, "wb") as part:
            part.write(content)
        os.replace(name, path)
    finally:
        Path(name).unlink(missing_ok=True)


def keep(path: Path, content: bytes) -> None:
    """Write a file that `kept` reads, in a folder that is made for it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    put_whole(path, hashlib.sha256(content).digest() + content)


def kept(path: Path) -> bytes | None:
    """Return what `keep` wrote; None where nothing is, or something else."""
    try:
        held = path.read_bytes()
    except OSError:
        return None
    content = held[_DIGEST:]
    return content if hashlib.sha256(content).digest() == held[:_DIGEST] else None
