"""The schedule of learning: which layers learn in which epoch, and where it stands."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

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
    epochs : int
        Passes over the images in each phase.
    layers : tuple of int
        The layers that learn, ascending from 0.
    layerwise : bool
        Whether each of them has a phase of its own.
    burn_in : int
        Batches at the start during which weights rest.
    """

    depth: int
    epochs: int
    layers: tuple[int, ...]
    layerwise: bool
    burn_in: int

    @classmethod
    def of(
        cls,
        depth: int,
        *,
        epochs: int,
        layers: Sequence[int] | None,
        layerwise: bool,
        burn_in: int,
    ) -> Self:
        """Return the schedule that `fit` was given, or say what is wrong with it."""
        for name, value in (("epochs", epochs), ("burn_in", burn_in)):
            if not is_integer(value, 0):
                raise ValueError(f"{name}: expected a whole number from 0 on, got {value!r}")
        chosen = list(range(depth) if layers is None else layers)
        if not chosen or not all(is_integer(n, -depth) and n < depth for n in chosen):
            raise ValueError(f"layers: expected numbers from 0 to {depth - 1}, got {chosen}")
        numbers = sorted({range(depth)[n] for n in chosen})
        apart = bool(layerwise) and len(numbers) > 1
        return cls(depth, int(epochs), tuple(numbers), apart, int(burn_in))

    @property
    def phases(self) -> list[list[bool]]:
        """Which layers learn in each phase."""
        together = [[layer] for layer in self.layers] if self.layerwise else [list(self.layers)]
        return [[n in phase for n in range(self.depth)] for phase in together]

    def places(self, position: Position) -> Iterator[tuple[list[bool], Position]]:
        """Yield which layers learn, and where each epoch from `position` on begins."""
        batch = position.batch
        for phase, learning in enumerate(self.phases):
            for epoch in range(self.epochs):
                if (phase, epoch) >= (position.phase, position.epoch):
                    yield learning, Position(phase, epoch, batch)
                    batch = 0  # all later epochs are whole

    def next(self, here: Position, done: int, n_batches: int) -> Position:
        """Return the position after `done` batches of an epoch.

        The last phase isn't left, so that it can be gone on with for more epochs.
        """
        if done < n_batches:
            return Position(here.phase, here.epoch, done)
        if here.epoch + 1 == self.epochs and here.phase + 1 < len(self.phases):
            return Position(here.phase + 1)
        return Position(here.phase, here.epoch + 1)

    def burning(self, here: Position, n_batches: int) -> int:
        """Return how many batches of an epoch, from its start, weights rest in."""
        rest = self.burn_in - here.epoch * n_batches if here.phase == 0 else 0
        return min(max(rest, 0), n_batches)

    def epochs_begun(self, position: Position) -> int:
        """Return how many epochs have begun before a position, the one it is in among them."""
        return position.phase * self.epochs + position.epoch + int(position.batch > 0)

    def batches_before(self, position: Position, n_batches: int) -> int:
        """Return how many batches come before a position."""
        return (position.phase * self.epochs + position.epoch) * n_batches + position.batch

    def describe(self) -> dict[str, Any]:
        """Describe it in plain values that JSON holds."""
        return {
            "epochs": self.epochs,
            "layers": list(self.layers),
            "layerwise": self.layerwise,
            "burn_in": self.burn_in,
        }
