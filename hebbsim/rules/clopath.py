"""Plasticity that depends on the postsynaptic voltage."""

from dataclasses import dataclass, field
from typing import Any

from brian2.units import Quantity, ms, mV, second, volt
from brian2.units.fundamentalunits import get_dimensions, have_same_dimensions

from hebbsim.rules.checks import check_time, with_units
from hebbsim.rules.made_text import made_text
from hebbsim.rules.rule import Rule

__all__ = ["Clopath"]


@dataclass(frozen=True, repr=False)
class Clopath(Rule):
    """The voltage rule: presynaptic spikes depress, or potentiate while the neuron is depolarised.

    A presynaptic spike depresses by how far the filtered voltage `u_minus` lies above
    `theta_minus`. The trace `x_bar` of presynaptic spikes potentiates while the voltage lies above
    `theta_plus` and `u_plus` above `theta_minus`, in each time step. Weights have no bounds by
    themselves; see `hard_bounded`.

    The target needs a voltage whose spikes last: potentiation sees it at the end of each time step,
    after the reset. Set `u_minus` and `u_plus` to the resting voltage before a run. Some
    implementations delay the voltage by 4 ms, to keep a spike out of its own filters; this is the
    published equation, without a delay.

    Parameters
    ----------
    A_LTD, A_LTP : Quantity
        Amplitudes of depression, in 1/mV, and of potentiation, in 1/mV**2; for a weight with
        units in these units, such as nS/mV and nS/mV**2.
    theta_minus, theta_plus : Quantity
        Thresholds of the filtered and of the momentary voltage.
    tau_minus, tau_plus, tau_x : Quantity
        Time constants of `u_minus`, `u_plus` and `x_bar`.
    voltage : str
        Name of the target's voltage.
    u_ref : Quantity, optional
        Makes depression homeostatic: it is scaled by ``u_square/u_ref**2``, the mean square of the
        voltage above `E_L`.
    E_L, tau_homeostasis : Quantity
        Resting voltage, and the time constant of `u_square`.
    """

    learning_rate: float | str = 1.0
    update: str = "w += eta*A_LTP*dw*dt"
    reference: str = "Clopath, Busing, Vasilaki and Gerstner 2010, Nat Neurosci 13:344"
    A_LTD: Quantity = field(default_factory=lambda: 14e-5 / mV)
    A_LTP: Quantity = field(default_factory=lambda: 8e-5 / mV**2)
    theta_minus: Quantity = field(default_factory=lambda: -70.6 * mV)
    theta_plus: Quantity = field(default_factory=lambda: -45.3 * mV)
    tau_minus: Quantity = field(default_factory=lambda: 10 * ms)
    tau_plus: Quantity = field(default_factory=lambda: 7 * ms)
    tau_x: Quantity = field(default_factory=lambda: 15 * ms)
    voltage: str = "v"
    u_ref: Quantity | None = None
    E_L: Quantity = field(default_factory=lambda: -70.6 * mV)
    tau_homeostasis: Quantity = field(default_factory=lambda: 1 * second)

    def __post_init__(self) -> None:
        self._check()
        for name, text in self._texts().items():
            object.__setattr__(self, name, made_text(getattr(self, name), text))
        super().__post_init__()

    def _texts(self) -> dict[str, str]:
        v = self.voltage
        homeostasis = "" if self.u_ref is None else "*u_square_post/u_ref**2"
        filters = [
            f"du_minus/dt = ({v} - u_minus)/({self.tau_minus!r}) : volt",
            f"du_plus/dt = ({v} - u_plus)/({self.tau_plus!r}) : volt",
        ]
        if homeostasis:
            above, tau = f"({v} - ({self.E_L!r}))", self.tau_homeostasis
            filters.append(f"du_square/dt = ({above}**2 - u_square)/({tau!r}) : volt**2")
        return {
            "equations": (
                f"dw = x_bar_pre*({v}_post - theta_plus)*int({v}_post > theta_plus)"
                "*(u_plus_post - theta_minus)*int(u_plus_post > theta_minus)"
                " : volt**2/second (summed)"
            ),
            "on_pre": (
                f"w -= eta*A_LTD{homeostasis}*(u_minus_post - theta_minus)"
                "*int(u_minus_post > theta_minus)"
            ),
            "pre_model": f"dx_bar/dt = -x_bar/({self.tau_x!r}) : Hz",
            "pre_reset": f"x_bar += 1/({self.tau_x!r})",
            "post_model": "\n".join(filters),
        }

    @property
    def parameters(self) -> dict[str, Any]:
        """Values of the names in the equations."""
        values = super().parameters
        if self.u_ref is None:
            del values["E_L"], values["tau_homeostasis"]
        return values

    def _check(self) -> None:
        if not self.voltage.isidentifier():
            raise ValueError(
                f"{self.name}: voltage must name the target's voltage, such as 'v', got "
                f"{self.voltage!r}"
            )
        for name in ("tau_minus", "tau_plus", "tau_x", "tau_homeostasis"):
            check_time(self.name, name, getattr(self, name))
        for name in ("theta_minus", "theta_plus", "E_L", "u_ref"):
            value = getattr(self, name)
            if value is not None and not have_same_dimensions(value, volt):
                raise ValueError(f"{self.name}: {name} must be in {volt!r}, got {value!r}")
        self._check_amplitudes()
        if self.u_ref is not None and not float(self.u_ref) > 0:
            raise ValueError(
                f"{self.name}: u_ref must be positive, a depolarisation above E_L such as "
                f"8*mV, got {self.u_ref!r}"
            )

    def _check_amplitudes(self) -> None:
        """Refuse amplitudes of two different weights, or of none."""
        weights = {"A_LTD*volt": self.A_LTD * volt, "A_LTP*volt**2": self.A_LTP * volt**2}
        if any(get_dimensions(value) in (volt.dim, (volt**2).dim) for value in weights.values()):
            raise ValueError(
                f"{self.name}: A_LTD must be per voltage and A_LTP per voltage squared, such as "
                f"14e-5/mV and 8e-5/mV**2, got {self.A_LTD!r} and {self.A_LTP!r}"
            )
        of, first = next(iter(weights.items()))
        with_units(self.name, weights, get_dimensions(first), of)
