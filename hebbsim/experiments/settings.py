"""Settings of a run, as plain values that a file holds."""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, Self, get_type_hints

from brian2 import Quantity

from hebbsim import __version__
from hebbsim.errors import SettingsError, unknown
from hebbsim.units import quantity_of, quantity_text
from hebbsim.whole_file import write_text

__all__ = [
    "SavedSettings",
    "as_text",
    "check_choice",
    "check_whole_number",
    "checksum_of",
    "saved_images",
]

#: What a file holds beside settings
_BESIDE = ("hebbsim", "images", "checksum")


@dataclass(frozen=True)
class SavedSettings:
    """Be the base of a frozen dataclass of settings, which are saved as JSON.

    Their values are numbers, texts, tuples of these, None, and quantities with units.
    """

    #: Fields in which the numbers can't differ: the same images may lie elsewhere
    SAME_NUMBERS: ClassVar[tuple[str, ...]] = ("data_root",)
    #: What an error says if a file can't be read
    WAY_OUT: ClassVar[str] = "expected a settings.json that hebbsim wrote"

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return the settings with these values, and the defaults for the others."""
        known = [field.name for field in fields(cls)]
        for name in values:
            check_choice("setting", name, known)
        types = get_type_hints(cls)
        return cls(**{name: _read(value, types[name]) for name, value in values.items()})

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """
        Read what `save` wrote.

        Raises
        ------
        SettingsError
            If the file can't be read, or holds something else.
        """
        try:
            values = json.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise SettingsError(
                f"cannot read settings from '{path}' ({error}); {cls.WAY_OUT}"
            ) from error
        if not isinstance(values, dict):
            raise SettingsError(
                f"'{path}' holds no settings: expected a JSON object, such as {{\"data\": "
                f'"digits"}}, got {type(values).__name__}'
            )
        if values.get("checksum", checksum := checksum_of(values)) != checksum:
            raise SettingsError(
                f"'{path}' is damaged or was changed since it was written; if you changed it, "
                'remove its line "checksum"'
            )
        for name in _BESIDE:
            values.pop(name, None)
        try:
            return cls.from_dict(values)
        except SettingsError as error:
            raise SettingsError(f"'{path}': {error}") from None

    def save(self, path: str | Path, images: Mapping[str, Any] | None = None) -> None:
        """Write all settings, and the version of hebbsim, as JSON; an older file is replaced.

        Parameters
        ----------
        path : path
            The file.
        images : mapping, optional
            Fingerprints of the images that they were used on, for `saved_images`.
        """
        beside = {"hebbsim": __version__} | ({} if images is None else {"images": dict(images)})
        values = {**beside, **{name: _plain(value) for name, value in asdict(self).items()}}
        values["checksum"] = checksum_of(values)
        write_text(Path(path), json.dumps(values, indent=2) + "\n")

    def difference(self, other: Self) -> str | None:
        """Name the first setting in which the numbers of `other` may differ, or None."""
        for field in fields(self):
            mine, theirs = getattr(self, field.name), getattr(other, field.name)
            if field.name not in self.SAME_NUMBERS and mine != theirs:
                return f"{field.name} is {as_text(mine)} there and {as_text(theirs)} here"
        return None


def _plain(value: Any) -> Any:
    return quantity_text(value) if isinstance(value, Quantity) else value


def _read(value: Any, kind: Any) -> Any:
    """Return a value of a file in the type that its field has."""
    if kind is Quantity and isinstance(value, str):
        return quantity_of(value)
    return tuple(_read(part, None) for part in value) if isinstance(value, list) else value


def checksum_of(values: Mapping[str, Any]) -> str:
    """Return a checksum of plain values, but for that of the name ``checksum``."""
    kept = {name: value for name, value in values.items() if name != "checksum"}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()


def saved_images(path: str | Path) -> dict[str, Any] | None:
    """Return the fingerprints that `SavedSettings.save` was given, or None."""
    return json.loads(Path(path).read_text(encoding="utf-8")).get("images")


def as_text(value: Any) -> str:
    """Write a value as the command line takes it."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def check_choice(kind: str, value: Any, known: Collection[str]) -> None:
    """Raise a SettingsError, with the closest name, unless a value is a known one."""
    if value not in known:
        raise SettingsError(unknown(kind, value, known))


def check_whole_number(name: str, value: Any, least: int, kind: str = "a whole number") -> None:
    """Raise a SettingsError unless a value is a whole number, from the least one on."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise SettingsError(f"{name}: expected {kind} from {least} on, got {value!r}")
