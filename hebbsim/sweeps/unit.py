"""The unit of work: a function, its settings and a seed, named by what its numbers depend on."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, Self, get_type_hints

from brian2 import Quantity

from hebbsim import __version__
from hebbsim.errors import SettingsError
from hebbsim.experiments.settings import as_text
from hebbsim.units import quantity_text

__all__ = ["KEY_DIGITS", "Unit", "settings_label"]

#: Of a unit's name, hexadecimal
KEY_DIGITS = 24


@dataclass(frozen=True, eq=False)
class Unit:
    """
    Hold what one call of the function is given; plain values, so that any engine can send it.

    Parameters
    ----------
    function : str
        As `load_function` takes it.
    settings : mapping
        Plain values: numbers, texts, lists and mappings of these.
    seed : int
        Of the call.
    version : str
        Of hebbsim, and of the function if it has one.
    inputs : mapping
        Fingerprints of what it reads and settings can't tell, such as images.
    beside : mapping
        Settings in which the numbers can't differ, such as where images lie.
    base : str
        The folder from which the function is imported.
    varied : mapping
        The settings that tell it from the others, for people.
    """

    function: str
    settings: Mapping[str, Any]
    seed: int
    version: str
    inputs: Mapping[str, Any] = field(default_factory=dict)
    beside: Mapping[str, Any] = field(default_factory=dict)
    base: str = "."
    varied: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        function: str,
        settings: Any,
        seed: int,
        varied: Mapping[str, Any],
        *,
        version: str = "",
        inputs: Mapping[str, Any] | None = None,
        base: str = ".",
    ) -> Self:
        """
        Make a unit of settings as the function gets them: a dict or a dataclass.

        Parameters
        ----------
        function, seed, varied, inputs, base
            As those of the class.
        settings : dict or dataclass
            Its attribute ``SAME_NUMBERS`` names those in which the numbers can't differ.
        version : str
            Of the function.

        Raises
        ------
        SettingsError
            If a value is of a kind that JSON can't hold.
        """
        plain, apart = _plain(settings), getattr(settings, "SAME_NUMBERS", ())
        return cls(
            function,
            {name: value for name, value in plain.items() if name not in apart},
            seed,
            f"hebbsim {__version__} {version}".strip(),
            inputs={} if inputs is None else inputs,
            beside={name: value for name, value in plain.items() if name in apart},
            base=base,
            varied=varied,
        )

    @property
    def identity(self) -> dict[str, Any]:
        """All that the numbers depend on."""
        return {
            "function": self.function,
            "version": self.version,
            "settings": dict(self.settings),
            "seed": self.seed,
            "inputs": dict(self.inputs),
        }

    @cached_property
    def key(self) -> str:
        """A checksum of `identity`: the name of the unit's result."""
        text = json.dumps(self.identity, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:KEY_DIGITS]

    @property
    def arguments(self) -> dict[str, Any]:
        """All settings, as the function gets them."""
        return {**self.settings, **self.beside}

    @property
    def label(self) -> str:
        """What the unit is called in words."""
        return " ".join([settings_label(self.varied), f"seed={self.seed}"]).strip()


def settings_label(varied: Mapping[str, Any]) -> str:
    """Write settings in words, such as ``rule=Oja zca_epsilon=0.1``."""
    return " ".join(f"{name}={_text(value)}" for name, value in varied.items())


def _text(value: Any) -> str:
    return as_text(tuple(value)) if isinstance(value, list) else as_text(value)


def _plain(settings: Any) -> dict[str, Any]:
    """Return settings as JSON gives them back; a whole number is a float where one is declared."""
    if isinstance(settings, dict):
        values, types = settings, {}
    else:
        values = settings.as_dict() if hasattr(settings, "as_dict") else asdict(settings)
        types = get_type_hints(type(settings))
    try:
        text = json.dumps(
            {
                name: float(value) if types.get(name) is float and type(value) is int else value
                for name, value in values.items()
            },
            default=_as_json,
        )
    except TypeError as error:
        raise SettingsError(
            f"settings: expected numbers, texts, lists and tables ({error})"
        ) from None
    plain: dict[str, Any] = json.loads(text)
    return plain


def _as_json(value: Any) -> Any:
    if isinstance(value, Quantity):
        return quantity_text(value)
    raise TypeError(f"got {value!r}")
