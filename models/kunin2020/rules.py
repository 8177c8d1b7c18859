"""The primitives that train feedback, and the rules that are made of them."""

from dataclasses import dataclass, field

__all__ = ["PRIMITIVES", "RULES", "Primitive", "Rule", "text_of"]


@dataclass(frozen=True)
class Primitive:
    """
    Hold a term of the function that the feedback kernel ``b`` descends.

    Parameters
    ----------
    value : str
        The term; ``x`` is the input, ``W`` and ``B`` the matrices of ``w`` and ``b``.
    equations : str
        The sums that its gradient needs.
    gradient : str
        With respect to ``b``; of squares half the gradient.
    is_local : bool
        Whether a synapse has all that it needs.
    """

    value: str
    equations: str
    gradient: str
    is_local: bool = True


#: What an input brings forward through ``w``, forward through ``b``, and back again
FORWARD = "u_post = w*x_pre : 1 (summed)"
THROUGH_B = "p_post = b*x_pre : 1 (summed)"
BACK = "q_pre = b*u_post : 1 (summed)"

PRIMITIVES = {
    "decay": Primitive("|B|^2/2", "", "b"),
    "amp": Primitive(
        "-<xB', xW>", f"{FORWARD}\namplified = u_post*x_pre/n_shared : 1 (summed)", "-amplified"
    ),
    "sparse": Primitive(
        "|xB'|^2/2",
        f"{THROUGH_B}\nsparse = p_post*x_pre/n_shared : 1 (summed)",
        "sparse",
        is_local=False,  # b carries errors down, and can't carry the input up
    ),
    "null": Primitive(
        "|xWB|^2/2", f"{FORWARD}\n{BACK}\nnull = u_post*q_pre/n_shared : 1 (summed)", "null"
    ),
    "self": Primitive("-tr(BW)", "", "-w", is_local=False),
}


@dataclass(frozen=True)
class Rule:
    """
    Say how the feedback of a layer learns.

    Parameters
    ----------
    name : str
        As the paper has it.
    primitives : mapping of str to float
        Coefficients of `PRIMITIVES`.
    update : str
        What else happens to ``b`` in a step.
    sees_noise : bool
        Whether the input is noise instead of the layer's activity.
    update_is_local : bool
        Whether a synapse has all that `update` needs.
    """

    name: str
    primitives: dict[str, float] = field(default_factory=dict)
    update: str = ""
    sees_noise: bool = False
    update_is_local: bool = True

    @property
    def is_local(self) -> bool:
        """Whether a synapse has all that it needs."""
        return self.update_is_local and all(PRIMITIVES[name].is_local for name in self.primitives)

    @property
    def equations(self) -> str:
        """The sums that its primitives need, each once."""
        lines = [line for n in self.primitives for line in PRIMITIVES[n].equations.splitlines()]
        return "\n".join(dict.fromkeys(lines))

    @property
    def descent(self) -> str:
        """The statement that changes ``b``."""
        terms = [
            f"{coefficient:g}*({PRIMITIVES[name].gradient})"
            for name, coefficient in self.primitives.items()
        ]
        return f"b += -eta_b*rate*({' + '.join(terms)})" if terms else ""


#: Coefficients of the small network, chosen on other seeds
RULES = {
    "BP": Rule("backprop", update="b = w", update_is_local=False),
    "FA": Rule("feedback alignment"),
    "WM": Rule("weight mirror", {"amp": 1, "decay": 0.1}, sees_noise=True),
    "IA": Rule("information alignment", {"amp": 1, "null": 1, "decay": 0.1}),
    "SA": Rule("symmetric alignment", {"self": 1, "decay": 1}),
    "AA": Rule("activation alignment", {"amp": 1, "sparse": 1}),
    "KP": Rule(
        "Kolen-Pollack",
        update="b += -eta*rate*(dw + weight_decay*b)",
        update_is_local=False,
    ),
}


def text_of(rule: Rule) -> str:
    """Write the statements of a rule, for the table of all."""
    return "; ".join(filter(None, (rule.descent, rule.update))) or "b stays as it is"
