"""What a plasticity rule is: a text and its parameters."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar, Self

from brian2.equations import Equations
from brian2.units import Quantity
from brian2.units.fundamentalunits import DIMENSIONLESS, Dimension, get_dimensions
from brian2.utils.stringtools import get_identifiers, word_substitute

from hebbsim.rules.bounds import Bounds, both_bounds, checked_bounds, clips, softened
from hebbsim.rules.checks import check_constants, check_numbers, check_time
from hebbsim.rules.factors import condition_factor, scaled_changes, scaled_sums, summed_changes
from hebbsim.rules.made_text import MadeText
from hebbsim.rules.synapse_traces import texts_with_own_traces
from hebbsim.rules.weight_units import change_dimensions
from hebbsim.short_repr import ShortRepr
from hebbsim.statements import parse_statements
from hebbsim.units import quantity_text, unit_text

__all__ = ["Rule"]

_APPLIED = "w += eta*dw"


@dataclass(frozen=True, repr=False)
class Rule(ShortRepr):
    r"""Declare a plasticity rule as equations.

    The text is all there is: ``print(rule)`` shows what will run, and a rule of one's own is
    ``Rule(equations='dw = y_post*x_pre - 0.1*w : 1 (summed)')``. ``x`` is the presynaptic
    activity, ``y`` the postsynaptic one that plasticity sees, ``w`` the weight.

    Parameters
    ----------
    learning_rate : float, Quantity or str
        The value of ``eta``, with units if the weight has some that the change has not, such as
        ``0.01*nS``; or a schedule: an expression in ``t`` without units, such as
        ``'0.01*exp(-t/(2*second))'``.
    equations : str
        Brian2 equations, with one ``(summed)`` equation for the change of the kernel.
    update : str
        Statements run on each kernel element at the end of a step; without `equations`, whose
        ``dw`` the default applies, there are none.
    bounds : (float, float) or (Quantity, Quantity), optional
        Lower and upper bound of ``w``, as `hard_bounded` and `soft_bounded` set them. Where the
        update clips ``w``, weights beyond them are refused at the start of a run.
    constants : mapping
        Values of further names in the equations, none that Brian2 or the kernel gives a meaning.
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

    Notes
    -----
    A rule whose equations compare the weight with the activity, such as `Instar`, is written with
    their units where these have some::

        Instar(equations="dw = y_post*(x_pre - w) : amp (summed)")

    Examples
    --------
    Oja's rule with a stronger decay and a learning rate that falls:

    >>> rule = Rule(
    ...     "0.01*exp(-t/(2*second))",
    ...     "dw = y_post*x_pre - decay*y_post**2*w : 1 (summed)",
    ...     constants={"decay": 2.0},
    ... )
    >>> print(rule)
    Rule
        dw = y_post*x_pre - decay*y_post**2*w : 1 (summed)
        eta = 0.01*exp(-t/(2*second)) : 1 (shared)
        at the end of a step: w += eta*dw
        decay = 2.0
    """

    #: What a layer must be like for the rule to learn in it: keywords of `ConvLayer`
    layer_settings: ClassVar[Mapping[str, Any]] = {}
    #: The learning rate that suits a layer, where samples and positions add up
    layer_rate: ClassVar[str] = "1/n_shared"

    learning_rate: float | Quantity | str = 0.01
    equations: str = ""
    update: str = _APPLIED
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
    bounds: Bounds | None = None

    def __post_init__(self) -> None:
        if not (self.equations.strip() or self.on_pre or self.on_post):
            raise ValueError(
                f"{self.name}: give the equations, such as 'dw = y_post*x_pre : 1 (summed)'"
            )
        if self.constants:  # else no text need be read for them
            check_constants(self.name, self.constants, self._defined())
        if not self.equations.strip() and self.update == _APPLIED:
            object.__setattr__(self, "update", "")
        self._check_applied()
        if self.bounds is not None:
            object.__setattr__(self, "bounds", checked_bounds(self.name, *self.bounds))
        if not isinstance(self.learning_rate, str):
            rate = float(self.learning_rate)
            if rate != rate or rate in (float("inf"), float("-inf")):
                raise ValueError(f"{self.name}: learning_rate must be finite, got {rate}")
        check_numbers(self.name, {**vars(self), **self.constants})

    def _is_made(self, name: str, value: Any, default: Any) -> bool:
        made = isinstance(value, MadeText) and not value.added
        return made or super()._is_made(name, value, default)

    def _defined(self) -> set[str]:
        """Return what the rule's own equations define."""
        texts = (self.equations, self.pre_channels, self.post_channels, self.post_samples)
        return {n for text in (*texts, self.pre_model, self.post_model) for n in Equations(text)}

    def _check_applied(self) -> None:
        """Refuse equations without the ``dw`` that the default update applies."""
        if self.update != _APPLIED:
            return
        defined = Equations(self.equations).names
        if "dw" not in defined:
            raise ValueError(
                f"{self.name}: the update '{_APPLIED}' applies 'dw', and the equations define "
                f"{', '.join(map(repr, sorted(defined)))}; write the change of the kernel as "
                "'dw = y_post*x_pre : 1 (summed)', or say in update= how it follows from these; "
                "update='' where spikes alone change the weights"
            )

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
        unit = unit_text(self.eta_dimensions)
        return f"{self.equations.strip()}\neta{schedule} : {unit} (shared)".lstrip()

    @property
    def eta_dimensions(self) -> Dimension:
        """Dimensions of the learning rate."""
        if isinstance(self.learning_rate, str):
            return DIMENSIONLESS
        return get_dimensions(self.learning_rate)

    @property
    def weight_bounds(self) -> Bounds | None:
        """Lower and upper bound of the weight, if the rule has some."""
        return self.bounds

    @property
    def kept_range(self) -> Bounds | None:
        """The bounds if the update clips the weight to them: it is never beyond, once it learns."""
        return self.weight_bounds if clips(self.update) else None

    @property
    def weight_unit(self) -> str:
        """Units of the weight as far as the rule's parameters tell, ``'1'`` without.

        Those of its bounds, else of what the rule adds to ``w``.
        """
        if self.weight_bounds is not None:
            return unit_text(get_dimensions(self.weight_bounds[0]))
        code = "\n".join((self.update, self.on_pre, self.on_post))
        equations = {"": self.model, "_pre": self.pre_model, "_post": self.post_model}
        return unit_text(change_dimensions(code, equations, self.parameters))

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

        Traces that belong to the neurons know nothing of the delays of synapses: where these have
        some, use `with_synapse_traces`.

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
            text = f"w : {self.weight_unit}\n{text}"
        if "n_shared" in get_identifiers(f"{text}\n{self.update}"):
            text += "\nn_shared = 1 : 1 (shared)"
        return text

    def with_synapse_traces(self) -> "Rule":
        """Return this rule for ordinary `Synapses` whose spikes take time.

        Each synapse keeps the traces of spikes itself, and a spike changes them when it arrives::

            delayed = rule.with_synapse_traces()
            S = Synapses(G, H, delayed.synapse_model, on_pre=delayed.on_pre,
                         on_post=delayed.on_post, namespace=delayed.parameters,
                         delay={"pre": 2*ms, "post": 1*ms})

        What the neurons have to keep still, such as a filtered voltage, is in `pre_model` and
        `post_model`; what synapses don't have, they can't delay. Where a presynaptic and a
        postsynaptic spike arrive in one step, the second sees the first, since Brian2 runs
        ``on_pre`` before ``on_post``; traces on neurons pair neither.

        Raises
        ------
        ValueError
            If both neurons have a trace of the same name.
        """
        return Rule(
            self.learning_rate,
            constants=self.parameters,
            pre_channels=self.pre_channels,
            post_channels=self.post_channels,
            post_samples=self.post_samples,
            reference=self.reference,
            bounds=self.weight_bounds,
            **texts_with_own_traces(self.name, vars(self)),
        )

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

    def learn_if(self, condition: str) -> Self:
        """Return this rule learning at those connections alone where a condition holds.

        It is looked at for each connection when the rule would change the weight: a factor 0 or 1
        of each term of ``dw``, and of what a spike changes. So a neuron stops learning once it is
        driven strongly (Brader, Senn and Fusi 2007, Neural Comput 19:2881)::

            rules.Hebb().learn_if("abs(u_post) < 0.1")

        What the update does beside the sums, such as a decay of its own, goes on. Of a rule that
        learns twice under a condition, both must hold.

        Parameters
        ----------
        condition : str
            In the rule's names, those of its neurons with suffixes. Under `RewardGated` it may
            name ``reward`` (``reward_post`` where each sample has its own), the reward of the step
            in which the rule would change the weight.

        Raises
        ------
        ValueError
            If the condition is no expression, the rule has neither sums to the kernel nor spikes
            that change the weight, or these change it by neither ``+=`` nor ``-=``.
        """
        factor = condition_factor(self.name, condition)
        at_spikes = parse_statements(f"{self.on_pre}\n{self.on_post}")
        if not summed_changes(self.equations) and "w" not in {s.target for s in at_spikes}:
            raise ValueError(
                f"{self.name}: neither a sum such as 'dw = y_post*x_pre : 1 (summed)' nor spikes "
                "change this rule's weight, and nothing can depend on the condition "
                f"{condition!r}"
            )
        return replace(
            self,
            equations=scaled_sums(self.equations, factor),
            on_pre=scaled_changes(self.name, self.on_pre, factor),
            on_post=scaled_changes(self.name, self.on_post, factor),
        )

    def hard_bounded(self, low: float | Quantity, high: float | Quantity) -> Self:
        """Return this rule with weights clipped to ``[low, high]`` after each update.

        Parameters
        ----------
        low, high : float or Quantity
            In the units of the weight; a plain 0 has any.
        """
        bounds = checked_bounds(self.name, low, high)
        # what its parameters say, a made update clips to in any case
        first = self.bounds if isinstance(self.update, MadeText) else self.kept_range
        clip = f"w = clip(w, {quantity_text(bounds[0])}, {quantity_text(bounds[1])})"
        return replace(
            self,
            update=f"{self.update}\n{clip}".strip(),
            bounds=both_bounds(self.name, first, bounds),
        )

    def soft_bounded(self, low: float | Quantity, high: float | Quantity) -> Self:
        """Return this rule with changes that fade towards ``low`` and ``high``.

        Growth is scaled by ``high - w``, decay by ``w - low`` (multiplicative bounds; van Rossum,
        Bi and Turrigiano 2000), applied to the summed change of a step, its learning rate and
        reward included. A step that is too large passes them; `hard_bounded` as well keeps all
        weights within.

        Parameters
        ----------
        low, high : float or Quantity
            In the units of the weight; a plain 0 has any. What scales the change has these units
            too, so that ``eta*dw`` has none.
        """
        bounds = checked_bounds(self.name, low, high)
        at_spikes = parse_statements(f"{self.on_pre}\n{self.on_post}")
        if "dw" not in get_identifiers(self.update) or "w" in {s.target for s in at_spikes}:
            raise ValueError(
                f"{self.name}: soft bounds scale a summed change dw, and spikes change this rule's "
                "weight; write the bounds into on_pre and on_post, as PairSTDP(mu=1) does"
            )
        return replace(
            self,
            update=softened(self.name, self.update, bounds),
            bounds=self.kept_range or bounds,
        )

    def __str__(self) -> str:
        lines = [self.name, *(f"    {line.strip()}" for line in self.model.splitlines())]
        for name in ("on_pre", "on_post", "pre_model", "post_model", "pre_reset", "post_reset"):
            text = getattr(self, name).strip()
            lines += [f"    {name}: {line.strip()}" for line in text.splitlines()]
        lines += [f"    at the end of a step: {line}" for line in self.update.splitlines()]
        values = {} if self.scheduled else {"eta": self.learning_rate}
        values |= self.parameters
        lines += [f"    {name} = {value}" for name, value in values.items()]
        for place, text in (
            ("per channel of the source", self.pre_channels),
            ("per channel of the target", self.post_channels),
            ("per sample of the target", self.post_samples),
        ):
            lines += [f"    {place}: {line.strip()}" for line in text.strip().splitlines()]
        if self.reference:
            lines.append(f"    {self.reference}")
        return "\n".join(lines)
