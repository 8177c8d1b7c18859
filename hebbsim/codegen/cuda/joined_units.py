"""Code objects of a CUDA program that are compiled together.

Each is a translation unit of Brian2CUDA, and nearly all the time that nvcc takes for one goes into
headers and its own passes. A joined unit reads its headers once, and has each code object in a
namespace of its own: their helpers have the same names.
"""

import os
import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from hebbsim.codegen.units import Project

__all__ = ["join_units"]

#: Which fewer objects aren't worth a unit of their own
_LEAST = 4
_FOLDER = "code_objects"
_INCLUDE = re.compile(r"^[ \t]*#[ \t]*include\b.*$\n?", re.MULTILINE)
_DEFINE = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(\w+)", re.MULTILINE)
_WITHOUT = re.compile(r"^#define WITHOUT_\w+\n", re.MULTILINE)
#: What means something else within a namespace, and includes that a condition decides on
_APART = re.compile(
    r"^\s*(namespace \w|extern\b)|^[ \t]*#[ \t]*if.*^[ \t]*#[ \t]*include", re.M | re.S
)
_SOURCES = re.compile(r"^SRCS = .*$", re.MULTILINE)
_CALLED = re.compile(r"^void (_\w+)\(\)", re.MULTILINE)


def join_units(folder: Path) -> None:
    """Let a project compile its code objects in about as many units as there are cores.

    Parameters
    ----------
    folder : Path
        The project's, as Brian2CUDA wrote it.
    """
    project = Project(folder)
    alike: dict[str, list[Path]] = defaultdict(list)
    left = []
    for unit in project.units:
        text = unit.texts[unit.source]
        own_header = unit.texts.get(unit.source.with_suffix(".h"), "")
        calls_alone = "__global__" not in own_header  # a kernel that other units launch
        if unit.source.parent.name == _FOLDER and calls_alone and not _APART.search(text):
            alike["".join(_WITHOUT.findall(text))].append(unit.source)
        else:
            left.append(unit.source)
    for macros, sources in alike.items():
        n = min(os.cpu_count() or 1, len(sources) // _LEAST)
        if n == 0:
            left += sources
            continue
        for number in range(n):
            together = sorted(sources)[number::n]
            name = Path(_FOLDER, f"joined{len(left)}.cu")
            texts = [(source.stem, (folder / source).read_text()) for source in together]
            (folder / name).write_text(macros + _joined(texts))
            left.append(name)
    makefile = _SOURCES.sub(f"SRCS = {' '.join(map(str, left))}", project.makefile)
    (folder / "makefile").write_text(makefile)


def _joined(texts: Sequence[tuple[str, str]]) -> str:
    includes = dict.fromkeys(line.strip() for _, text in texts for line in _INCLUDE.findall(text))
    parts = ["\n".join(includes)]
    for name, text in texts:
        code = _WITHOUT.sub("", _INCLUDE.sub("", text))
        called = _CALLED.findall(code)
        macros = dict.fromkeys(_DEFINE.findall(code))
        parts += [
            *(f'#pragma push_macro("{macro}")' for macro in macros),
            f"namespace _of_{name}\n{{\n{code}\n}}",
            *(f"void {function}() {{ _of_{name}::{function}(); }}" for function in called),
            *(f'#pragma pop_macro("{macro}")' for macro in macros),
        ]
    return "\n".join([*parts, ""])
