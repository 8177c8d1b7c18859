"""The primitives that train feedback, and the rules that are made of them."""

from dataclasses import dataclass, field, replace
from typing import Self

from hebbsim.experiments.tables import markdown_table

__all__ = ["PRIMITIVES", "RULES", "Primitive", "Rule", "rules_table"]


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
    descent : str
        The negative gradient with respect to ``b``, one product.
    is_local : bool
        Whether a synapse has all that it needs.
    """

    value: str
    equations: str
    descent: str
    is_local: bool = True


#: What an input brings forward through ``w``, forward through ``b``, and back again
FORWARD = "u_post = w*x_pre : 1 (summed)"
THROUGH_B = "p_post = b*x_pre : 1 (summed)"
BACK = "q_pre = b*u_post : 1 (summed)"

PRIMITIVES = {
    "decay": Primitive("|B|^2/2", "", "-b"),
    "amp": Primitive(
        "-<xB', xW>", f"{FORWARD}\namplified = u_post*x_pre/n_shared : 1 (summed)", "amplified"
    ),
    "sparse": Primitive(
        "|xB'|^2/2",
        f"{THROUGH_B}\nsparse = p_post*x_pre/n_shared : 1 (summed)",
        "-sparse",
        is_local=False,  # b carries errors down, and can't carry the input up
    ),
    "null": Primitive(
        "|xWB|^2/2", f"{FORWARD}\n{BACK}\nnull = u_post*q_pre/n_shared : 1 (summed)", "-null"
    ),
    "self": Primitive("-tr(BW)", "", "w", is_local=False),
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
    variables : str
        What that needs.
    sees_noise : bool
        Whether the input is noise instead of the layer's activity.
    update_is_local : bool
        Whether a synapse has all that `update` needs.
    """

    name: str
    primitives: dict[str, float] = field(default_factory=dict)
    update: str = ""
    variables: str = ""
    sees_noise: bool = False
    update_is_local: bool = True

    @property
    def is_local(self) -> bool:
        """Whether a synapse has all that it needs."""
        return self.update_is_local and all(PRIMITIVES[name].is_local for name in self.primitives)

    @property
    def equations(self) -> str:
        """The variables that it needs, and the sums of its primitives, each once."""
        lines = [self.variables, *(f"{gain} : 1 (shared)" for gain in self.gains)]
        lines += [line for n in self.primitives for line in PRIMITIVES[n].equations.splitlines()]
        return "\n".join(dict.fromkeys(lines))

    @property
    def sees_input(self) -> bool:
        """Whether a primitive depends on what the layer below does."""
        return "x_pre" in self.equations

    @property
    def descent(self) -> str:
        """The statement by which ``b`` descends its primitives."""
        terms = ""
        for name in self.primitives:
            descent = PRIMITIVES[name].descent
            sign = "-" if descent.startswith("-") else "+"
            terms += f" {sign} {name}_gain*{descent.removeprefix('-')}"
        return f"b += eta_b*rate*({terms.removeprefix(' + ').strip()})" if terms else ""

    @property
    def gains(self) -> dict[str, float]:
        """The coefficients, as the statement names them."""
        return {f"{name}_gain": coefficient for name, coefficient in self.primitives.items()}

    def turned(self, name: str) -> Self:
        """Return the rule with the sign of a primitive turned around."""
        return replace(self, primitives={**self.primitives, name: -self.primitives[name]})


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
        variables="v_b : 1",
        update="v_b = momentum*v_b + dw + weight_decay*b\nb += -eta*rate*v_b",
        update_is_local=False,
    ),
}


def rules_table() -> str:
    """Write the rules in Markdown: name, what is done to ``b`` in a step, local or not."""
    lines = []
    for name, rule in RULES.items():
        statement = "; ".join([*rule.descent.splitlines(), *rule.update.splitlines()])
        for gain, value in rule.gains.items():
            statement = statement.replace(f"{gain}*", "" if value == 1 else f"{value:g}*")
        text = f"`{statement}`" if statement else "stays as it is"
        seen = " (`x` is noise)" if rule.sees_noise else ""
        lines.append([f"{rule.name} ({name})", text + seen, "yes" if rule.is_local else "no"])
    headings = ["rule", "feedback kernel in a step", "local"]
    return markdown_table(headings, lines, headings)
