"""What a plasticity rule is: a text and its parameters."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

__all__ = ["Rule"]


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
        numbers = {name: value for name, value in own.items() if not isinstance(value, str)}
        return {**numbers, **self.constants}

    @property
    def spiking(self) -> bool:
        """Whether the rule is driven by spikes."""
        return bool(self.on_pre or self.on_post)

    @property
    def scheduled(self) -> bool:
        """Whether the learning rate is an expression, rather than a number that can be set."""
        return isinstance(self.learning_rate, str)

    @property
    def model(self) -> str:
        """The equations with the learning rate ``eta``."""
        schedule = f" = {self.learning_rate}" if self.scheduled else ""
        return f"{self.equations.strip()}\neta{schedule} : 1 (shared)".lstrip()

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
