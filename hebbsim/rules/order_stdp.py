"""STDP by order alone: what spiked before whom in a stimulus, however long before."""

from dataclasses import dataclass, replace
from math import inf
from numbers import Real
from typing import Any, ClassVar, Self

from brian2.utils.stringtools import get_identifiers

from hebbsim.rules.bounds import checked_bounds, fading
from hebbsim.short_repr import ShortRepr

__all__ = ["OrderSTDP"]


def _checked_rate(name: str, value: Any) -> float | str:
    """Return a rate as Python's number, or as it is written."""
    is_text = isinstance(value, str) and value.strip()
    if isinstance(value, bool) or not (is_text or isinstance(value, Real)):
        raise TypeError(
            f"OrderSTDP: {name} must be a number or an expression such as "
            f"'0.004*exp(-n_stimuli/1000)', got {value!r}"
        )
    if isinstance(value, str):
        return value
    number = value if isinstance(value, int) else float(value)
    if not -inf < number < inf:
        raise ValueError(f"OrderSTDP: {name} must be finite, got {value}")
    return number


def _factor(rate: float | str) -> str:
    return f"({rate})" if isinstance(rate, str) or rate < 0 else f"{rate}"


@dataclass(frozen=True, repr=False)
class OrderSTDP(ShortRepr):
    """STDP by order: inputs that spiked before the neuron are potentiated, all others depressed.

    For networks in which each neuron spikes once a stimulus. An input that spikes later, or not at
    all, or is padding, is depressed. `OrderPlasticity` applies it to a kernel: all of a stimulus
    sees the kernel of its start, and the changes of all winners come when it ends.

    Parameters
    ----------
    a_plus, a_minus : float or str
        Rates of potentiation and of depression. An expression may name ``n_stimuli``, how many
        stimuli came before, and ``reward``.
    soft : {'both', 'ahead', None}
        Towards which bounds changes fade: both, by ``(w - w_min)*(w_max - w)``, or the one that
        the weight moves to, by its distance, as `Rule.soft_bounded`, so that weights are graded;
        by default both. Without any they stop at the bounds.
    w_min, w_max : float
        Bounds to which the weights are clipped after each stimulus.
    block : int
        Stimuli after which ``share_right`` becomes the share of those among them that were
        rewarded; it is 0 before, as ``block_ended`` is. Without it the rule has neither. Rates
        that follow are made by `rewarded`.
    repeated : bool
        Whether stimuli are shown again, so that a block is of first showings; ``n_shown_before``
        is how often the present one was shown before.

    Raises
    ------
    TypeError
        If a rate is neither a number nor an expression.
    ValueError
        If a rate or a bound is not finite, the bounds don't rise, `block` is negative, `soft` is
        unknown, or `repeated` is true without a block.

    References
    ----------
    Kheradpisheh et al. 2018, Neural Networks 99:56, equation 5; with reward Mozafari et al. 2018,
    IEEE Trans Neural Netw Learn Syst 29:6178.

    Examples
    --------
    >>> print(OrderSTDP(0.004, 0.003).doubling(every=500, until=0.15))
    """

    a_plus: float | str = 0.004
    a_minus: float | str = 0.003
    soft: str | None = "both"
    w_min: float = 0.0
    w_max: float = 1.0
    block: int = 0
    repeated: bool = False

    #: As of a `Rule`: driven by spikes, needs nothing of neurons, and where it comes from
    spiking: ClassVar[bool] = True
    pre_model: ClassVar[str] = ""
    post_model: ClassVar[str] = ""
    pre_reset: ClassVar[str] = ""
    post_reset: ClassVar[str] = ""
    pre_channels: ClassVar[str] = ""
    post_channels: ClassVar[str] = ""
    post_samples: ClassVar[str] = ""
    parameters: ClassVar[dict[str, Any]] = {}
    reference: ClassVar[str] = "Kheradpisheh et al. 2018, Neural Networks 99:56, equation 5"

    def __post_init__(self) -> None:
        for name in ("a_plus", "a_minus"):
            object.__setattr__(self, name, _checked_rate(name, getattr(self, name)))
        low, high = (float(bound) for bound in checked_bounds("OrderSTDP", self.w_min, self.w_max))
        if not high - low < inf:
            raise ValueError(f"OrderSTDP: the bounds must be finite, got {low} and {high}")
        if self.soft not in ("both", "ahead", None):
            raise ValueError(f"OrderSTDP: soft must be 'both', 'ahead' or None, got {self.soft!r}")
        if isinstance(self.block, bool) or not isinstance(self.block, int) or self.block < 0:
            raise ValueError(
                f"OrderSTDP: block must be a number of stimuli, or 0 for none, got {self.block!r}"
            )
        if self.repeated and not self.block:
            raise ValueError(
                "OrderSTDP: repeated=True says which showings a block is of, so it needs block=, "
                "as in rewarded(0.004, 0.0005, block=1000, repeated=True)"
            )

    @property
    def equations(self) -> str:
        """The equations of the kernel, as `Rule` calls them."""
        return self.model

    @property
    def model(self) -> str:
        """The equations of the kernel: the weight, and the rates."""
        of_repeats = ("n_shown_before : integer (shared)", "n_shown_first : integer (shared)")
        of_block = (
            "n_right : integer (shared)",
            "share_right : 1 (shared)",
            f"block_ended = int({self._counted} >= {self.block}) : 1 (shared)",
        )
        return "\n".join(
            (
                "w : 1",
                "n_stimuli : integer (shared)",
                "reward : 1 (shared)",
                *(of_repeats if self.repeated else ()),
                *(of_block if self.block else ()),
                f"a_plus = {self.a_plus} : 1 (shared)",
                f"a_minus = {self.a_minus} : 1 (shared)",
            )
        )

    @property
    def names(self) -> list[str]:
        """What the equations define."""
        return [line.split(" ", 1)[0] for line in self.model.splitlines()]

    @property
    def learns_from_reward(self) -> bool:
        """Whether a rate names ``reward``."""
        return "reward" in get_identifiers(f"{self.a_plus}; {self.a_minus}")

    @property
    def potentiation(self) -> str:
        """By how much a weight changes whose input had spiked when the neuron did."""
        return self._faded("", "a_plus", self._below, self._above)

    @property
    def depression(self) -> str:
        """By how much a weight changes whose input had not."""
        return self._faded("-", "a_minus", self._above, self._below)

    @property
    def update(self) -> str:
        """What is done with the sum of all changes ``dw`` when the stimulus ends."""
        return f"w = clip(w + dw, {self.w_min}, {self.w_max})"

    @property
    def count(self) -> str:
        """What is counted when a stimulus has ended and is part of ``n_stimuli``; may be empty."""
        if not self.block:
            return ""
        first = " and n_shown_before == 0" if self.repeated else ""  # a repeat changes none of it
        last = f"int({self._counted} % {self.block} == 0{first})"
        return "\n".join(
            (
                *(("n_shown_first += int(n_shown_before == 0)",) if self.repeated else ()),
                f"n_right += int(reward > 0{first})",
                f"share_right = share_right*(1 - {last}) + n_right/{float(self.block)}*{last}",
                f"n_right = n_right*(1 - {last})",
            )
        )

    @property
    def _counted(self) -> str:
        """What blocks are of."""
        return "n_shown_first" if self.repeated else "n_stimuli"

    def _faded(self, sign: str, rate: str, ahead: str, behind: str) -> str:
        """Return the change, where the bound that a positive rate moves the weight to is ahead."""
        if self.soft is None:
            return f"{sign}{rate}"
        if self.soft == "both":
            return f"{sign}{rate}*{self._above}*{self._below}"
        value = getattr(self, rate)
        if not isinstance(value, str) and value >= 0:
            return f"{sign}{rate}*{ahead}"
        return f"{sign}({fading(rate, ahead, behind)})"

    @property
    def _above(self) -> str:
        return "w" if self.w_min == 0 else f"(w - {self.w_min})"

    @property
    def _below(self) -> str:
        return f"({self.w_max} - w)"

    def doubling(self, every: int, until: float) -> Self:
        """Return this rule with rates that double with each `every`-th stimulus.

        Parameters
        ----------
        every : int
            The stimulus of this number, counted from 1, is the first with rates twice as large.
        until : float
            Largest `a_plus`; `a_minus` keeps its ratio to it.
        """
        if isinstance(self.a_plus, str) or isinstance(self.a_minus, str):
            raise ValueError("OrderSTDP: only rates that are numbers can double")
        if isinstance(every, bool) or not isinstance(every, int) or every < 1:
            raise ValueError(f"OrderSTDP: every must be a positive integer, got {every!r}")
        if not 0 < self.a_plus <= until:
            raise ValueError(
                f"OrderSTDP: rates double from a_plus={self.a_plus} up to until, which must be at "
                f"least as large, got {until!r}"
            )
        ratio = self.a_minus / self.a_plus
        doublings = f"(n_stimuli + 1)//{every}"
        # a sum of powers of two is exact
        return replace(
            self,
            a_plus=f"clip({self.a_plus}*2.0**({doublings}), 0, {until})",
            a_minus=f"{ratio}*a_plus",
        )

    def rewarded(
        self,
        a_plus_wrong: float | str,
        a_minus_wrong: float | str,
        block: int = 0,
        *,
        repeated: bool = False,
    ) -> Self:
        """Return this rule with signs and rates set by the kernel's ``reward``.

        Where it is positive the rule stays; where it is negative, inputs that spiked before are
        depressed by `a_plus_wrong`, and all others potentiated by `a_minus_wrong`; where it is 0,
        nothing changes.

        Parameters
        ----------
        a_plus_wrong, a_minus_wrong : float or str
            Rates where the reward is negative.
        block : int, optional
            Let rates follow what was right in the last block of so many stimuli: where the reward
            is positive they are multiplied by the block's share of errors, where it is negative by
            its share of right decisions (Mozafari et al. 2019, Pattern Recognition 94:87). Until
            the first block has ended both are 1. By default they follow nothing.
        repeated : bool, optional
            For stimuli that are shown again while the decision is wrong (see ``repeat_while`` of
            `StoredImages`). Blocks are of first showings alone, so that rates follow what is right
            at once; what becomes right after a repeat is rewarded at the full rate. Link the
            kernel's ``n_shown_before``, as in
            ``conv.n_shown_before = linked_var(images.repetition, "n_repeats")``; as long as it is
            0, all showings count as first ones.

        Raises
        ------
        TypeError, ValueError
            As of this rule.
        """
        a_plus_wrong = _checked_rate("a_plus_wrong", a_plus_wrong)
        a_minus_wrong = _checked_rate("a_minus_wrong", a_minus_wrong)
        right, wrong = "int(reward > 0)", "int(reward < 0)"
        if block:
            first = "int(n_shown_before == 0)*" if repeated else ""
            right += f"*(1 - {first}block_ended*share_right)"
            wrong += "*(1 - block_ended*(1 - share_right))"
        return replace(
            self,
            a_plus=f"({self.a_plus})*{right} - {_factor(a_plus_wrong)}*{wrong}",
            a_minus=f"({self.a_minus})*{right} - {_factor(a_minus_wrong)}*{wrong}",
            block=block,
            repeated=repeated,
        )

    def __str__(self) -> str:
        lines = [
            *self.model.splitlines(),
            f"for each winner, where its input spiked before it: dw += {self.potentiation}",
            f"for each winner, where it spiked later or never, and of padding: "
            f"dw += {self.depression}",
            f"when the stimulus ends: {self.update}",
            *(f"then: {line}" for line in self.count.splitlines()),
            self.reference,
        ]
        return "\n".join(["OrderSTDP", *(f"    {line}" for line in lines)])
