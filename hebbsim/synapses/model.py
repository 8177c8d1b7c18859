"""The equations of a convolution: what they mean, what they need, what they may not say."""

from collections.abc import Container, Iterable
from dataclasses import dataclass

from brian2.equations import Equations, Expression
from brian2.equations.equations import (
    DIFFERENTIAL_EQUATION,
    PARAMETER,
    SUBEXPRESSION,
    SingleEquation,
    extract_constant_subexpressions,
)
from brian2.utils.stringtools import get_identifiers, word_substitute

from hebbsim.maps.feature_map import FeatureMap
from hebbsim.rules.rule import Rule
from hebbsim.synapses.connections import Connections
from hebbsim.units import unit_text

__all__ = ["REDUCTIONS", "ConvModel", "check_identifiers", "read_model", "what_to_add"]

#: The simplest model
DEFAULT_MODEL = """
w : 1
u_post = w*x_pre : 1 (summed)
"""

#: How the values of many kernel elements become one, and of which elements, by flag
REDUCTIONS = {
    f"{how} over {part}": (how, part)
    for how in ("summed", "mean", "maximum", "minimum")
    for part in ("filter", "kernel")
} | {"constant over filter": ("constant", "filter")}
_FLAGS = {
    DIFFERENTIAL_EQUATION: ["clock-driven", "event-driven", "per sample"],
    SUBEXPRESSION: [
        *("summed", "summed over samples", "cumulative", *REDUCTIONS),
        *("shared", "constant over dt", "per sample"),
    ],
    PARAMETER: ["constant", "shared", "per sample"],
}
_INCOMPATIBLE = [
    ("summed", "summed over samples", "cumulative", *REDUCTIONS, "shared", "constant over dt"),
    ("per sample", "summed over samples", "cumulative", *REDUCTIONS, "shared", "constant over dt"),
]
#: Names that a model can't define besides the attributes of the convolution
_TAKEN = {
    *("i", "N", "delay", "mask", "n_shared", "model"),
    *("out_channel", "in_channel", "krow", "kcol", "out_row", "out_col"),
}


@dataclass(frozen=True)
class ConvModel:
    """The equations of a convolution, sorted by what they mean."""

    #: All of them, as `print` shows them
    equations: Equations
    #: What is integrated or read on each kernel element
    kernel: Equations
    #: What is integrated from one spike along a connection to the next
    event_driven: Equations
    #: What is evaluated once at the start of a step
    constant_over_dt: Equations
    #: Expressions over the variables of connections, written out, by their names
    of_connections: dict[str, str]
    #: Sums over connections, to neurons or to the kernel
    summed: list[SingleEquation]
    #: Where each of these adds up: 'pre', 'post' or 'kernel'
    sides: dict[str, str]
    #: Sums over connections that run over the output channels
    cumulative: list[SingleEquation]
    #: What each sample has its own values of
    per_sample: Equations
    #: Sums over the samples into kernel variables
    over_samples: list[SingleEquation]
    #: Sums, means and extremes over each filter or the whole kernel
    reduced: list[SingleEquation]

    def used_by(self, equation: SingleEquation) -> list[SingleEquation]:
        """Return the (cumulative) equations that a summed one reads."""
        return [running for running in self.cumulative if running.varname in equation.identifiers]

    @property
    def stored(self) -> list[SingleEquation]:
        """What defines a variable of each kernel element."""
        to_kernel = [e for e in self.summed if self.sides[e.varname] == "kernel"]
        own = [e for e in to_kernel if "per sample" not in e.flags]
        of_spikes = self.event_driven.values()
        return [*self.kernel.values(), *of_spikes, *own, *self.over_samples, *self.cumulative]


def read_model(
    connections: Connections,
    model: str | Equations | None,
    rule: Rule | None,
    taken: Container[str],
) -> ConvModel:
    """Read the equations of a model and a rule.

    Parameters
    ----------
    connections : Connections
        What the equations are about.
    model : str or Equations, optional
        The user's own equations.
    rule : Rule, optional
        Adds those that the model lacks.
    taken : container of str
        Names that have a meaning already.

    Raises
    ------
    TypeError
        If there is neither, or one has a wrong type.
    ValueError, SyntaxError
        If an equation has no meaning on a shared kernel.
    """
    text = _equations(connections.label, model, rule)
    _check_flags(connections, text)
    _check_names(connections, text, taken)
    _check_constants(connections, rule)
    equations, constant = extract_constant_subexpressions(text)
    of_connections = _of_connections(connections, equations)
    equations = _written_out(equations, of_connections)
    _check_elements(connections, equations, of_connections)
    kinds = (
        *("summed", "cumulative", "summed over samples", "per sample", "event-driven"),
        *REDUCTIONS,
        "",
    )
    by_flag: dict[str, list[SingleEquation]] = {kind: [] for kind in kinds}
    for equation in equations.values():
        kind = next((f for f in kinds if f in equation.flags), "")
        if connections.are_elements or equation.varname not in of_connections:
            by_flag[kind].append(equation)
    summed = by_flag["summed"]
    why = ""
    if model is None and rule is not None:
        why = f"; without a model, 'w : {rule.weight_unit}' follows from the rule's update"
    found = ConvModel(
        equations=equations,
        kernel=Equations(by_flag[""]),
        event_driven=_event_driven(by_flag["event-driven"]),
        constant_over_dt=constant,
        of_connections=of_connections,
        summed=summed,
        sides={e.varname: _side(connections, e, why) for e in summed},
        cumulative=by_flag["cumulative"],
        per_sample=Equations([e for e in equations.values() if "per sample" in e.flags]),
        over_samples=by_flag["summed over samples"],
        reduced=[equation for flag in REDUCTIONS for equation in by_flag[flag]],
    )
    for equation in (*found.stored, *found.reduced):
        if equation.varname.endswith(("_pre", "_post")):
            raise SyntaxError(
                f"{connections.label}: '{equation.varname}' names a variable of a feature map; "
                "only a (summed) equation can set it"
            )
    return found


def _equations(label: str, model: str | Equations | None, rule: Rule | None) -> Equations:
    """Return the model's equations, and those of the rule that it lacks."""
    if rule is not None and not isinstance(rule, Rule):
        raise TypeError(f"{label}: rule must be a Rule, such as rules.Oja(), got {rule!r}")
    if model is None:
        if rule is None:
            raise TypeError(
                f"{label}: give a model or a rule, or both; the simplest model is "
                f"{DEFAULT_MODEL.strip()!r}"
            )
        model = _default_model(rule)
    if not isinstance(model, str | Equations):
        raise TypeError(
            f"{label}: the model must be a string or Equations, got {type(model).__name__}"
        )
    equations = Equations(model) if isinstance(model, str) else model
    if rule is not None:
        missing = [e for e in Equations(rule.model).values() if e.varname not in equations]
        equations = equations + Equations(missing)
    return equations


def _default_model(rule: Rule) -> str:
    """Return the model of a convolution that has none of its own, in the units of the weight."""
    unit = rule.weight_unit
    return f"w : {unit}" if rule.spiking else DEFAULT_MODEL.replace(" : 1", f" : {unit}")


def _of_connections(connections: Connections, equations: Equations) -> dict[str, str]:
    """Return the subexpressions that name variables of the neurons, written out."""
    plain = {n: e for n, e in equations.items() if e.type == SUBEXPRESSION and not e.flags}
    found: dict[str, str] = {}
    for _ in plain:  # as deep as they can be nested
        for name, equation in plain.items():
            if connections.names_neurons(equation.identifiers) or equation.identifiers & {*found}:
                found[name] = f"({word_substitute(equation.expr.code, found)})"
    return found


def _written_out(equations: Equations, of_connections: dict[str, str]) -> Equations:
    """Write the expressions over connections into the sums that use them."""
    return Equations(
        [
            SingleEquation(
                equation.type,
                equation.varname,
                equation.dim,
                var_type=equation.var_type,
                expr=Expression(word_substitute(equation.expr.code, of_connections)),
                flags=equation.flags,
            )
            if {"summed", "cumulative", *REDUCTIONS} & set(equation.flags)
            and equation.identifiers & {*of_connections}
            else equation
            for equation in equations.values()
        ]
    )


def _check_elements(
    connections: Connections, equations: Equations, of_connections: dict[str, str]
) -> None:
    """Refuse equations of kernel elements that name neurons, where an element has many."""
    if connections.are_elements:
        return
    for equation in equations.values():
        sums = {"summed", "cumulative", "summed over samples", "per sample", *REDUCTIONS}
        elsewhere = sums & set(equation.flags) or equation.varname in of_connections
        if equation.type == PARAMETER or elsewhere:
            continue
        found = equation.identifiers & {*of_connections}
        if found or connections.names_neurons(equation.identifiers):
            raise ValueError(
                f"{connections.label}: '{equation.varname}' belongs to a kernel element, which "
                f"connections share, and can't name a neuron's variable as in '{equation.expr}'; "
                f"add up over the connections first, as in 'h = x_pre*y_post : 1 (summed)'"
            )


def _event_driven(equations: list[SingleEquation]) -> Equations:
    """Return the equations with the time of the last spike, up to which they are integrated."""
    return Equations(equations) + (Equations("lastupdate : second") if equations else "")


def _check_flags(connections: Connections, equations: Equations) -> None:
    for equation in equations.values():
        if "event-driven" in equation.flags and not connections.share_nothing:
            name, source, target = equation.varname, connections.source, connections.target
            raise ValueError(
                f"{connections.label}: '{name}' is event-driven, a trace of each connection, and "
                "here connections share their kernel elements. A trace of spikes belongs to the "
                f"neurons: leave it to a rule, such as rule=rules.PairSTDP(), or put 'd{name}/dt' "
                f"into the model of '{source.name}' or '{target.name}' with '{name} += 1' in its "
                f"reset, and read it as {name}_pre or {name}_post"
            )
    equations.check_flags(_FLAGS, incompatible_flags=_INCOMPATIBLE)


def _check_names(connections: Connections, equations: Equations, taken: Container[str]) -> None:
    of_maps = {*connections.source.variables, *connections.target.variables}
    shadowed = sorted({e.varname for e in equations.values()} & of_maps)
    if shadowed:
        raise ValueError(
            f"{connections.label}: '{shadowed[0]}' is a variable of a feature map and of the "
            "kernel; rename the kernel's"
        )
    for name in sorted(equations.names):
        if name in _TAKEN or name in taken:
            raise SyntaxError(
                f"{connections.label}: '{name}' has a meaning of its own here and can't be "
                "defined by the model; choose another name"
            )


def _check_constants(connections: Connections, rule: Rule | None) -> None:
    for name in sorted(_TAKEN & {*(rule.parameters if rule else ())}):
        raise SyntaxError(
            f"{connections.label}: the rule's constant '{name}' would not be used, since '{name}' "
            "has a meaning of its own here; choose another name"
        )


def _side(connections: Connections, equation: SingleEquation, why: str) -> str:
    """Say where a summed equation adds up: 'pre', 'post' or 'kernel'; `why` it has its units."""
    for side, group in connections.sides:
        if equation.varname.endswith(f"_{side}"):
            if not isinstance(group, FeatureMap):
                raise TypeError(
                    f"{connections.label}: '{equation.varname}' sums to the neurons of "
                    f"'{group.name}', which has to be a FeatureMap for that, not a "
                    f"{type(group).__name__}"
                )
            base = equation.varname.removesuffix(f"_{side}")
            parameter = group.equations.get(base, None)
            if parameter is None or parameter.type != PARAMETER or "shared" in parameter.flags:
                raise ValueError(
                    f"{connections.label}: '{equation.varname}' is summed and needs a parameter "
                    f"'{base} : {unit_text(equation.dim)}' in the model of '{group.name}'"
                )
            if parameter.dim is not equation.dim:
                raise ValueError(
                    f"{connections.label}: '{equation.varname} : {unit_text(equation.dim)}' and "
                    f"'{base} : {unit_text(parameter.dim)}' of '{group.name}' have different units"
                    f"{why}"
                )
            return side
    return "kernel"


def what_to_add(connections: Connections, rule: Rule | None, side: str, base: str) -> str:
    """Say how the map on a `side` gets a variable that the rule brings equations for."""
    of_rule = {
        kind: get_identifiers(getattr(rule, f"{side}_{kind}", ""))
        for kind in ("channels", "samples", "model")
    }
    if base in of_rule["model"] or f"d{base}" in of_rule["model"]:
        return f"; add rule.{side}_model to its model and rule.{side}_reset to its reset"
    for kind, per in (("channels", "PerChannel"), ("samples", "PerSample")):
        if base in of_rule[kind] or f"d{base}" in of_rule[kind]:
            text = f"rule.{side}_{kind}, namespace=rule.parameters"
            return f"; create {per}({connections.group(side).name}, {text}) before"
    return ""


def check_identifiers(
    connections: Connections,
    rule: Rule | None,
    known: Iterable[str],
    equations: list[SingleEquation],
) -> None:
    """Refuse names without or with a wrong suffix now, where the equation can be shown."""
    roles = {"pre": "source", "post": "target"}
    for equation in equations:
        text = f"'{equation.varname} = {equation.expr.code}'"
        for identifier in sorted(equation.identifiers - set(known)):
            meant = [f"{identifier}_{s}" for s, g in connections.sides if identifier in g.variables]
            if meant:
                raise ValueError(
                    f"{connections.label}: '{identifier}' in {text} is no kernel variable; did "
                    f"you mean {' or '.join(meant)}?"
                )
            for side, group in connections.sides:
                if identifier.endswith(f"_{side}"):
                    base = identifier.removesuffix(f"_{side}")
                    raise ValueError(
                        f"{connections.label}: {text} needs a variable '{base}' of the "
                        f"{roles[side]} '{group.name}'"
                        f"{what_to_add(connections, rule, side, base)}"
                    )
