"""Robots that look for food, side by side: each a controller of its own, or a team that shares."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from brian2 import Network, StateMonitor

from models.iso_learning.model import Circuit, resonator
from models.iso_learning.settings import Settings
from models.iso_learning.world import BODY, constants, drive_by_equations, place

__all__ = ["CONDITIONS", "TEAMS", "Condition", "Foraging", "robots"]


@dataclass(frozen=True)
class Condition:
    """
    Say how a robot learns.

    Parameters
    ----------
    rule : str
        A name of `models.iso_learning.model.TEACHERS`.
    mu : float
        Its rate; 0 leaves the weights as they are.
    bank : bool
        Whether all predictors learn, or the last one alone.
    rho : float
        The last predictor's weight at birth.
    gate : {'touch', 'mouth'}
        Whether r(t) begins where the food is touched, or just before it is eaten.
    late : bool
        Whether what is seen reaches the filters two steps later, as in the author's code.
    """

    rule: str = "ISO3"
    mu: float = 0.0
    bank: bool = False
    rho: float = 0.0
    gate: str = "touch"
    late: bool = True


#: All of them live side by side
CONDITIONS = {
    "no learning": Condition(),
    "fixed 0.1": Condition(rho=0.1),
    "fixed 0.25": Condition(rho=0.25),
    "fixed 0.5": Condition(rho=0.5),
    "ISO3": Condition("ISO3", 10),
    "ISO": Condition("ISO", 10),
    "ICO": Condition("ICO", 1),
    "ISO3 bank": Condition("ISO3", 10, bank=True),
    "ISO bank": Condition("ISO", 10, bank=True),
    "ISO bank, slow": Condition("ISO", 1, bank=True),
    "ICO bank, slow": Condition("ICO", 1, bank=True),
    "ISO3 bank, fast": Condition("ISO3", 100, bank=True),
    "ISO3 gated at the mouth": Condition("ISO3", 10, gate="mouth"),
    "ISO3 without delay": Condition("ISO3", 10, late=False),
    "ISO without delay": Condition("ISO", 10, late=False),
}

#: Of teams: what all members experience is summed into one set of weights
TEAMS = {"full rate": Condition("ISO3", 10), "tenth of the rate": Condition("ISO3", 1)}


def robots(
    conditions: Sequence[Condition],
    settings: Settings,
    *,
    team: int = 1,
    namespace: Mapping[str, Any] | None = None,
) -> Circuit:
    """Make robots, without a world that moves them: a team of them for each condition."""
    s = settings
    frequencies = s.bank_frequency / np.arange(1, s.bank_size + 1)
    circuit = Circuit(
        [condition.rule for condition in conditions],
        BODY,
        resonator(s.reflex_frequency, s.quality, s.dt, gain="unity"),
        resonator(frequencies, s.quality, s.dt, gain="unity"),
        rho_0=s.reflex,
        dt=s.dt,
        team=team,
        namespace={**constants(s), **(namespace or {})},
    )
    last = np.arange(s.bank_size) == s.bank_size - 1
    circuit.set_kernels("mu", np.array([c.mu * (last | c.bank) for c in conditions]))
    circuit.set_kernels("rho", np.array([c.rho * last for c in conditions]))
    gates = np.array([float(s.mouth * 4 / 3 if c.gate == "mouth" else s.touch) for c in conditions])
    circuit.neurons.gate_ = np.tile(gates, team)
    circuit.neurons.late = np.tile([float(c.late) for c in conditions], team)
    return circuit


class Foraging:
    """
    Let robots look for food, and keep what they find and learn.

    Parameters
    ----------
    conditions : mapping of str to Condition
        By name.
    settings : Settings
        Of the model.
    lives : int
        Controllers in each condition.
    team : int
        Robots that share each of them.
    steps, every : int
        Length, and interval of what is kept.
    random : Generator
        Where robots and food are at first.
    film : str, optional
        Condition whose first robot is filmed.
    """

    def __init__(
        self,
        conditions: Mapping[str, Condition],
        settings: Settings,
        *,
        lives: int,
        steps: int,
        every: int,
        random: np.random.Generator,
        team: int = 1,
        film: str | None = None,
    ) -> None:
        self.names, self.lives, self.team, self.every = list(conditions), lives, team, every
        self.duration = (steps + 1) * settings.dt  # monitors look at the start of a step
        all_lives = [condition for condition in conditions.values() for _ in range(lives)]
        self.circuit = robots(all_lives, settings, team=team)
        neurons = self.circuit.neurons
        place(neurons, settings, random)
        drive_by_equations(neurons, settings)
        often = {"dt": every * settings.dt, "when": "start", "order": -1}
        self._rho = StateMonitor(self.circuit.synapses, "rho", record=True, **often)
        self._found = StateMonitor(neurons, ["foods", "reflexes"], record=True, **often)
        self.film = None
        if film is not None:
            seen = ["place_x", "place_y", "heading", "food_x", "food_y"]
            star = [self.names.index(film) * lives]
            self.film = StateMonitor(neurons, seen, record=star, dt=settings.dt)
        parts = (*self.circuit.objects, self._rho, self._found, self.film)
        self.network = Network(*(part for part in parts if part is not None))

    def _by_name(self, values: np.ndarray) -> dict[str, np.ndarray]:
        return dict(zip(self.names, values, strict=True))

    def rho(self) -> dict[str, np.ndarray]:
        """Return the weights of each condition, ``(lives, predictors, times)``."""
        shape = (len(self.names), self.lives, -1, self._rho.rho.shape[-1])
        return self._by_name(self._rho.rho.reshape(shape))

    def found(self, variable: str) -> dict[str, np.ndarray]:
        """Return ``foods`` or ``reflexes`` so far, ``(robots, times)``, of each condition."""
        values = getattr(self._found, variable)
        per_team = values.reshape(self.team, len(self.names), self.lives, -1)
        return self._by_name(
            np.moveaxis(per_team, 0, 2).reshape(len(self.names), -1, values.shape[-1])
        )
