"""The protocol: the same task for all conditions, then real pictures."""

from dataclasses import dataclass

import numpy as np
from brian2 import defaultclock
from brian2 import seed as seed_brian

from models.common.model import Announce, Results, silent
from models.vasilaki2009.conditions import Condition, conditions
from models.vasilaki2009.model import build
from models.vasilaki2009.pictures import Eye, open_eye, two_photographs, views
from models.vasilaki2009.protocol import Protocol, Task, presentations, random_pictures
from models.vasilaki2009.settings import Settings

__all__ = ["KNOWN", "NOISES", "SHIFTS", "Life", "proportion_interval", "run"]

#: Presentations after a reversal of which the numbers say how many choices were right
ASKED = (1, 2, 3, 5, 10, 15, 20, 30)
#: Real pictures are learned with shifts and noise up to these, and then seen with others
KNOWN = (2, 0.3)
SHIFTS = (0, 1, 2, 3, 4, 6, 8)
NOISES = (0.0, 0.3, 1.0, 2.0, 4.0, 8.0)
PROBES = 20


@dataclass(frozen=True)
class Life:
    """
    Hold what networks did: `(trials, networks)` each.

    Parameters
    ----------
    right : array
        1 where the choice was right.
    picture, presentation : array of int
        What was shown, and for which time since the reversal, from 1.
    block : array of int
        `(trials,)`.
    """

    right: np.ndarray
    picture: np.ndarray
    presentation: np.ndarray
    block: np.ndarray

    def curve(self, n: int, dropped: int) -> np.ndarray:
        """Return how many choices are right at each of the first `n` presentations, in [0, 1]."""
        counts = self.presentation[self.block >= dropped]
        right = self.right[self.block >= dropped]
        return np.array([right[counts == which].mean() for which in range(1, n + 1)])

    def after_errors(self) -> tuple[int, int]:
        """Count the errors that follow an error within a block, and all trials that do."""
        follows = self.block[1:] == self.block[:-1]
        error = self.right < 0.5
        after = error[:-1] & follows[:, None]
        return int((after & error[1:]).sum()), int(after.sum())


def run(settings: Settings, seed: int, announce: Announce = silent) -> Results:
    """Run all conditions, and read what the claims are about."""
    numbers: dict[str, float] = {}
    arrays: dict[str, np.ndarray] = {}
    shown = settings.block * 4 // 5  # a picture is drawn at random: few are shown more often
    for index, (name, condition) in enumerate(conditions(settings).items()):
        announce(f"seed {seed}: {name}")
        life = _condition(settings, condition, [seed, index])
        curve = life.curve(shown, settings.n_dropped)
        arrays[f"curve {name}"] = curve
        numbers |= {f"{name}: P({n})": float(curve[n - 1]) for n in ASKED if n <= shown}
        numbers[f"{name}: trials to relearn"] = condition.pictures * _relearned(
            curve, condition.block
        )
        fives = curve[: min(30, shown) // 5 * 5].reshape(-1, 5).mean(axis=1)
        numbers[f"{name}: best five"] = float(fives.max())
        numbers[f"{name}: P from 20 to 30"] = float(curve[19:30].mean())
        errors, trials = life.after_errors()
        arrays[f"errors after errors {name}"] = np.array([errors, trials])
        low, high = proportion_interval(errors, trials)
        asked = f"{name}: P(error | error)"
        numbers |= {asked: errors / trials, f"{asked}, low": low, f"{asked}, high": high}
        if condition.lies:
            at = settings.lie_at
            numbers[f"{name}: before"] = float(curve[at - 6 : at - 1].mean())
            numbers[f"{name}: after"] = float(curve[at])
    announce(f"seed {seed}: real pictures")
    found = _real_pictures(settings, seed)
    return Results(numbers | dict(found.numbers), arrays | dict(found.arrays))


def _condition(settings: Settings, condition: Condition, seed: list[int]) -> Life:
    lie_at = settings.lie_at if condition.lies else None
    task = Task(
        condition.pictures, condition.actions, condition.block, condition.n_blocks, lie_at=lie_at
    )
    rng = np.random.default_rng([*seed, 1])
    sizes = (condition.pictures, condition.n_networks, settings.n_inputs)
    bits = random_pictures(*sizes, rng)
    return _taught(settings, condition, task, bits, seed, settings.flip)[0]


def _taught(
    settings: Settings,
    condition: Condition,
    task: Task,
    bits: np.ndarray,
    seed: list[int],
    flip: float,
    probes: Protocol | None = None,
) -> tuple[Life, np.ndarray]:
    """Learn, then choose without learning; return both."""
    protocol = task.protocol(bits, np.random.default_rng([*seed, 2]))
    n_trials = len(protocol.shown)
    seed_brian(int(np.random.default_rng([*seed, 3]).integers(2**31)))
    whole = protocol if probes is None else protocol.followed_by(probes)
    networks = build(
        whole,
        depth=condition.depth,
        n_hidden=settings.n_hidden,
        temperature=condition.temperature,
        flip=flip,
        hebb=condition.hebb,
        learning_rate=condition.learning_rate,
        stop=condition.stop,
    )
    networks.network.run(n_trials * defaultclock.dt, namespace={})
    if probes is not None:
        for connection in networks.connections:
            connection.learning = False
        networks.network.run(len(probes.shown) * defaultclock.dt, namespace={})
    right = networks.choices.hit.T
    picture, block = protocol.shown // task.versions, task.blocks(n_trials)
    life = Life(right[:n_trials], picture, presentations(picture, block), block)
    return life, right[n_trials:]


def proportion_interval(k: int, n: int) -> tuple[float, float]:
    """Return the 95 % confidence interval of a proportion of `k` in `n` (Wilson 1927)."""
    z = 1.96
    centre, half = (k + z**2 / 2) / (n + z**2), z * np.sqrt(k * (n - k) / n + z**2 / 4) / (n + z**2)
    return float(centre - half), float(centre + half)


def _relearned(curve: np.ndarray, block: int) -> float:
    """Return the first presentation from which three have a mean of 0.9, or all of a block."""
    means = np.convolve(curve, np.full(3, 1 / 3), "valid")
    reached = np.flatnonzero(means >= 0.9)
    return float(reached[0] + 1 if len(reached) else block)


# --- real pictures --------------------------------------------------------------------------------


def _real_pictures(settings: Settings, seed: int) -> Results:
    """Learn on features of real pictures, and on as many pixels; then see other versions."""
    photos = two_photographs(settings.pictures)
    eye = open_eye(photos, seed)
    rng = np.random.default_rng([seed, 4])
    seen = views(photos, settings.versions, *KNOWN, rng)
    unseen = [views(photos, PROBES, shift, KNOWN[1], rng) for shift in SHIFTS]
    unseen += [views(photos, PROBES, 0, noise, rng) for noise in NOISES]
    numbers: dict[str, float] = {}
    arrays: dict[str, np.ndarray] = {
        "pictures": np.stack([views(photos, 1, 0, 0, rng)[:, 0, 0], seen[:, 0, 0]]),
        "kernels": eye.network.stages[0].conv.get_kernel("w"),
    }
    for kind in ("features", "pixels"):
        curve, right = _learn_views(settings, eye, kind, seen, np.stack(unseen), [seed, 5])
        arrays |= {f"curve {kind}": curve, f"unseen {kind}": right}
        numbers[f"{kind}: P(10)"], numbers[f"{kind}: P(20)"] = curve[9], curve[19]
        for place, (name, value) in enumerate(
            [("shift", shift) for shift in SHIFTS] + [("noise", noise) for noise in NOISES]
        ):
            numbers[f"{kind}: {name} {value:g}"] = right[place]
    return Results({name: float(value) for name, value in numbers.items()}, arrays)


def _learn_views(
    settings: Settings, eye: Eye, kind: str, seen: np.ndarray, unseen: np.ndarray, seed: list[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the curve of relearning, and how many choices are right of each kind of view."""
    code = eye.features if kind == "features" else eye.pixels
    shown, probed = (code(images.reshape(-1, *images.shape[-3:])) for images in (seen, unseen))
    bits = np.concatenate([shown, probed])[:, None].repeat(settings.n_networks, axis=1)
    task = Task(2, 2, settings.block, settings.n_blocks, settings.versions)
    order = np.arange(len(probed))[:, None].repeat(settings.n_networks, axis=1)
    picture = order // PROBES % 2
    action = (picture + settings.n_blocks - 1) % 2  # as in the last block
    probes = Protocol(bits, len(shown) + order, action, np.zeros(order.shape), 2)
    condition = conditions(settings)["1 hidden layer"]
    life, right = _taught(settings, condition, task, bits, seed, 0.0, probes)
    curve = life.curve(settings.block * 4 // 5, settings.n_dropped)
    return curve, right.reshape(len(unseen), -1).mean(axis=1)
