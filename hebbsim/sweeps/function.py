"""The function that a sweep calls, found by its name."""

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, get_type_hints

from hebbsim.errors import SettingsError, unknown
from hebbsim.experiments.settings import check_choice

__all__ = ["KNOWN", "load_function", "make_settings", "settings_kind"]

#: Functions that have a name of their own
KNOWN = {"compare": "hebbsim.compare.unit:run_one"}

_EXPECTED = "'compare', 'my_module:run_one' or 'my_file.py:run_one'"
_SIGNATURE = "run_one(settings, seed, folder)"


def load_function(reference: str, base: str | Path = ".") -> Callable[..., Any]:
    """
    Import a function by its name.

    Parameters
    ----------
    reference : str
        ``'compare'``, ``'module:function'``, or ``'file.py:function'``.
    base : path
        The folder in which files and modules are looked for first.

    Raises
    ------
    SettingsError
        If there is no such function, or it doesn't take settings, a seed and a folder.
    """
    place, _, name = KNOWN.get(reference, reference).rpartition(":")
    if not place or not name:
        raise SettingsError(f"function: expected {_EXPECTED}, got {reference!r}")
    folder = str(Path(base).resolve())
    if folder not in sys.path:  # it stays, for what the function imports later
        sys.path.insert(0, folder)
    module = _module(reference, place, Path(folder))
    function = getattr(module, name, None)
    if not callable(function):
        own = [n for n, value in vars(module).items() if callable(value) and n[0] != "_"]
        raise SettingsError(f"function {reference!r}: {unknown('function', name, own)}")
    try:
        inspect.signature(function).bind({}, 0, Path())
    except TypeError as error:
        raise SettingsError(
            f"function {reference!r}: expected one that can be called as {_SIGNATURE}, got "
            f"{name}{inspect.signature(function)} ({error})"
        ) from None
    return function


def _module(reference: str, place: str, folder: Path) -> ModuleType:
    try:
        return _from_file(folder / place) if place.endswith(".py") else _by_name(place)
    except Exception as error:
        raise SettingsError(
            f"function {reference!r}: {place} can't be imported ({type(error).__name__}: {error}); "
            f"expected a module that can be imported from '{folder}', or a file relative to it"
        ) from error


def _by_name(name: str) -> ModuleType:
    importlib.invalidate_caches()
    return importlib.import_module(name)


def _from_file(path: Path) -> ModuleType:
    path = path.resolve()
    name = f"hebbsim_sweep:{path}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"'{path}' is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # which dataclasses look for
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def settings_kind(function: Callable[..., Any]) -> type | None:
    """Return the dataclass that a function declares its settings to be, or None."""
    if not inspect.isfunction(function):
        return None
    first = next(iter(inspect.signature(function).parameters))
    try:
        kind = get_type_hints(function).get(first)
    except NameError as error:  # imported for type checkers alone
        raise SettingsError(
            f"function {function.__name__!r}: the annotation of a parameter names what isn't there "
            f"when it runs ({error}); import it outside of TYPE_CHECKING"
        ) from error
    return kind if isinstance(kind, type) and is_dataclass(kind) else None


def make_settings(function: Callable[..., Any], values: Mapping[str, Any]) -> Any:
    """
    Make the settings that a function takes, with its defaults.

    Parameters
    ----------
    function : callable
        If its first parameter is annotated with a dataclass, that is what it gets; else a dict.
    values : mapping
        By name.

    Raises
    ------
    SettingsError
        If the dataclass has no such field, needs another one, or refuses a value.
    """
    kind: Any = settings_kind(function)
    if kind is None:
        return dict(values)
    if hasattr(kind, "from_dict"):
        return kind.from_dict(values)
    for name in values:
        check_choice("setting", name, [field.name for field in fields(kind)])
    try:
        return kind(**values)
    except (TypeError, ValueError) as error:
        raise SettingsError(f"{kind.__name__}: {error}") from error
