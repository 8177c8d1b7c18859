"""What a declaration shows of itself: what differs from its defaults."""

from dataclasses import MISSING, fields
from typing import Any

import numpy as np

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
            if default is MISSING or not self._is_made(value, default):
                given.append(f"{item.name}={value!r}")
        return f"{type(self).__name__}({', '.join(given)})"

    def _is_made(self, value: Any, default: Any) -> bool:
        """Return whether the class gives this value to a field that nobody sets."""
        if value is default:
            return True
        return type(value) is type(default) and bool(np.all(value == default))
