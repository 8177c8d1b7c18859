"""Competition between the channels at each position: k winners, or a softmax."""

from numbers import Real
from typing import Any

from brian2.units.fundamentalunits import Quantity, fail_for_dimension_mismatch

from hebbsim.geometry import is_integer
from hebbsim.maps.feature_map import FeatureMap
from hebbsim.maps.operation import MapOperation

__all__ = ["SoftWinnerTakeAll", "WinnerTakeAll"]


class WinnerTakeAll(MapOperation):
    """Let the k channels with the largest values win at each position; the others are 0.

    Exact, whatever the values; of equal values those of the lowest channels win.

    Parameters
    ----------
    feature_map : FeatureMap
        The map.
    source : str
        What competes: an expression over the map's variables, such as ``'u - theta'``.
    target : str
        The variable to write.
    k : int
        Number of winners at each position of each sample.
    graded : bool
        Whether a winner gets the value of `source`, or 1.
    condition : str, optional
        A condition that a winner must meet too, such as ``'u > theta'``.
    order : int, optional
        Shifts the place among the forward operations of the step; by default it follows from
        what is read and written, see `hebbsim.maps.forward_order`.
    name : str, optional
        Name of this object.

    Raises
    ------
    ValueError
        If `k` is not between 1 and the number of channels.

    Examples
    --------
    >>> layer = FeatureMap((4, 1, 1), '''u : 1
    ...                                 y : 1''')
    >>> winners = WinnerTakeAll(layer, source="u", target="y", k=2)
    >>> layer.u = [0.3, 0.1, 0.4, 0.3]  # of equal ones the lowest channel wins
    >>> run(defaultclock.dt)
    >>> print(layer.y[:])
    [1. 0. 1. 0.]
    """

    def __init__(
        self,
        feature_map: FeatureMap,
        source: str = "u",
        target: str = "y",
        k: int = 1,
        *,
        graded: bool = False,
        condition: str | None = None,
        **kwds: Any,
    ) -> None:
        self.check_types(feature_map, source)
        n_channels = feature_map.shape.channels
        if isinstance(k, bool) or not is_integer(k, 1) or k > n_channels:
            raise ValueError(
                f"WinnerTakeAll on '{feature_map.name}': k must be between 1 and its "
                f"{n_channels} channels, got {k!r}"
            )
        self.k = int(k)
        super().__init__(
            feature_map,
            "map_winner_take_all",
            source,
            target,
            code=f"_eligible = int({condition or 'True'})",
            dimensionless=not graded,
            template_kwds={"k": self.k, "graded": graded},
            **kwds,
        )


class SoftWinnerTakeAll(MapOperation):
    """Let the channels at each position share a total activity of 1: a softmax.

    ``y_c = exp(s_c/T) / sum_j exp(s_j/T)``; signed, it is positive where ``s`` is largest and
    negative elsewhere, so that under a Hebbian rule the winner learns and all others unlearn, the
    more the closer they come (Journé et al. 2023, ICLR).

    Parameters
    ----------
    feature_map : FeatureMap
        The map.
    source : str
        What competes: a dimensionless expression over the map's variables.
    target : str
        The variable to write.
    temperature : float
        ``T``; the competition becomes hard as it approaches 0.
    signed : bool
        Whether all but the winner get the negative of their share; of equal values the lowest
        channel wins.
    order, name
        As in `WinnerTakeAll`.

    Examples
    --------
    >>> layer = FeatureMap((3, 1, 1), '''u : 1
    ...                                 y : 1''')
    >>> winners = SoftWinnerTakeAll(layer, source="u", target="y", signed=True)
    >>> layer.u = [1, 3, 2]
    >>> run(defaultclock.dt)
    >>> print(layer.y[:].round(3))
    [-0.09   0.665 -0.245]
    """

    def __init__(
        self,
        feature_map: FeatureMap,
        source: str = "u",
        target: str = "y",
        *,
        temperature: float = 1.0,
        signed: bool = False,
        **kwds: Any,
    ) -> None:
        self.check_types(feature_map, source)
        if not (isinstance(temperature, Real) and 0 < temperature < float("inf")):
            raise ValueError(
                f"SoftWinnerTakeAll on '{feature_map.name}': the temperature must be positive, "
                f"got {temperature!r}"
            )
        super().__init__(
            feature_map,
            "map_softmax",
            f"({source})/{float(temperature)!r}",
            target,
            template_kwds={"signed": bool(signed)},
            **kwds,
        )

    def before_run(self, run_namespace: dict[str, Any]) -> None:
        """Check the units before the code object is made: an exponent has none."""
        fail_for_dimension_mismatch(
            Quantity(1, dim=self.source_dimensions(run_namespace)),
            Quantity(1),
            f"SoftWinnerTakeAll on '{self.feature_map.name}': '{self.source}' must be "
            "dimensionless; divide it by a scale",
        )
        super().before_run(run_namespace)
