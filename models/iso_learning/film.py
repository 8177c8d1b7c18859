"""A film of one robot at the beginning and at the end of its life."""

from collections.abc import Mapping

import numpy as np
from matplotlib.animation import FuncAnimation
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from hebbsim.experiments.figures import COLOURS, GREY, hide_frame
from models.iso_learning.experiment import EVERY
from models.iso_learning.settings import Settings

__all__ = ["film"]

#: Steps between two pictures, and how many steps of its way trail behind the robot
STRIDE, TRAIL = 20, 300
METRE_TO_MM = 1000


def film(arrays: Mapping[str, np.ndarray], settings: Settings) -> FuncAnimation:
    """
    Show a robot with sensors, path and food before and after learning, and how its weight grew.

    Parameters
    ----------
    arrays : mapping of str to array
        What `run` returned.
    settings : Settings
        Of the run.
    """
    figure = Figure(figsize=(7.2, 3.6), dpi=90, layout="constrained")
    axes = figure.subplot_mosaic([["before", "after"], ["rho", "rho"]], height_ratios=[3, 1])
    names = [str(name) for name in arrays["film variables"]]
    views = [
        _View(axes[when], dict(zip(names, arrays[f"film {when}"].T, strict=True)), settings)
        for when in ("before", "after")
    ]
    n = len(arrays["film before"])
    views[0].title(f"steps 0 to {n:,}")
    views[1].title(f"the last {n:,} of {settings.steps:,}")
    _draw_weights(axes["rho"], arrays, settings)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # once is enough: it would take most of the time

    def draw(step: int) -> None:
        for view in views:
            view.draw(step)

    return FuncAnimation(figure, draw, frames=range(STRIDE, n, STRIDE), interval=100)


class _View:
    def __init__(self, ax: Axes, seen: Mapping[str, np.ndarray], settings: Settings) -> None:
        self.ax, self.settings = ax, settings
        self.x, self.y = (seen[f"place_{axis}"] * METRE_TO_MM for axis in "xy")
        self.food = np.stack([seen["food_x"], seen["food_y"]], axis=1) * METRE_TO_MM
        self.heading = seen["heading"]
        self.eaten = np.r_[0, np.cumsum(np.any(np.diff(self.food, axis=0) != 0, axis=1))]
        ax.set(xlim=(0, float(settings.width) * METRE_TO_MM), xticks=[], yticks=[])
        ax.set(ylim=(0, float(settings.height) * METRE_TO_MM), aspect="equal")
        (self.path,) = ax.plot([], [], color=COLOURS[0], linewidth=1)
        (self.body,) = ax.plot([], [], "o", color=COLOURS[0], markersize=6)
        (self.sensors,) = ax.plot([], [], "o", color=COLOURS[3], markersize=3)
        (self.feast,) = ax.plot([], [], "x", color=GREY, markersize=5)
        (self.target,) = ax.plot([], [], "o", color=COLOURS[2], markersize=7)
        self.rings = [
            Circle((0, 0), float(reach) * METRE_TO_MM, fill=False, color=COLOURS[2], alpha=alpha)
            for reach, alpha in ((settings.near, 0.8), (settings.far, 0.3))
        ]
        for ring in self.rings:
            ax.add_patch(ring)

    def title(self, text: str) -> None:
        self.text = text
        self.ax.set_title(text, loc="left", fontsize=9)

    def draw(self, step: int) -> None:
        start = max(0, step - TRAIL)
        here = (self.x[step], self.y[step])
        self.path.set_data(self.x[start : step + 1], self.y[start : step + 1])
        self.body.set_data([here[0]], [here[1]])
        # drawn twice as far from the middle as they are, to be seen
        out = 2 * float(self.settings.sensor_distance) * METRE_TO_MM
        angles = self.heading[step] + np.array([1, -1]) * self.settings.sensor_angle
        self.sensors.set_data(here[0] + out * np.cos(angles), here[1] + out * np.sin(angles))
        food = self.food[step]
        self.target.set_data([food[0]], [food[1]])
        for ring in self.rings:
            ring.set_center(tuple(food))
        meals = np.flatnonzero(np.diff(self.eaten[: step + 1]))
        self.feast.set_data(self.food[meals, 0], self.food[meals, 1])
        self.ax.set_title(f"{self.text}: {self.eaten[step]} eaten", loc="left", fontsize=9)


def _draw_weights(ax: Axes, arrays: Mapping[str, np.ndarray], settings: Settings) -> None:
    rho = arrays["rho, ISO3"][0]
    ax.plot(np.arange(len(rho)) * EVERY, rho, color=COLOURS[1])
    for start in (0, settings.steps - settings.shown):
        ax.axvspan(start, start + settings.shown, color=GREY, alpha=0.4)
    ax.set_xlabel("step", fontsize=8)
    ax.set_ylabel("weight", fontsize=8)
    ax.tick_params(labelsize=8)
    hide_frame(ax)
