"""What the monkey is shown and asked: pictures, choices, and a mapping that changes."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from brian2 import TimedArray, defaultclock

__all__ = ["Protocol", "Task", "presentations", "random_pictures"]


@dataclass(frozen=True)
class Protocol:
    """
    Fix beforehand what is shown and asked in each trial.

    Parameters
    ----------
    bits : array
        `(patterns, networks, inputs)`, 0 or 1.
    shown, action : array of int
        `(trials, networks)`: the pattern, and the action that is right.
    lie : array
        `(trials, networks)`: 1 where even a correct choice is punished.
    n_actions : int
        Number of actions.
    """

    bits: np.ndarray
    shown: np.ndarray
    action: np.ndarray
    lie: np.ndarray
    n_actions: int

    def followed_by(self, other: "Protocol") -> "Protocol":
        """Return this protocol with the trials of another one, of the same patterns, after it."""
        return replace(
            self,
            shown=np.concatenate([self.shown, other.shown]),
            action=np.concatenate([self.action, other.action]),
            lie=np.concatenate([self.lie, other.lie]),
        )

    @property
    def names(self) -> dict[str, Any]:
        """What the equations of the layers name."""
        trial = defaultclock.dt
        _, n_networks, n_inputs = self.bits.shape
        return {
            "bits": TimedArray(self.bits.reshape(len(self.bits), n_networks * n_inputs), dt=trial),
            **{name: TimedArray(getattr(self, name), dt=trial) for name in ("shown", "action")},
            "lie": TimedArray(self.lie, dt=trial),
            "trial": trial,
            "n_actions": self.n_actions,
        }


@dataclass(frozen=True)
class Task:
    """
    Say how many pictures stand for how many actions, and for how long.

    Parameters
    ----------
    pictures, actions : int
        In block ``b`` picture ``p`` stands for action ``(p + b) % actions``, so that all pictures
        change theirs.
    versions : int
        Patterns of each picture.
    block, n_blocks : int
        Presentations of each picture in a block, on average, and blocks.
    lie_at : int or None
        The presentation of each picture in each block that is punished, whatever is chosen.
    """

    pictures: int
    actions: int
    block: int
    n_blocks: int
    versions: int = 1
    lie_at: int | None = None

    def protocol(self, bits: np.ndarray, rng: np.random.Generator) -> Protocol:
        """Draw an order of pictures and versions, another one for each network."""
        n_trials, n_networks = self.n_blocks * self.block * self.pictures, bits.shape[1]
        picture = rng.integers(self.pictures, size=(n_trials, n_networks))
        version = rng.integers(self.versions, size=picture.shape)
        action = (picture + self.blocks(n_trials)[:, None]) % self.actions
        lie = np.zeros(picture.shape)
        if self.lie_at is not None:
            lie = (presentations(picture, self.blocks(n_trials)) == self.lie_at).astype(float)
        return Protocol(bits, picture * self.versions + version, action, lie, self.actions)

    def blocks(self, n_trials: int) -> np.ndarray:
        """Return the block of each trial."""
        return np.arange(n_trials) // (self.block * self.pictures)


def presentations(picture: np.ndarray, block: np.ndarray) -> np.ndarray:
    """
    Count how often each picture has been shown since the mapping changed.

    Parameters
    ----------
    picture : array of int
        `(trials, networks)`.
    block : array of int
        `(trials,)`.

    Returns
    -------
    array of int
        `(trials, networks)`, from 1.
    """
    counts = np.zeros(picture.shape, dtype=int)
    for which in range(picture.max() + 1):
        seen = np.cumsum(picture == which, axis=0)
        starts = np.searchsorted(block, block)  # the first trial of each one's block
        before = np.where(starts[:, None] > 0, seen[starts - 1], 0)
        counts = np.where(picture == which, seen - before, counts)
    return counts


def random_pictures(
    n_pictures: int, n_networks: int, n_inputs: int, rng: np.random.Generator
) -> np.ndarray:
    """Draw patterns of which half the bits are 1, others for each network."""
    return rng.integers(2, size=(n_pictures, n_networks, n_inputs)).astype(float)
