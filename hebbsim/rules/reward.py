"""Reward: any rule as the eligibility of a three-factor rule."""

from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

from brian2.units import Quantity, second
from brian2.utils.stringtools import get_identifiers

from hebbsim.rules.bounds import Bounds, checked_bounds, clips, is_soft, soft_change, softened
from hebbsim.rules.checks import check_time
from hebbsim.rules.factors import check_proportional, scaled_sums
from hebbsim.rules.made_text import MadeText, made_text
from hebbsim.rules.rule import Rule
from hebbsim.rules.stdp import PairSTDP
from hebbsim.statements import parse_statements

__all__ = ["RewardGated"]


@dataclass(frozen=True, init=False, repr=False)
class RewardGated(Rule):
    r"""Turn a rule into a three-factor rule: what it would have changed waits for a reward.

    Each kernel element has an eligibility trace, which the rule changes in place of the weight
    and which decays with `tau_e`; the weight follows it as far as a neuromodulator says::

        deligibility/dt = -eligibility/tau_e + (the rule's change of w)
        dw/dt = modulator*eligibility,    modulator = reward - mean_reward

    The neuromodulator is a variable like any other: set ``conv.reward`` between runs, link it to
    a network's neuron with ``conv.reward = linked_var(neuron, 'dopamine')``, or give `reward` as
    an expression, such as ``'recorded(t)'`` with a `TimedArray`.

    An expression that names variables of neurons, such as ``'plateau_post'``, is a modulator of
    each connection: a dendrite's plateau or a neuron's burst gates what its own synapses learn::

        credit = modulator*eligibility (summed),    dw/dt = credit

    Where a kernel is shared, it learns from all neurons that use it. What becomes eligible in a
    time step then counts from the next one on.

    Bounds are those of the weight, whether the rule or the rewarded rule was given them: soft
    ones scale what the reward makes of the trace, so that punishment fades towards the lower.
    What reads the weight otherwise, such as ``mu`` of `PairSTDP` or the decay of `Oja`, is part
    of what the rule would have changed.

    Parameters
    ----------
    rule : Rule
        What makes a weight eligible, by default `PairSTDP`.
    tau_e : Quantity or None
        Time constant of the eligibility trace. None where rewards come in the very step of what
        they reward, as in a rate network that is told right or wrong at once: the modulator is
        then a factor of each term of the rule's sums, and no trace is kept. With `per_sample` the
        rewards may then also be those of each position, by `PerPosition` in place of `PerSample`.
    reward : str, optional
        An expression for the reward; by default it is the shared parameter ``reward``. It may name
        variables of the connection's neurons, with ``_pre`` and ``_post``.
    tau_reward : Quantity, optional
        Time constant of the running mean that is subtracted from the reward; by default nothing
        is subtracted.
    trial_by_trial : bool
        Rewards are events: each counts once, in the time step in which ``rewarded`` is 1 (set it
        beside ``reward``), and the mean runs over such steps, so that ``tau_reward/dt`` is a
        number of rewards. Otherwise reward counts at all times, per second.
    per_sample : bool
        Each sample of the batch gets its own reward, and so needs its own trace: `batch_size`
        times a kernel's memory, and as many operations in each step. The rewards are those of
        ``PerSample(layer, rule.post_samples, namespace=rule.parameters)``.
    punishment : float
        Factor of negative modulators: 0 learns from success alone, a negative one turns failure
        into success.
    soft : (float, float), optional
        Soft bounds, as `soft_bounded` sets them.
    **kwds
        What `Rule` takes: texts instead of those that are made, and a learning rate instead of
        the rule's.

    Raises
    ------
    ValueError
        If the rule changes the weight in another way than by ``+=`` and ``-=``, or without a trace
        in another way than in proportion to its sums; or if a reward that names variables of
        neurons shall have a mean subtracted or differ between samples.
    """

    rule: Rule = field(default_factory=PairSTDP)
    tau_e: Quantity | None = field(default_factory=lambda: 1 * second)
    tau_reward: Quantity | None = None
    reward: str = ""
    trial_by_trial: bool = False
    per_sample: bool = False
    punishment: float = 1.0
    soft: Bounds | None = None

    def __init__(
        self,
        rule: Rule | None = None,
        tau_e: Quantity | None = 1 * second,
        tau_reward: Quantity | None = None,
        **kwds: Any,
    ) -> None:
        rule = PairSTDP() if rule is None else rule
        if not isinstance(rule, Rule) or isinstance(rule, RewardGated):
            raise TypeError(f"RewardGated: expected a rule such as PairSTDP(), got {rule!r}")
        own = {f.name: getattr(type(self), f.name) for f in fields(self) if f.name in _OPTIONS}
        unknown = set(kwds) - {f.name for f in fields(self)}
        if unknown:
            raise TypeError(f"RewardGated: there is no option '{min(unknown)}'")
        for time, value in (("tau_e", tau_e), ("tau_reward", tau_reward)):
            if value is not None:
                check_time("RewardGated", time, value)
        if "learning_rate" in kwds:
            rule = replace(rule, learning_rate=kwds["learning_rate"])
        inherited = {f.name: f.default for f in fields(Rule)}
        inherited |= {"learning_rate": rule.learning_rate, "constants": {}}
        given = {"rule": rule, "tau_e": tau_e, "tau_reward": tau_reward, **own}
        for name, value in {**inherited, **given, **kwds}.items():
            object.__setattr__(self, name, value)
        if self._is_local and (self.tau_reward is not None or self.per_sample):
            option = "tau_reward" if self.tau_reward is not None else "per_sample"
            raise ValueError(
                f"RewardGated: the reward {self.reward!r} is one of each connection, and {option} "
                f"is for a reward that all share; leave out {option}, or compute the modulator in "
                "the neurons' own model"
            )
        for name, text in self._texts().items():
            object.__setattr__(self, name, made_text(kwds.get(name, ""), text))
        self.__post_init__()

    def _is_made(self, name: str, value: Any, default: Any) -> bool:
        inherited = name == "learning_rate" and value == self.rule.learning_rate
        return inherited or super()._is_made(name, value, default)

    @property
    def _is_local(self) -> bool:
        """Whether each connection has a reward of its own, told by its neurons."""
        return any(name.endswith(("_pre", "_post")) for name in get_identifiers(self.reward))

    # --- the texts --------------------------------------------------------------------------

    def _texts(self) -> dict[str, str]:
        at_once = self.tau_e is None
        factors = self._modulator()
        equations = self._immediate() if at_once else self._trace()
        if not self.per_sample:
            equations += factors
        if self._is_local and not at_once:
            credit = f"{self._signed('modulator')}*eligibility : {self._unit}"
            equations.append(f"credit = {credit} (summed)")
        return {
            **{name: getattr(self.rule, name) for name in _PASSED_ON},
            "equations": "\n".join(filter(None, equations)),
            "on_pre": self.rule.on_pre if at_once else self._eligible(self.rule.on_pre),
            "on_post": self.rule.on_post if at_once else self._eligible(self.rule.on_post),
            "update": self._immediate_update() if at_once else self._update(),
            "post_samples": "\n".join(
                filter(None, [self.rule.post_samples, *(factors if self.per_sample else [])])
            ),
            "reference": "; ".join(
                filter(None, [self.rule.reference, "" if at_once else _REFERENCE])
            ),
        }

    # --- rewards of the very step -----------------------------------------------------------

    def _immediate(self) -> list[str]:
        """Equations of the rule with the modulator in each term of its sums."""
        rule = self.rule
        if "w" in {s.target for s in parse_statements(f"{rule.on_pre}\n{rule.on_post}")}:
            raise ValueError(
                f"{self.name}: spikes change the weight; give tau_e, so that a trace of what they "
                "change waits for the reward"
            )
        check_proportional(self.name, rule.equations, rule.update)
        modulator = "modulator_post" if self.per_sample else "modulator"
        return [scaled_sums(rule.equations, self._signed(modulator))]

    def _immediate_update(self) -> str:
        update = self.rule.update
        if self.soft:
            update = softened(self.name, update, self.soft)
        return "\n".join([*self._mean(), update])

    # --- rewards that a trace waits for -----------------------------------------------------

    def _trace(self) -> list[str]:
        """Equations of the rule, its trace, and what rewards make of it."""
        flags = "clock-driven, per sample" if self.per_sample else "clock-driven"
        equations = [self.rule.equations.strip()]
        if self.per_sample:
            equations = [equations[0].replace("(summed)", "(summed, per sample)")]
        equations.append(f"deligibility/dt = -eligibility/tau_e : {self._unit} ({flags})")
        if self.per_sample:
            credit = f"{self._signed('modulator_post')}*eligibility : {self._unit}"
            equations.append(f"credit = {credit} (summed over samples)")
        return equations

    @property
    def _unit(self) -> str:
        """Of the trace: soft bounds give a change its units."""
        soft = any(is_soft(statement) for statement in parse_statements(self.rule.update))
        return "1" if soft else self.rule.weight_unit

    def _update(self) -> str:
        """Return the update: what feeds the trace, then what reward makes of it, within bounds."""
        statements = parse_statements(self.rule.update)
        clipped = [str(statement) for statement in statements if clips(str(statement))]
        fading = [str(statement) for statement in statements if is_soft(statement)]
        eligible = [
            "eligibility += w_change" if is_soft(statement) else self._eligible(str(statement))
            for statement in statements
            if str(statement) not in clipped
        ]
        modulator = "modulator" if self.tau_reward is None else "M"
        is_summed = self.per_sample or self._is_local
        change = "credit" if is_summed else f"{self._signed(modulator)}*eligibility"
        change += "" if self.trial_by_trial else "*dt/second"
        if fading:
            changes = [f"w_change = {change}", *fading]
        else:
            changes = soft_change(change, self.soft) if self.soft else [f"w += {change}"]
        return "\n".join([*self._mean(), *eligible, *changes, *clipped])

    def _eligible(self, code: str) -> str:
        lines = []
        for statement in parse_statements(code):
            if statement.target != "w":
                lines.append(str(statement))
                continue
            if statement.operator not in ("+=", "-="):
                raise ValueError(
                    f"RewardGated({self.rule.name}): '{statement}' changes the weight by neither "
                    "+= nor -=, and can't be made to wait for a reward"
                )
            lines.append(str(replace(statement, target="eligibility")))
        return "\n".join(lines)

    def _modulator(self) -> list[str]:
        """Equations of reward and modulator, of the kernel or of each sample."""
        shared = "" if self.per_sample else " (shared)"
        own = "" if self._is_local else shared
        lines = [f"reward{f' = {self.reward}' if self.reward else ''} : 1{own}"]
        gate = ""
        if self.trial_by_trial:
            lines.append(f"rewarded : 1{shared}")
            gate = "rewarded*"
        if self.tau_reward is None:
            lines.append(f"modulator = {gate}reward : 1{own}")
            return lines
        if self.per_sample:
            # the modulator is read after the mean was integrated, and is that of before
            lines.append(f"dmean_reward/dt = {gate}(reward - mean_reward)/tau_reward : 1")
            lines.append(f"modulator = {gate}(reward - mean_reward)*exp(dt/tau_reward) : 1")
            return lines
        lines.append("mean_reward : 1 (shared)")
        lines.append(f"modulator = {gate}(reward - mean_reward) : 1 (shared)")
        return lines

    def _mean(self) -> list[str]:
        if self.tau_reward is None or self.per_sample:
            return []
        # one value for both lines: the modulator itself changes with the mean
        return ["M = modulator", "mean_reward += M*(1 - exp(-dt/tau_reward))"]

    def _signed(self, modulator: str) -> str:
        """Return the modulator, with the factor of negative ones."""
        if self.punishment == 1:
            return modulator
        return f"{modulator}*(int({modulator} > 0) + punishment*int({modulator} < 0))"

    # --- bounds, conditions, filters: those of the rule inside, as long as the update is made of it

    def hard_bounded(self, low: float | Quantity, high: float | Quantity) -> Self:
        """Return this rule with weights clipped to ``[low, high]``, as `Rule.hard_bounded`."""
        if not isinstance(self.update, MadeText):
            return super().hard_bounded(low, high)
        return replace(self, rule=self.rule.hard_bounded(low, high))

    def soft_bounded(self, low: float | Quantity, high: float | Quantity) -> Self:
        """Return this rule with what the reward changes fading towards ``low`` and ``high``.

        Other than `Rule.soft_bounded`, it bounds rules that spikes drive, too: all that changes
        the weight is the reward.
        """
        if not isinstance(self.update, MadeText):
            return super().soft_bounded(low, high)
        if self.soft or any(is_soft(statement) for statement in parse_statements(self.update)):
            raise ValueError(f"{self.name}: this rule has soft bounds already; give them once")
        return replace(self, soft=checked_bounds(self.name, low, high))

    def learn_if(self, condition: str) -> Self:
        """Return this rule with eligibility where a condition holds, as `Rule.learn_if`.

        Like `RewardGated` of ``rule.learn_if(condition)``: the condition is looked at when the
        rule inside would change the weight, and a reward in it is that of this step. What waits
        for a later reward can't depend on it; without a trace (``tau_e=None``) it can.
        """
        if not isinstance(self.update, MadeText):
            return super().learn_if(condition)
        return replace(self, rule=self.rule.learn_if(condition))

    def filtered(self, tau_pre: Quantity, tau_post: Quantity) -> Rule:
        """Return this rule for rates driven by spikes, as `Rule.filtered`."""
        if not isinstance(self.update, MadeText):
            return super().filtered(tau_pre, tau_post)
        return replace(self, rule=self.rule.filtered(tau_pre, tau_post))

    @property
    def name(self) -> str:
        """The rule's name, with that of the rule inside."""
        return f"RewardGated({self.rule.name})"

    @property
    def parameters(self) -> dict[str, Any]:
        """Values of the names in the equations, those of the rule inside included."""
        own: dict[str, Any] = {"punishment": self.punishment}
        times = {"tau_e": self.tau_e, "tau_reward": self.tau_reward}
        own |= {name: tau for name, tau in times.items() if tau is not None}
        return {**self.rule.parameters, **own, **self.constants}

    @property
    def weight_bounds(self) -> Bounds | None:
        """Lower and upper bound of the weight: its own, else those of the rule inside."""
        return self.bounds or self.rule.weight_bounds or self.soft

    @property
    def weight_unit(self) -> str:
        """Units of the weight, as far as the parameters of the rule inside tell."""
        return self.rule.weight_unit


_REFERENCE = "Izhikevich 2007, Cereb Cortex 17:2443"
_OPTIONS = {"reward", "trial_by_trial", "per_sample", "punishment", "soft"}
_PASSED_ON = ("pre_channels", "post_channels", "pre_model", "post_model", "pre_reset", "post_reset")
