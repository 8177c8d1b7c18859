"""What a plasticity rule is: a text and its parameters."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from brian2.equations import Equations
from brian2.units import Quantity, second
from brian2.units.fundamentalunits import have_same_dimensions
from brian2.utils.stringtools import get_identifiers, word_substitute

__all__ = ["Rule", "check_time"]


class MadeText(str):
    """A text that a rule made of its parameters: made anew in ``replace(rule, tau=...)``."""


@dataclass(frozen=True)
class Rule:
    r"""Declare a plasticity rule as equations.

    The text is all there is: ``print(rule)`` shows what will run, and a rule of one's own is
    ``Rule(equations='dw = y_post*x_pre - 0.1*w : 1 (summed)')``. ``x`` is the presynaptic
    activity, ``y`` the postsynaptic one that plasticity sees, ``w`` the weight.

    Parameters
    ----------
    learning_rate : float or str
        The number ``eta``, or a schedule: an expression in ``t``, such as
        ``'0.01*exp(-t/(2*second))'``.
    equations : str
        Brian2 equations, with one ``(summed)`` equation for the change of the kernel.
    update : str
        Statements run on each kernel element at the end of a step.
    constants : mapping
        Values of further names in the equations.
    pre_channels, post_channels : str
        Equations that each channel of the source or target map needs for this rule, such as a
        sliding threshold: ``PerChannel(layer, rule.post_channels, namespace=rule.parameters)``.
    post_samples : str
        Equations that each sample of the target map needs, such as its reward:
        ``PerSample(layer, rule.post_samples, namespace=rule.parameters)``.
    on_pre, on_post : str
        Statements run along the connections of each neuron that spiked.
    pre_model, post_model : str
        Equations (traces) that each neuron of the source or target needs for this rule; the user
        adds them to its model: ``FeatureMap(shape, f"{model}\n{rule.pre_model}")``.
    pre_reset, post_reset : str
        What a spike does to these traces, to be added to the reset.
    reference : str
        Where the rule comes from.
    """

    learning_rate: float | str = 0.01
    equations: str = ""
    update: str = "w += eta*dw"
    constants: Mapping[str, Any] = field(default_factory=dict)
    pre_channels: str = ""
    post_channels: str = ""
    post_samples: str = ""
    on_pre: str = ""
    on_post: str = ""
    pre_model: str = ""
    post_model: str = ""
    pre_reset: str = ""
    post_reset: str = ""
    reference: str = ""

    def __post_init__(self) -> None:
        if not (self.equations.strip() or self.on_pre or self.on_post):
            raise ValueError(
                f"{self.name}: give the equations, such as 'dw = y_post*x_pre : 1 (summed)'"
            )
        if not isinstance(self.learning_rate, str):
            rate = float(self.learning_rate)
            if rate != rate or rate in (float("inf"), float("-inf")):
                raise ValueError(f"{self.name}: learning_rate must be finite, got {rate}")

    @property
    def name(self) -> str:
        """The rule's name."""
        return type(self).__name__

    @property
    def parameters(self) -> dict[str, Any]:
        """Values of the names in the equations."""
        base = {f.name for f in fields(Rule)}
        own = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in base}
        numbers = {
            name: value
            for name, value in own.items()
            if value is not None and not isinstance(value, str)
        }
        return {**numbers, **self.constants}

    @property
    def spiking(self) -> bool:
        """Whether the rule is driven by spikes."""
        return bool(self.on_pre or self.on_post or self.pre_reset or self.post_reset)

    @property
    def scheduled(self) -> bool:
        """Whether the learning rate is an expression, rather than a number that can be set."""
        return isinstance(self.learning_rate, str)

    @property
    def model(self) -> str:
        """The equations with the learning rate ``eta``."""
        schedule = f" = {self.learning_rate}" if self.scheduled else ""
        return f"{self.equations.strip()}\neta{schedule} : 1 (shared)".lstrip()

    @property
    def synapse_model(self) -> str:
        """The model of Brian2's own `Synapses` under this rule, where each synapse has a weight.

        Sums over the connections that share a kernel element have one term each there::

            S = Synapses(G, H, rule.synapse_model, on_pre=rule.on_pre, on_post=rule.on_post,
                         namespace=rule.parameters)
            S.connect()
            S.eta = rule.learning_rate  # unless it is an expression
            if rule.update:
                S.run_regularly(rule.update, when="end")

        What `pre_channels` and `post_channels` keep for each channel has to be a variable of each
        neuron of ``G`` or ``H``. Pathways change a weight at once there, and a kernel at the end
        of the step; a differential equation reads a sum of this step there, and that of the step
        before on a kernel.

        Raises
        ------
        ValueError
            If an equation is (cumulative), or reduces a filter or the kernel: a synapse does not
            see the others.
        """
        text = "\n".join(line.split("#")[0].strip() for line in self.model.splitlines())
        equations = Equations(text)
        for name, equation in equations.items():
            if "cumulative" in equation.flags:
                raise ValueError(
                    f"{self.name}: '{name}' is (cumulative), a sum over output channels that "
                    "ordinary Synapses have no equation for; use ConvSynapses with kernel_size=1 "
                    "between FeatureMaps of shape (n, 1, 1), and to_synapses() for its explicit "
                    "form"
                )
            over = next((flag for flag in equation.flags if " over " in flag), "")
            if over.endswith(("filter", "kernel")):
                raise ValueError(
                    f"{self.name}: '{name}' is ({over}), which ordinary Synapses have no equation "
                    "for; use ConvSynapses, and to_synapses() for its explicit form"
                )
            if "summed" in equation.flags and not name.endswith(("_pre", "_post")):
                # the text is kept: units as Brian2 prints them can't always be read back
                flag = rf"^({name}\s*=[^:]*:[^\n(]*?)\s*\(\s*summed\s*\)"
                text = re.sub(flag, r"\1", text, count=1, flags=re.MULTILINE)
        if "w" not in equations.names:
            text = f"w : 1\n{text}"
        if "n_shared" in get_identifiers(f"{text}\n{self.update}"):
            text += "\nn_shared = 1 : 1 (shared)"
        return text

    def filtered(self, tau_pre: Quantity, tau_post: Quantity) -> "Rule":
        """Return this rule for rates driven by spikes: ``x`` and ``y`` become filtered trains.

        Each spike adds 1 to the trace of its neuron, which decays with `tau_pre` or `tau_post`, so
        that the mean of ``x`` is the firing rate times `tau_pre`. The equations stay, and the
        change is one per time: the learning rate then counts per second, and what is learned does
        not depend on the time step, as long as that is short against the time constants.

        `ConvSynapses` without a model drives the target by the traces, ``u_post = w*x_pre``; with
        ``model='w : 1', on_pre='v_post += w'`` by the spikes themselves.

        Raises
        ------
        ValueError
            If the rule is driven by spikes already, or its update has no ``eta``.
        """
        if self.spiking or self.pre_model or self.post_model:
            raise ValueError(
                f"{self.name}: only a rule for rates can be filtered, and this one is driven by "
                "spikes already; use it as it is"
            )
        if "eta" not in get_identifiers(self.update):
            raise ValueError(
                f"{self.name}: the update {self.update!r} has no learning rate eta to scale by the "
                "time step; write it as 'w += eta*dw'"
            )
        for name, tau in (("tau_pre", tau_pre), ("tau_post", tau_post)):
            check_time(self.name, name, tau)
        return replace(
            self,
            pre_model=f"dx/dt = -x/({tau_pre!r}) : 1",
            post_model=f"dy/dt = -y/({tau_post!r}) : 1",
            pre_reset="x += 1",
            post_reset="y += 1",
            update=word_substitute(self.update, {"eta": "(eta*dt/second)"}),
        )

    def hard_bounded(self, low: float, high: float) -> "Rule":
        """Return this rule with weights clipped to ``[low, high]`` after each update."""
        _check_bounds(low, high)
        return replace(self, update=f"{self.update}\nw = clip(w, {low}, {high})".strip())

    def soft_bounded(self, low: float, high: float) -> "Rule":
        """Return this rule with changes that fade towards ``low`` and ``high``.

        Growth is scaled by ``high - w``, decay by ``w - low`` (multiplicative bounds; van Rossum,
        Bi and Turrigiano 2000), applied to the summed change of a step.
        """
        _check_bounds(low, high)
        if "dw" not in self.update:
            raise ValueError(
                f"{self.name}: soft bounds scale a summed change dw, which this rule has not; "
                "write the bounds into on_pre and on_post, as PairSTDP(mu=1) does"
            )
        return replace(
            self,
            update=f"w += eta*(clip(dw, 0, inf)*({high} - w) + clip(dw, -inf, 0)*(w - {low}))",
        )

    def __str__(self) -> str:
        lines = [self.name, *(f"    {line.strip()}" for line in self.model.splitlines())]
        for name in ("on_pre", "on_post", "pre_model", "post_model", "pre_reset", "post_reset"):
            lines += [f"    {name}: {line}" for line in getattr(self, name).splitlines()]
        lines += [f"    at the end of a step: {line}" for line in self.update.splitlines()]
        values = {} if self.scheduled else {"eta": self.learning_rate}
        values |= self.parameters
        lines += [f"    {name} = {value}" for name, value in values.items()]
        for place, text in (
            ("per channel of the source", self.pre_channels),
            ("per channel of the target", self.post_channels),
            ("per sample of the target", self.post_samples),
        ):
            lines += [f"    {place}: {line}" for line in text.splitlines()]
        if self.reference:
            lines.append(f"    {self.reference}")
        return "\n".join(lines)


def _check_bounds(low: float, high: float) -> None:
    if not low < high:
        raise ValueError(f"weight bounds: the lower must be below the upper, got {low} and {high}")


def check_time(rule: str, name: str, value: Any) -> None:
    """Refuse a parameter of a rule that is no positive time."""
    if not (have_same_dimensions(value, second) and float(value) > 0):
        raise ValueError(f"{rule}: {name} must be a positive time, such as 20*ms, got {value!r}")
