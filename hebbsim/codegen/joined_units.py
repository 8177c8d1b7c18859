"""Code objects of a standalone program that are compiled together.

Each is a translation unit of Brian2's, and nearly all the time that a compiler takes for one goes
into headers, templates that they instantiate, and its own passes. A joined unit has them once, and
each code object in a namespace of its own: their helpers have the same names.
"""

import hashlib
import os
import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from hebbsim.codegen.units import Project, Unit

__all__ = ["forget_joined", "in_groups", "join", "joinable"]

#: Which fewer objects aren't worth another unit: g++ has precompiled headers, nvcc none
_LEAST = {".cpp": 8, ".cu": 4}
_FOLDER = "code_objects"
_INCLUDE = re.compile(r"^[ \t]*#[ \t]*include\b.*$", re.MULTILINE)
_DEFINE = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(\w+)", re.MULTILINE)
_WITHOUT = re.compile(r"^#define WITHOUT_\w+\n", re.MULTILINE)
#: What means something else within a namespace, and includes that a condition decides on
_APART = re.compile(
    r"^\s*(namespace \w|extern\b)|^[ \t]*#[ \t]*if.*^[ \t]*#[ \t]*include", re.M | re.S
)
_CALLED = re.compile(r"^void (_\w+)\(\)", re.MULTILINE)
_DECLARED = re.compile(r"(\w+)\s*\([^;{}]*\)\s*;")


def joinable(unit: Unit) -> bool:
    """Whether a unit is a code object that means the same in a namespace.

    Others call nothing in it but functions without arguments; a kernel that they launch isn't one.
    """
    text = unit.texts[unit.source]
    declared = _DECLARED.findall(unit.texts.get(unit.source.with_suffix(".h"), ""))
    calls_alone = {*declared} <= {*_CALLED.findall(text)}
    return unit.source.parent.name == _FOLDER and calls_alone and not _APART.search(text)


def in_groups(units: Iterable[Unit]) -> list[list[Unit]]:
    """Divide units that can be joined, as they include the same, among no more groups than cores.

    One that is alone is in no group.
    """
    alike: dict[str, list[Unit]] = defaultdict(list)
    for unit in sorted(units, key=lambda unit: unit.source):
        alike[_macros(unit)].append(unit)
    groups = []
    for together in alike.values():
        worth = max(1, len(together) // _LEAST[together[0].source.suffix])
        n = min(os.cpu_count() or 1, worth)
        groups += [together[first::n] for first in range(n) if len(together) > 1]
    return groups


def join(project: Project, groups: Iterable[list[Unit]]) -> tuple[Project, list[Path]]:
    """Let a project compile each group of its units as one.

    Parameters
    ----------
    project : Project
        Whose makefile is written anew.
    groups : iterable of list of Unit
        Those that are compiled together.

    Returns
    -------
    Project
        The one that is compiled.
    list of Path
        The source of each group.
    """
    left = {unit.source for unit in project.units}
    joined = []
    for group in groups:
        text = _joined(group)
        name = hashlib.sha256(text.encode()).hexdigest()[:16]
        joined.append(Path(_FOLDER, f"joined_{name}{group[0].source.suffix}"))
        (project.folder / joined[-1]).write_text(text)
        left -= {unit.source for unit in group}
    if not joined:
        return Project(project.folder), joined
    kept = [unit.source for unit in project.units if unit.source in left]
    return project.with_sources("SRCS", [*joined, *kept]), joined


def forget_joined(folder: Path) -> None:
    """Delete joined sources, and their objects, of this program and of earlier ones in a folder."""
    for file in (folder / _FOLDER).glob("joined_*"):
        file.unlink(missing_ok=True)


def _macros(unit: Unit) -> str:
    return "".join(_WITHOUT.findall(unit.texts[unit.source]))


def _joined(units: list[Unit]) -> str:
    texts = {unit.source: unit.texts[unit.source] for unit in units}
    includes = (line.strip() for text in texts.values() for line in _INCLUDE.findall(text))
    parts = [_macros(units[0]), *dict.fromkeys(includes)]
    for source, text in texts.items():
        code = _INCLUDE.sub("", _WITHOUT.sub("\n", text))  # lines keep their numbers
        name = f"_of_{source.stem}"
        macros = dict.fromkeys(_DEFINE.findall(code))
        parts += [
            *(f'#pragma push_macro("{macro}")' for macro in macros),
            f'namespace {name} {{\n#line 1 "{source}"\n{code}\n}}',
            *(f"void {called}() {{ {name}::{called}(); }}" for called in _CALLED.findall(code)),
            *(f'#pragma pop_macro("{macro}")' for macro in macros),
        ]
    return "\n".join([*parts, ""])
