"""The arena: robots that drive, bump, sense and eat; as equations for Brian2, and in Python.

Geometry, gains and noise are reconstructed here; the papers' robot was not at hand. A robot drives
at constant speed and turns by its neuron's output. Two sensors ahead of it, to its left and right,
tell how near the food is; the difference of what they see is a signal, x0 close to the food and x1
from further away.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from brian2 import NetworkOperation, Quantity, TimedArray

from hebbsim import FeatureMap
from models.iso_learning.settings import Settings

__all__ = [
    "BODY",
    "DRAWN",
    "TABLED",
    "constants",
    "drive_by_equations",
    "drive_in_python",
    "noise_tables",
    "place",
]

#: What a robot has, beside its neuron
BODY = """
place_x : meter
place_y : meter
heading : 1                                                 # rad, 0 along x
food_x : meter
food_y : meter
x0 : 1                                                      # near the food: the reflex
x1 : 1                                                      # further away: predicts x0
x0_before : 1                                               # what was seen, and a step before
x1_before : 1
x0_long_before : 1
x1_long_before : 1
late : 1 (constant)                                         # whether it is seen two steps later
cleared : 1                                                 # 1 in the step in which it eats
touching : 1                                                # whether it is near the food
r : 1                                                       # third factor: 1 when touch begins
gate : meter (constant)
foods : 1
reflexes : 1                                                # sum of |u_0|
"""

#: Random numbers of a step: a normal one for the heading, two for where food will be
DRAWN = """
shiver = randn()
chance_x = rand()
chance_y = rand()
"""
#: The same from tables, for two runs with the same noise
TABLED = """
shiver = shiver_table(t, i)
chance_x = chance_x_table(t, i)
chance_y = chance_y_table(t, i)
"""

#: A step of the world, on each robot
_MOVE = """
heading += turning_speed*dt*clip(v, -largest_output, largest_output)
heading += heading_noise*sqrt(dt)*shiver
place_x += speed*dt*cos(heading)
place_y += speed*dt*sin(heading)

inside_x = clip(place_x, border, width - border)
inside_y = clip(place_y, border, height - border)
heading = heading + int(inside_x != place_x)*(pi - 2*heading)
heading = heading*(1 - 2*int(inside_y != place_y))
place_x = 2*inside_x - place_x
place_y = 2*inside_y - place_y
"""
_EAT = """
cleared = int(sqrt((food_x - place_x)**2 + (food_y - place_y)**2) < mouth)
foods += cleared
food_x += cleared*(food_border + chance_x*(width - 2*food_border) - food_x)
food_y += cleared*(food_border + chance_y*(height - 2*food_border) - food_y)
"""
_SENSE = """
to_x = food_x - place_x
to_y = food_y - place_y
left_x = to_x - sensor_distance*cos(heading + sensor_angle)
left_y = to_y - sensor_distance*sin(heading + sensor_angle)
right_x = to_x - sensor_distance*cos(heading - sensor_angle)
right_y = to_y - sensor_distance*sin(heading - sensor_angle)
left = sqrt(left_x**2 + left_y**2)
right = sqrt(right_x**2 + right_y**2)
x0_seen = clip(1 - left/near, 0, 1) - clip(1 - right/near, 0, 1)
x1_seen = clip(1 - left/far, 0, 1) - clip(1 - right/far, 0, 1)
x0 = late*(1 - cleared)*x0_long_before + (1 - late)*x0_seen
x1 = late*(1 - cleared)*x1_long_before + (1 - late)*x1_seen
x0_long_before = x0_before*(1 - cleared)
x1_long_before = x1_before*(1 - cleared)
x0_before = x0_seen
x1_before = x1_seen

distance = sqrt(to_x**2 + to_y**2)
begins = int(distance < gate)*(1 - touching*(1 - cleared))
touching = int(distance < gate)
reflexes += abs(u0)
r = begins + (1 - begins)*r*exp(-dt/gate_time)
"""


#: The constants that these equations name, as settings of the same name
_CONSTANTS = (
    *("width", "height", "border", "food_border", "speed", "heading_noise", "largest_output"),
    *("sensor_distance", "sensor_angle", "near", "far", "mouth", "gate_time"),
)


def constants(settings: Settings) -> dict[str, Any]:
    """Return what the equations of the world need."""
    found = {name: getattr(settings, name) for name in _CONSTANTS}
    return found | {"turning_speed": settings.turning}


def noise_tables(noise: np.ndarray, dt: Quantity) -> dict[str, TimedArray]:
    """Make the tables that `TABLED` reads of an array ``(steps, 3, robots)``."""
    names = ("shiver_table", "chance_x_table", "chance_y_table")
    return {name: TimedArray(noise[:, n], dt=dt) for n, name in enumerate(names)}


def place(neurons: FeatureMap, settings: Settings, random: np.random.Generator) -> None:
    """Put robots and food anywhere in the arena."""
    s, n = settings, len(neurons)
    for name, border in (("place", s.border), ("food", s.food_border)):
        for axis, length in (("x", s.width), ("y", s.height)):
            where = border + random.random(n) * (length - 2 * border)
            setattr(neurons, f"{name}_{axis}", where)
    neurons.heading = 2 * np.pi * random.random(n)


def drive_by_equations(neurons: FeatureMap, settings: Settings, noise: str = DRAWN) -> None:
    """Let the world be part of the model: in every mode, C++ standalone included."""
    neurons.run_regularly(noise + _MOVE + _EAT + _SENSE, dt=settings.dt, when="start")


def drive_in_python(
    neurons: FeatureMap, settings: Settings, noise: Iterator[np.ndarray]
) -> NetworkOperation:
    """
    Let the world be Python code between two steps: in runtime mode alone.

    Parameters
    ----------
    neurons : FeatureMap
        The robots.
    settings : Settings
        Of the world.
    noise : iterator of array
        Gives ``(3, robots)`` for each step: what `DRAWN` draws.

    Returns
    -------
    NetworkOperation
        To add to the network.
    """
    arena = _Arena(neurons, settings)

    def step() -> None:
        shiver, *chances = next(noise)
        arena.move(shiver)
        arena.eat(chances)
        arena.sense()

    return NetworkOperation(step, dt=settings.dt, when="start")


class _Arena:
    """The arrays are the group's own, in SI units."""

    def __init__(self, neurons: FeatureMap, settings: Settings) -> None:
        self.s = {name: float(value) for name, value in constants(settings).items()}
        self.dt = float(settings.dt)
        stored = [
            name for name in neurons.variables if neurons.is_writable(neurons.variables[name])
        ]
        self.robots = {name: neurons.variables[name].get_value() for name in stored}
        self.late = neurons.late[:] > 0
        self.gate = neurons.gate_[:]

    def move(self, shiver: np.ndarray) -> None:
        robots, s = self.robots, self.s
        heading, x, y = (robots[name] for name in ("heading", "place_x", "place_y"))
        turn = np.clip(robots["v_before"], -s["largest_output"], s["largest_output"])
        heading += s["turning_speed"] * self.dt * turn
        heading += s["heading_noise"] * np.sqrt(self.dt) * shiver
        x += s["speed"] * self.dt * np.cos(heading)
        y += s["speed"] * self.dt * np.sin(heading)
        for place, length, turned in ((x, s["width"], np.pi), (y, s["height"], 0)):
            for wall in (s["border"], length - s["border"]):
                bumps = place < wall if wall == s["border"] else place > wall
                place[bumps] = 2 * wall - place[bumps]
                heading[bumps] = turned - heading[bumps]

    def eat(self, chances: Sequence[np.ndarray]) -> None:
        robots, s = self.robots, self.s
        eats = self._distance() < s["mouth"]
        robots["cleared"][:] = eats
        robots["foods"] += eats
        for name, chance, length in zip("xy", chances, (s["width"], s["height"]), strict=True):
            room = length - 2 * s["food_border"]
            robots[f"food_{name}"][eats] = s["food_border"] + chance[eats] * room

    def sense(self) -> None:
        robots = self.robots
        eats = robots["cleared"] > 0
        left, right = self._distance(1), self._distance(-1)
        for x, reach in (("x0", self.s["near"]), ("x1", self.s["far"])):
            before, long_before = robots[f"{x}_before"], robots[f"{x}_long_before"]
            seen = np.maximum(0, 1 - left / reach) - np.maximum(0, 1 - right / reach)
            robots[x][:] = np.where(self.late, np.where(eats, 0, long_before), seen)
            long_before[:] = np.where(eats, 0, before)
            before[:] = seen
        near = self._distance() < self.gate
        begins = near & (eats | (robots["touching"] == 0))
        robots["touching"][:] = near
        robots["reflexes"] += np.abs(robots["u0_before"])
        robots["r"] *= np.exp(-self.dt / self.s["gate_time"])
        robots["r"][begins] = 1

    def _distance(self, side: int = 0) -> np.ndarray:
        """Return how far the food is from the middle, or from the sensor to the left or right."""
        robots, s = self.robots, self.s
        out = abs(side) * s["sensor_distance"]
        angle = robots["heading"] + side * s["sensor_angle"]
        x = robots["food_x"] - robots["place_x"] - out * np.cos(angle)
        y = robots["food_y"] - robots["place_y"] - out * np.sin(angle)
        return np.hypot(x, y)
