"""The protocol: rules without a world, robots of all conditions, teams that share a controller."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from brian2 import seed as seed_brian

from hebbsim.experiments.preferences import THREADS, preferences
from models.common import Results
from models.common.model import Announce, silent
from models.common.standalone import standalone
from models.iso_learning.foraging import CONDITIONS, TEAMS, Foraging
from models.iso_learning.open_loop import PROTOCOLS, Protocol, growth, pairing_curve
from models.iso_learning.settings import Settings

__all__ = ["ENOUGH", "run"]

INTERVALS = np.arange(-200, 200)
#: Steps between two records of weights and catch
EVERY, EVERY_SHARED = 1000, 20
#: A weight at which a robot catches nearly what it ever will
ENOUGH = 0.25


def run(settings: Settings, seed: int, announce: Announce = silent) -> Results:
    """
    Run all of the model with one seed.

    Parameters
    ----------
    settings : Settings
        Sizes and constants.
    seed : int
        Of the noise, and of where robots and food are.
    announce : callable, optional
        Told what is being done.

    Returns
    -------
    Results
        Numbers by condition, averaged over its lives, and what the figures show.
    """
    announce("pulses without a world")
    with preferences({THREADS: 0, "codegen.target": "numpy"}):  # too small for threads
        curve = pairing_curve(INTERVALS, settings)
        open_loop = growth(settings)
    announce("compiling, then robots look for food")
    random = np.random.default_rng(seed)
    with preferences({THREADS: 0}), standalone() as build:
        seed_brian(seed)
        lives = Foraging(
            CONDITIONS,
            settings,
            lives=settings.robots,
            steps=settings.steps,
            every=EVERY,
            random=random,
            film="ISO3",
        )
        teams = Foraging(
            TEAMS,
            settings,
            lives=settings.teams,
            team=settings.team,
            steps=settings.shared_steps,
            every=EVERY_SHARED,
            random=random,
        )
        for part in (lives, teams):
            part.network.run(part.duration)
        seconds = build()
        film = _film(lives, settings)
        found = _Found(lives, settings)
        numbers = {
            **_open_numbers(open_loop, curve, settings),
            **found.numbers(),
            **_team_numbers(teams, lives),
            "seconds": seconds,
        }
        arrays = {"curve": curve, **_open_arrays(open_loop), **found.arrays(), **film}
        arrays |= {f"team rho, {name}": rho.sum(1) for name, rho in teams.rho().items()}
        arrays |= {f"team foods, {name}": f.mean(0) for name, f in teams.found("foods").items()}
    return Results(numbers, arrays)


def _open_numbers(
    rho: Mapping[Protocol, np.ndarray], curve: np.ndarray, settings: Settings
) -> dict[str, float]:
    until = settings.open_pairs_until // 1000
    before = {p: values[:, until] for p, values in rho.items()}
    after = {p: values[:, -1] for p, values in rho.items()}
    single = {(p.rule, p.mu): p for p in PROTOCOLS if not p.bank}
    ico, iso = single["ICO", 1e-4], single["ISO", 1e-4]
    changes = [abs(after[p] - before[p]).max() for p in PROTOCOLS if p.rule == "ICO"]
    rates = [before[single["ICO", mu]][-1] / mu for mu in (1e-6, 1e-5, 1e-4, 1e-3)]
    return {
        "ICO weight": before[ico][-1],
        "ICO change": max(changes),
        "ICO nonlinearity": float(np.ptp(rates) / np.mean(rates)),
        "ISO weight": before[iso][-1],
        "ISO drift": abs(after[iso][-1] / before[iso][-1] - 1),
        "ISO fast drift": abs(after[single["ISO", 1e-3]][-1] / before[single["ISO", 1e-3]][-1] - 1),
        "curve asymmetry": float(abs(curve + curve[::-1]).max()),
        "curve peak": float(curve.max()),
        "curve peak interval": float(INTERVALS[curve.argmax()]),
    }


def _open_arrays(rho: Mapping[Protocol, np.ndarray]) -> dict[str, np.ndarray]:
    return {f"open loop, {p.rule}, {p.mu:g}, {p.bank}": values for p, values in rho.items()}


class _Found:
    """What robots of all conditions found: foods in 10,000 steps, weights, reflexes."""

    def __init__(self, lives: Foraging, settings: Settings) -> None:
        self.rho, self.foods, self.reflexes = (
            lives.rho(),
            lives.found("foods"),
            lives.found("reflexes"),
        )
        self.first = settings.early // EVERY
        self.last = settings.late // EVERY

    def early(self, name: str) -> np.ndarray:
        return self.foods[name][:, self.first] / (self.first * EVERY) * 10_000

    def late(self, name: str) -> np.ndarray:
        foods = self.foods[name]
        return (foods[:, -1] - foods[:, -1 - self.last]) / (self.last * EVERY) * 10_000

    def numbers(self) -> dict[str, float]:
        found: dict[str, float] = {}
        for name, rho in self.rho.items():
            sums = rho.sum(1).mean(0)
            found[f"{name}: early"] = float(self.early(name).mean())
            found[f"{name}: late"] = float(self.late(name).mean())
            found[f"{name}: rho"] = float(sums[-1])
            found[f"{name}: largest rho"] = float(np.median(abs(rho).max((1, 2))))
            found[f"{name}: most rho"] = float(abs(rho).max())
        none = found["no learning: late"]
        for name in self.rho:
            found[f"{name}: gain"] = found[f"{name}: late"] / none
        sums = self.rho["ISO3"].sum(1).mean(0)
        three_quarters = sums[(len(sums) - 1) * 3 // 4]
        late = self.late("ISO3")
        bank = self.late("ISO bank")
        runs_off = abs(self.rho["ISO bank"]).max((1, 2)) > 5
        return found | {
            "ISO3: own gain": found["ISO3: late"] / found["ISO3: early"],
            "ISO3: last quarter": float(abs(sums[-1] - three_quarters) / abs(sums[-1])),
            "ISO3: robots that double": float((late > 2 * none).mean()),
            "ISO3: of the best fixed weight": found["ISO3: late"]
            / max(found[f"fixed {w}: late"] for w in (0.1, 0.25, 0.5)),
            "ISO bank: robots that fail": float(((bank < none) | runs_off).mean()),
            "ISO3: reflexes early": self._reflexes(0, self.first),
            "ISO3: reflexes late": self._reflexes(-1 - self.last, -1),
        }

    def _reflexes(self, start: int, stop: int) -> float:
        """Return how much reflex ISO3 spends on a food between two records."""
        used, eaten = (
            values["ISO3"][:, stop] - values["ISO3"][:, start]
            for values in (self.reflexes, self.foods)
        )
        return float(used.sum() / eaten.sum())

    def arrays(self) -> dict[str, np.ndarray]:
        found = {f"rho, {name}": rho.sum(1) for name, rho in self.rho.items()}
        found |= {f"early, {name}": self.early(name) for name in self.rho}
        return found | {f"late, {name}": self.late(name) for name in self.rho}


def _steps_to(sums: np.ndarray, every: int) -> float:
    """Return when a weight, averaged over lives, reached `ENOUGH`; NaN if it didn't."""
    reached = sums.mean(0) >= ENOUGH
    return float(reached.argmax() * every) if reached.any() else np.nan


def _team_numbers(teams: Foraging, lives: Foraging) -> dict[str, float]:
    own = _steps_to(lives.rho()["ISO3"].sum(1), EVERY)
    found = {"own: steps": own}
    foods = teams.found("foods")
    late = next(iter(foods.values())).shape[1] // 2
    for name, rho in teams.rho().items():
        steps = _steps_to(rho.sum(1), EVERY_SHARED)
        found[f"team {name}: steps"] = steps
        found[f"team {name}: faster"] = own / steps
        eaten = (foods[name][:, -1] - foods[name][:, late]).mean()
        seconds = (foods[name].shape[1] - 1 - late) * EVERY_SHARED
        found[f"team {name}: late"] = float(eaten / seconds * 10_000)
    return found


def _film(lives: Foraging, settings: Settings) -> dict[str, Any]:
    film, shown = lives.film, settings.shown
    assert film is not None
    names = film.record_variables
    seen = np.stack([np.asarray(getattr(film, name)[0]) for name in names], axis=1)
    return {
        "film variables": np.array(names),
        "film before": seen[:shown],
        "film after": seen[-shown:],
    }
