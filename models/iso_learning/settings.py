"""Every number of the model: bodies, filters and rates, with their units; and what a run shows."""

from dataclasses import dataclass, replace

from brian2 import Hz, Quantity, mm, ms, second

from hebbsim.experiments.settings import SavedSettings

__all__ = ["FULL", "QUICK", "Settings"]


@dataclass(frozen=True)
class Settings(SavedSettings):
    """
    Hold what a user may change.

    The sources give filters, rules, and the protocol without a world. The arena and the robot's
    body are this model's own, except where noted: the original robot's numbers were not found.

    Parameters
    ----------
    dt : Quantity
        A step; the sources' frequencies are per step, and .01 of them is the papers' 1 Hz
        (from memory) at 10 ms.
    quality : float
        Q of all resonators, just above the 0.5 at which they stop ringing [icolearning.cpp].
    reflex_frequency, predictor_frequency : Quantity
        Resonators of the reflex and of a single predictor.
    bank_frequency : Quantity
        First frequency of the bank, f1; the k-th is f1/(k + 1), k from 0.
    bank_size : int
        Resonators in the bank. The last one is the single predictor.
    reflex : float
        Weight of the reflex in the closed loop; it does not learn.
    width, height, border : Quantity
        Of the arena; robots are reflected at the border, a distance from the walls.
    food_border : Quantity
        Food is never closer to a wall.
    speed, turning : Quantity
        Of a robot: length of its way, and turn for an output of 1, in a second.
    largest_output : float
        The motor's limit.
    heading_noise : Quantity
        Standard deviation of the heading after a second.
    sensor_distance, sensor_angle : Quantity, float
        Where the two sensors are, from the robot's middle, and to its left and right (rad).
    near, far : Quantity
        Range of the proximal (reflex) and the distal (predictive) sensors.
    touch, mouth : Quantity
        Distance from the food at which learning is gated, and at which it is eaten.
    gate_time : Quantity
        Time constant of the third factor after a touch: 0.8 a step.
    steps : int
        Of a life.
    early, late : int
        The first and the last steps, in which food is counted.
    robots : int
        Lives side by side in each condition.
    open_steps, open_pairs_until : int
        Length of the protocol without a world, and the step after which the reflex stops.
    shared_steps : int
        Length of the lives of robots that share a controller.
    team, teams : int
        How many robots share a controller, and how many controllers there are.
    shown : int
        Steps at the beginning and at the end of a life that the animation shows.
    """

    dt: Quantity
    reflex_frequency: Quantity
    predictor_frequency: Quantity
    bank_frequency: Quantity
    width: Quantity
    height: Quantity
    border: Quantity
    food_border: Quantity
    speed: Quantity
    turning: Quantity
    heading_noise: Quantity
    sensor_distance: Quantity
    near: Quantity
    far: Quantity
    touch: Quantity
    mouth: Quantity
    gate_time: Quantity
    quality: float = 0.6
    bank_size: int = 5
    reflex: float = 0.6
    largest_output: float = 0.5
    sensor_angle: float = 0.7853981633974483  # 45 degrees
    steps: int = 200_000
    early: int = 20_000
    late: int = 50_000
    robots: int = 8
    open_steps: int = 150_000
    open_pairs_until: int = 100_000
    shared_steps: int = 10_000
    team: int = 100
    teams: int = 2
    shown: int = 1_500


FULL = Settings(
    dt=10 * ms,
    reflex_frequency=5 * Hz,
    predictor_frequency=2 * Hz,
    bank_frequency=10 * Hz,
    width=600 * mm,
    height=400 * mm,
    border=5 * mm,
    food_border=60 * mm,
    speed=100 * mm / second,
    turning=100 * Hz,
    heading_noise=0.2 * second**-0.5,
    sensor_distance=8 * mm,
    near=40 * mm,
    far=150 * mm,
    touch=40 * mm,
    mouth=12 * mm,
    gate_time=44.8142011772455 * ms,  # -10 ms/log(0.8)
)

QUICK = replace(FULL, steps=80_000, early=10_000, late=20_000, shared_steps=5_000, teams=1)
