"""The equations of a convolution: what they mean, what they need, what they may not say."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from brian2.core.variables import Variables
from brian2.equations import Equations
from brian2.equations.equations import (
    DIFFERENTIAL_EQUATION,
    PARAMETER,
    SUBEXPRESSION,
    SingleEquation,
    extract_constant_subexpressions,
)
from brian2.units import second
from brian2.units.fundamentalunits import DIMENSIONLESS
from brian2.utils.stringtools import get_identifiers

from hebbsim.featuremap import FeatureMap
from hebbsim.loopnest import add_equation_variable
from hebbsim.rules.rule import Rule
from hebbsim.sums import connection_variables

if TYPE_CHECKING:
    from hebbsim.convsynapses import ConvSynapses

__all__ = [
    "ConvModel",
    "add_kernel_variables",
    "check_identifiers",
    "read_model",
    "side_of",
    "what_to_add",
]

#: The model of a convolution with a rule and no model of its own
DEFAULT_MODEL = """
w : 1
u_post = w*x_pre : 1 (summed)
"""

_FLAGS = {
    DIFFERENTIAL_EQUATION: ["clock-driven", "per sample"],
    SUBEXPRESSION: [
        *("summed", "summed over samples", "cumulative"),
        *("shared", "constant over dt", "per sample"),
    ],
    PARAMETER: ["constant", "shared", "per sample"],
}
_KERNEL_COORDINATES = ("out_channel", "in_channel", "krow", "kcol", "out_row", "out_col")


@dataclass(frozen=True)
class ConvModel:
    """The equations of a convolution, sorted by what they mean."""

    #: All of them, as `print` shows them
    equations: Equations
    #: What is integrated or read on each kernel element
    kernel: Equations
    #: What is evaluated once at the start of a step
    constant_over_dt: Equations
    #: Sums over connections, to neurons or to the kernel
    summed: list[SingleEquation]
    #: Sums over connections that run over the output channels
    cumulative: list[SingleEquation]
    #: What each sample has its own values of
    per_sample: Equations
    #: Sums over the samples into kernel variables
    over_samples: list[SingleEquation]


def read_model(conv: "ConvSynapses", model: str | Equations | None, rule: Rule | None) -> ConvModel:
    """Read the equations of a model and a rule.

    Raises
    ------
    TypeError
        If there is neither, or one has a wrong type.
    ValueError, SyntaxError
        If an equation has no meaning on a shared kernel.
    """
    equations, constant = extract_constant_subexpressions(_read_equations(conv, model, rule))
    kinds = ("summed", "cumulative", "summed over samples", "per sample", "")
    by_flag: dict[str, list[SingleEquation]] = {kind: [] for kind in kinds}
    for equation in equations.values():
        kind = next((f for f in kinds if f in equation.flags), "")
        by_flag[kind].append(equation)
    of_samples = [e for e in equations.values() if "per sample" in e.flags]
    return ConvModel(
        equations=equations,
        kernel=Equations(by_flag[""]),
        constant_over_dt=constant,
        summed=by_flag["summed"],
        cumulative=by_flag["cumulative"],
        per_sample=Equations(of_samples),
        over_samples=by_flag["summed over samples"],
    )


def _read_equations(
    conv: "ConvSynapses", model: str | Equations | None, rule: Rule | None
) -> Equations:
    if rule is not None and not isinstance(rule, Rule):
        raise TypeError(
            f"ConvSynapses '{conv.name}': rule must be a Rule, such as rules.Oja(), got {rule!r}"
        )
    if model is None:
        if rule is None:
            raise TypeError(
                f"ConvSynapses '{conv.name}': give a model or a rule, or both; the simplest "
                f"model is {DEFAULT_MODEL.strip()!r}"
            )
        model = "w : 1" if rule.spiking else DEFAULT_MODEL
    if not isinstance(model, str | Equations):
        raise TypeError(
            f"ConvSynapses '{conv.name}': the model must be a string or Equations, got "
            f"{type(model).__name__}"
        )
    equations = Equations(model) if isinstance(model, str) else model
    if rule is not None:
        missing = [e for e in Equations(rule.model).values() if e.varname not in equations]
        equations = equations + Equations(missing)
    for equation in equations.values():
        if "event-driven" in equation.flags:
            raise ValueError(
                f"ConvSynapses '{conv.name}': '{equation.varname}' is event-driven, which has "
                "no meaning on a kernel shared by many connections; use (clock-driven)"
            )
    equations.check_flags(
        _FLAGS,
        incompatible_flags=[
            ("summed", "summed over samples", "cumulative", "shared", "constant over dt"),
            ("per sample", "summed over samples", "cumulative", "shared", "constant over dt"),
        ],
    )
    shadowed = sorted(
        {e.varname for e in equations.values()} & {*conv.source.variables, *conv.target.variables}
    )
    if shadowed:
        raise ValueError(
            f"ConvSynapses '{conv.name}': '{shadowed[0]}' is a variable of a feature map and "
            "of the kernel; rename the kernel's"
        )
    reserved = {"i", "N", "delay", "mask", "n_shared", "model", *_KERNEL_COORDINATES}
    for name in sorted(equations.names):
        if name in reserved or hasattr(type(conv), name) or name in conv.__dict__:
            raise SyntaxError(
                f"ConvSynapses '{conv.name}': '{name}' has a meaning of its own here and "
                "can't be defined by the model; choose another name"
            )
    return equations


def add_kernel_variables(conv: "ConvSynapses", model: ConvModel, dtype: Any) -> None:
    """Create the variables of each kernel element, and the places that number it."""
    geometry = conv.geometry
    n_elements = geometry.kernel_elements
    variables = conv.variables = Variables(conv)
    conv._N = n_elements  # which Brian2CUDA asks for
    variables.add_constant("N", n_elements)
    variables.add_arange("i", size=n_elements, constant=True, read_only=True)
    variables.create_clock_variables(conv._clock)
    _, rows, cols = geometry.out_shape
    positions = rows * cols if geometry.weight_sharing else 1
    variables.add_constant("n_shared", conv.batch_size * positions)
    variables.add_array(
        "_nonfinite",
        size=1,
        dtype=np.int32,
        scalar=True,
        read_only=True,
        values=-1,
        index="0",
    )
    step = 1
    for coordinate, size in zip(
        ("out_channel", "in_channel", "kcol", "krow", "out_col", "out_row"),
        reversed(geometry.memory_shape),
        strict=False,
    ):
        expression = f"(i // {step}) % {size}"
        variables.add_subexpression(coordinate, expr=expression, dtype=np.int32)
        step *= size
    for noise in model.kernel.stochastic_variables:
        variables.add_auxiliary_variable(noise, dimensions=(second**-0.5).dim)
    to_kernel = [
        e
        for e in (*model.summed, *model.over_samples)
        if side_of(conv, e) == "kernel" and "per sample" not in e.flags
    ]
    for equation in (*model.kernel.values(), *to_kernel, *model.cumulative):
        _check_name(conv, equation)
        add_equation_variable(variables, equation, n_elements, dtype)


def _check_name(conv: "ConvSynapses", equation: SingleEquation) -> None:
    if equation.varname.endswith(("_pre", "_post")):
        raise SyntaxError(
            f"ConvSynapses '{conv.name}': '{equation.varname}' names a variable of a feature "
            "map; only a (summed) equation can set it"
        )


def side_of(conv: "ConvSynapses", equation: SingleEquation) -> str:
    """Where a summed equation adds up: 'pre', 'post' or 'kernel'."""
    for side, group in (("pre", conv.source), ("post", conv.target)):
        if equation.varname.endswith(f"_{side}"):
            if not isinstance(group, FeatureMap):
                raise TypeError(
                    f"ConvSynapses '{conv.name}': '{equation.varname}' sums to the neurons of "
                    f"'{group.name}', which has to be a FeatureMap for that, not a "
                    f"{type(group).__name__}"
                )
            base = equation.varname.removesuffix(f"_{side}")
            parameter = group.equations.get(base, None)
            if parameter is None or parameter.type != PARAMETER or "shared" in parameter.flags:
                unit = "1" if equation.dim is DIMENSIONLESS else equation.unit
                raise ValueError(
                    f"ConvSynapses '{conv.name}': '{equation.varname}' is summed and needs a "
                    f"parameter '{base} : {unit}' in the model of '{group.name}'"
                )
            if parameter.dim is not equation.dim:
                raise ValueError(
                    f"ConvSynapses '{conv.name}': '{equation.varname} : {equation.unit}' and "
                    f"'{base} : {parameter.unit}' of '{group.name}' have different units"
                )
            return side
    return "kernel"


def what_to_add(conv: "ConvSynapses", side: str, base: str) -> str:
    """Say how the map on a `side` gets a variable that the rule brings equations for."""
    group = conv.source if side == "pre" else conv.target
    of_rule = {
        kind: get_identifiers(getattr(conv.rule, f"{side}_{kind}", ""))
        for kind in ("channels", "samples", "model")
    }
    if base in of_rule["model"] or f"d{base}" in of_rule["model"]:
        return f"; add rule.{side}_model to its model and rule.{side}_reset to its reset"
    for kind, per in (("channels", "PerChannel"), ("samples", "PerSample")):
        if base in of_rule[kind] or f"d{base}" in of_rule[kind]:
            text = f"rule.{side}_{kind}, namespace=rule.parameters"
            return f"; create {per}({group.name}, {text}) before"
    return ""


def check_identifiers(conv: "ConvSynapses", equations: list[SingleEquation]) -> None:
    """Refuse names without or with a wrong suffix now, where the equation can be shown."""
    known = connection_variables(conv)
    sides = (("_pre", "source", conv.source), ("_post", "target", conv.target))
    for equation in equations:
        text = f"'{equation.varname} = {equation.expr.code}'"
        for identifier in sorted(equation.identifiers - set(known)):
            meant = [identifier + s for s, _, group in sides if identifier in group.variables]
            if meant:
                raise ValueError(
                    f"ConvSynapses '{conv.name}': '{identifier}' in {text} is no kernel "
                    f"variable; did you mean {' or '.join(meant)}?"
                )
            for suffix, role, group in sides:
                if identifier.endswith(suffix):
                    base = identifier.removesuffix(suffix)
                    raise ValueError(
                        f"ConvSynapses '{conv.name}': {text} needs a variable '{base}' of the "
                        f"{role} '{group.name}'{what_to_add(conv, suffix[1:], base)}"
                    )
