"""Source maps that turn images into spikes: by their rate, or by their latency."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from brian2 import Hz, second
from brian2.equations import Equations
from brian2.units.fundamentalunits import Quantity, have_same_dimensions

from hebbsim.maps.feature_map import FeatureMap

__all__ = ["Encoder", "LatencyEncoder", "PoissonEncoder"]

_ROUNDING = 1e-6  # of single precision, in which a largest intensity may lie above the limit
_SCALE = "scale the intensities to 0..1 (bytes, numpy.uint8, are scaled where they are set)"


class Encoder(FeatureMap):
    """A feature map with an intensity, to which a model and a reset can be added.

    Intensities that no spikes can stand for are refused: when `StoredImages` gets or shows them,
    before a run, and after it. What a standalone device computes (``x = '3*rand()'``) isn't seen.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        own_model: str,
        threshold: str,
        reset: str,
        *,
        model: str | Equations,
        variable: str,
        constants: dict[str, Any],
        namespace: Mapping[str, Any] | None,
        name: str,
        **kwds: Any,
    ) -> None:
        own = Equations(own_model)
        added = Equations(model) if isinstance(model, str) else model
        if not isinstance(added, Equations):
            raise TypeError(
                f"{type(self).__name__}: the model must be a string or Equations, got "
                f"{type(model).__name__}"
            )
        for taken in sorted(added.names & (own.names | set(constants))):
            way_out = "choose another name"
            if taken == variable:
                way_out = "name the intensity otherwise with variable='intensity'"
            raise ValueError(
                f"{type(self).__name__}: the model defines {taken}, which the encoder has already; "
                f"{way_out}"
            )
        if variable in constants:
            raise ValueError(
                f"{type(self).__name__}: variable={variable!r} is the name of a constant of the "
                "encoder; choose another name"
            )
        #: Name of the intensity
        self.intensity_variable = variable
        super().__init__(
            shape,
            own + added,
            threshold=threshold,
            reset=reset,
            namespace={**(namespace or {}), **constants},
            name=name,
            **kwds,
        )

    def largest_intensity(self) -> tuple[float, str]:
        """Return the largest intensity that spikes can stand for, and why and what to do."""
        raise NotImplementedError

    def check_intensities(self, intensities: np.ndarray | None = None) -> None:
        """Refuse intensities that no spikes can stand for; by default those that there are now.

        Raises
        ------
        ValueError
            If one is not finite, or above the largest.
        """
        if intensities is None:
            try:
                intensities = self.variables[self.intensity_variable].get_value()
            except NotImplementedError:  # a standalone device computes them
                return
        label = f"{type(self).__name__} '{self.name}': {self.intensity_variable}"
        largest = float(np.max(intensities))
        # NaN is the maximum wherever it stands, minus infinity nowhere
        if not np.isfinite((largest, float(np.min(intensities)))).all():
            raise ValueError(f"{label} holds NaN or infinity, which no spikes can stand for")
        limit, reason = self.largest_intensity()
        if largest > limit * (1 + _ROUNDING):
            raise ValueError(f"{label} reaches {largest:g}, more than {limit:g}: {reason}")

    def before_run(self, run_namespace: dict[str, Any]) -> None:
        """Check the intensities."""
        self.check_intensities()
        super().before_run(run_namespace)

    def after_run(self) -> None:
        """Check what the intensities have become."""
        super().after_run()
        self.check_intensities()


class PoissonEncoder(Encoder):
    """Create neurons that spike at random, at a rate in proportion to an intensity.

    In each time step a neuron spikes with probability ``x*max_rate*dt``, independently of all else:
    ``threshold='rand() < x*max_rate*dt'``. A negative intensity never spikes; one whose probability
    is above 1 is refused. `brian2.seed` makes the spikes repeat.

    Parameters
    ----------
    shape : tuple of int
        ``(channels, rows, cols)``.
    max_rate : Quantity
        Rate at intensity 1.
    model : str or Equations
        More equations of each neuron, such as a rule's ``pre_model``.
    reset : str
        What a spike does to its neuron, such as a rule's ``pre_reset``.
    variable : str
        Name of the intensity, for models that have an `x` of their own.
    batch_size : int
        Number of samples.
    namespace, name, **kwds
        As in `FeatureMap`.

    Raises
    ------
    ValueError
        If `max_rate` is no positive rate, or `model` defines what the encoder has; in a run, if
        `max_rate` times the time step, or an intensity times that, is more than 1.

    Examples
    --------
    >>> rule = rules.PairSTDP()
    >>> encoder = PoissonEncoder((1, 28, 28), 60*Hz, model=rule.pre_model, reset=rule.pre_reset)
    >>> encoder.set_maps('x', image)  # (1, 28, 28), between 0 and 1, or bytes

    With an ON and an OFF map for each channel of the images (see `preprocessing`):

    >>> encoder = PoissonEncoder((2, 28, 28), batch_size=100)
    >>> encoder.set_maps('x', on_off_channels(difference_of_gaussians(images)))
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        max_rate: Quantity = 100 * Hz,
        *,
        model: str | Equations = "",
        reset: str = "",
        variable: str = "x",
        batch_size: int = 1,
        namespace: Mapping[str, Any] | None = None,
        name: str = "poissonencoder*",
        **kwds: Any,
    ) -> None:
        #: Rate at intensity 1
        self.max_rate = _positive("PoissonEncoder", "max_rate", max_rate, Hz)
        super().__init__(
            shape,
            f"{variable} : 1",
            f"rand() < {variable}*max_rate*dt",
            reset,
            model=model,
            variable=variable,
            constants={"max_rate": max_rate},
            batch_size=batch_size,
            namespace=namespace,
            name=name,
            **kwds,
        )

    def largest_intensity(self) -> tuple[float, str]:
        """Return the intensity of one spike in each time step; parameters as `Encoder`'s."""
        dt = self.clock.dt
        return 1 / float(self.max_rate * dt), (
            f"max_rate = {self.max_rate!r} times that would be more than one spike in a time step "
            f"of {dt!r}; {_SCALE}, or lower max_rate or the time step"
        )

    def before_run(self, run_namespace: dict[str, Any]) -> None:
        """Check the time step and the intensities."""
        dt = self.clock.dt
        if float(self.max_rate * dt) > 1 + _ROUNDING:
            raise ValueError(
                f"PoissonEncoder '{self.name}': max_rate = {self.max_rate!r} is more than one "
                f"spike in a time step of {dt!r}; lower it, or the time step"
            )
        super().before_run(run_namespace)


class LatencyEncoder(Encoder):
    """Create neurons that spike once for each stimulus, the earlier the higher an intensity.

    A neuron with ``x > minimum`` spikes in the time step that contains ::

        onset + duration*(1 - x/maximum)

    so at once where ``x == maximum``; a higher intensity is refused (latency coding; Thorpe,
    Delorme and Van Rullen 2001, Neural Networks 14:715; the linear dependence is a choice). Time is
    compared in integer steps, with Brian2's `timestep`. All spikes of a stimulus come before
    ``onset + duration``.

    Steps count from the first one at or after the onset. `present` shows images from the next time
    step on. The shared variable `onset`, 0 at first, may be set by other means too; on the clock of
    the encoder, ``int(t_in_timesteps % 50 == 0)*t + int(t_in_timesteps % 50 > 0)*onset`` begins a
    stimulus every 50 steps.

    Parameters
    ----------
    shape : tuple of int
        ``(channels, rows, cols)``.
    duration : Quantity
        Latency that the intensity 0 would have.
    minimum, maximum : float
        Intensity that a neuron must exceed to spike, and intensity of latency 0;
        ``0 <= minimum < maximum``.
    model, reset, variable, batch_size, namespace, name, **kwds
        As in `PoissonEncoder`.

    Raises
    ------
    ValueError
        If `duration` is no positive time, `minimum` and `maximum` are not in this order, or `model`
        defines what the encoder has; in a run, if an intensity is above `maximum`.

    Examples
    --------
    >>> encoder = LatencyEncoder((2, 28, 28), 20*ms)
    >>> maps = on_off_channels(difference_of_gaussians(images))
    >>> for image in maps:
    ...     encoder.present(image)
    ...     network.run(20*ms)
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        duration: Quantity,
        *,
        minimum: float = 0.0,
        maximum: float = 1.0,
        model: str | Equations = "",
        reset: str = "",
        variable: str = "x",
        batch_size: int = 1,
        namespace: Mapping[str, Any] | None = None,
        dtype: Any = None,
        name: str = "latencyencoder*",
        **kwds: Any,
    ) -> None:
        if not 0 <= minimum < maximum < np.inf:
            raise ValueError(
                "LatencyEncoder: expected 0 <= minimum < maximum, both finite, got "
                f"minimum={minimum!r} and maximum={maximum!r}"
            )
        #: Latency that the intensity 0 would have
        self.duration = _positive("LatencyEncoder", "duration", duration, second)
        self.maximum = float(maximum)
        own_model = f"{variable} : 1\nonset : second (shared)\nis_new : boolean (shared)"
        super().__init__(
            shape,
            own_model,
            # of the difference: a long time divided by a single dt would lose steps; `timestep`
            # forgives a thousandth of one
            f"{variable} > minimum and t > onset - dt/1000 and timestep(t - onset, dt) "
            f"== timestep(duration*clip(1 - {variable}/maximum, 0, 1), dt)",
            reset,
            model=model,
            variable=variable,
            constants={
                "duration": duration,
                "minimum": float(minimum),
                "maximum": float(maximum),
            },
            batch_size=batch_size,
            namespace=namespace,
            dtype=self._dtypes(dtype, own_model, model),
            name=name,
            **kwds,
        )
        # the clock shows the time of the run before, which may be another network's
        self.run_regularly("onset = int(is_new)*t + int(not is_new)*onset\nis_new = False")

    @staticmethod
    def _dtypes(dtype: Any, own_model: str, model: str | Equations) -> dict[str, Any]:
        """Keep `onset` in double precision: single would miss steps in a long simulation."""
        if dtype is None or isinstance(dtype, Mapping):
            return {**(dtype or {}), "onset": np.float64}
        equations = [*Equations(own_model).values(), *Equations(str(model)).values()]
        floats = [e.varname for e in equations if e.var_type == "float"]
        return {**dict.fromkeys(floats, dtype), "onset": np.float64}

    def largest_intensity(self) -> tuple[float, str]:
        """Return the intensity of latency 0; parameters as `Encoder`'s."""
        return self.maximum, (
            f"its latency would be below 0; {_SCALE}, or give the encoder their maximum"
        )

    def present(self, images: np.ndarray) -> None:
        """Show images from the next time step on: set the intensities, and let `onset` follow.

        Parameters
        ----------
        images : array
            ``(batch, channels, rows, cols)``, or ``(channels, rows, cols)`` for every sample; see
            `set_maps`.
        """
        self.set_maps(self.intensity_variable, images)
        self.is_new = True


def _positive(encoder: str, name: str, value: Any, unit: Quantity) -> Quantity:
    """Return a positive quantity, or say what was expected."""
    is_one = have_same_dimensions(value, unit) and np.ndim(value) == 0
    if not is_one or not 0 < float(value) < np.inf:
        example = "100*Hz" if unit is Hz else "20*ms"
        raise ValueError(f"{encoder}: {name} must be positive, such as {example}, got {value!r}")
    return value
