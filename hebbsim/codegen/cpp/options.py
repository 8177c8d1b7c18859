"""What C++ functions of the user need to compile: macros, headers, sources, libraries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from brian2.codegen.codeobject import check_compiler_kwds
from brian2.core.preferences import prefs

__all__ = ["CompilerOptions"]

_NAMES = (
    *("headers", "sources", "define_macros", "libraries"),
    *("include_dirs", "library_dirs", "runtime_library_dirs"),
)


@dataclass(frozen=True)
class CompilerOptions:
    """What is compiled beside the code's own text, and with what flags."""

    #: As they stand after ``#include``
    headers: tuple[str, ...] = ()
    #: Files that are compiled too
    sources: tuple[str, ...] = ()
    #: Macros, folders and libraries, as the compiler takes them
    flags: tuple[str, ...] = ()
    #: Whether functions name files: what is in them may change while the code doesn't
    names_files: bool = False
    #: The files of static libraries, which become part of what is compiled
    archives: tuple[Path, ...] = ()

    @classmethod
    def of(cls, functions: Mapping[str, Sequence[Any]]) -> Self:
        """Read the ``compiler_kwds`` of functions, after Brian2's preferences of the same names."""
        check_compiler_kwds(functions, _NAMES, "C++ in runtime mode")
        named = {
            name: [
                *(prefs[f"codegen.cpp.{name}"] if name != "sources" else ()),
                *functions.get(name, ()),
            ]
            for name in _NAMES
        }
        flags = [_macro(*macro) for macro in named["define_macros"]]
        flags += [f"-I{_absolute(folder)}" for folder in named["include_dirs"]]
        if named["libraries"]:
            flags += [f"-L{_absolute(folder)}" for folder in named["library_dirs"]]
            flags += [f"-Wl,-rpath,{_absolute(f)}" for f in named["runtime_library_dirs"]]
            flags += [f"-l{library}" for library in named["libraries"]]
        return cls(
            tuple(dict.fromkeys(named["headers"])),
            tuple(dict.fromkeys(_absolute(file) for file in named["sources"])),
            tuple(dict.fromkeys(flags)),
            any(functions.get(name) for name in _NAMES if name != "define_macros"),
            tuple(
                file
                for folder in named["library_dirs"]
                for library in named["libraries"]
                if (file := Path(folder, f"lib{library}.a")).is_file()
            ),
        )

    @property
    def includes(self) -> str:
        """The lines that include the headers."""
        return "\n".join(f"#include {header}" for header in self.headers)


def _absolute(path: str) -> str:
    return str(Path(path).absolute())


def _macro(name: str, *value: str | None) -> str:
    """Write a macro as `distutils` does: one without a value is taken back if it is alone."""
    if not value:
        return f"-U{name}"
    return f"-D{name}" if value[0] is None else f"-D{name}={value[0]}"
