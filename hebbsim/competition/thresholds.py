"""Thresholds that adapt, so that every channel gets its share of wins."""

from numbers import Real
from typing import Any

from hebbsim.maps.feature_map import FeatureMap
from hebbsim.maps.per_channel_sample_position import PerChannel

__all__ = ["AdaptiveThreshold"]


class AdaptiveThreshold(PerChannel):
    """Give each channel a threshold that keeps its win rate at a target.

    After each step ``theta += step*(win_rate - target_rate)``, with the share of the map's
    positions and samples at which the channel is active (Miconi 2021, notebook). The threshold
    has to be used: ``WinnerTakeAll(layer, 'u - theta')``.

    Parameters
    ----------
    feature_map : FeatureMap
        The map.
    target_rate : float
        Wanted win rate; under k-winner-take-all over N channels it must be k/N.
    activity : str
        The variable that is positive in a winner.
    step : float
        How far a threshold moves for an excess of 1.
    order, name
        As in `PerChannel`.

    Examples
    --------
    >>> layer = FeatureMap((4, 1, 1), '''u : 1
    ...                                 y : 1''')
    >>> threshold = AdaptiveThreshold(layer, target_rate=1 / 4, step=0.5)
    >>> winners = WinnerTakeAll(layer, source="u - theta", target="y")
    >>> layer.u = [0.9, 0.5, 0.4, 0.3]
    >>> run(defaultclock.dt)  # the first channel wins; its threshold rises
    >>> print(threshold.theta[:])
    [ 0.375 -0.125 -0.125 -0.125]
    """

    def __init__(
        self,
        feature_map: FeatureMap,
        target_rate: float,
        *,
        activity: str = "y",
        step: float = 1.0,
        **kwds: Any,
    ) -> None:
        for name, value, high in (("target_rate", target_rate, 1), ("step", step, float("inf"))):
            if not (isinstance(value, Real) and 0 <= value <= high and value < float("inf")):
                raise ValueError(
                    f"AdaptiveThreshold: {name} must be a finite number from 0 to {high}, "
                    f"got {value!r}"
                )
        super().__init__(
            feature_map,
            f"""theta : 1
            win_rate = int({activity}_map > 0)/map_size : 1 (summed)""",
            update="theta += threshold_step*(win_rate - target_rate)",
            namespace={"threshold_step": float(step), "target_rate": float(target_rate)},
            **kwds,
        )
