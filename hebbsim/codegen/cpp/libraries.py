"""Compiled libraries: built in threads, and kept in a folder for later runs.

A library's name holds a checksum of what it was made from, and one of its content: what a library
was made from includes the compiler's version and the processor, and what was damaged since isn't
loaded but built anew.
"""

import ctypes
import errno
import hashlib
import os
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from brian2.utils.logger import get_logger

from hebbsim.codegen.cache_folder import cache_folder
from hebbsim.codegen.cpp.compiler import (
    CompilationError,
    compile_flags,
    compiler_command,
    link_flags,
    target,
)
from hebbsim.codegen.cpp.forks import Pool, ask, never_forked, with_threads_of_its_own
from hebbsim.codegen.cpp.headers import headers_for_loops
from hebbsim.codegen.cpp.options import CompilerOptions
from hebbsim.file_lock import lock

__all__ = ["Library", "announce", "compile_library"]

logger = get_logger("hebbsim.codegen")

_BUILDING = "building-"  # what the folders of compilers begin with
_LEFT_BEHIND = 60  # seconds after which one that nobody holds is taken for left behind
_WAY_OUT = "free or mend it and run again, or name another folder in XDG_CACHE_HOME"


class Library:
    """A compiled ``run`` function, from the moment that it is asked for.

    Parameters
    ----------
    source : str
        C++ text.
    name : str
        What `announce` calls it.
    options : CompilerOptions
        Those of the user's functions in it.
    """

    def __init__(self, source: str, name: str, options: CompilerOptions) -> None:
        self.source, self.name, self.compiler = source, name, compiler_command()
        self.sources = options.sources
        #: Whether headers may be others than those that all loops include
        self._has_own = options.names_files or any(f[:2] in ("-D", "-U") for f in options.flags)
        self.flags = [*compile_flags(), *options.flags]
        self.link_flags = [*options.flags, *link_flags()]
        parts = [source, *self.compiler, *self.sources, *self.flags, *self.link_flags, target()]
        if options.names_files or '#include "' in source:
            parts += self._content(options)
        made_from = "\0".join(parts)
        self.key = hashlib.sha256(made_from.encode()).hexdigest()[:32]
        #: Where the function is, once it is loaded
        self.address = 0
        self._function: Callable[..., Any] | None = None
        self._future: Future[Any] | None = None

    def _content(self, options: CompilerOptions) -> Iterator[str]:
        """Yield what is in all files that code names: it may change while the code doesn't."""
        for file in ("-", *self.sources):
            command = [*self.compiler, *self.flags, "-E", "-P", "-x", "c++", file]
            # what is wrong is said when it is compiled
            yield ask(command, self.source if file == "-" else "").stdout
        for archive in options.archives:
            yield hashlib.sha256(archive.read_bytes()).hexdigest()

    def begin(self) -> None:
        """Let a thread load or build it, unless that has begun; what failed begins anew."""
        if self._function is not None:
            return
        future = self._future
        if future is None or (future.done() and future.exception() is not None):
            self._future = _threads.submit(self._obtain)

    def forget_threads(self) -> None:
        """Wait for no thread of another process."""
        self._future = None

    def is_missing(self) -> bool:
        """Whether it isn't there yet, and not in the folder either."""
        done = self._function is not None or (self._future is not None and self._future.done())
        return not done and not any(self._kept(cache_folder()))

    def result(self) -> Callable[..., Any]:
        """Wait for the function, and return it; after a failure, try anew."""
        if self._function is None:
            future, self._future = self._future, None
            self._function = self._obtain() if future is None else future.result()
        return self._function

    def _obtain(self) -> Callable[..., Any]:
        cache = cache_folder()
        for path in self._kept(cache):
            if path.stem == f"{self.key}-{_checksum(path)}":
                try:
                    return self._load(path)
                except OSError:  # made with other libraries of the system
                    pass
            path.unlink(missing_ok=True)
        path = self._build(cache)
        try:
            return self._load(path)
        except OSError as error:
            raise CompilationError(
                f"compiled code can't be loaded ({error}); if programs can't run from "
                f"'{cache}', name another folder in XDG_CACHE_HOME"
            ) from error

    def _load(self, path: Path) -> Callable[..., Any]:
        with never_forked:
            function = ctypes.CDLL(str(path)).run
        function.argtypes, function.restype = [ctypes.c_void_p], None
        self.address = ctypes.cast(function, ctypes.c_void_p).value or 0
        return with_threads_of_its_own(function) if "-fopenmp" in self.flags else function

    def _kept(self, cache: Path) -> Iterator[Path]:
        """Iterate over the files that may be it: one, unless something was damaged."""
        folder = cache / self.key[:2]
        with suppress(FileNotFoundError, NotADirectoryError):
            for name in os.listdir(folder):  # of thousands: without a look at each
                if name.startswith(f"{self.key}-") and name.endswith(".so"):
                    yield folder / name

    def _build(self, cache: Path) -> Path:
        """Compile it, and return the file that it is kept in."""
        try:
            folder = cache / self.key[:2]
            folder.mkdir(mode=0o700, exist_ok=True)
            with _building_folder(cache) as building:
                built = self._compile(building)
                path = folder / f"{self.key}-{_checksum(built)}.so"
                return built.replace(path)  # atomic: other processes share the folder
        except OSError as error:
            raise CompilationError(
                f"compiled code can't be written to '{cache}' ({error.strerror}); {_WAY_OUT}"
            ) from error

    def _compile(self, building: Path) -> Path:
        """Compile and link in a folder for the time being; return the library."""
        cpp, built = building / "code.cpp", building / "code.so"
        cpp.write_text(self.source)
        objects = []
        for number, file in enumerate((cpp, *self.sources)):
            objects.append(str(building / f"{number}.o"))
            command = [*self.compiler, "-c", str(file), "-o", objects[-1], *self.flags]
            _call(command + (self._headers() if file == cpp else []), building)
        _call([*self.compiler, *objects, "-o", str(built), *self.link_flags], building)
        return built

    def _headers(self) -> list[str]:
        """Return the flags that include compiled headers."""
        if self._has_own or "#include <cmath>" not in self.source:
            return []
        return headers_for_loops([*self.compiler, *self.flags], target())


def _checksum(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:32]
    except OSError:  # another process removed it, or a folder
        return ""


def _call(command: list[str], folder: Path) -> None:
    """Call the compiler; what it writes for the time being goes to the folder too."""
    words = folder / "words.txt"
    with words.open("wb") as file:
        with never_forked:  # else a forked process holds the pipe that a start waits for
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                env={**os.environ, "TMPDIR": str(folder)},
            )
        try:
            process.wait()
        except BaseException:
            process.kill()
            process.wait()
            raise
    said = words.read_text(errors="replace").strip()
    if process.returncode == 0:
        return
    if os.strerror(errno.ENOSPC) in said:
        raise CompilationError(f"the disk of '{folder.parent}' is full; {_WAY_OUT}")
    if process.returncode < 0:
        said += f"\nended by signal {-process.returncode}; run again to compile what is missing"
    raise CompilationError(f"{shlex.join(command)} failed on generated code:\n{said.strip()}")


@contextmanager
def _building_folder(parent: Path) -> Iterator[Path]:
    """Make a folder for the time being, and remove those of processes that were killed."""
    for left in parent.glob(f"{_BUILDING}*"):
        _remove_if_left(left)
    folder = Path(tempfile.mkdtemp(prefix=_BUILDING, dir=parent))
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # where nothing can be locked
            lock(handle)
        yield folder
    finally:
        os.close(handle)
        shutil.rmtree(folder, ignore_errors=True)


def _remove_if_left(folder: Path) -> None:
    try:
        if time.time() - folder.stat().st_mtime < _LEFT_BEHIND:
            return  # perhaps not locked yet
        handle = os.open(folder, os.O_RDONLY)
    except OSError:  # gone already
        return
    try:
        if lock(handle):
            shutil.rmtree(folder, ignore_errors=True)
    except OSError:  # nothing can be locked: perhaps it is in use
        pass
    finally:
        os.close(handle)


# --- all libraries of this process ----------------------------------------------------------


_libraries: dict[str, Library] = {}
_building: list[Library] = []  # until they are announced


def _forget_threads() -> None:
    _building.clear()
    for library in _libraries.values():
        library.forget_threads()


_threads = Pool(os.cpu_count(), "hebbsim-compile", _forget_threads)


def compile_library(source: str, name: str = "", options: CompilerOptions | None = None) -> Library:
    """Return the library of C++ text `source`, which threads load or compile meanwhile.

    Its `name` is for `announce`; the `options` are those of the user's functions in it.
    """
    options = CompilerOptions.of({}) if options is None else options
    library = Library(source, name, options)
    library = _libraries.setdefault(library.key, library)
    library.begin()
    _building.append(library)
    return library


def announce() -> None:
    """Say on the terminal what is being compiled, once."""
    names = [library.name for library in _building if library.is_missing()]
    _building.clear()
    if names:
        shown = ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")
        logger.info(
            f"Compiling {len(names)} C++ loops on {os.cpu_count()} cores ({shown}). They are kept "
            f"in {cache_folder()} for later runs.",
            "compiling",
        )
