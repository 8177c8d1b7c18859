"""Spike-timing-dependent plasticity, on traces that live on the neurons."""

from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from brian2.units import Hz, Quantity, ms, second
from brian2.units.fundamentalunits import get_dimensions, have_same_dimensions

from hebbsim.rules.bounds import Bounds, both_bounds, checked_bounds
from hebbsim.rules.checks import check_time, decides_units, with_units
from hebbsim.rules.made_text import MadeText, made_text
from hebbsim.rules.rule import Rule

__all__ = ["PairSTDP", "TripletSTDP"]

PAIRINGS = ("all", "nearest")
_AMPLITUDES = ("A2_plus", "A3_plus", "A2_minus", "A3_minus")


def _trace(name: str, tau: Quantity) -> str:
    return f"d{name}/dt = -{name}/({tau!r}) : 1"


def _spike(name: str, pairing: str) -> str:
    """Let a trace add up over all spikes, or remember the last one alone."""
    return f"{name} += 1" if pairing == "all" else f"{name} = 1"


@dataclass(frozen=True, repr=False)
class _TimingRule(Rule):
    """Base of the rules on traces: builds the texts from the parameters.

    With a `target_rate`, depression is scaled by the square of the postsynaptic rate, as `rate`
    follows it, over the target: the homeostasis of Pfister and Gerstner 2006, as in Gjorgjieva
    et al. 2011, PNAS 108:19383, and Clopath et al. 2010, Nat Neurosci 13:344.
    """

    learning_rate: float | Quantity | str = 1.0
    update: str = ""
    pairing: str = "all"
    target_rate: Quantity | None = None
    tau_rate: Quantity = field(default_factory=lambda: 1 * second)

    def __post_init__(self) -> None:
        if self.pairing not in PAIRINGS:
            raise ValueError(
                f"{self.name}: pairing must be 'all' or 'nearest', got {self.pairing!r}"
            )
        for parameter in fields(self):
            if parameter.name.startswith("tau_"):
                check_time(self.name, parameter.name, getattr(self, parameter.name))
        texts = self._texts()
        if self.target_rate is not None:
            self._check_homeostasis(self.target_rate)
            texts["post_model"] += f"\ndrate/dt = -rate/({self.tau_rate!r}) : Hz"
            texts["post_reset"] += f"\nrate += 1/({self.tau_rate!r})"
            texts["on_pre"] += "*(rate_post/target_rate)**2"
        for name, text in texts.items():
            object.__setattr__(self, name, made_text(getattr(self, name), text))
        super().__post_init__()

    def _check_homeostasis(self, target_rate: Quantity) -> None:
        if not (have_same_dimensions(target_rate, Hz) and float(target_rate) > 0):
            raise ValueError(
                f"{self.name}: target_rate must be a positive rate, such as 10*Hz, got "
                f"{target_rate!r}"
            )

    @property
    def parameters(self) -> dict[str, Any]:
        """Values of the names in the equations."""
        values = super().parameters
        if self.target_rate is None:
            values.pop("tau_rate")
        return values

    def _texts(self) -> dict[str, str]:
        """Return the texts; that of `on_pre` ends in the product that depresses the weight."""
        raise NotImplementedError


@dataclass(frozen=True, repr=False)
class PairSTDP(_TimingRule):
    """Pair-based STDP: potentiation for pre before post, depression for post before pre.

    ``w`` lies between `w_min` and `w_max`, and has their units and those of the amplitudes: with
    ``w_max=1*nS`` the model is ``w : siemens``. Where ``w_min`` is 0, potentiation is scaled by
    ``(1 - w/w_max)**mu`` and depression by ``(w/w_max)**mu`` (Gutig et al. 2003, J Neurosci
    23:3697, equation 2): 0 is the additive rule, 1 the multiplicative one, what lies between a
    power law. Else ``w`` counts from `w_min`, as ``(w - w_min)/(w_max - w_min)``.

    Potentiation raises ``w``, whatever its sign: with ``w_min=-1, w_max=0`` it weakens an
    inhibitory synapse, and depression strengthens it. Weights outside of the range are refused at
    the start of a run.

    Parameters
    ----------
    learning_rate : float or str
        Scales all changes.
    A_plus, A_minus : float or Quantity
        Amplitudes of potentiation and depression, both positive.
    tau_plus, tau_minus : Quantity
        Time constants of the pre- and the postsynaptic trace.
    w_min, w_max : float or Quantity
        Bounds of the weight; a plain 0 has the units of the other. ``-inf`` and ``inf`` are none.
    mu : float
        Exponent of the dependence on the weight; 0 where a bound is missing.
    pairing : {'all', 'nearest'}
        Which spikes pair: all, or each with the last one before it.
    target_rate : Quantity, optional
        Makes depression homeostatic: it is scaled by ``(rate/target_rate)**2``, where `rate` is
        the neuron's own firing rate, a sum of exponentials of its spikes.
    tau_rate : Quantity
        Time constant of `rate`.
    """

    reference: str = "Song, Miller and Abbott 2000, Nat Neurosci 3:919"
    A_plus: float | Quantity = 0.01
    A_minus: float | Quantity = 0.0105
    tau_plus: Quantity = field(default_factory=lambda: 20 * ms)
    tau_minus: Quantity = field(default_factory=lambda: 20 * ms)
    w_min: float | Quantity = 0.0
    w_max: float | Quantity = 1.0
    mu: float = 0.0

    def __post_init__(self) -> None:
        checked = checked_bounds(self.name, self.w_min, self.w_max)
        for name, value in zip(("w_min", "w_max"), checked, strict=True):
            object.__setattr__(self, name, value)
        if self.mu and not np.isfinite([float(bound) for bound in checked]).all():
            raise ValueError(
                f"{self.name}: mu={self.mu} scales changes by the distance to the bounds, which "
                f"must be finite then, got {self.w_min!r} and {self.w_max!r}; give both, or mu=0"
            )
        super().__post_init__()
        if isinstance(self.on_pre, MadeText) and isinstance(self.on_post, MadeText):
            self._check_amplitudes()
        made = self.update if isinstance(self.update, MadeText) else None
        if self.bounds is not None and made is not None and not made.added:
            raise ValueError(f"{self.name}: give w_min and w_max instead of bounds={self.bounds}")
        if self.bounds is not None:
            both_bounds(self.name, self.bounds, checked)

    def _check_amplitudes(self) -> None:
        """Refuse amplitudes that can't be added to the weight."""
        wanted = get_dimensions(self.w_max) / self.eta_dimensions
        of = "w_max" if self.eta_dimensions.is_dimensionless else "w_max/learning_rate"
        names = ("A_plus", "A_minus")
        checked = with_units(self.name, {n: getattr(self, n) for n in names}, wanted, of)
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    @property
    def weight_bounds(self) -> Bounds:
        """Lower and upper bound of the weight."""
        own = (self.w_min, self.w_max)
        if isinstance(self.update, MadeText):
            return both_bounds(self.name, self.bounds, own)
        return self.bounds or own

    def _texts(self) -> dict[str, str]:
        relative, room, lowest = "w/w_max", "1 - w/w_max", "0"
        if not have_same_dimensions(self.w_max, 1):
            lowest = "0*w_max"  # a 0 has no units
        if float(self.w_min) != 0:
            relative, room = (f"({part})/(w_max - w_min)" for part in ("w - w_min", "w_max - w"))
            lowest = "w_min"
        grow = f"*clip({room}, 0, 1)**{self.mu}" if self.mu else ""
        shrink = f"*clip({relative}, 0, 1)**{self.mu}" if self.mu else ""
        bounded = np.isfinite([float(self.w_min), float(self.w_max)]).any()
        return {
            "pre_model": _trace("r1", self.tau_plus),
            "post_model": _trace("o1", self.tau_minus),
            "pre_reset": _spike("r1", self.pairing),
            "post_reset": _spike("o1", self.pairing),
            "on_pre": f"w -= eta*A_minus*o1_post{shrink}",
            "on_post": f"w += eta*A_plus*r1_pre{grow}",
            "update": f"w = clip(w, {lowest}, w_max)" if bounded else "",
        }


@dataclass(frozen=True, repr=False)
class TripletSTDP(_TimingRule):
    """Triplet STDP: depression and potentiation also depend on the neuron's own last spikes.

    ``r1``, ``r2`` are the fast and slow presynaptic traces, ``o1``, ``o2`` the postsynaptic ones;
    the slow ones are read before the spike itself adds to them. The presets `visual_cortex` and
    `hippocampus` hold the fitted parameters as they are commonly quoted, not copied from the
    paper's tables; tests hold the visual-cortex sets against the pairing experiment alone.

    Parameters
    ----------
    A2_plus, A3_plus, A2_minus, A3_minus : float or Quantity
        Amplitudes of the pair and triplet terms, in the units of the weight; a learning rate with
        units, such as ``1*nS``, gives the fitted numbers theirs.
    tau_plus, tau_minus, tau_x, tau_y : Quantity
        Time constants of ``r1``, ``o1``, ``r2`` and ``o2``.
    pairing : {'all', 'nearest'}
        All spikes, or the nearest ones.
    target_rate : Quantity, optional
        Makes depression homeostatic: it is scaled by ``(rate/target_rate)**2``, where `rate` is
        the neuron's own firing rate, a sum of exponentials of its spikes. Under the minimal
        rule, uncorrelated spikes change no weight at the rate ``target_rate**2/theta``, with
        ``theta = A2_minus*tau_minus/(A3_plus*tau_plus*tau_y)``, and neurons settle there, or
        ``2.5/tau_rate`` below with Poisson spikes, because `rate` fluctuates.
    tau_rate : Quantity
        Time constant of `rate`.
    """

    reference: str = "Pfister and Gerstner 2006, J Neurosci 26:9673, equations 3 and 4"
    A2_plus: float | Quantity = 5e-10
    A3_plus: float | Quantity = 6.2e-3
    A2_minus: float | Quantity = 7e-3
    A3_minus: float | Quantity = 2.3e-4
    tau_plus: Quantity = field(default_factory=lambda: 16.8 * ms)
    tau_minus: Quantity = field(default_factory=lambda: 33.7 * ms)
    tau_x: Quantity = field(default_factory=lambda: 101 * ms)
    tau_y: Quantity = field(default_factory=lambda: 125 * ms)

    def __post_init__(self) -> None:
        amplitudes = {name: getattr(self, name) for name in _AMPLITUDES}
        of = decides_units(amplitudes)
        wanted = get_dimensions(amplitudes[of])
        for name, value in with_units(self.name, amplitudes, wanted, of).items():
            object.__setattr__(self, name, value)
        super().__post_init__()

    def _texts(self) -> dict[str, str]:
        pre, post = (
            (("r1", self.tau_plus), ("r2", self.tau_x)),
            (
                ("o1", self.tau_minus),
                ("o2", self.tau_y),
            ),
        )
        return {
            "pre_model": "\n".join(_trace(name, tau) for name, tau in pre),
            "post_model": "\n".join(_trace(name, tau) for name, tau in post),
            "pre_reset": "\n".join(_spike(name, self.pairing) for name, _ in pre),
            "post_reset": "\n".join(_spike(name, self.pairing) for name, _ in post),
            "on_pre": "w -= eta*o1_post*(A2_minus + A3_minus*r2_pre)",
            "on_post": "w += eta*r1_pre*(A2_plus + A3_plus*o2_post)",
        }

    @classmethod
    def visual_cortex(
        cls, pairing: str = "all", minimal: bool = False, **kwds: Any
    ) -> "TripletSTDP":
        """Return the rule fitted to visual cortex slices by Pfister and Gerstner 2006."""
        return cls._preset(_VISUAL_CORTEX, pairing, minimal, kwds)

    @classmethod
    def hippocampus(cls, pairing: str = "all", minimal: bool = False, **kwds: Any) -> "TripletSTDP":
        """Return the rule fitted to hippocampal cultures by Pfister and Gerstner 2006."""
        return cls._preset(_HIPPOCAMPUS, pairing, minimal, kwds)

    @classmethod
    def _preset(
        cls, table: dict[str, tuple[float, ...]], pairing: str, minimal: bool, kwds: dict[str, Any]
    ) -> "TripletSTDP":
        if pairing not in PAIRINGS:
            raise ValueError(f"{cls.__name__}: pairing must be 'all' or 'nearest', got {pairing!r}")
        values = table[f"{pairing} {'minimal' if minimal else 'full'}"]
        parameters = dict(zip(_AMPLITUDES, values[:4], strict=True))
        taus = {"tau_x": values[4] * ms, "tau_y": values[5] * ms}
        return cls(**{"pairing": pairing, **parameters, **taus, **kwds})


# A2+, A3+, A2-, A3-, tau_x, tau_y in ms; a minimal rule has no r2 (its tau_x is not used)
_VISUAL_CORTEX: dict[str, tuple[float, ...]] = {
    "all full": (5e-10, 6.2e-3, 7e-3, 2.3e-4, 101, 125),
    "all minimal": (0, 6.5e-3, 7.1e-3, 0, 101, 114),
    "nearest full": (8.8e-11, 5.3e-2, 6.6e-3, 3.1e-3, 714, 40),
    "nearest minimal": (0, 5e-2, 8e-3, 0, 714, 40),
}
_HIPPOCAMPUS: dict[str, tuple[float, ...]] = {
    "all full": (6.1e-3, 6.7e-3, 1.6e-3, 1.4e-3, 946, 27),
    "all minimal": (5.3e-3, 8e-3, 3.5e-3, 0, 946, 40),
    "nearest full": (4.6e-3, 9.1e-3, 3e-3, 7.5e-9, 575, 47),
    "nearest minimal": (4.6e-3, 9.1e-3, 3e-3, 0, 575, 48),
}
