"""What a run has done, in a file that it goes on from."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hebbsim.whole_file import whole_file

__all__ = ["Progress"]


@dataclass
class Progress:
    """Hold what a run has done, in a file that it goes on from: arrays by name."""

    path: Path | None
    done: dict[str, np.ndarray]

    @classmethod
    def of(cls, path: Path | None) -> "Progress":
        """Read what an earlier run left."""
        if path is None or not path.exists():
            return cls(path, {})
        with np.load(path) as file:
            return cls(path, {name: file[name] for name in file.files})

    def add(self, **found: np.ndarray) -> None:
        """Add arrays, and write the file anew."""
        self.done |= found
        if self.path is not None:
            self.path.parent.mkdir(exist_ok=True)
            with whole_file(self.path) as file:
                np.savez(file, allow_pickle=False, **self.done)
