"""The translation units of a standalone project: what each one includes, and how it is compiled."""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

__all__ = ["Project", "Unit"]

_VARIABLE = re.compile(r"^(\w+)[ \t]*=[ \t]*(.*)$", re.MULTILINE)
_REFERENCE = re.compile(r"\$[({](\w+)[)}]")
_LISTS = re.compile(r"^(SRCS|H_SRCS|HOST_SRCS|LFLAGS) =.*$", re.MULTILINE)
_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:([<"])([^>"\n]+)[>"])?', re.MULTILINE)
_NAME = re.compile(r"[A-Za-z_]\w*")
_EXTERN = re.compile(r"^extern [^;(){}=]*?\b(\w+);$", re.MULTILINE)
#: Headers that come with the compiler, the C library or CUDA
_OF_SYSTEM = re.compile(
    r"algorithm|array|c(assert|float|limits|math|signal|std(def|int|io|lib)|string|time)|chrono|complex"
    r"|deque|functional|iomanip|iostream|fstream|iterator|limits|list|map|memory|numeric|queue"
    r"|random|set|sstream|stdexcept|string|thread|tuple|type_traits|unordered_map|utility|vector"
    r"|(assert|inttypes|limits|math|mma|omp|std(int|io|lib)|string|sys/stat|time)\.h"
    r"|cuda(_runtime|_profiler_api)?\.h|curand(_kernel)?\.h|thrust/\w+\.h"
)


class Project:
    """A folder with a makefile, as Brian2 writes it.

    Parameters
    ----------
    folder : Path
        The project's.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.makefile = (folder / "makefile").read_text()
        self._texts: dict[Path, str | None] = {}

    def variable(self, name: str) -> str:
        """Return a variable of the makefile, with others filled in; empty if there is none."""
        known = dict(reversed(_VARIABLE.findall(self.makefile)))  # the first one counts

        def filled(name: str) -> str:
            return _REFERENCE.sub(lambda found: filled(found[1]), known.get(name, ""))

        return filled(name)

    @cached_property
    def rules(self) -> str:
        """The makefile without what differs from program to program: flags and commands."""
        return _LISTS.sub("", self.makefile)

    @cached_property
    def units(self) -> list["Unit"]:
        """All that is compiled."""
        return [self._unit(Path(source)) for source in self.variable("SRCS").split()]

    @cached_property
    def on_host(self) -> frozenset[Path]:
        """Sources of a CUDA program that are compiled for the host alone."""
        return frozenset(map(Path, self.variable("HOST_SRCS").split()))

    def with_sources(self, name: str, sources: Iterable[str | Path]) -> "Project":
        """Write a list of the makefile anew, ``SRCS`` for one, and return the project anew."""
        line = f"{name} = {' '.join(map(str, sources))}"
        makefile = re.sub(rf"^{name} =.*$", lambda _: line, self.makefile, flags=re.MULTILINE)
        (self.folder / "makefile").write_text(makefile)
        return Project(self.folder)

    def write_dependencies(self) -> None:
        """Write what Brian2's makefile would ask the compiler for, in a run of its own."""
        lines = [f"{unit.object}: {' '.join(map(str, unit.files))}\n" for unit in self.units]
        (self.folder / "make.deps").write_text("".join(lines))

    def _text(self, file: Path) -> str | None:
        if file not in self._texts:
            path = self.folder / file
            self._texts[file] = path.read_text(errors="replace") if path.is_file() else None
        return self._texts[file]

    def _unit(self, source: Path) -> "Unit":
        """Follow what a source includes, depth first."""
        texts: dict[Path, str] = {}
        known = source.suffix in (".cpp", ".cu")

        def follow(file: Path) -> None:
            nonlocal known
            texts[file] = text = self._text(file) or ""
            for quote, name in _INCLUDE.findall(text):
                places = [Path(name), *([file.parent / name] if quote == '"' else [])]
                found = [place for place in places if name and self._text(place) is not None]
                if not found:
                    known &= bool(_OF_SYSTEM.fullmatch(name))
                elif found[0] not in texts:
                    follow(found[0])

        follow(source)
        return Unit(source, texts, known)


@dataclass(frozen=True)
class Unit:
    """A source and all of the project that it includes."""

    #: Relative to the project's folder
    source: Path
    #: Of each file, from the source on
    texts: dict[Path, str]
    #: Whether all else that it includes belongs to the system
    known: bool

    @property
    def object(self) -> Path:
        """The file that it is compiled to."""
        return self.source.with_suffix(".o")

    @property
    def files(self) -> Iterable[Path]:
        """The source and what it includes."""
        return self.texts

    def content(self) -> Iterable[str]:
        """Yield all that the compiler reads, but for declarations of arrays that it doesn't use.

        Every unit includes those of all the program's: else none would be that of another program.
        """
        uses = {
            name for text in self.texts.values() for name in _NAME.findall(_EXTERN.sub("", text))
        }
        for file, text in self.texts.items():
            yield os.fspath(file)
            yield _EXTERN.sub(lambda found: found[0] if found[1] in uses else "", text)
