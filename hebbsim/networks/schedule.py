"""The schedule of learning: which layers learn in which epoch, and where it stands."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from hebbsim.geometry import is_integer
from hebbsim.networks.checkpoint import Position

__all__ = ["Schedule"]


@dataclass(frozen=True)
class Schedule:
    """Say which layers learn when.

    Parameters
    ----------
    depth : int
        Number of layers.
    epochs : tuple of int
        Passes over the images in each phase.
    layers : tuple of int
        The layers that learn, ascending from 0.
    layerwise : bool
        Whether each of them has a phase of its own.
    burn_in : int
        Batches at the start during which weights rest.
    shuffle : bool
        Whether images come in random order.
    """

    depth: int
    epochs: tuple[int, ...]
    layers: tuple[int, ...]
    layerwise: bool
    burn_in: int
    shuffle: bool = True

    @classmethod
    def of(
        cls,
        depth: int,
        *,
        epochs: int | Sequence[int],
        layers: Sequence[int] | None,
        layerwise: bool,
        burn_in: int,
        shuffle: bool,
    ) -> Self:
        """Return the schedule that `fit` was given, or say what is wrong with it."""
        one_each = np.ndim(epochs) > 0
        given = list(np.atleast_1d(np.asarray(epochs, dtype=object)))
        for name, value in (*(("epochs", one) for one in given), ("burn_in", burn_in)):
            if not is_integer(value, 0):
                raise ValueError(f"{name}: expected a whole number from 0 on, got {value!r}")
        chosen = list(range(depth) if layers is None else layers)
        if not chosen or not all(is_integer(n, -depth) and n < depth for n in chosen):
            raise ValueError(f"layers: expected numbers from 0 to {depth - 1}, got {chosen}")
        numbers = sorted({range(depth)[n] for n in chosen})
        apart = bool(layerwise) and len(numbers) > 1
        n_phases = len(numbers) if apart else 1
        if one_each and len(given) != n_phases:
            raise ValueError(
                f"epochs: expected {n_phases}, one for each layer that learns by itself (with "
                f"layerwise=True), or a single number, got {given}"
            )
        passes = [int(n) for n in given] if one_each else [int(given[0])] * n_phases
        return cls(depth, tuple(passes), tuple(numbers), apart, int(burn_in), bool(shuffle))

    @property
    def phases(self) -> list[list[bool]]:
        """Which layers learn in each phase."""
        together = [[layer] for layer in self.layers] if self.layerwise else [list(self.layers)]
        return [[n in phase for n in range(self.depth)] for phase in together]

    def places(self, position: Position) -> Iterator[tuple[list[bool], Position]]:
        """Yield which layers learn, and where each epoch from `position` on begins."""
        batch = position.batch
        for phase, learning in enumerate(self.phases):
            for epoch in range(self.epochs[phase]):
                if (phase, epoch) >= (position.phase, position.epoch):
                    yield learning, Position(phase, epoch, batch)
                    batch = 0  # all later epochs are whole

    def next(self, here: Position, done: int, n_batches: int) -> Position:
        """Return the position after `done` batches of an epoch.

        The last phase isn't left, so that it can be gone on with for more epochs.
        """
        if done < n_batches:
            return Position(here.phase, here.epoch, done)
        if here.epoch + 1 == self.epochs[here.phase] and here.phase + 1 < len(self.phases):
            return Position(here.phase + 1)
        return Position(here.phase, here.epoch + 1)

    def burning(self, here: Position, n_batches: int) -> int:
        """Return how many batches of an epoch, from its start, weights rest in."""
        rest = self.burn_in - here.epoch * n_batches if here.phase == 0 else 0
        return min(max(rest, 0), n_batches)

    def epochs_begun(self, position: Position) -> int:
        """Return how many epochs have begun before a position, the one it is in among them."""
        return self._whole_epochs(position) + int(position.batch > 0)

    def batches_before(self, position: Position, n_batches: int) -> int:
        """Return how many batches come before a position."""
        return self._whole_epochs(position) * n_batches + position.batch

    def _whole_epochs(self, position: Position) -> int:
        return sum(self.epochs[: position.phase]) + position.epoch

    def describe(self) -> dict[str, Any]:
        """Describe it in plain values that JSON holds."""
        return {
            "epochs": self.epochs[0] if len({*self.epochs}) == 1 else list(self.epochs),
            "layers": list(self.layers),
            "layerwise": self.layerwise,
            "burn_in": self.burn_in,
            "shuffle": self.shuffle,
        }
