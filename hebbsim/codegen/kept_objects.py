"""Compiled objects of standalone programs, kept by what they were compiled from.

Brian2 writes a program as some dozen C++ files and calls ``make``. Most of them another program had
already, or the same one with another number elsewhere: their objects are put where ``make`` finds
them up to date, and it compiles the rest.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hebbsim.codegen.cache_folder import cache_folder
from hebbsim.codegen.kept_files import keep, kept
from hebbsim.codegen.units import Project, Unit

__all__ = ["objects_kept"]

#: Bytes of objects that are kept; the oldest go first
LIMIT = 500_000_000


@contextmanager
def objects_kept(project: Project, made_with: str) -> Iterator[list[Unit]]:
    """
    Put the objects that are known in their places, and keep those that are compiled meanwhile.

    Parameters
    ----------
    project : Project
        Sources and makefile, as they will be compiled.
    made_with : str
        What the objects depend on besides: compilers, their versions, the processor.

    Yields
    ------
    list of Unit
        What is left to compile.
    """
    folder = cache_folder() / "objects"
    keys = {unit.source: _key(unit, project, made_with) for unit in project.units if unit.known}
    left = []
    for unit in project.units:
        place = project.folder / unit.object
        known = _kept(folder, keys[unit.source]) if unit.known else None
        if known is None:
            left.append(unit)
            if unit.known:  # what lies there is of another source
                place.unlink(missing_ok=True)
        else:
            place.write_bytes(known)
    yield left
    compiled = [unit for unit in left if unit.known]
    with suppress(OSError):  # where there is no room
        for unit in compiled:
            keep(_file(folder, keys[unit.source]), (project.folder / unit.object).read_bytes())
        if compiled:
            _discard_oldest(folder)


def _key(unit: Unit, project: Project, made_with: str) -> str:
    parts = [project.rules, made_with, *unit.content()]
    return hashlib.sha256("\0".join(parts).encode(errors="replace")).hexdigest()


def _kept(folder: Path, key: str) -> bytes | None:
    """Return an object, if it is there and whole."""
    file = _file(folder, key)
    content = kept(file)
    with suppress(OSError):
        if content is None:
            file.unlink()
        else:
            os.utime(file)  # used last now
    return content


def _file(folder: Path, key: str) -> Path:
    return folder / key[:2] / key


def _discard_oldest(folder: Path) -> None:
    files = []
    for path in folder.glob("*/*"):
        with suppress(FileNotFoundError):  # another process discards too
            files.append((path.stat().st_mtime, path.stat().st_size, path))
    size = sum(size for _, size, _ in files)
    for _, of_file, path in sorted(files):
        if size <= LIMIT:
            return
        path.unlink(missing_ok=True)
        size -= of_file
