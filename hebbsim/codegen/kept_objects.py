"""Compiled objects of standalone programs, kept by what they were compiled from.

Brian2 writes a program as some dozen C++ files and calls ``make``. Most of them another program had
already, or the same one with another number elsewhere: their objects are put where ``make`` finds
them up to date, and it compiles the rest.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path

from hebbsim.codegen.cache_folder import cache_folder
from hebbsim.codegen.joined_units import in_groups, join, joinable
from hebbsim.codegen.kept_files import keep, kept
from hebbsim.codegen.units import Project, Unit

__all__ = ["objects_kept"]

#: Bytes of objects that are kept; the oldest go first
LIMIT = 500_000_000
#: Groups that are remembered of each code object
_NOTES = 8


@contextmanager
def objects_kept(project: Project, made_with: str) -> Iterator[list[Unit]]:
    """
    Put the objects that are known in their places, and keep those that are compiled meanwhile.

    Code objects that are left are joined. Those that were joined before are so again, apart from
    new ones: a program that differs from another in one object compiles the rest once more, and
    all that differ from it in this object compile that alone.

    Parameters
    ----------
    project : Project
        Sources and makefile, as they will be compiled. The makefile is written anew where objects
        are joined, and what its units depend on always.
    made_with : str
        What the objects depend on besides: compilers, their versions, the processor.

    Yields
    ------
    list of Unit
        What is left to compile.
    """
    folder = cache_folder() / "objects"
    keys = {unit.source: _key(unit, project, made_with) for unit in project.units if unit.known}
    objects = {source: content for source, key in keys.items() if (content := _kept(folder, key))}
    free = [u for u in project.units if u.known and u.source not in objects and joinable(u)]
    groups = _groups(folder, {keys[unit.source]: unit for unit in free})
    project, joined = join(project, groups)
    for source, group in zip(joined, groups, strict=True):
        keys[source] = _key_of_all(keys[unit.source] for unit in group)
        if content := _kept(folder, keys[source]):
            objects[source] = content
    project.write_dependencies()
    left = [unit for unit in project.units if unit.source not in objects]
    for unit in project.units:
        place = project.folder / unit.object
        if unit.source in objects:
            place.write_bytes(objects[unit.source])
        elif unit.source in keys:  # what lies there is of another source
            place.unlink(missing_ok=True)
    yield left
    compiled = [unit for unit in left if unit.source in keys]
    with suppress(OSError):  # where there is no room
        for unit in compiled:
            keep(_file(folder, keys[unit.source]), (project.folder / unit.object).read_bytes())
        for source, group in zip(joined, groups, strict=True):
            if source not in objects:
                _remember(folder, [keys[unit.source] for unit in group])
        if compiled:
            _discard_oldest(folder)


def _groups(folder: Path, units: dict[str, Unit]) -> list[list[Unit]]:
    """Divide units, by their keys, among groups that are kept, and others."""
    groups, left = [], dict(units)
    known = {key: _together(folder, key) for key in units}
    for together in sorted({*chain(*known.values())}, key=lambda keys: (-len(keys), sorted(keys))):
        if together <= left.keys() and _file(folder, _key_of_all(together)).exists():
            groups.append([left.pop(key) for key in sorted(together)])
    for of_known in (True, False):
        groups += in_groups(unit for key, unit in left.items() if bool(known[key]) == of_known)
    return groups


def _together(folder: Path, key: str) -> list[frozenset[str]]:
    """Return what a code object was joined with, by the keys."""
    lines = (_kept(folder, f"{key}-joined") or b"").decode().splitlines()
    return [frozenset(line.split()) for line in lines]


def _remember(folder: Path, keys: list[str]) -> None:
    """Note which code objects were joined."""
    for key in keys:
        groups = dict.fromkeys([frozenset(keys), *_together(folder, key)])  # the last one first
        lines = [" ".join(sorted(group)) for group in groups]
        keep(_file(folder, f"{key}-joined"), "\n".join(lines[:_NOTES]).encode())


def _key_of_all(keys: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(sorted(keys)).encode()).hexdigest()


def _key(unit: Unit, project: Project, made_with: str) -> str:
    for_host = "host" if unit.source in project.on_host else ""
    parts = [project.rules, made_with, for_host, *unit.content()]
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
