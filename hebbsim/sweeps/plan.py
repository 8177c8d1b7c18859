"""What ``sweep.toml`` says, and the units that follow from it."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any, Self

from hebbsim.errors import SettingsError, unknown
from hebbsim.experiments.settings import check_choice, check_whole_number
from hebbsim.sweeps.function import load_function, make_settings
from hebbsim.sweeps.unit import Unit, settings_label

__all__ = ["Sweep"]

#: Brian2 and numpy take no larger ones
_MOST_SEED = 2**32 - 1
_KEYS = ("function", "folder", "seeds", "version", "settings", "grid", "cases")


@dataclass(frozen=True)
class Sweep:
    """
    Hold a sweep: a function, what its settings are, and the seeds.

    Parameters
    ----------
    function : str
        ``'compare'``, ``'module:function'`` or ``'file.py:function'``; called as
        ``run_one(settings, seed, folder)``. It returns a mapping of names to what JSON can hold:
        tables and figures show the numbers. In `folder`, which is the unit's own, it may write
        files; what an interrupted call left there, such as a checkpoint, is there for the next.
    folder : path
        Where results are written.
    seeds : int or sequence of int
        So many, from 0 on, or these.
    version : str
        Of the function: another one computes all anew.
    settings : mapping
        The settings that all units share.
    grid : mapping
        Lists of values by name: each combination is run.
    cases : sequence of mapping
        Settings that go together: each is run, with each combination of the grid.
    base : path
        The folder from which the function is imported.

    Raises
    ------
    SettingsError
        If a value makes no sense; the message names the key.
    """

    function: str
    folder: Path
    seeds: int | Sequence[int] = 1
    version: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    grid: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    cases: Sequence[Mapping[str, Any]] = ()
    base: Path = Path()

    def __post_init__(self) -> None:
        for name, kind in (("function", str), ("version", str), ("settings", Mapping)):
            value = getattr(self, name)
            if not isinstance(value, kind):
                what = "a text" if kind is str else "a table, [settings]"
                raise SettingsError(f"{name}: expected {what}, got {value!r}")
        if not isinstance(self.folder, str | Path):
            raise SettingsError(f"folder: expected a text, got {self.folder!r}")
        object.__setattr__(self, "folder", Path(self.folder))
        object.__setattr__(self, "seeds", _seeds(self.seeds))
        _check_grid(self.grid)
        _check_cases(self.cases)
        self._check_names()

    def _check_names(self) -> None:
        """Refuse a setting that is given in two places."""
        places = {"[settings]": set(self.settings), "[grid]": set(self.grid)}
        places["[[cases]]"] = {name for case in self.cases for name in case}
        for name in ("[grid]", "[[cases]]"):
            for other in places:
                both = sorted(places[name] & places[other])
                if both and other != name:
                    raise SettingsError(
                        f"{both[0]}: expected in one place, got it in {other} and in {name}; "
                        "leave one out"
                    )

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """
        Read a file.

        Parameters
        ----------
        path : path
            The function is looked for in its folder. Results go to ``results/<its name>``
            where it says nothing else, relative to the working directory.

        Raises
        ------
        SettingsError
            If it can't be read, or says what makes no sense.
        """
        path = Path(path)
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise SettingsError(
                f"cannot read a sweep from '{path}' ({error}); expected a file in TOML, such as "
                "examples/sweep.toml"
            ) from error
        try:
            for name in values:
                check_choice("key", name, _KEYS)
            if "function" not in values:
                raise SettingsError("function: expected one, such as 'compare', got none")
            values.setdefault("folder", Path("results", path.stem))
            return cls(**values, base=path.parent.resolve())
        except SettingsError as error:
            raise SettingsError(f"'{path}': {error}") from None

    def units(self) -> list[Unit]:
        """
        Make the units, in the order of seeds, cases and grid.

        Raises
        ------
        SettingsError
            If the function can't be imported or refuses a setting; if two units are the same.
        """
        function = load_function(self.function, self.base)
        units: dict[str, Unit] = {}
        for seed in _seeds(self.seeds):
            for case in self.cases or ({},):
                for values in product(*self.grid.values()):
                    varied = {**case, **dict(zip(self.grid, values, strict=True))}
                    unit = self._unit(function, varied, seed)
                    if unit.key in units:
                        raise SettingsError(
                            f"expected different units, got two that are the same: "
                            f"{units[unit.key].label!r} and {unit.label!r}; leave one out"
                        )
                    units[unit.key] = unit
        return list(units.values())

    def _unit(self, function: Any, varied: Mapping[str, Any], seed: int) -> Unit:
        try:
            made = make_settings(function, {**self.settings, **varied})
            inputs = made.inputs() if callable(getattr(made, "inputs", None)) else {}
            return Unit.of(
                *(self.function, made, seed, varied),
                version=self.version,
                inputs=inputs,
                base=str(self.base),
            )
        except (ValueError, OSError) as error:  # of settings, or of data that they name
            label = settings_label(varied)
            raise SettingsError(f"{label}: {error}" if label else str(error)) from error


def _seeds(given: Any) -> list[int]:
    expected = f"a number of seeds, or a list of different ones such as [0, 1, 2], got {given!r}"
    if isinstance(given, int):
        check_whole_number("seeds", given, 1)
        return list(range(given))
    if not isinstance(given, Sequence) or isinstance(given, str) or not given:
        raise SettingsError(f"seeds: expected {expected}")
    for seed in given:
        check_whole_number("seeds", seed, 0)
        if seed > _MOST_SEED:
            raise SettingsError(f"seeds: expected at most {_MOST_SEED}, got {seed}")
    if len(set(given)) < len(given):
        raise SettingsError(f"seeds: expected {expected}")
    return list(given)


def _check_grid(grid: Any) -> None:
    if not isinstance(grid, Mapping):
        raise SettingsError(f"grid: expected a table, [grid], got {grid!r}")
    for name, values in grid.items():
        if not isinstance(values, Sequence) or isinstance(values, str) or not values:
            raise SettingsError(
                f"grid: {name}: expected a list of values, such as [0.1, 1.0], got {values!r}; a "
                "single value is for [settings]"
            )


def _check_cases(cases: Any) -> None:
    is_list = isinstance(cases, Sequence) and not isinstance(cases, str)
    if not is_list or not all(isinstance(case, Mapping) for case in cases):
        raise SettingsError(f"cases: expected tables, each [[cases]], got {cases!r}")
    for case in cases:
        if set(case) != set(cases[0]):
            odd = sorted(set(case) ^ set(cases[0]))[0]
            raise SettingsError(
                f"cases: {unknown('setting', odd, cases[0])}; expected the same settings in each "
                "of [[cases]]"
            )
