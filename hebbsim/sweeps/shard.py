"""A share of a sweep's units, for many processes that know nothing of each other."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from hebbsim.errors import SettingsError

__all__ = ["Shard"]


@dataclass(frozen=True)
class Shard:
    """
    Name one of several shares.

    Parameters
    ----------
    number : int
        From 1 on.
    total : int
        How many shares there are.

    Raises
    ------
    SettingsError
        If there is no such share.
    """

    number: int
    total: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.total:
            raise SettingsError(
                f"--shard: expected 1/{max(1, self.total)} to {max(1, self.total)}/"
                f"{max(1, self.total)}, got {self.number}/{self.total}; an index that counts from "
                "0, as Kubernetes', is $((JOB_COMPLETION_INDEX + 1))"
            )

    @classmethod
    def of(cls, text: str) -> Self:
        """Read ``3/40``."""
        found = re.fullmatch(r"\s*(\d+)\s*/\s*(\d+)\s*", text)
        if found is None:
            raise SettingsError(f"--shard: expected a share such as 3/40, got {text!r}")
        return cls(*map(int, found.groups()))

    def take[T](self, items: Sequence[T]) -> Sequence[T]:
        """Return every so many-th item: neighbours, which take alike, go to different shares."""
        return items[self.number - 1 :: self.total]
