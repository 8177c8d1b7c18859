"""The headers of the standard library that generated code includes, compiled once.

To read them takes the compiler three times as long as the code itself.
"""

import hashlib
import os
import secrets
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path

from hebbsim.codegen.cache_folder import cache_folder
from hebbsim.codegen.cpp.forks import never_forked
from hebbsim.codegen.kept_files import put_whole

__all__ = ["LOOPS", "STANDARD", "compile_header", "header", "headers_for_loops"]

#: What Brian2's own files of a program include
STANDARD = "".join(
    f"#include <{name}>\n"
    for name in (
        *("algorithm", "cassert", "chrono", "climits", "cmath", "csignal", "cstdint", "cstdlib"),
        *("cstring", "ctime", "fstream", "iostream", "iterator", "limits", "map", "random", "set"),
        *("string", "tuple", "type_traits", "utility", "vector"),
    )
)

#: What loops in runtime mode include
LOOPS = "".join(
    f"#include <{name}>\n"
    for name in (
        *("algorithm", "climits", "cmath", "cstdint", "cstring", "limits", "utility", "vector"),
    )
)

_VARIANTS = 8  # that are kept at least
_UNUSED = 24 * 3600  # seconds after which others may go


def header(text: str = STANDARD) -> Path:
    """Return a header file to name with ``-include``; the compiler can read it as it is."""
    folder = cache_folder() / f"headers-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    folder.mkdir(mode=0o700, exist_ok=True)
    file = folder / "headers.h"
    if not file.exists() or file.read_text() != text:
        put_whole(file, text.encode())
    return file


def compile_header(file: Path, command: list[str], made_with: str = "") -> None:
    """Compile a header for units with the same flags, unless that was done.

    The compiler looks through the folder of variants for one that fits; where none does, as when
    this failed, it reads the text.

    Parameters
    ----------
    file : Path
        What `header` returned.
    command : list of str
        The compiler with all flags of the units.
    made_with : str
        What else it depends on, such as the compiler's version.
    """
    variants = file.with_name("headers.h.gch")
    key = hashlib.sha256("\0".join([*command, made_with]).encode()).hexdigest()[:16]
    part = file.with_name(f"part-{secrets.token_hex(8)}")
    with suppress(OSError, subprocess.CalledProcessError):
        variants.mkdir(mode=0o700, exist_ok=True)
        if _have(variants, key):
            return
        _call([*command, "-x", "c++-header", str(file), "-o", str(part)])
        part.rename(variants / f"{key}-{part.stat().st_size}")  # atomic
        _discard_unused(variants)
    part.unlink(missing_ok=True)


def headers_for_loops(command: list[str], made_with: str) -> list[str]:
    """Return the flags with which a loop finds its headers compiled.

    There are none while another thread compiles them: to read the text is sooner done than to wait.

    Parameters
    ----------
    command : list of str
        The compiler with all flags of the loops.
    made_with : str
        What else they depend on. Clang refuses a header that it finds no variant of.
    """
    if "__clang__" in made_with:
        return []
    lock = _compiling[0]
    if not lock.acquire(blocking=False):
        return []
    try:
        file = header(LOOPS)
        if (file, *command) not in _compiled:
            compile_header(file, command, made_with)
            _compiled.add((file, *command))
    finally:
        lock.release()
    return ["-include", str(file)]


_compiled: set[tuple[str | Path, ...]] = set()
_compiling = [threading.Lock()]
if hasattr(os, "register_at_fork"):  # which would leave it locked
    os.register_at_fork(after_in_child=lambda: _compiling.__setitem__(0, threading.Lock()))


def _call(command: list[str]) -> None:
    with never_forked:  # else a forked process holds the pipe that a start waits for
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    if process.wait():
        raise subprocess.CalledProcessError(process.returncode, command)


def _have(variants: Path, key: str) -> bool:
    for variant in variants.glob(f"{key}-*"):
        if variant.name == f"{key}-{variant.stat().st_size}":
            os.utime(variant)  # used last now
            return True
        variant.unlink()  # a part of it
    return False


def _discard_unused(variants: Path) -> None:
    used = sorted(((path.stat().st_mtime, path) for path in variants.iterdir()), reverse=True)
    for last, path in used[_VARIANTS:]:
        if time.time() - last > _UNUSED:
            path.unlink(missing_ok=True)
