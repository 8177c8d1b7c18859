"""What a declaration shows of itself: what differs from its defaults."""

from dataclasses import MISSING, fields
from typing import Any

import numpy as np
from brian2.units.fundamentalunits import get_dimensions

__all__ = ["ShortRepr"]


class ShortRepr:
    """Base of dataclasses, declared with ``repr=False``, whose fields are many and mostly unset."""

    def __repr__(self) -> str:
        """Return the call that makes it, without what is as the class has it."""
        given = []
        for item in fields(self):  # type: ignore[arg-type]  # a subclass is a dataclass
            value, default = getattr(self, item.name), item.default
            if item.default_factory is not MISSING:
                default = item.default_factory()
            if item.repr and (default is MISSING or not self._is_made(item.name, value, default)):
                given.append(f"{item.name}={value!r}")
        return f"{type(self).__name__}({', '.join(given)})"

    def _is_made(self, name: str, value: Any, default: Any) -> bool:
        """Return whether the class gives this value to a field that nobody sets."""
        if value is default:
            return True
        if type(value) is not type(default):
            return False
        if isinstance(value, np.ndarray):  # quantities are
            same_dimensions = get_dimensions(value) == get_dimensions(default)
            return same_dimensions and np.array_equal(np.asarray(value), np.asarray(default))
        try:
            return bool(value == default)
        except Exception:  # what can't be compared is shown
            return False
